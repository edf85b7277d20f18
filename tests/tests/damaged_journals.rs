//! A journal that was damaged after the run: `prony report` tells of everything that is still there, and how much is not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock};

use prony_tests::{
    MockServer, Run, Tool,
    journal::{self, FrameBytes, HEAD, START, tag},
};
use rstest::rstest;
use serde_json::Value;

const REQUESTS: usize = 300;

/// A run with warm-up, failures and counted tokens.
static RUN: LazyLock<Run> = LazyLock::new(|| {
    let server = MockServer::start(["--error-every", "7"]);
    let run = Tool::profile(&server)
        .args(["--request-count", &REQUESTS.to_string(), "--concurrency", "8", "--warmup-request-count", "5"])
        .run();
    run.succeeds();
    run
});

fn pristine() -> Vec<u8> {
    fs::read(RUN.artifact("journal.prony")).unwrap()
}

/// What `prony report` makes of a journal.
fn report_on(bytes: &[u8]) -> Run {
    let tool = Tool::new(["report", "run"]);
    let folder = tool.dir().join("run");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("journal.prony"), bytes).unwrap();
    tool.run()
}

/// Positions that a seed gives: xorshift64*.
fn positions(seed: u64, range: std::ops::Range<usize>) -> impl Iterator<Item = usize> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let random = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        range.start + usize::try_from(random).unwrap() % range.len()
    })
}

/// Identities of the requests in the lines of a report.
fn requests(run: &Run) -> BTreeSet<String> {
    let files = ["profile_export.jsonl", "profile_export_warmup.jsonl"];
    let texts = files.iter().filter(|file| run.artifact(file).exists()).map(|file| run.read(file));
    let lines = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let ids =
        lines.map(|line| serde_json::from_str::<Value>(&line).unwrap()["metadata"]["x_request_id"].clone());
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

fn is_record(frame: &FrameBytes) -> bool {
    [tag::RECORD, tag::UNCOUNTED].contains(&frame.tag)
}

/// The request of a record's frame: one of those of the whole report.
fn request_of<'a>(whole: &'a BTreeSet<String>, bytes: &[u8], frame: &FrameBytes) -> &'a String {
    let text = String::from_utf8_lossy(&bytes[frame.bytes.clone()]);
    whole.iter().find(|id| text.contains(id.as_str())).unwrap()
}

/// What is left when some frames are gone.
fn left(bytes: &[u8], lost: &[FrameBytes]) -> BTreeSet<String> {
    let mut left = requests(&RUN);
    assert_eq!(left.len(), REQUESTS + 5);
    let whole = left.clone();
    for frame in lost.iter().filter(|frame| is_record(frame)) {
        assert!(left.remove(request_of(&whole, bytes, frame)));
    }
    left
}

fn says_what_is_missing(report: &Run, lost: &[FrameBytes]) {
    let bytes: usize = lost.iter().map(|frame| frame.bytes.len()).sum();
    let damage = &report.summary()["journal_damage"];
    assert_eq!((&damage["frames"], &damage["bytes"]), (&lost.len().into(), &bytes.into()), "{damage}");
    let frames = if lost.len() == 1 { "1 frame is".to_owned() } else { format!("{} frames are", lost.len()) };
    let said = format!("{frames} missing, {bytes} bytes cannot be read; everything else is counted");
    let reason = report.summary()["incomplete_reason"].as_str().unwrap().to_owned();
    assert!(reason.contains(&said), "{reason}");
    let text = report.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&said), "{}", report.stdout);
    assert_eq!(report.summary()["is_complete"], false);
}

#[rstest]
fn flipped_bits_in_ten_places_cost_the_frames_that_they_are_in(#[values(1, 2, 3, 4, 5, 6)] seed: u64) {
    let whole = pristine();
    let mut bytes = whole.clone();
    let flips: Vec<usize> = positions(seed, START..whole.len()).take(10).collect();
    for at in &flips {
        bytes[*at] ^= 1 << (at % 8);
    }
    let frames = journal::frames(&whole).into_iter();
    let lost: Vec<FrameBytes> =
        frames.filter(|frame| flips.iter().any(|at| frame.bytes.contains(at))).collect();
    assert!(lost.len() > 3, "{lost:?}");
    let report = report_on(&bytes);
    report.ends_with(6);
    assert_eq!(requests(&report), left(&whole, &lost), "seed {seed}");
    says_what_is_missing(&report, &lost);
}

#[rstest]
fn a_journal_that_is_cut_off_gives_everything_before(#[values(1, 2, 3)] seed: u64) {
    let whole = pristine();
    let headers = journal::frames(&whole)[1].bytes.end;
    let cut = positions(seed, headers + HEAD..whole.len()).next().unwrap();
    let frames = journal::frames(&whole).into_iter();
    let lost: Vec<FrameBytes> = frames.filter(|frame| frame.bytes.end > cut).collect();
    let report = report_on(&whole[..cut]);
    report.ends_with(6);
    assert_eq!(requests(&report), left(&whole, &lost), "cut at {cut}");
    let reason = report.summary()["incomplete_reason"].as_str().unwrap().to_owned();
    let bytes = cut - lost[0].bytes.start;
    assert!(reason.contains(&format!("at least 1 frame is missing, {bytes} byte")), "{reason}");
}

