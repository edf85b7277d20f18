//! Values as the user types them: numbers with a range, times, names out of a set.
//!
//! Every parser takes the text of one flag and gives a typed value or a [`UnitError`]. It knows neither which flag
//! the text belongs to nor what the value is for.

use std::{
    fmt,
    net::IpAddr,
    num::{NonZeroU32, NonZeroU64},
};

use super::several::is_list_of;
use crate::{
    explain::Explain,
    plan::{Grace, MOST_AGENTS, Smoothness, WantedAgents},
};

/// Longest time that a flag takes, in seconds: 31 years, well inside what a duration can hold.
const MAX_SECONDS: f64 = 1e9;

/// Highest rate that the user can ask for, in requests a second: a gap of one nanosecond.
pub(super) const MAX_RATE: f64 = 1e9;

/// Why a value is refused. The text is a reason: which flag and which value it was is said around it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnitError {
    /// Text that is no such number, or one out of range.
    #[error("it must be {expected}")]
    Number {
        /// What would have been accepted.
        expected: &'static str,
    },
    /// Several values, which `prony profile` measures one after the other.
    #[error("only sweeps of `prony profile` take several values")]
    Sweep,
    /// A name that AIPerf knows and prony does not have.
    #[error("prony does not have this choice yet")]
    NotBuilt {
        choices: Vec<&'static str>,
        /// What to do in its place, where there is something.
        instead: Option<&'static str>,
    },
    /// A name that nobody knows.
    #[error("there is no such choice")]
    Unknown { choices: Vec<&'static str> },
}

impl Explain for UnitError {
    fn hint(&self) -> String {
        match self {
            Self::Number { .. } => String::new(),
            Self::Sweep => "give one value".to_owned(),
            Self::NotBuilt { instead: Some(instead), .. } => (*instead).to_owned(),
            Self::NotBuilt { choices, .. } | Self::Unknown { choices } => {
                format!("choose one of: {}", choices.join(", "))
            }
        }
    }
}

/// A number with nothing but digits in it, from 0.
pub(crate) fn whole(text: &str) -> Result<u64, UnitError> {
    number(text, "a whole number from 0 to 18446744073709551615", |_| true)
}

/// A whole number from 1, of any unsigned type.
pub(crate) fn positive<T>(text: &str) -> Result<T, UnitError>
where
    T: std::str::FromStr + Default + PartialOrd + Copy,
{
    number(text, "a whole number, 1 or more", |value| *value > T::default())
}

/// A number of requests that go on at once. One that no process can have is as good as the largest that is known.
pub(crate) fn concurrency(text: &str) -> Result<NonZeroU32, UnitError> {
    let typed: NonZeroU64 = requests(text)?;
    Ok(NonZeroU32::try_from(typed).unwrap_or(NonZeroU32::MAX))
}

/// A number of requests.
pub(crate) fn requests(text: &str) -> Result<NonZeroU64, UnitError> {
    number(text, "a whole number, 1 or more", |_| true)
}

/// A spread or a mean, from 0.
pub(crate) fn non_negative(text: &str) -> Result<f64, UnitError> {
    number(text, "a number, 0 or more", |value: &f64| value.is_finite() && *value >= 0.0)
}

/// A time that may be none at all. Gives seconds.
pub(crate) fn seconds(text: &str) -> Result<f64, UnitError> {
    let expected = "a time such as `60`, `60s`, `1m` or `500ms`, from 0 to 1000000000 seconds";
    time(text, expected, |value| (0.0..=MAX_SECONDS).contains(value))
}

/// A time that must pass. Gives seconds.
pub(crate) fn positive_seconds(text: &str) -> Result<f64, UnitError> {
    let expected = "a time such as `60`, `60s`, `1m` or `500ms`, above 0 and at most 1000000000 seconds";
    time(text, expected, |value| *value > 0.0 && *value <= MAX_SECONDS)
}

