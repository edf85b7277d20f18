//! The page as a whole, and the pieces that its numbers are made of.

use serde_json::Value;

use super::{
    buckets::Buckets,
    row::{Judged, Row},
    *,
};
use crate::{
    metrics::{Aggregator, Measured},
    record::{Instants, Outcome, Record, RequestFailure, settings::LawName},
};

const MS: u64 = 1_000_000;

/// A request that is sent, has its first token and its last one at these milliseconds.
fn record(number: u64, sent: u64, first: u64, last: u64) -> Record {
    Record {
        session_num: number,
        request_id: format!("00000000-0000-4000-8000-{number:012x}"),
        conversation_id: format!("session-{number}"),
        instants: Instants {
            scheduled: sent * MS,
            started: sent * MS,
            sent: Some(sent * MS),
            first_byte: Some(first * MS),
            first_token: Some(first * MS),
            last_token: Some(last * MS),
            end: last * MS,
            ..Instants::default()
        },
        ..Record::default()
    }
}

fn judged(is_good: Option<bool>) -> Judged {
    Judged { is_measured: true, is_good, from_schedule: false }
}

fn row(record: &Record) -> Row {
    let mut row = Row::of(record, judged(None), &Measured::new(), &Needs::default());
    row.output_tokens = Some(100);
    row
}

#[test]
fn what_is_in_flight_and_tokens_are_averaged_over_each_bucket() {
    let mut buckets = Buckets::default();
    // 10 ms are a bucket: in flight from 5 to 25 ms, 100 tokens from 15 to 25 ms.
    buckets.add(&row(&record(0, 5, 15, 25)));
    let moments = buckets.moments(&[(0.0, 1.0)]);
    let in_flight: Vec<f64> = moments.iter().map(|moment| (moment.in_flight * 1e3).round() / 1e3).collect();
    let tokens: Vec<f64> = moments.iter().map(|moment| (moment.tokens_per_s * 1e3).round() / 1e3).collect();
    assert_eq!(in_flight, [0.5, 1.0, 0.5]);
    assert_eq!(tokens, [0.0, 5000.0, 5000.0]);
}

#[test]
fn parts_at_the_ends_are_those_of_the_phase_alone() {
    let mut buckets = Buckets::default();
    for (number, sent) in [(0, 6), (1, 12), (2, 21)] {
        buckets.add(&row(&record(number, sent, sent + 1, sent + 1)));
    }
    // Measured is from 5 to 22 ms: half of the first bucket, and two of ten ms of the last one.
    let moments = buckets.moments(&[(0.005, 0.022)]);
    let rates: Vec<f64> = moments.iter().map(|moment| moment.per_s(moment.bucket.sent).round()).collect();
    assert_eq!(rates[..2], [200.0, 100.0]);
    assert!(rates[2].is_nan(), "{rates:?}");
    let in_flight: Vec<f64> = moments.iter().map(|moment| (moment.in_flight * 1e6).round() / 1e6).collect();
    assert_eq!(in_flight, [0.2, 0.1, 0.5]);
    assert_eq!((moments[0].from_s, moments[2].to_s), (0.005, 0.022));
}

#[test]
fn one_request_is_no_high_rate() {
    let mut buckets = Buckets::default();
    buckets.add(&row(&record(0, 5, 15, 505)));
    let joined = buckets.joined(5.0, 80, 1);
    let moments = joined.moments(&[(0.005, 0.505)]);
    assert_eq!(moments.len(), 1);
    assert!((moments[0].per_s(1) - 2.0).abs() < 1e-9);
}

#[test]
fn what_was_asked_for_is_the_rate_of_the_phase_and_not_its_records() {
    let mut report = report();
    let asked = |page: &str| page.contains(">asked for</text>");
    assert!(!asked(&page_of(self::report(), &[record(0, 5, 15, 25)])));
    let phase = &mut report.header.settings.phases[1];
    (phase.is_open_loop, phase.law, phase.rate) = (true, LawName::Poisson, Some(123.0));
    let page = page_of(report, &[record(0, 5, 15, 25)]);
    assert!(asked(&page) && page.contains("<td>123</td>"), "{page}");
}

#[test]
fn a_failure_counts_from_the_same_instant_as_others() {
    let mut late = record(0, 5, 15, 25);
    late.instants.scheduled = MS;
    late.outcome = Outcome::Failed(RequestFailure::default());
    let latency = |from_schedule| {
        Row::of(&late, Judged { from_schedule, ..judged(None) }, &Measured::new(), &Needs::default())
            .latency_ms
    };
    assert_eq!((latency(false), latency(true)), (20.0, 24.0));
}

#[test]
fn what_is_left_out_of_a_server_is_told() {
    let line = (format!("pod={}", "x".repeat(300)), vec![(0.0, 1.0), (0.01, 2.0)]);
    let curve = Curve {
        name: "requests_running".to_owned(),
        help: String::new(),
        unit: String::new(),
        lines: vec![line],
        lines_left_out: 7,
        metrics_left_out: 3,
    };
    let report = report();
    let requests = Prepared::of(Gathered::default(), &report.header.settings, false);
    let figures = figures(&report, &Ingredients { requests, curves: vec![curve] });
    let figure = figures.iter().find(|figure| figure.section == ChartSection::Servers).unwrap();
    assert!(figure.note.contains("not drawn: 7") && figure.note.contains("without a chart here: 3"));
    assert!(!figure.svg.contains(&"x".repeat(81)), "{}", figure.svg);
}

#[test]
fn rows_are_packed_only_where_a_page_is_written() {
    let report = report();
    let packed = |is_written| {
        let prepared = Prepared::of(Gathered::default(), &report.header.settings, is_written);
        prepared.packed.unwrap().len()
    };
    assert_eq!(packed(false), 0);
    assert_ne!(packed(true), 0);
}

