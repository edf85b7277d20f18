//! Sampling: which conversation a credit plays.
//!
//! The answer depends on nothing but the credit's number, so that every worker finds it without asking anybody.

/// The conversation of a credit: from the first to the last, then from the first again. 0 if there are none.
pub(crate) fn conversation_of(credit: u64, conversations: usize) -> usize {
    let position = credit.checked_rem(conversations as u64).unwrap_or(0);
    // Less than a `usize`, so it is one.
    usize::try_from(position).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::conversation_of;

    #[rstest]
    #[case::the_first(0, 3, 0)]
    #[case::the_last(2, 3, 2)]
    #[case::round_again(3, 3, 0)]
    #[case::far_out(u64::MAX, 10, 5)]
    #[case::nothing_to_choose_from(7, 0, 0)]
    fn conversations_are_played_in_order(#[case] credit: u64, #[case] of: usize, #[case] expected: usize) {
        assert_eq!(conversation_of(credit, of), expected);
    }
}