/// A rate, in requests a second.
pub(crate) fn rate(text: &str) -> Result<f64, UnitError> {
    let expected = "a number of requests a second above 0, at most 1000000000";
    number(text, expected, |value| *value > 0.0 && *value <= MAX_RATE)
}

/// The shape of gamma gaps.
pub(crate) fn smoothness(text: &str) -> Result<Smoothness, UnitError> {
    let expected = "a number from 0.001 to 1000000";
    let number: f64 = number(text, expected, |_| true)?;
    Smoothness::try_from(number).map_err(|_| UnitError::Number { expected })
}

/// A part of all that is not none at all, in percent.
pub(crate) fn percent(text: &str) -> Result<f64, UnitError> {
    number(text, "a number of percent above 0, at most 100", |value| *value > 0.0 && *value <= 100.0)
}

/// A part of all, in percent.
pub(crate) fn percent_or_none(text: &str) -> Result<f64, UnitError> {
    number(text, "a number of percent from 0 to 100", |value| (0.0..=100.0).contains(value))
}

/// A part of all.
pub(crate) fn share(text: &str) -> Result<f64, UnitError> {
    number(text, "a number from 0 to 1", |value| (0.0..=1.0).contains(value))
}

/// A part of all that is not none at all.
pub(crate) fn positive_share(text: &str) -> Result<f64, UnitError> {
    number(text, "a number above 0, at most 1", |value| *value > 0.0 && *value <= 1.0)
}

/// A part of all that is neither none nor all.
pub(crate) fn inner_share(text: &str) -> Result<f64, UnitError> {
    number(text, "a number between 0 and 1, such as 0.95", |value| *value > 0.0 && *value < 1.0)
}

/// What lengths are multiplied by.
pub(crate) fn factor(text: &str) -> Result<f64, UnitError> {
    number(text, "a number from 0 to 100", |value| (0.0..=100.0).contains(value))
}

/// A whole number from 1, of a type that has no other.
pub(crate) fn non_zero<T: std::str::FromStr>(text: &str) -> Result<T, UnitError> {
    number(text, "a whole number, 1 or more", |_| true)
}

/// A path on a server, as it stands in a URL.
pub(crate) fn absolute_path(text: &str) -> Result<String, UnitError> {
    let is_path = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let expected = "a path on the server that begins with `/`, such as `/reset_prefix_cache`";
    if is_path { Ok(text.to_owned()) } else { Err(UnitError::Number { expected }) }
}

/// A port to answer at; 0 is any.
pub(crate) fn port(text: &str) -> Result<u16, UnitError> {
    number(text, "a port from 0 to 65535, where 0 takes a free one", |_| true)
}

/// An address of this machine to answer at.
pub(crate) fn own_address(text: &str) -> Result<IpAddr, UnitError> {
    let expected =
        "an IP address of this machine, such as `127.0.0.1`, `0.0.0.0` for all of them, or `localhost`";
    match text {
        "localhost" => Ok(IpAddr::from([127, 0, 0, 1])),
        _ => text.parse().map_err(|_| UnitError::Number { expected }),
    }
}

/// Agents of a run that are there: a number of any, or of those with a label.
pub(crate) fn wanted_agents(text: &str) -> Result<WantedAgents, UnitError> {
    const COUNT: &str = "a number of agents from 1 to 1000, such as `3`, agents with a label, such as `label=site-a:2`, or machines that \
                         ssh reaches, such as `ssh:host1,host2`";
    const LABEL: &str = "`label=` and a word, perhaps with a number of agents from 1 to 1000 behind it, such as `label=site-a:2`";
    let is_possible = |count: &NonZeroU32| count.get() <= MOST_AGENTS;
    let text = text.trim();
    let Some(label) = text.strip_prefix("label=") else {
        return Ok(WantedAgents { label: None, count: number(text, COUNT, is_possible)? });
    };
    let (word, count) = label.split_once(':').unwrap_or((label, "1"));
    if !is_agent_word(word) {
        return Err(UnitError::Number { expected: LABEL });
    }
    Ok(WantedAgents { label: Some(word.to_owned()), count: number(count, LABEL, is_possible)? })
}

