//! Every doubt that a report has, from records that give rise to it.

use super::{
    super::verdict::{Severity, Verdict},
    *,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::record::{DelaySummary, ScheduleCounts, WorkerUsage};

/// What is said of a report, but for the number of its samples: here all have few.
fn doubts(report: &Report) -> Vec<String> {
    let findings = Verdict::of(report).findings.into_iter();
    findings.filter(|finding| finding.name != "few_samples").map(|finding| finding.text()).collect()
}

/// `a` with so many output tokens, by the server's count, of four that were asked for.
fn of_length(tokens: u64) -> Record {
    let mut record = sample::a();
    record.usage =
        record.usage.map(|usage| prony_plugin_api::TokenUsage { completion: Some(tokens), ..usage });
    record
}

/// A success without a token.
fn empty() -> Record {
    let mut record = Record { requested_output_tokens: None, chunk_gaps_ns: Vec::new(), ..of_length(0) };
    record.counted =
        CountedTokens { output: Some(0), reasoning: Some(0), first_arrival: None, ..record.counted };
    record.instants.first_token = None;
    record.instants.last_token = None;
    record
}

/// `a` with so many output tokens, by the server's count and here, and as many asked for.
fn counted(server: u64, client: u64) -> Record {
    let counted = CountedTokens { output: Some(client), first_arrival: Some(1), ..sample::a().counted };
    Record { counted, requested_output_tokens: Some(server), ..of_length(server) }
}

/// `a` with so many input tokens, by the server's count and here.
fn prompted(server: u64, client: u64) -> Record {
    let a = sample::a();
    Record {
        usage: a.usage.map(|usage| prony_plugin_api::TokenUsage { prompt: Some(server), ..usage }),
        counted: CountedTokens { input: Some(client), ..a.counted },
        ..a
    }
}

/// `a` with so many output tokens by the server's count, some of them reasoning that it did not send.
fn thinking(all: u64, hidden: u64) -> Record {
    let mut record = Record { requested_output_tokens: Some(all), ..of_length(all) };
    record.usage =
        record.usage.map(|usage| prony_plugin_api::TokenUsage { reasoning: Some(hidden), ..usage });
    record
}

/// `a` with so many output tokens by the server's count, which nobody counted here.
fn uncounted_here(tokens: u64) -> Record {
    let counted = CountedTokens { input: Some(25), ..CountedTokens::default() };
    Record { counted, requested_output_tokens: Some(tokens), token_events: 0, ..of_length(tokens) }
}

#[rstest]
#[case::as_asked(&[of_length(4)], &[])]
#[case::longer(&[of_length(4), of_length(5)],
    &["1 of 2 responses is longer than requested (+12.5 % on average, +0.0 % to +25.0 %): if the server does not know \
      `max_completion_tokens`, use `--use-legacy-max-tokens`"])]
#[case::shorter(&[of_length(3), of_length(4)],
    &["1 of 2 responses is shorter than requested (-12.5 % on average, -25.0 % to +0.0 %)"])]
#[case::both(&[of_length(2), of_length(6)],
    &["2 of 2 responses are longer or shorter than requested (+0.0 % on average, -50.0 % to +50.0 %)"])]
#[case::all_failed(&[failed("timeout")], &["nothing was measured: the one request failed"])]
#[case::nothing_ended(&[], &["nothing was measured: no request ended"])]
#[case::another_model(&[Record { model: Some("q".into()), ..sample::a() }],
    &["the server ran `q` for 1 of 1 requests, not `m`"])]
#[case::a_revision_of_the_model(&[Record { model: Some("m@main".into()), ..sample::a() }], &[])]
#[case::another_model_with_the_same_beginning(&[Record { model: Some("m-mini@main".into()), ..sample::a() }],
    &["the server ran `m-mini@main` for 1 of 1 requests, not `m`"])]
#[case::a_model_that_would_be_code(&[Record { model: Some("a`b".into()), ..sample::a() }],
    &["the server ran `a'b` for 1 of 1 requests, not `m`"])]
#[case::nothing_said(&[empty()],
    &["1 of 1 successful responses is empty: the server ended it without any output. Check what the requests ask for \
       (`max_tokens`, stop sequences)"])]
