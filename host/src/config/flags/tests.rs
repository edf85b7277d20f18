//! Flags as they are typed.

use clap::Parser;
use rstest::rstest;

use super::*;

/// Reads flags as `prony profile` does, from words separated by spaces.
pub(crate) fn flags(line: &str) -> Result<ProfileFlags, clap::Error> {
    flags_of(line.split_whitespace())
}

/// The same, from words that may have spaces.
pub(crate) fn flags_of<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<ProfileFlags, clap::Error> {
    #[derive(Parser)]
    struct Profile {
        #[command(flatten)]
        flags: ProfileFlags,
    }
    let words = ["profile"].into_iter().chain(words);
    Profile::try_parse_from(words).map(|profile| profile.flags)
}

#[rstest]
#[case("--model a,b -m c", &["a", "b", "c"])]
#[case("--model-names a", &["a"])]
fn lists_are_repeated_or_comma_separated(#[case] line: &str, #[case] models: &[&str]) {
    assert_eq!(flags(line).unwrap().model, models);
}

#[rstest]
#[case("--arrival-pattern constant")]
#[case("--request-rate-mode CONSTANT")]
fn an_alias_is_the_same_flag(#[case] line: &str) {
    assert_eq!(flags(line).unwrap().arrival_pattern, Some(ArrivalPattern::Constant));
}

#[rstest]
fn a_choice_may_be_written_as_aiperf_does(#[values("concurrency_burst", "Concurrency-Burst")] name: &str) {
    let flags = flags(&format!("--arrival-pattern {name}")).unwrap();
    assert_eq!(flags.arrival_pattern, Some(ArrivalPattern::ConcurrencyBurst));
}

#[test]
fn several_values_may_follow_one_flag_that_takes_pairs() {
    let flags = flags("--extra-inputs a:1 b:2 --streaming -H A:1 -H B:2").unwrap();
    assert_eq!(flags.extra_inputs, ["a:1", "b:2"]);
    assert_eq!(flags.header, ["A:1", "B:2"]);
}

#[rstest]
#[case("--concurrency 0")]
#[case("--isl 5 --isl 6")]
fn what_is_out_of_range_or_given_twice_is_refused(#[case] line: &str) {
    assert!(flags(line).is_err());
}
