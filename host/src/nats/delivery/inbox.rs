//! The receiver's side, without any I/O: which messages are new.

use std::collections::HashMap;

use super::wire::{self, Batch};

/// What was received of each sender.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Number of the message that comes next, by sender. It grows by an entry a sender, which is one a run.
    next: HashMap<u128, u64>,
}

/// What a batch brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Brought<'a> {
    /// Messages that did not come before, in order.
    pub(super) new: Vec<&'a [u8]>,
    /// What the sender is answered.
    pub(super) acknowledgement: Vec<u8>,
}

impl Inbox {
    /// Takes a batch. One that begins behind what comes next brings nothing: what is missing between was lost with a process.
    /// Nothing for what is no batch.
    pub(super) fn take<'a>(&mut self, bytes: &'a [u8]) -> Option<Brought<'a>> {
        let Batch { sender, first, messages } = wire::read(bytes)?;
        let next = self.next.entry(sender).or_default();
        let known = next.checked_sub(first).and_then(|count| usize::try_from(count).ok());
        let new = known.map_or_else(Vec::new, |count| messages.into_iter().skip(count).collect());
        *next = next.saturating_add(u64::try_from(new.len()).unwrap_or(u64::MAX));
        Some(Brought { new, acknowledgement: wire::acknowledgement(*next) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::{super::outbox::Outbox, *};

    /// What happens to one request.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Luck {
        Arrives,
        /// The request is lost.
        Lost,
        /// It arrives, and its answer is lost.
        AnswerLost,
        /// It arrives twice, as after a connection that was mended.
        Doubled,
        /// The one before it arrives late, behind it.
        Overtaken,
    }

    /// Sends `count` messages, two more before each request, and says which ones arrive, in order.
    fn sent_through(lucks: &[Luck], count: u64) -> Vec<u64> {
        let (mut outbox, mut inbox) = (Outbox::of(5), Inbox::default());
        let (mut left, mut arrived) = (0..count, Vec::new());
        let mut before: Option<Vec<u8>> = None;
        // Every link is mended in the end. A batch has one message at least.
        let then = std::iter::repeat_n(Luck::Arrives, usize::try_from(count).unwrap() + 1);
        for luck in lucks.iter().copied().chain(then) {
            for number in left.by_ref().take(2) {
                outbox.leave(number.to_le_bytes().to_vec()).unwrap();
            }
            let Some(ready) = outbox.batch(32) else { continue };
            let mut deliver = |bytes: &[u8]| {
                let brought = inbox.take(bytes).unwrap();
                arrived.extend(brought.new.iter().map(|new| u64::from_le_bytes((*new).try_into().unwrap())));
                wire::acknowledged(&brought.acknowledgement).unwrap()
            };
            match luck {
                Luck::Lost => {}
                Luck::AnswerLost => {
                    deliver(&ready.bytes);
                }
                Luck::Arrives => assert!(outbox.acknowledge(deliver(&ready.bytes))),
                Luck::Doubled => {
                    let first = deliver(&ready.bytes);
                    assert_eq!(deliver(&ready.bytes), first);
                    outbox.acknowledge(first);
                }
                Luck::Overtaken => {
                    let next = deliver(&ready.bytes);
                    if let Some(late) = &before {
                        assert_eq!(deliver(late), next);
                    }
                    outbox.acknowledge(next);
                }
            }
            before = Some(ready.bytes);
        }
        assert_eq!(outbox.len(), 0, "something waits that will never go");
        arrived
    }

    #[rstest]
    #[case::nothing_happens(&[])]
    #[case::a_request_is_lost(&[Luck::Lost, Luck::Arrives, Luck::Lost])]
    #[case::an_answer_is_lost(&[Luck::AnswerLost, Luck::AnswerLost, Luck::Arrives])]
    #[case::a_batch_comes_twice(&[Luck::Doubled, Luck::Arrives, Luck::Doubled])]
    #[case::a_connection_breaks_and_is_mended(&[Luck::AnswerLost, Luck::Lost, Luck::Doubled, Luck::Overtaken])]
    fn every_message_arrives_once_and_in_order(#[case] lucks: &[Luck]) {
        assert_eq!(sent_through(lucks, 20), (0..20).collect::<Vec<_>>());
    }

    fn any_luck() -> impl Strategy<Value = Luck> {
        prop_oneof![
            Just(Luck::Arrives),
            Just(Luck::Lost),
            Just(Luck::AnswerLost),
            Just(Luck::Doubled),
            Just(Luck::Overtaken)
        ]
    }

    proptest! {
        /// Whatever a link does.
        #[test]
        fn whatever_happens_every_message_arrives_once_and_in_order(
            lucks in prop::collection::vec(any_luck(), 0..40),
            count in 0..60_u64,
        ) {
            prop_assert_eq!(sent_through(&lucks, count), (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn senders_do_not_know_of_each_other() {
        let mut inbox = Inbox::default();
        for sender in [1, 2] {
            let mut outbox = Outbox::of(sender);
            outbox.leave(vec![7]).unwrap();
            let ready = outbox.batch(32).unwrap();
            assert_eq!(inbox.take(&ready.bytes).unwrap().new, [b"\x07".as_slice()]);
        }
    }

    #[test]
    fn what_follows_a_gap_is_not_taken() {
        let mut inbox = Inbox::default();
        let bytes = wire::batch(1, 3, [b"late".as_slice()].into_iter());
        assert_eq!(
            inbox.take(&bytes),
            Some(Brought { new: vec![], acknowledgement: wire::acknowledgement(0) })
        );
    }

    #[test]
    fn what_is_no_batch_is_not_answered() {
        assert_eq!(Inbox::default().take(b"hello"), None);
    }
}