#[case::another_tokenizer(&[counted(100, 40)],
    &["the server counts 100 output tokens where o200k_base counts 40 (+150.0 %): what is counted here is in other tokens than \
       the server's. Name the model's tokenizer with `--tokenizer`"])]
#[case::nearly_the_same_tokenizer(&[counted(104, 100)], &[])]
#[case::longer_prompts(&[prompted(900, 256)],
    &["the server counts 900 input tokens a request where o200k_base counts 256 (+251.6 %): another tokenizer, or what the server \
       adds, such as a chat template. Name the model's tokenizer with `--tokenizer`"])]
#[case::a_chat_template(&[prompted(270, 256)], &[])]
#[case::hidden_reasoning(&[thinking(104, 100)],
    &["100 of 104 output tokens were not visible: the server counts reasoning that it does not send, so that Output Token Count \
       and Reasoning Token Count are less than Output Sequence Length"])]
#[case::estimated(&[Record { text_chars: 40, first_read_chars: 10, ..uncounted_here(8) }],
    &["the inter-token latency of 1 of 1 requests is an estimate: only the whole output was counted, and how much of it came \
       with the first token is taken from its characters. Use the model's tokenizer (`--tokenizer`, without \
       `--use-server-token-count`), or have the server send usage with each event"])]
#[case::bounded(&[uncounted_here(8)],
    &["the inter-token latency of 1 request is a lower bound: several tokens may have come with the first one, and nothing says \
       how many"])]
#[case::uncounted(&[Record { usage: None, counted: CountedTokens::default(), ..sample::a() }],
    &["the output of 1 of 1 requests was not counted: token throughputs are too low, and 1 has no inter-token latency"])]
#[case::counted_by_two(&[sample::a(), Record { usage: None, ..sample::a() }],
    &["output tokens were counted by the server for some requests and here for others"])]
fn every_doubt_is_a_sentence(#[case] records: &[Record], #[case] expected: &[&str]) {
    assert_eq!(doubts(&report_on_records(records)), expected);
}

fn of_class(class: u32, model: &str) -> Record {
    Record { class, model: Some(model.into()), ..sample::a() }
}

/// `x` asks for the model of its name, and `y`, whose objectives are its own, for that of its.
fn header_of_two_classes() -> RunHeader {
    let class =
        |name: &str| Class { name: name.into(), model: Some(name.into()), share: 0.5, ..Class::default() };
    let mut header = sample::header();
    header.settings.classes.list = vec![class("x"), class("y")];
    header
}

#[test]
fn a_model_is_compared_with_that_of_its_class() {
    let warned = |records: &[Record]| doubts(&report_on(&sample::journal(header_of_two_classes(), records)));
    assert_eq!(warned(&[of_class(0, "x"), of_class(1, "y")]), [""; 0]);
    assert_eq!(
        warned(&[of_class(0, "y"), of_class(1, "y")]),
        ["the server ran `y` for 1 of 2 requests, not the model that their class asks for"]
    );
}

/// A single token has no pace, and is good.
#[test]
fn an_objective_that_nobody_could_miss_is_no_doubt() {
    let objective = |metric: &str| Objective { metric: metric.into(), bound: 1e9, at_least: false };
    let single = |class, model: &str| {
        let mut record =
            Record { class, model: Some(model.into()), chunk_gaps_ns: Vec::new(), ..counted(1, 1) };
        record.instants.last_token = record.instants.first_token;
        record
    };
    let warned = |metric: &str| {
        let mut header = header_of_two_classes();
        header.settings.classes.list[1].goodput = Some(vec![objective(metric)]);
        header.settings.goodput = vec![objective("request_latency")];
        doubts(&report_on(&sample::journal(header, &[single(0, "x"), single(1, "y")])))
    };
    assert_eq!(warned("inter_token_latency"), [""; 0]);
    assert_eq!(
        warned("num_images"),
        ["no request of `y` has a `num_images`, which is an objective: none is good"]
    );
}

