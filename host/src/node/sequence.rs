//! Numbers on what a node and its parent send each other, each direction counting from zero: nothing is lost, doubled or
//! exchanged unnoticed, whatever carries it.

use std::{fmt, io};

use serde::{Deserialize, Serialize};

/// A message with its number.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Numbered<T> {
    number: u64,
    message: T,
}

/// Numbers what is sent.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    next: u64,
}

impl Numbering {
    /// Puts the next number on a message. A message that is then not sent leaves a gap.
    pub(super) fn number<T>(&mut self, message: T) -> Numbered<T> {
        let number = self.next;
        self.next += 1;
        Numbered { number, message }
    }

    /// Puts the number on another message that goes in the place of the latest one.
    pub(super) fn instead<T>(&self, message: T) -> Numbered<T> {
        Numbered { number: self.next.saturating_sub(1), message }
    }
}

/// Checks the numbers of what comes.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    next: u64,
}

/// A message that is not the next one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) struct OutOfOrder {
    expected: u64,
    found: u64,
}

impl fmt::Display for OutOfOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} came where message {} was due", self.found, self.expected)
    }
}

impl From<OutOfOrder> for io::Error {
    fn from(error: OutOfOrder) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

impl InOrder {
    /// The message, if it is the next one.
    pub(super) fn take<T>(&mut self, numbered: Numbered<T>) -> Result<T, OutOfOrder> {
        let Numbered { number, message } = numbered;
        if number != self.next {
            return Err(OutOfOrder { expected: self.next, found: number });
        }
        self.next += 1;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_pass_in_their_order() {
        let (mut numbering, mut order) = (Numbering::default(), InOrder::default());
        for message in ["a", "b", "c"] {
            assert_eq!(order.take(numbering.number(message)), Ok(message));
        }
    }

    #[test]
    fn a_lighter_message_goes_in_the_place_of_one_that_was_too_heavy() {
        let (mut numbering, mut order) = (Numbering::default(), InOrder::default());
        let _heavy = numbering.number("heavy");
        assert_eq!(order.take(numbering.instead("light")), Ok("light"));
        assert_eq!(order.take(numbering.number("next")), Ok("next"));
    }

    #[test]
    fn lost_and_doubled_messages_are_noticed() {
        let (mut numbering, mut order) = (Numbering::default(), InOrder::default());
        let [first, _lost, third] = [0, 1, 2].map(|at| numbering.number(at));
        assert_eq!(order.take(first), Ok(0));
        assert_eq!(order.take(third), Err(OutOfOrder { expected: 1, found: 2 }));
        let again = Numbering::default().number(0);
        assert_eq!(order.take(again), Err(OutOfOrder { expected: 1, found: 0 }));
    }
}
