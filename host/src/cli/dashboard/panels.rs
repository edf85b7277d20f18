//! The texts of the dashboard's panels: lines of words and numbers.

use std::{borrow::Cow, fmt::Write as _};

use prony_plugin_api::live::{ClientNow, RunNow, Spread};

use super::model::Model;

/// One line, and whether it is bad news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) text: String,
    pub(super) is_bad: bool,
}

impl Row {
    fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_bad: false }
    }

    fn bad_if(is_bad: bool, text: String) -> Self {
        Self { text, is_bad }
    }
}

/// What runs, and under which load.
pub(super) fn title(model: &Model) -> String {
    let mut title = "prony".to_owned();
    for part in [model.place.as_str(), model.phase.as_str()].into_iter().filter(|part| !part.is_empty()) {
        title.push_str("  ");
        title.push_str(part);
    }
    if let Some(now) = &model.now {
        if now.phase.phases > 1 {
            let _ = write!(title, " ({} of {})", now.phase.index + 1, now.phase.phases);
        }
        let _ = write!(title, "  {}", now.phase.load);
    }
    title
}

/// How far the phase is: the part of it that is done, if it has an end that is known, and in words.
pub(super) fn progress(model: &Model) -> (Option<f64>, String) {
    let Some(snapshot) = &model.snapshot else { return (None, "begins".to_owned()) };
    let (ended, elapsed_s) = (snapshot.ended(), snapshot.elapsed.as_secs_f64());
    let by_requests = model.most_requests.filter(|all| *all > 0).map(|all| ended as f64 / all as f64);
    let by_time = model.most_seconds.filter(|all| *all > 0.0).map(|all| elapsed_s / all);
    let done = by_requests.into_iter().chain(by_time).reduce(f64::max).map(|done| done.min(1.0));
    let requests = match model.most_requests {
        Some(all) => format!("{ended} of {all} requests"),
        None => format!("{ended} requests"),
    };
    let time = match model.most_seconds {
        Some(all) => format!("{} of {}", clock(elapsed_s), clock(all)),
        None => clock(elapsed_s),
    };
    let state = match done {
        _ if model.is_between => ", over".to_owned(),
        Some(done) => format!(", {:.0} %", done * 100.0),
        None => String::new(),
    };
    (done, format!("{requests}, {time}{state}"))
}

/// Minutes and seconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times of a phase, from 0")]
fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// Percentiles of the last seconds.
pub(super) fn times(now: &RunNow) -> Vec<Row> {
    let recent = &now.recent;
    let mut rows =
        vec![Row::plain(format!("{:<13}{:>8}{:>8}{:>8}{:>8}{:>5}", "ms", "p50", "p90", "p99", "max", "n"))];
    for (name, spread) in [
        ("first token", recent.time_to_first_token_ms),
        ("inter-token", recent.inter_token_latency_ms),
        ("request", recent.request_latency_ms),
    ] {
        rows.push(Row::plain(match spread {
            Some(Spread { count, p50, p90, p99, max }) => {
                let [p50, p90, p99, max] = [p50, p90, p99, max].map(number);
                format!("{name:<13}{p50:>8}{p90:>8}{p99:>8}{max:>8}{:>5}", short(count))
            }
            None => format!("{name:<13}{:>8}", "-"),
        }));
    }
    rows
}

/// What became of the requests.
pub(super) fn requests(now: &RunNow) -> Vec<Row> {
    let requests = &now.requests;
    let ended = requests.ended();
    let share = |count: u64| if ended == 0 { 0.0 } else { 100.0 * count as f64 / ended as f64 };
    let failed = format!("failed     {} ({:.1} %)", requests.failed, share(requests.failed));
    let mut rows = vec![
        Row::plain(format!("in flight  {}", requests.in_flight)),
        Row::plain(format!("succeeded  {}", requests.succeeded)),
        Row::bad_if(requests.failed > 0, failed),
    ];
    let others = [("cancelled", requests.cancelled_on_purpose), ("too long", requests.overflowed)];
    let others = others.into_iter().filter(|(_, count)| *count > 0);
    rows.extend(others.map(|(name, count)| Row::plain(format!("{name:<11}{count}"))));
    rows
}

/// Failures by kind, the most frequent first.
pub(super) fn failures(now: &RunNow) -> Vec<Row> {
    if now.failures.is_empty() {
        return vec![Row::plain("none")];
    }
    let rows = now.failures.iter().map(|failures| {
        let code = failures.code.map_or(Cow::Borrowed(""), |code| format!(" {code}").into());
        let message: String =
            failures.message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Row::bad_if(true, format!("{} {}{code}: {message}", failures.count, failures.kind))
    });
    rows.collect()
}

/// A client that is busier than this may be what limits the load.
const BUSY: f64 = 0.9;