#[test]
fn a_record_that_is_gone_leaves_their_tokens_to_the_others() {
    let tokens = |run: &Run| -> Vec<(String, Value)> {
        let tokens = |line: Value| {
            let id = line["metadata"]["x_request_id"].as_str().unwrap().to_owned();
            (id, line["metrics"]["output_token_count"].clone())
        };
        run.records().into_iter().map(tokens).collect()
    };
    let mut bytes = pristine();
    let frames = journal::frames(&bytes);
    let lost = frames.iter().find(|frame| frame.tag == tag::UNCOUNTED).unwrap();
    bytes[lost.bytes.start + HEAD + 40] ^= 1;
    let known = tokens(&RUN);
    let left = tokens(&report_on(&bytes));
    assert!(left.len() >= REQUESTS - 1, "{}", left.len());
    assert!(left.iter().all(|tokens| known.contains(tokens)), "a request has the tokens of another");
}

#[test]
fn a_frame_of_a_kind_that_nobody_knows_changes_nothing() {
    let server = MockServer::start([]);
    // Nothing is counted here, so that no frame names the number of another.
    let run = Tool::profile(&server).args(["--request-count", "20", "--use-server-token-count"]).run();
    let bytes = fs::read(run.succeeds().artifact("journal.prony")).unwrap();
    let middle = journal::frames(&bytes).len() / 2;
    let newer = journal::with_frame(&bytes, middle, 999, b"\x81\xa3new\xc3");
    let (then, now) = (report_on(&bytes), report_on(&newer));
    then.succeeds();
    now.succeeds();
    for file in files(&then.artifact("")) {
        let [then, now] = [&then, &now].map(|run| run.read(&file));
        assert_eq!(then, now, "{file}");
    }
}

/// What a report consists of, but for the journal, and the manifest, which has the journal's sum.
fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> =
        names.filter(|name| name != "journal.prony" && name != "manifest.json").collect();
    assert!(names.len() > 4, "{names:?}");
    names
}

#[test]
fn a_damaged_header_stands_there_again() {
    let mut bytes = pristine();
    bytes[START + HEAD + 10] ^= 1;
    let report = report_on(&bytes);
    report.ends_with(6);
    assert_eq!(requests(&report), requests(&RUN));
    let (then, now) = (RUN.summary(), report.summary());
    for said in ["input_config", "run_info", "request_latency", "time_to_first_token", "phases", "start_time"]
    {
        assert_eq!(then[said], now[said], "{said}");
    }
    says_what_is_missing(&report, &journal::frames(&pristine())[..1]);
}

#[test]
fn without_a_header_the_requests_are_told_and_what_is_not_known() {
    let mut bytes = pristine();
    let headers = journal::frames(&bytes)[..2].to_vec();
    assert!(headers.iter().all(|frame| frame.tag == tag::HEADER));
    for header in &headers {
        bytes[header.bytes.start + HEAD + 10] ^= 1;
    }
    let report = report_on(&bytes);
    report.ends_with(6);
    assert_eq!(requests(&report), requests(&RUN));
    let (then, now) = (RUN.summary(), report.summary());
    for metric in ["request_count", "request_latency", "time_to_first_token", "inter_token_latency"] {
        assert_eq!(then[metric]["avg"], now[metric]["avg"], "{metric}");
    }
    assert!(now["input_config"].is_null() && now["run_id"] == "unknown", "{now}");
    says_what_is_missing(&report, &headers);
    let text = report.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("Its header is among what is missing: nothing is known of what was run"), "{text}");
}

#[test]
fn a_lost_beginning_of_a_phase_moves_no_request_to_another() {
    let mut bytes = pristine();
    for frame in journal::frames(&bytes).iter().filter(|frame| frame.tag == 2) {
        bytes[frame.bytes.start] ^= 1;
    }
    let report = report_on(&bytes);
    report.ends_with(6);
    for count in ["request_count", "error_request_count"] {
        assert_eq!(report.summary()[count], RUN.summary()[count], "{count}");
    }
    let throughput = |run: &Run| run.summary()["request_throughput"]["avg"].as_f64().unwrap();
    let ratio = throughput(&report) / throughput(&RUN);
    assert!((0.5..2.0).contains(&ratio), "{ratio}");
}

#[test]
fn nothing_is_said_of_a_journal_whose_every_frame_is_damaged() {
    let mut bytes = pristine();
    bytes[START..].fill(0);
    let report = report_on(&bytes);
    report.ends_with(6);
    assert!(report.stderr.contains("its journal does not say what was run"), "{}", report.stderr);
    assert!(report.stderr.contains("nothing of its header can be read"), "{}", report.stderr);
}
