//! Instants as recordings write them: ISO 8601 with any number of digits behind the point, with `T` or a space, with or
//! without a zone. One without a zone is taken for UTC.

use time::{Date, Month};

/// Nanoseconds since 1970 of an instant; nothing if it is none, or lies before 1970.
pub(super) fn unix_ns(text: &str) -> Option<u64> {
    let (date, clock) = text.trim().split_once(['T', ' '])?;
    let mut date = date.splitn(3, '-');
    let year = date.next()?.parse().ok()?;
    let month = Month::try_from(number(date.next()?)?).ok()?;
    let day = number(date.next()?)?;
    let days = i64::from(Date::from_calendar_date(year, month, day).ok()?.to_julian_day()) - JULIAN_1970;
    let (clock, offset_s) = split_zone(clock)?;
    let mut parts = clock.splitn(3, ':');
    let (hours, minutes) = (number(parts.next()?)?, number(parts.next()?)?);
    let (seconds, fraction) = match parts.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once('.') {
            None => (number(seconds)?, 0),
            Some((whole, fraction)) => (number(whole)?, nanoseconds(fraction)?),
        },
    };
    let is_time = hours < 24 && minutes < 60 && seconds <= 60;
    let of_day = i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds);
    let seconds = days.checked_mul(86_400)?.checked_add(of_day)?.checked_sub(offset_s)?;
    is_time.then_some(())?;
    u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?.checked_add(fraction)
}

/// The Julian day of 1970-01-01.
const JULIAN_1970: i64 = 2_440_588;

/// A time of day and how many seconds its zone is before UTC.
fn split_zone(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(place) = clock.find(['+', '-']) else { return Some((clock, 0)) };
    let (clock, zone) = clock.split_at(place);
    let (hours, minutes) = zone[1..].split_once(':').or_else(|| zone[1..].split_at_checked(2))?;
    let minutes = if minutes.is_empty() { 0 } else { number(minutes)? };
    let seconds = i64::from(number(hours)?) * 3600 + i64::from(minutes) * 60;
    Some((clock, if zone.starts_with('-') { -seconds } else { seconds }))
}

fn number(text: &str) -> Option<u8> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The first nine digits behind the point.
fn nanoseconds(fraction: &str) -> Option<u64> {
    let is_number = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("{fraction:0<9.9}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::seven_digits("2023-11-16 18:17:03.9799600", Some(1_700_158_623_979_960_000))]
    #[case::zone("2024-05-10 00:00:00.009930+00:00", Some(1_715_299_200_009_930_000))]
    #[case::other_zone("2024-05-10T02:00:00+02:00", Some(1_715_299_200_000_000_000))]
    #[case::short_zone("2024-05-09T19:30:00-0430", Some(1_715_299_200_000_000_000))]
    #[case::utc("2026-09-01T08:00:00Z", Some(1_788_249_600_000_000_000))]
    #[case::more_than_nine("1970-01-01T00:00:00.1234567899Z", Some(123_456_789))]
    #[case::no_day("2026-02-30T00:00:00Z", None)]
    #[case::no_hour("2026-02-01T25:00:00Z", None)]
    #[case::early("1969-12-31T23:59:59Z", None)]
    #[case::signs("2026-+2-01T00:00:00Z", None)]
    #[case::words("yesterday", None)]
    #[case::nothing("", None)]
    fn instants_are_read(#[case] text: &str, #[case] ns: Option<u64>) {
        assert_eq!(unix_ns(text), ns);
    }
}