/// More late requests than this are worth a colour.
const LATE_SHARE: f64 = 0.01;

/// How the client fares.
pub(super) fn client(client: &ClientNow) -> Vec<Row> {
    let processors = f64::from(client.processors.max(1));
    let busy = client.busy_processors.unwrap_or(0.0);
    let machine =
        client.machine_busy.map_or(String::new(), |part| format!(", machine {:.0} % busy", part * 100.0));
    let is_busy = busy > BUSY * processors || client.machine_busy.is_some_and(|part| part > BUSY);
    let cores = format!("CPUs {busy:.1} of {}{machine}", client.processors);
    let mut rows = vec![Row::bad_if(is_busy, cores)];
    if let Some(lateness) = client.lateness_ms {
        let is_late = client.sent_late as f64 > LATE_SHARE * client.sent as f64;
        let (p99, late) = (number(lateness.p99), client.sent_late);
        rows.push(Row::bad_if(is_late, format!("late {late} of {} sent, p99 {p99} ms", client.sent)));
    }
    rows
}

/// What servers say of themselves.
pub(super) fn servers(now: &RunNow) -> Vec<Row> {
    let rows = now.servers.iter().flat_map(|server| {
        let part = |name: &str, value: Option<f64>| value.map(|value| format!("{value:.0} {name}"));
        let cache = server.cache_usage.map(|part| format!("cache {:.0} %", part * 100.0));
        let parts = [part("running", server.running), part("waiting", server.waiting), cache];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let said = match &server.error {
            Some(error) => Row::bad_if(true, format!("no answer: {error}")),
            None if parts.is_empty() => Row::plain("says nothing of its load"),
            None => Row::plain(parts.join(", ")),
        };
        [Row::plain(server.url.clone()), Row { text: format!("  {}", said.text), ..said }]
    });
    let rows: Vec<Row> = rows.collect();
    if rows.is_empty() { vec![Row::plain("no metrics page")] } else { rows }
}

/// A number in at most seven characters.
pub(super) fn number(value: f64) -> String {
    match value {
        _ if value >= 10_000_000.0 => format!("{:.0}M", value / 1e6),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A count in at most four characters.
fn short(count: u64) -> String {
    match count {
        0..=9_999 => count.to_string(),
        10_000..=999_999 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// What the keys do.
pub(super) const KEYS: &str = "q end   p pause   ? help";

/// The same at length.
pub(super) const HELP: [&str; 9] = [
    "q         ends the run as Ctrl-C does: requests in",
    "          flight may finish; again: at once",
    "p, space  stops the drawing, and goes on with it;",
    "          the run does not wait",
    "?, h      this help",
    "Ctrl-L    draws everything anew",
    "",
    "Rates and percentiles are of the last ten seconds.",
    "A request counts when it is over.",
];

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.123, "0.12")]
    #[case(12.34, "12.3")]
    #[case(123.4, "123")]
    #[case(1_234_567.0, "1234567")]
    #[case(12_345_678.0, "12M")]
    fn numbers_are_short(#[case] value: f64, #[case] expected: &str) {
        assert_eq!(number(value), expected);
    }

    #[rstest]
    #[case(59.9, "0:59")]
    #[case(61.0, "1:01")]
    #[case(3_725.0, "1:02:05")]
    fn times_are_those_of_a_clock(#[case] seconds: f64, #[case] expected: &str) {
        assert_eq!(clock(seconds), expected);
    }

    #[rstest]
    #[case::by_count(Some(10), None, Some(0.4), "4 of 10 requests, 0:02, 40 %")]
    #[case::by_time(None, Some(4.0), Some(0.5), "4 requests, 0:02 of 0:04, 50 %")]
    #[case::whichever_is_further(Some(100), Some(4.0), Some(0.5), "4 of 100 requests, 0:02 of 0:04, 50 %")]
    #[case::behind_its_end(None, Some(1.0), Some(1.0), "4 requests, 0:02 of 0:01, 100 %")]
    #[case::without_a_known_end(None, None, None, "4 requests, 0:02")]
    fn how_far_a_phase_is(
        #[case] most_requests: Option<u64>,
        #[case] most_seconds: Option<f64>,
        #[case] done: Option<f64>,
        #[case] words: &str,
    ) {
        let snapshot = crate::run::Snapshot {
            elapsed: std::time::Duration::from_secs(2),
            succeeded: 3,
            cancelled_on_purpose: 0,
            overflowed: 0,
            failed: 1,
            in_flight: 2,
            output_tokens: 0,
        };
        let model = Model { most_requests, most_seconds, snapshot: Some(snapshot), ..Model::default() };
        assert_eq!(progress(&model), (done, words.to_owned()));
    }
}