/// A word that names or labels an agent.
pub(crate) fn agent_word(text: &str) -> Result<String, UnitError> {
    let expected = "a word of letters, digits, `-`, `_` and `.` that begins with a letter or a digit, of 64 characters at most";
    if is_agent_word(text) { Ok(text.to_owned()) } else { Err(UnitError::Number { expected }) }
}

/// Longest name or label of an agent, in characters.
pub(crate) const MOST_AGENT_WORD: usize = 64;

/// A name is that of a folder, too.
pub(crate) fn is_agent_word(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=MOST_AGENT_WORD).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_plain)
}

/// Bits of an audio sample.
pub(crate) fn audio_depth(text: &str) -> Result<u16, UnitError> {
    number(text, "8, 16, 24 or 32", |depth| [8, 16, 24, 32].contains(depth))
}

pub(crate) fn audio_channels(text: &str) -> Result<u16, UnitError> {
    number(text, "1 or 2", |channels| (1..=2).contains(channels))
}

/// Channels of a track of sound, or none.
pub(crate) fn track_channels(text: &str) -> Result<u16, UnitError> {
    number(text, "0, 1 or 2", |channels| (0..=2).contains(channels))
}

/// Audio samples a second: kHz, or Hz above 96. Gives Hz.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be from 1 to 192000")]
pub(crate) fn audio_rate(text: &str) -> Result<u32, UnitError> {
    let expected = "a number of kHz from 1 to 96, or of Hz up to 192000";
    let rate = number(text, expected, |rate: &f64| (1.0..=192_000.0).contains(rate))?;
    Ok(if rate > 96.0 { rate } else { rate * 1000.0 }.round() as u32)
}

/// A grace period: a time, or `inf`.
pub(crate) fn grace(text: &str) -> Result<Grace, UnitError> {
    if ["inf", "infinity"].contains(&text.to_ascii_lowercase().as_str()) {
        return Ok(Grace::Infinite);
    }
    let expected = "a time such as `60`, `60s`, `1m` or `500ms`, at most 1000000000 seconds, or `inf`";
    time(text, expected, |value| (0.0..=MAX_SECONDS).contains(value)).map(Grace::Seconds)
}

/// Units of time and their lengths in seconds. A unit stands before those that its end is.
const TIME_UNITS: [(&str, f64); 5] = [("ms", 1e-3), ("min", 60.0), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// A number of seconds, or a number with a unit behind it. Gives seconds.
fn time(text: &str, expected: &'static str, in_range: impl Fn(&f64) -> bool) -> Result<f64, UnitError> {
    match length_of(text) {
        Some(seconds) if in_range(&seconds) => Ok(seconds),
        None if is_list_of(text, |item| length_of(item).is_some()) => Err(UnitError::Sweep),
        _ => Err(UnitError::Number { expected }),
    }
}

/// Seconds of a time as it was typed, in whatever range.
fn length_of(text: &str) -> Option<f64> {
    let with_unit = TIME_UNITS.iter().find_map(|(unit, length)| {
        let count = text.strip_suffix(unit)?.trim_end();
        // `nanm` is none: behind words that the number parser knows there is no unit.
        let is_number = count.ends_with(|c: char| c.is_ascii_digit() || c == '.');
        is_number.then(|| count.parse::<f64>().ok()).flatten().map(|count| count * length)
    });
    with_unit.or_else(|| text.parse().ok())
}

fn number<T: std::str::FromStr>(
    text: &str,
    expected: &'static str,
    in_range: impl Fn(&T) -> bool,
) -> Result<T, UnitError> {
    match text.parse::<T>() {
        Ok(value) if in_range(&value) => Ok(value),
        _ if is_list::<T>(text) => Err(UnitError::Sweep),
        _ => Err(UnitError::Number { expected }),
    }
}

/// Whether the text is a list of such numbers.
fn is_list<T: std::str::FromStr>(text: &str) -> bool {
    is_list_of(text, |item| item.parse::<T>().is_ok())
}

/// A set of names of which a flag takes one.
pub(crate) trait Choice: Copy + fmt::Debug + Send + Sync + 'static {
    /// What there is, in the order that help shows, in lower case with `-`.
    const NAMES: &'static [(&'static str, Self)];
    /// Other spellings of these.
    const SYNONYMS: &'static [(&'static str, Self)] = &[];
    /// Names that AIPerf takes and prony does not yet.
    const NOT_BUILT: &'static [&'static str] = &[];
    /// What to do in place of some of these.
    const INSTEAD: &'static [(&'static str, &'static str)] = &[];
}

