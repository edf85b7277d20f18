//! Sessions as lanes: what each of some sessions was waiting for, over time.

use super::{
    row::{END, Ended, FIRST_TOKEN, Row, SENT},
    sample::Kept,
};
use crate::chart::{Axis, Lane, Lanes, Span};

/// Sessions in the picture.
const MOST_LANES: usize = 40;
/// Requests in the picture: more of them are no lanes any more.
const MOST_REQUESTS: usize = 600;

/// What each kind of span is, and what tells it apart beside its colour.
const KINDS: [&str; 4] = [
    "not sent yet (thin)",
    "until the first token (middle)",
    "tokens (thick)",
    "failed or cancelled (two lines)",
];

/// The lanes of some sessions, evenly chosen by when they began among those that stand for all. Nothing where there are none.
pub(super) fn lanes(kept: &Kept, time: &Axis) -> Option<Lanes> {
    let mut rows: Vec<&Row> = kept.fair().filter(|row| row.is_measured).collect();
    let session = |row: &Row| (row.phase, row.session);
    rows.sort_by_key(|row| session(row));
    let mut sessions: Vec<&[&Row]> = rows.chunk_by(|a, b| session(a) == session(b)).collect();
    sessions.sort_by_key(|requests| requests.first().map(|row| (row.due_ns, row.place())));
    let all = sessions.len();
    let most = MOST_LANES.min(MOST_REQUESTS * all / rows.len().max(1)).max(1);
    let chosen: Vec<&[&Row]> = sessions.into_iter().step_by(all.div_ceil(most).max(1)).collect();
    let are_single = chosen.iter().all(|requests| requests.len() == 1);
    let (title, what) = if are_single { ("Requests", "requests") } else { ("Sessions", "sessions") };
    let shown = if chosen.len() < all {
        format!("{} of {all} {what}{}, evenly chosen", chosen.len(), by_lot(kept))
    } else if kept.whole_below.is_some() {
        format!("{all} {what}{}", by_lot(kept))
    } else {
        format!("All {what}")
    };
    (!chosen.is_empty()).then(|| Lanes {
        title: format!("{title} over time"),
        about: format!("{shown}, one row each, in the order in which they began."),
        x: time.clone(),
        kinds: KINDS.to_vec(),
        rows: chosen.iter().map(|requests| lane(requests)).collect(),
    })
}

/// Not all sessions are on the page.
fn by_lot(kept: &Kept) -> &'static str {
    if kept.whole_below.is_some() { " drawn by lot from all" } else { "" }
}

fn lane(requests: &[&Row]) -> Lane {
    let name = requests.first().map(|row| row.conversation.to_string()).unwrap_or_default();
    Lane { name, spans: requests.iter().flat_map(|row| spans(row)).collect() }
}

fn spans(row: &Row) -> Vec<Span> {
    let seconds = |ns: u64| ns as f64 / 1e9;
    let (due, end) = (seconds(row.due_ns), seconds(row.end_ns()));
    let sent = row.at_ns(SENT).map_or(end, seconds);
    let first = row.at_ns(FIRST_TOKEN).map(seconds);
    let span = |kind, from: f64, to: f64| (to > from).then_some(Span { kind, from, to });
    let parts = if row.ended == Ended::Ok {
        let first = first.unwrap_or(end);
        [span(0, due, sent), span(1, sent, first), span(2, first, end)]
    } else {
        [span(0, due, sent), span(3, sent, row.at_ns(END).map_or(end, seconds)), None]
    };
    parts.into_iter().flatten().collect()
}