/// A run of so many requests, one after the other, of which this may make something else.
fn run_of(count: u64, change: impl Fn(u64, &mut Record)) -> Vec<Frame> {
    let requests = (0..count).map(|number| {
        let mut record = sample::a();
        let instants = &mut record.instants;
        let later = |at: &mut u64| *at += number * 100 * MS;
        [&mut instants.scheduled, &mut instants.started, &mut instants.end].into_iter().for_each(later);
        let known = [
            &mut instants.sent,
            &mut instants.first_byte,
            &mut instants.first_token,
            &mut instants.last_token,
        ];
        known.into_iter().flatten().for_each(later);
        record.session_num = number;
        change(number, &mut record);
        record
    });
    let mut header = sample::header();
    header.settings.phases[1].concurrency = Some(1);
    sample::journal(header, &requests.collect::<Vec<_>>())
}

/// The verdict on a run, and the names of what it rests on.
fn verdict(frames: &[Frame]) -> (&'static str, Vec<&'static str>) {
    let verdict = Verdict::of(&report_on(frames));
    (verdict.word(), verdict.findings.iter().map(|finding| finding.name).collect())
}

/// Takes up to 40 ms longer, by chance.
fn uneven(number: u64, record: &mut Record) {
    record.instants.end += ChaCha8Rng::seed_from_u64(number).random_range(0..40 * MS);
}

#[test]
fn a_clean_run_is_sound() {
    let frames = run_of(700, uneven);
    assert_eq!(verdict(&frames), ("sound", vec![]));
    let report = report_on(&frames);
    assert!(console::render(&report, Screen::UNLIMITED).starts_with("verdict  sound\n\n"));
}

#[test]
fn few_samples_are_a_doubt_only_where_they_carry_no_tail() {
    assert_eq!(verdict(&run_of(30, |_, _| {})), ("doubtful", vec!["few_samples"]));
    assert_eq!(verdict(&run_of(100, |_, _| {})), ("sound", vec!["few_samples"]));
    let line = Verdict::of(&report_on(&run_of(100, |_, _| {}))).line();
    assert_eq!(line, "sound (note: 100 samples carry no p95, p99)");
}

#[test]
fn a_server_that_slows_down_over_the_run_is_named_with_its_numbers() {
    let slower = |number: u64, record: &mut Record| record.instants.end += number * MS / 20;
    let report = report_on(&run_of(700, slower));
    let verdict = Verdict::of(&report);
    assert_eq!(verdict.line(), "doubtful: request latency rose by 31 %");
    let summary = verdict.summary(&report);
    assert_eq!(summary["steadiness"]["profiling"]["drift"]["metric"], "request_latency");
    assert_eq!(summary["findings"][0]["severity"], "doubtful");
}

#[test]
fn a_slow_beginning_is_a_start_up() {
    let slow_at_first = |number: u64, record: &mut Record| {
        record.instants.end += if number < 70 { 90 * MS } else { number % 3 * MS };
    };
    let report = report_on(&run_of(700, slow_at_first));
    let verdict = Verdict::of(&report);
    assert_eq!(verdict.line(), "doubtful: the first 70 requests were not like the rest");
}

/// The last frame but one is the end of the measured phase.
fn with_worker(usage: WorkerUsage) -> Vec<Frame> {
    let mut frames = run_of(700, |_, _| {});
    let place = frames.len() - 2;
    let Frame::PhaseEnded { workers, .. } = &mut frames[place] else { panic!("no end of the phase") };
    *workers = vec![usage];
    frames
}

#[test]
fn a_client_at_its_limit_makes_numbers_doubtful_and_without_stamps_invalid() {
    let stamped = DelaySummary { count: 700, p50_ns: 8_000, p99_ns: 70_000, max_ns: 90_000 };
    let busy = WorkerUsage { wall_ns: 1000 * MS, busy_ns: Some(950 * MS), ..WorkerUsage::default() };
    let with_stamps = with_worker(WorkerUsage { read_delay: stamped, ..busy });
    assert_eq!(verdict(&with_stamps), ("doubtful", vec!["client_limited"]));
    let line = Verdict::of(&report_on(&with_stamps)).line();
    assert_eq!(line, "doubtful: client limited (worker 0 was busy 95 % of the time)");
    let without = with_worker(WorkerUsage { unstamped_reads: 700, ..busy });
    assert_eq!(verdict(&without).0, "invalid");
}