/// The name of a value of a set, as help shows it.
pub(crate) fn name<T: Choice + PartialEq>(value: T) -> &'static str {
    T::NAMES.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}

/// Finds a name of a set. Case does not matter, and neither does `-` against `_`.
pub(crate) fn choice<T: Choice>(text: &str) -> Result<T, UnitError> {
    let name = text.to_ascii_lowercase().replace('_', "-");
    let mut known = T::NAMES.iter().chain(T::SYNONYMS);
    if let Some((_, value)) = known.find(|(known, _)| *known == name) {
        return Ok(*value);
    }
    let choices = T::NAMES.iter().map(|(name, _)| *name).collect();
    if T::NOT_BUILT.contains(&name.as_str()) {
        let instead = T::INSTEAD.iter().find(|(choice, _)| *choice == name).map(|(_, instead)| *instead);
        return Err(UnitError::NotBuilt { choices, instead });
    }
    Err(UnitError::Unknown { choices })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1", Some(1))]
    #[case("18446744073709551615", Some(u64::MAX))]
    #[case("0", None)]
    #[case("-3", None)]
    #[case("1.5", None)]
    #[case("ten", None)]
    #[case("", None)]
    fn a_count_is_a_whole_number_from_one(#[case] text: &str, #[case] value: Option<u64>) {
        assert_eq!(positive(text).ok(), value);
    }

    #[rstest]
    #[case("0.5", Some(0.5))]
    #[case("1e3", Some(1000.0))]
    #[case("0", None)]
    #[case("-1", None)]
    #[case("nan", None)]
    #[case("inf", None)]
    #[case("1e10", None)]
    #[case("60s", Some(60.0))]
    #[case("60 s", Some(60.0))]
    #[case("1m", Some(60.0))]
    #[case("1.5min", Some(90.0))]
    #[case("2h", Some(7200.0))]
    #[case("500ms", Some(0.5))]
    #[case("0s", None)]
    #[case("-1m", None)]
    #[case("1d", None)]
    #[case("m", None)]
    #[case("infm", None)]
    #[case("1m30", None)]
    #[case("", None)]
    fn a_time_that_must_pass_fits_a_duration(#[case] text: &str, #[case] value: Option<f64>) {
        assert_eq!(positive_seconds(text).ok(), value);
    }

    #[rstest]
    #[case("30", Some(Grace::Seconds(30.0)))]
    #[case("0", Some(Grace::Seconds(0.0)))]
    #[case("inf", Some(Grace::Infinite))]
    #[case("Infinity", Some(Grace::Infinite))]
    #[case("1m", Some(Grace::Seconds(60.0)))]
    #[case("0ms", Some(Grace::Seconds(0.0)))]
    #[case("-1", None)]
    #[case("nan", None)]
    fn a_grace_period_may_be_infinite(#[case] text: &str, #[case] value: Option<Grace>) {
        assert_eq!(grace(text).ok(), value);
    }

    #[rstest]
    #[case("1,2,4")]
    #[case("1, 2")]
    fn a_comma_list_is_recognised_as_a_sweep(#[case] text: &str) {
        assert_eq!(positive::<u64>(text), Err(UnitError::Sweep));
        assert_eq!(rate(text), Err(UnitError::Sweep));
        assert_eq!(seconds(text), Err(UnitError::Sweep));
    }

    #[rstest]
    #[case("0.5", Some(0.5))]
    #[case("1000", Some(1000.0))]
    #[case("0", None)]
    #[case("-1", None)]
    #[case("1e-9", None)]
    #[case("inf", None)]
    #[case("nan", None)]
    fn a_smoothness_is_a_shape_that_gaps_can_be_drawn_with(#[case] text: &str, #[case] value: Option<f64>) {
        assert_eq!(smoothness(text).ok().map(Smoothness::get), value);
    }

    #[rstest]
    #[case("10", Some(10.0), None)]
    #[case("0.5", Some(0.5), Some(0.5))]
    #[case("100", Some(100.0), None)]
    #[case("0", None, Some(0.0))]
    #[case("1", Some(1.0), Some(1.0))]
    #[case("101", None, None)]
    #[case("-1", None, None)]
    #[case("nan", None, None)]
    fn a_part_is_told_in_percent_or_of_one(
        #[case] text: &str,
        #[case] percents: Option<f64>,
        #[case] of_one: Option<f64>,
    ) {
        assert_eq!((percent(text).ok(), share(text).ok()), (percents, of_one));
        let none = Some(0.0).filter(|_| text == "0");
        assert_eq!(percent_or_none(text).ok(), percents.or(none));
    }

    #[test]
    fn a_list_of_times_is_a_sweep_too() {
        assert_eq!(positive_seconds("30s, 1m"), Err(UnitError::Sweep));
    }

    #[rstest]
    #[case("3", Some((None, 3)))]
    #[case("1000", Some((None, 1000)))]
    #[case("label=site-a", Some((Some("site-a"), 1)))]
    #[case("label=gpu_8.x:12", Some((Some("gpu_8.x"), 12)))]
    #[case("0", None)]
    #[case("1001", None)]
    #[case("abc", None)]
    #[case("label=", None)]
    #[case("label=:2", None)]
    #[case("label=a:0", None)]
    #[case("label=a:b", None)]
    #[case("label=../a", None)]
    #[case("ssh:host1", None)]
    fn agents_are_a_number_or_have_a_label(
        #[case] text: &str,
        #[case] expected: Option<(Option<&str>, u32)>,
    ) {
        let wanted = wanted_agents(text);
        let found = wanted.as_ref().ok().map(|wanted| (wanted.label.as_deref(), wanted.count.get()));
        assert_eq!(found, expected);
        assert!(matches!(wanted, Ok(_) | Err(UnitError::Number { .. })), "{wanted:?}");
    }

    #[test]
    fn a_comma_in_something_else_is_no_sweep() {
        assert!(matches!(positive::<u64>("1,x"), Err(UnitError::Number { .. })));
        assert!(matches!(positive::<u64>(","), Err(UnitError::Number { .. })));
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Shape {
        RoundBox,
        Ball,
    }

    impl Choice for Shape {
        const NAMES: &'static [(&'static str, Self)] = &[("round-box", Self::RoundBox), ("ball", Self::Ball)];
        const SYNONYMS: &'static [(&'static str, Self)] = &[("sphere", Self::Ball)];
        const NOT_BUILT: &'static [&'static str] = &["cone"];
    }

    #[rstest]
    #[case("round-box", Shape::RoundBox)]
    #[case("ROUND_BOX", Shape::RoundBox)]
    #[case("Sphere", Shape::Ball)]
    fn a_choice_ignores_case_and_dashes(#[case] text: &str, #[case] value: Shape) {
        assert_eq!(choice(text), Ok(value));
    }

    #[test]
    fn an_unbuilt_choice_and_a_typo_are_told_apart() {
        let choices = vec!["round-box", "ball"];
        assert_eq!(
            choice::<Shape>("CONE"),
            Err(UnitError::NotBuilt { choices: choices.clone(), instead: None })
        );
        let typo = choice::<Shape>("bal").unwrap_err();
        assert_eq!(typo, UnitError::Unknown { choices });
        assert_eq!(typo.hint(), "choose one of: round-box, ball");
    }
}