#[test]
fn wider_buckets_have_the_same_sums() {
    let (mut narrow, mut wide) = (Buckets::default(), Buckets::default());
    let rows: Vec<Row> = (0..50).map(|n| row(&record(n, n * 20, n * 20 + 30, n * 20 + 130))).collect();
    for row in &rows {
        narrow.add(row);
        wide.add(row);
    }
    // A late request doubles the width of one of them.
    let late = row(&record(50, 100_000, 100_010, 100_020));
    wide.add(&late);
    let sums = |buckets: &Buckets| {
        let moments = buckets.moments(&[(0.0, f64::INFINITY)]);
        let area = |of: fn(&buckets::Moment<'_>) -> f64| -> f64 {
            moments
                .iter()
                .take_while(|moment| moment.from_s < 50.0)
                .map(|moment| of(moment) * (moment.to_s - moment.from_s))
                .sum()
        };
        [area(|moment| moment.in_flight), area(|moment| moment.tokens_per_s)].map(|sum| format!("{sum:.6}"))
    };
    assert!(wide.width_s() > narrow.width_s());
    assert_eq!(sums(&narrow), ["6.500000", "5000.000000"]);
    assert_eq!(sums(&wide), sums(&narrow));
}

/// The page of a run with these records.
fn page_of(mut report: Report, records: &[Record]) -> String {
    report.header.settings.phases.truncate(2);
    for span in report.phases.iter_mut().filter(|span| span.kind == PhaseKind::Profiling) {
        (span.start_ns, span.last_request_ns) = (0, records.iter().map(|record| record.instants.end).max());
    }
    let mut gathered = Gathered::default();
    let mut aggregator = Aggregator::new(&report.header);
    let mut measured = Measured::new();
    let rows = records.iter().map(|record| {
        let is_good = aggregator.record(record, &mut measured);
        Row::of(record, judged(is_good), &measured, &Needs::default())
    });
    gathered.take(rows.collect());
    let mut page = Vec::new();
    let requests = Prepared::of(gathered, &report.header.settings, true);
    write(&report, &Ingredients { requests, curves: Vec::new() }, None, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

/// What the page's script reads: the head of its rows.
fn head(page: &str) -> (Value, Vec<u8>) {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use std::io::Read;
    let text = page.split_once("id=\"rows\">").unwrap().1.split_once("</script>").unwrap().0;
    let mut bytes = Vec::new();
    flate2::read::DeflateDecoder::new(&*STANDARD.decode(text).unwrap()).read_to_end(&mut bytes).unwrap();
    let length = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    (serde_json::from_slice(&bytes[4..4 + length]).unwrap(), bytes[4 + length..].to_vec())
}

fn report() -> Report {
    crate::report::tests::report_of_sound_run()
}

#[test]
fn what_others_say_is_never_markup() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}";
    let mut report = report();
    report.header.settings.model = hostile.to_owned();
    report.header.command = hostile.to_owned();
    report.header.config = Value::String(hostile.to_owned());
    report.notes.push(hostile.to_owned());
    report.errors[0].sample.message = hostile.to_owned();
    let failure = RequestFailure { message: hostile.to_owned(), ..RequestFailure::default() };
    let failed = Record {
        outcome: Outcome::Failed(failure),
        conversation_id: hostile.to_owned(),
        ..record(7, 10, 20, 30)
    };
    let page = page_of(report, &[record(0, 5, 15, 25), failed]);
    assert_eq!(page.matches("<script").count(), 2, "the rows, and the page's own script");
    assert!(!page.contains("<img") && page.matches("</script>").count() == 2);
    assert!(page.contains("&lt;/script&gt;") && !page.contains('\u{202e}'));
    let (head, _) = head(&page);
    assert_eq!(head["failures"][0]["message"], hostile);
}

#[test]
fn the_rows_are_those_of_the_requests() {
    let mut slow = record(3, 40, 90, 140);
    slow.chunk_gaps_ns = vec![10 * MS, 40 * MS];
    slow.facts = vec![("tier".to_owned(), "gold".to_owned())];
    let page = page_of(report(), &[record(0, 5, 15, 25), slow]);
    let (head, numbers) = head(&page);
    assert_eq!(head["rows"], 2);
    assert_eq!(head["conversations"], serde_json::json!(["session-0", "session-3"]));
    assert_eq!(head["details"][1]["facts"], serde_json::json!([["tier", "gold"]]));
    assert_eq!((&head["details"][1]["gaps"], &head["details"][1]["kept"]), (&2.into(), &2.into()));
    // Phases, and sessions as folded differences: 0 and 3.
    assert_eq!(numbers[..4], [0, 0, 0, 6]);
    assert!(numbers.ends_with(&[0x80, 0, 0, 0, 0, 0, 0, 3]));
}

#[test]
fn a_page_fetches_nothing_and_reads_without_scripts() {
    let records: Vec<Record> = (0..200).map(|n| record(n, n * 7, n * 7 + 40, n * 7 + 90)).collect();
    let page = page_of(report(), &records);
    for attribute in ["src=", "srcset=", "url(", "@import", "style=\""] {
        assert!(!page.contains(attribute), "{attribute}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(page.matches("<svg ").count() >= 5, "{}", page.matches("<svg ").count());
    assert_eq!(page.matches("<figure>").count(), page.matches("<summary>Numbers of").count());
    let headings: Vec<&str> =
        page.split("<h2>").skip(1).map(|part| part.split_once('<').unwrap().0).collect();
    assert_eq!(
        headings,
        ["Numbers", "Load", "Over time", "Distributions", "Sessions", "Errors", "Requests", "Run it again"]
    );
}