#[test]
fn what_was_not_sent_is_named() {
    let mut frames = run_of(700, |_, _| {});
    let place = frames.len() - 2;
    let Frame::PhaseEnded { counts, .. } = &mut frames[place] else { panic!("no end of the phase") };
    *counts = ScheduleCounts { scheduled: 710, dropped: 10, ..ScheduleCounts::default() };
    assert_eq!(verdict(&frames), ("doubtful", vec!["not_sent"]));
}

/// Of 700 requests, which is a queue that grows: one begins each 50 ms, and one ends each 100 ms.
fn over_capacity(held_back: u64) -> Vec<Frame> {
    let mut frames = run_of(700, |number, record| {
        record.instants.scheduled = 50 * MS * number;
        record.instants.started = record.instants.scheduled;
    });
    let Frame::Header(header) = &mut frames[0] else { panic!("no header") };
    let phase = &mut header.settings.phases[1];
    (phase.is_open_loop, phase.rate, phase.concurrency) = (true, Some(20.0), Some(500));
    let place = frames.len() - 2;
    let Frame::PhaseEnded { workers, .. } = &mut frames[place] else { panic!("no end of the phase") };
    *workers = vec![WorkerUsage { held_back, ..WorkerUsage::default() }];
    frames
}

/// A limit that held few back is not why the queue grew.
#[test]
fn a_queue_that_grows_is_named_where_few_were_held_back() {
    let names = |held_back| verdict(&over_capacity(held_back)).1;
    assert!(names(1).contains(&"saturated"), "{:?}", names(1));
    let limited = names(600);
    assert!(limited.contains(&"held_back") && !limited.contains(&"saturated"), "{limited:?}");
}

/// More and more requests may wait for their first token: the load grows.
#[test]
fn a_ramp_of_prefill_slots_is_no_steady_load() {
    let slower = |number: u64, record: &mut Record| record.instants.end += number * MS / 20;
    let mut frames = run_of(700, slower);
    let ramp = |frames: &mut [Frame], most: &str| {
        let Frame::Header(header) = &mut frames[0] else { panic!("no header") };
        header.settings.phases[1].prefill = Some(most.to_owned());
    };
    ramp(&mut frames, "4");
    assert!(verdict(&frames).1.contains(&"drift"));
    ramp(&mut frames, "1 to 4 in 9 s");
    assert!(!verdict(&frames).1.contains(&"drift"));
}

#[test]
fn slots_that_stay_empty_are_named() {
    let mut frames = run_of(700, |_, _| {});
    let Frame::Header(header) = &mut frames[0] else { panic!("no header") };
    header.settings.phases[1].concurrency = Some(4);
    let found = Verdict::of(&report_on(&frames));
    assert_eq!(found.line(), "doubtful: 1.0 of 4 in flight");
}

#[test]
fn failures_weigh_as_much_as_there_are() {
    let failing = |every: u64| {
        move |number: u64, record: &mut Record| {
            if number.is_multiple_of(every) {
                record.outcome = sample::d().outcome;
            }
        }
    };
    let severity = |every| {
        let found = Verdict::of(&report_on(&run_of(2000, failing(every)))).findings;
        found.into_iter().find(|finding| finding.name == "failed_requests").map(|finding| finding.severity)
    };
    assert_eq!(severity(500), Some(Severity::Note));
    assert_eq!(severity(12), Some(Severity::Doubtful));
    assert_eq!(severity(1), None);
    let failing_once = |number: u64, record: &mut Record| {
        if number == 9 {
            record.outcome = sample::d().outcome;
        }
    };
    let few = Verdict::of(&report_on(&run_of(3000, failing_once))).line();
    assert!(few.contains("less than 0.1 % of the requests failed"), "{few}");
    let most = |number: u64, record: &mut Record| {
        if !number.is_multiple_of(3) {
            record.outcome = sample::d().outcome;
        }
    };
    assert_eq!(verdict(&run_of(2100, most)).0, "invalid");
}
