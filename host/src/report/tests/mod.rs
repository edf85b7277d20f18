//! The whole way from a hand-made journal to the files.

mod agents;
mod doubts;
mod files;
mod marks;
mod phases;
mod screens;

use std::{fs, path::Path};

use insta::{assert_snapshot, with_settings};
use prony_plugin_api::{
    ErrorDetails, Message,
    message::{ServerMetricsBatch, ServerMetricsSample},
};
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::{
    dataset::Tokenizer,
    explain::Explain,
    metrics::sample::{self, MS},
    plan::{Class, Objective, TokenizerChoice},
    record::{
        CountedTokens, Frame, Outcome, Record, RunHeader, Texts,
        journal::{self, TextStore, Writer},
        settings::LawName,
    },
};

fn write(frames: &[Frame]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(dir.path()).unwrap();
    for frame in frames {
        writer.append(frame).unwrap();
    }
    writer.flush().unwrap();
    dir
}

/// As for a pipe.
fn generate(dir: &Path) -> Result<Report, ReportError> {
    super::generate(dir, &Wanted::default(), Screen::UNLIMITED).map(|(report, unwritten)| {
        assert!(unwritten.is_none(), "{unwritten:?}");
        report
    })
}

fn sound_frames() -> Vec<Frame> {
    sample::journal(sample::header(), &[sample::a(), sample::b(), sample::c(), sample::d()])
}

fn report_on(frames: &[Frame]) -> Report {
    generate(write(frames).path()).unwrap()
}

/// For the tests of the page.
pub(super) fn report_of_sound_run() -> Report {
    report_on(&sound_frames())
}

fn report_on_records(records: &[Record]) -> Report {
    report_on(&sample::journal(sample::header(), records))
}

fn text(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap()
}

fn summary(dir: &Path) -> Value {
    serde_json::from_str(&text(dir, "profile_export_prony.json")).unwrap()
}

fn error(kind: &str) -> ErrorDetails {
    ErrorDetails { kind: kind.into(), message: "it failed".into(), ..ErrorDetails::default() }
}

fn failed(kind: &str) -> Record {
    Record { outcome: Outcome::of(Some(error(kind))), ..sample::d() }
}

#[test]
fn without_a_warm_up_there_is_no_file_and_no_number_of_one() {
    let mut frames = sound_frames();
    frames.drain(1..4);
    let dir = write(&frames);
    let report = generate(dir.path()).unwrap();
    assert!(report.warmup.is_none() && !dir.path().join(file_names::WARMUP_REQUESTS).exists());
    assert_eq!(summary(dir.path()).get("warmup_metrics"), None);
}

#[test]
fn the_csv_is_one_table() {
    let dir = write(&sound_frames());
    generate(dir.path()).unwrap();
    assert_snapshot!(text(dir.path(), "profile_export_prony.csv"), @"
    Metric,avg,min,max,sum,p1,p5,p10,p25,p50,p75,p90,p95,p99,std,p99.9,count,tag,unit
    Time to First Token (ms),75,50,100,150,50.5,52.5,55,62.5,75,87.5,95,97.5,99.5,25,99.95,2,time_to_first_token,ms
    Time to Second Token (ms),20,10,30,40,10.2,11,12,15,20,25,28,29,29.8,10,29.98,2,time_to_second_token,ms
    Time to First Byte (ms),73,48,98,146,48.5,50.5,53,60.5,73,85.5,93,95.5,97.5,25,97.95,2,time_to_first_byte,ms
    Request Latency (ms),150,100,200,300,101,105,110,125,150,175,190,195,199,50,199.9,2,request_latency,ms
    Inter Token Latency (ms),12.5,10,15,25,10.05,10.25,10.5,11.25,12.5,13.75,14.5,14.75,14.95,2.5,14.995,2,inter_token_latency,ms
    Inter Chunk Latency (ms),15,10,30,60,10.002431,10.002431,10.002431,10.002431,10.002431,10.002431,30,30,30,8.660254037844386,30,4,inter_chunk_latency,ms
    Output Token Throughput Per User (tokens/sec/user),83.33333333333334,66.66666666666667,100,166.66666666666669,67,68.33333333333334,70,75,83.33333333333334,91.66666666666667,96.66666666666667,98.33333333333333,99.66666666666667,16.666666666666664,99.96666666666667,2,output_token_throughput_per_user,tokens/sec/user
    E2E Output Token Throughput (tokens/sec/user),30,20,40,60,20.2,21,22,25,30,35,38,39,39.8,10,39.98,2,e2e_output_token_throughput,tokens/sec/user
    Prefill Throughput Per User (tokens/sec/user),375,250,500,750,252.5,262.5,275,312.5,375,437.5,475,487.5,497.5,125,499.75,2,prefill_throughput_per_user,tokens/sec/user
    Output Sequence Length (tokens),4,4,4,8,4,4,4,4,4,4,4,4,4,0,4,2,output_sequence_length,tokens
    Output Token Count (tokens),4,4,4,8,4,4,4,4,4,4,4,4,4,0,4,2,output_token_count,tokens
    Usage Completion Tokens (tokens),4,4,4,8,4,4,4,4,4,4,4,4,4,0,4,2,usage_completion_tokens,tokens
    OSL Mismatch Diff % (%),0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,2,osl_mismatch_diff_pct,%
    Input Sequence Length (tokens),25,25,25,50,25,25,25,25,25,25,25,25,25,0,25,2,input_sequence_length,tokens
    Usage Prompt Tokens (tokens),30,30,30,60,30,30,30,30,30,30,30,30,30,0,30,2,usage_prompt_tokens,tokens
    Usage Total Tokens (tokens),34,34,34,68,34,34,34,34,34,34,34,34,34,0,34,2,usage_total_tokens,tokens
    Tokens per Read (tokens),1.5,1,2,3,1.01,1.05,1.1,1.25,1.5,1.75,1.9,1.95,1.99,0.5,1.999,2,tokens_per_read,tokens
    Token Events per Read (events),1,1,1,2,1,1,1,1,1,1,1,1,1,0,1,2,token_events_per_read,events
    Schedule Lateness (ms),0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,2,schedule_lateness,ms
    Send Lateness (ms),1,0,2,2,0.02,0.1,0.2,0.5,1,1.5,1.8,1.9,1.98,1,1.998,2,send_lateness,ms
    Connection Time (ms),2,2,2,2,2,2,2,2,2,2,2,2,2,0,2,1,connection_time,ms
    Output Token Throughput (tokens/sec),8,,,,,,,,,,,,,,,,output_token_throughput,tokens/sec
    Input Token Throughput (tokens/sec),50,,,,,,,,,,,,,,,,input_token_throughput,tokens/sec
    Total Token Throughput (tokens/sec),58,,,,,,,,,,,,,,,,total_token_throughput,tokens/sec
    Request Throughput (requests/sec),2,,,,,,,,,,,,,,,,request_throughput,requests/sec
    Request Count,2,,,,,,,,,,,,,,,,request_count,requests
    Error Request Count,2,,,,,,,,,,,,,,,,error_request_count,requests
    Cancelled Request Count,0,,,,,,,,,,,,,,,,cancelled_request_count,requests
    Completed Requests (Success + Error),4,,,,,,,,,,,,,,,,completed_request_count,requests
    Request Error Rate (%),50,,,,,,,,,,,,,,,,request_error_rate,%
    Benchmark Duration (sec),1,,,,,,,,,,,,,,,,benchmark_duration,sec
    Total Input Sequence Length (tokens),50,,,,,,,,,,,,,,,,total_isl,tokens
    Total Output Sequence Length (tokens),8,,,,,,,,,,,,,,,,total_osl,tokens
    Total Output Tokens (tokens),8,,,,,,,,,,,,,,,,total_output_tokens,tokens
    Total Usage Prompt Tokens (tokens),60,,,,,,,,,,,,,,,,total_usage_prompt_tokens,tokens
    Total Usage Completion Tokens (tokens),8,,,,,,,,,,,,,,,,total_usage_completion_tokens,tokens
    Total Usage Total Tokens (tokens),68,,,,,,,,,,,,,,,,total_usage_total_tokens,tokens
    OSL Mismatch Count,0,,,,,,,,,,,,,,,,osl_mismatch_count,requests
    Decode Duration (ms),30,30,30,60,30,30,30,30,30,30,30,30,30,0,30,2,decode_duration,ms
    Longest Gap (ms),20,10,30,40,10.2,11,12,15,20,25,28,29,29.8,10,29.98,2,max_inter_chunk_latency,ms
    Stream Prefill Latency (ms),2,2,2,4,2,2,2,2,2,2,2,2,2,0,2,2,stream_prefill_latency,ms
    Effective Latency (ms),151,102,200,302,102.98,106.9,111.8,126.5,151,175.5,190.2,195.1,199.02,49,199.902,2,effective_latency,ms
    Requested OSL (tokens),4,4,4,8,4,4,4,4,4,4,4,4,4,0,4,2,requested_osl,tokens
    Error Input Sequence Length (tokens),25,25,25,25,25,25,25,25,25,25,25,25,25,0,25,1,error_isl,tokens
    Total Error Input Sequence Length (tokens),25,,,,,,,,,,,,,,,,total_error_isl,tokens
    Usage Prompt Diff % (%),20,20,20,40,20,20,20,20,20,20,20,20,20,0,20,2,usage_prompt_tokens_diff_pct,%
    Usage Completion Diff % (%),0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,2,usage_completion_tokens_diff_pct,%
    Usage Discrepancy Count,2,,,,,,,,,,,,,,,,usage_discrepancy_count,requests
    Effective Concurrency,1.208,1,2,,1,1,1,1,1,1,2,2,2,0.40587682860690627,2,,effective_concurrency,requests
    Active Concurrency,1.208,1,2,,1,1,1,1,1,1,2,2,2,0.40587682860690627,2,,active_concurrency,requests
    Effective Prefill Concurrency,0.151,0,2,,0,0,0,0,0,0,1,1,2,0.4777017898228977,2,,effective_prefill_concurrency,requests
    Effective Decode Concurrency,1.047,0,2,,0,0,1,1,1,1,1,2,2,0.38573436455675036,2,,effective_decode_concurrency,requests
    Effective Prefill Throughput (tokens/sec),50,0,750,,0,0,0,0,0,0,0,250.111,750,169.5582495781317,750,,effective_prefill_throughput,tokens/sec
    Effective Decode Throughput (tokens/sec),5,0,100,,0,0,0,0,0,0,0,66.687,100,20.207259421636902,100,,effective_decode_throughput,tokens/sec
    Effective Total Throughput (tokens/sec),55,0,750,,0,0,0,0,0,0,66.687,350.207,750,173.6615482291153,750,,effective_total_throughput,tokens/sec
    Effective Prefill Throughput Per User (tokens/sec/user),31.25,0,375,,0,0,0,0,0,0,0,250.111,375,95.81068572972431,375,,effective_prefill_throughput_per_user,tokens/sec/user
    Effective Decode Throughput Per User (tokens/sec/user),4.033333333333333,0,100,,0,0,0,0,0,0,0,33.343,100,17.899689631077095,100,,effective_decode_throughput_per_user,tokens/sec/user
    Active Prefill Throughput (tokens/sec),495.0495049504951,0,750,,250.111,250.111,250.111,250.111,250.111,750,750,750,750,253.63739519701977,750,,active_prefill_throughput,tokens/sec
    Active Decode Throughput (tokens/sec),5.274261603375527,0,100,,0,0,0,0,0,0,0,66.687,100,20.719190062155043,100,,active_decode_throughput,tokens/sec
    Active Total Throughput (tokens/sec),55,0,750,,0,0,0,0,0,0,66.687,350.207,750,173.6615482291153,750,,active_total_throughput,tokens/sec
    Active Prefill Throughput Per User (tokens/sec/user),309.4059405940594,0,375,,250.111,250.111,250.111,250.111,250.111,375,375,375,375,69.46146138813009,375,,active_prefill_throughput_per_user,tokens/sec/user
    Active Decode Throughput Per User (tokens/sec/user),4.2545710267229255,0,100,,0,0,0,0,0,0,0,33.343,100,18.35843784219821,100,,active_decode_throughput_per_user,tokens/sec/user
    Tokens in Flight (tokens),8.025,0,56.13333333333333,,0,0,0,0,0,0,29,50,54,16.859421549982073,56,,tokens_in_flight,tokens
    ");
}

#[test]
fn a_line_for_each_request_in_the_order_of_the_journal() {
    let dir = write(&sound_frames());
    generate(dir.path()).unwrap();
    let lines = text(dir.path(), file_names::REQUESTS);
    let ids = |lines: &str| -> Vec<Value> {
        let parsed = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        parsed.map(|line| line["metadata"]["x_request_id"].clone()).collect()
    };
    assert_eq!(ids(&lines), ["a", "b", "c", "d"]);
    assert_eq!(ids(&text(dir.path(), file_names::WARMUP_REQUESTS)), ["w"]);
    let line = |at: usize| lines.lines().nth(at).unwrap();
    assert_snapshot!(line(0), @r#"
    {"metadata":{"session_num":0,"x_request_id":"a","conversation_id":"session_a","turn_index":0,"credit_issued_ns":1795488577100000000,"request_start_ns":1795488577100000000,"request_sent_ns":1795488577102000000,"request_ack_ns":1795488577150000000,"request_end_ns":1795488577202000000,"worker_id":"worker_0","benchmark_phase":"profiling","phase_index":1,"was_cancelled":false,"retried":false,"status":200,"model":"m","finish_reasons":["stop"],"response_bytes":900,"largest_read_bytes":300},"metrics":{"time_to_first_token":{"value":50,"unit":"ms"},"time_to_second_token":{"value":10,"unit":"ms"},"time_to_first_byte":{"value":48,"unit":"ms"},"request_latency":{"value":100,"unit":"ms"},"inter_token_latency":{"value":10,"unit":"ms"},"output_token_throughput_per_user":{"value":100,"unit":"tokens/sec/user"},"e2e_output_token_throughput":{"value":40,"unit":"tokens/sec/user"},"prefill_throughput_per_user":{"value":500,"unit":"tokens/sec/user"},"output_sequence_length":{"value":4,"unit":"tokens"},"output_token_count":{"value":4,"unit":"tokens"},"usage_completion_tokens":{"value":4,"unit":"tokens"},"osl_mismatch_diff_pct":{"value":0,"unit":"%"},"input_sequence_length":{"value":25,"unit":"tokens"},"usage_prompt_tokens":{"value":30,"unit":"tokens"},"usage_total_tokens":{"value":34,"unit":"tokens"},"tokens_per_read":{"value":1,"unit":"tokens"},"token_events_per_read":{"value":1,"unit":"events"},"schedule_lateness":{"value":0,"unit":"ms"},"send_lateness":{"value":2,"unit":"ms"},"connection_time":{"value":2,"unit":"ms"},"inter_chunk_latency":{"value":[10,10,10],"unit":"ms"}}}
    "#);
    assert_snapshot!(line(3), @r#"
    {"metadata":{"session_num":3,"x_request_id":"d","conversation_id":"session_d","turn_index":0,"credit_issued_ns":1795488577300000000,"request_start_ns":1795488577300000000,"request_sent_ns":1795488577300000000,"request_ack_ns":1795488577309000000,"request_end_ns":1795488577310000000,"worker_id":"worker_0","benchmark_phase":"profiling","phase_index":1,"was_cancelled":false,"retried":false,"status":500,"finish_reasons":[],"response_bytes":0,"largest_read_bytes":0},"metrics":{},"error":{"code":500,"type":"http_status","message":"worker 3 is out of memory"}}
    "#);
}

#[test]
fn a_metric_of_the_summary_has_its_statistics_in_order() {
    let dir = write(&sound_frames());
    generate(dir.path()).unwrap();
    let summary = summary(dir.path());
    assert_snapshot!(summary["time_to_first_token"].to_string(), @r#"
    {"unit":"ms","avg":75,"p1":50.5,"p5":52.5,"p10":55,"p25":62.5,"p50":75,"p75":87.5,"p90":95,"p95":97.5,"p99":99.5,"p99.9":99.95,"min":50,"max":100,"std":25,"carried":[],"count":2,"sum":150}
    "#);
    assert_snapshot!(summary["request_count"].to_string(), @r#"
    {"unit":"requests","avg":2}
    "#);
    assert_eq!(summary["warmup_metrics"]["request_latency"]["avg"], 90);
}

#[test]
fn the_summary_has_the_metrics_first_and_the_facts_of_the_run_after_them() {
    let dir = write(&sound_frames());
    let report = generate(dir.path()).unwrap();
    assert!(text(dir.path(), "profile_export_prony.json").starts_with("{\n  \"schema_version\": \"2.0\",\n"));
    let summary = summary(dir.path());
    let object = summary.as_object().unwrap();
    let tags: Vec<&str> = report.profiling.table.rows().map(|(metric, _)| metric.tag).collect();
    let keys: Vec<&str> = object.keys().map(String::as_str).skip(4).take(tags.len()).collect();
    assert_eq!(keys, tags);
    assert_eq!(object["definitions"].as_object().unwrap().keys().collect::<Vec<_>>(), tags);

    // The configuration is the business of another stage.
    let long = ["input_config", "warmup_metrics", "definitions"];
    let facts = object.iter().filter(|(key, _)| !tags.contains(&key.as_str()));
    let lines = facts.map(|(key, value)| {
        let value = if long.contains(&key.as_str()) { "...".to_owned() } else { value.to_string() };
        format!("{key}: {value}")
    });
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    schema_version: "2.0"
    prony_version: "0.1.0"
    run_id: "6f1e3a52-07c4-4c1b-9c58-d1b2ab3d9e11"
    benchmark_id: "6f1e3a52-07c4-4c1b-9c58-d1b2ab3d9e11"
    verdict: {"verdict":"doubtful","line":"doubtful: 50.0 % of the requests failed (stream_cut, http_status 500); 2 samples carry no p50, p90, p95, p99","findings":[{"name":"failed_requests","severity":"doubtful","text":"2 of 4 requests failed (50.0 %; stream_cut, http_status 500): the numbers describe the others only","advice":""},{"name":"few_samples","severity":"doubtful","text":"2 samples carry no p50, p90, p95, p99: a few slow requests decide them, and they are marked with *","advice":"For p99, let 662 requests succeed"}],"steadiness":{}}
    scheduled: 4
    sent: 4
    late: 0
    dropped: 0
    lost: 0
    uncounted: 0
    closed_idle: 0
    cancelled_on_purpose: 0
    context_overflow_count: 0
    client: {"verdict":"ok","reasons":[],"remarks":[],"arrival_clock":"kernel","cpu_s":0.35,"first_reads":{"streams":2,"shared":0,"bound_ms":null},"peak_memory_bytes":25165824,"workers":[{"worker":0,"wall_ms":1000.0,"busy_share":0.25,"queued_share":0.01,"goes_first":false,"read_delay_ms":{"count":40,"p50":0.008,"p99":0.07,"max":0.09},"unstamped_reads":0,"wake_delay_ms":{"count":0,"p50":0.0,"p99":0.0,"max":0.0},"clock_steps":0,"machine_busy_share":null,"machine_used_share":null,"held_back":0,"descriptors_left":null}]}
    token_source: "server"
    token_counts: {"output":{"requests":2,"server":8,"client":8},"input":{"requests":2,"server":60,"client":50},"not_visible":0,"empty_responses":0,"unread_responses":0,"inter_token_latency_basis":{"counted":0,"usage":0,"events":0,"scaled":2,"characters":0,"lower_bound":0,"missing":0}}
    input_config: ...
    run_info: {"command":"prony profile --model m","random_seed":42,"tokenizer":"o200k_base sha256:0"}
    was_cancelled: false
    is_complete: true
    error_summary: [{"error_details":{"type":"stream_cut","message":"the stream ended after 2 events"},"count":1},{"error_details":{"code":500,"type":"http_status","message":"worker 3 is out of memory"},"count":1}]
    start_time: "2026-11-24T02:49:37.1Z"
    end_time: "2026-11-24T02:49:38.1Z"
    warmup_metrics: ...
    warmup_error_summary: []
    services: {"server_metrics":{"name":"server_metrics","required":false,"isolated":false,"pid":null,"state":"stopped","error":null,"published":2,"received":0,"lost":0,"most_waiting":0}}
    plugin_policy: {"name":"any","set_by":"prony's default"}
    plugins: [{"category":"endpoint","name":"chat","class":"endpoint_openai:ChatEndpoint","package":"endpoint-openai","version":"0.1.0","contract":"1.0","rustc":"rustc 1.90.0","opt_level":"3","library":"/lib/prony/libendpoint_openai.so","sha256":"sha256-0","manifest":"/lib/prony/plugins.yaml","tier":"built-in"}]
    notes: []
    phases: [{"index":0,"kind":"warmup","start_ns":1795488577000000000,"end_ns":1795488577100000000,"window_end_ns":1795488577090000000,"counts":{"scheduled":1,"sent":1,"late":0,"dropped":0,"lost":0}},{"index":1,"kind":"profiling","start_ns":1795488577100000000,"end_ns":1795488578105000000,"window_end_ns":1795488578100000000,"counts":{"scheduled":4,"sent":4,"late":0,"dropped":0,"lost":0}}]
    models_seen: {"m":3}
    percentiles_note: "Percentiles interpolate linearly between the two nearest ranks; those of inter_chunk_latency come from a histogram with three significant digits. std is the population's. Only successful requests have values."
    definitions: ...
    "#);
}

#[test]
fn a_killed_run_names_the_plugins_that_it_began_with() {
    let mut frames = sound_frames();
    frames.pop();
    assert_eq!(report_on(&frames).plugins(), sample::header().plugins);
}

/// The run's own report counts nothing, and says so; a later one does, and has nothing to say.
#[test]
fn what_the_run_has_not_counted_is_in_the_summary_until_a_report_counts_it() {
    let tokenizer = Tokenizer::load(&TokenizerChoice::Builtin).unwrap();
    let name = format!("o200k_base sha256:{}", tokenizer.fingerprint());
    let header = RunHeader { tokenizer: Some(name), ..sample::header() };
    let run_id = header.run_id.clone();
    let mut frames = sample::journal(header, &[sample::a(), sample::b()]);
    let uncounted = Record { counted: CountedTokens::default(), ..sample::a() };
    let is_a = |frame: &Frame| matches!(frame, Frame::Record(record) if record.request_id == "a");
    let place = frames.iter().position(is_a).unwrap();
    frames[place] = Frame::Uncounted(Box::new(uncounted));
    let dir = write(&frames);
    let texts = Texts { passages: vec![(false, "four words of text".into())], ..Texts::default() };
    TextStore::new(dir.path(), &run_id).keep(place as u64, &texts);

    let (report, _) = generate_at_end(dir.path(), &run_id, Screen::UNLIMITED).unwrap();
    assert!(report.came_to_its_end());
    let at_end = summary(dir.path());
    assert_eq!((&at_end["uncounted"], &at_end["is_complete"]), (&1.into(), &false.into()));
    let reason = at_end["incomplete_reason"].as_str().unwrap();
    assert!(reason.contains("1 response was not counted in tokens"), "{reason}");
    assert!(reason.contains("`prony report DIR` counts it"), "{reason}");

    generate(dir.path()).unwrap();
    let later = summary(dir.path());
    assert_eq!((&later["uncounted"], &later["is_complete"]), (&0.into(), &true.into()));
    assert_eq!(later["output_token_count"]["count"], 2);
}

#[test]
fn no_metric_hides_another_key_of_the_summary() {
    let dir = write(&sound_frames());
    generate(dir.path()).unwrap();
    let summary = summary(dir.path());
    for metric in crate::metrics::catalogue::CATALOGUE {
        let key = summary.get(metric.tag);
        assert!(key.is_none_or(|value| value.get("unit").is_some()), "{}", metric.tag);
    }
}

#[test]
fn a_run_that_was_killed_has_a_report_on_all_that_was_written() {
    let frames = sound_frames();
    // Killed in the profiling phase, after `a` and `b`.
    let dir = write(&frames[..7]);
    let report = generate(dir.path()).unwrap();
    assert!(!report.came_to_its_end() && !report.was_cancelled());
    assert_eq!(report.profiling.outcomes.succeeded, 2);
    assert_eq!(report.counts(), None);
    let summary = summary(dir.path());
    // The window ends with `b`.
    assert_eq!(summary["benchmark_duration"]["avg"], 0.2);
    assert_eq!(summary["is_complete"], false);
    assert_eq!(summary["incomplete_reason"], "the run was killed: its journal has no end");
    assert!(summary["scheduled"].is_null() && summary["phases"][1]["end_ns"].is_null());
}

#[test]
fn a_run_that_was_killed_before_it_profiled_does_not_know_its_counts() {
    // Its header, and the beginning of its warm-up.
    let dir = write(&sound_frames()[..2]);
    let report = generate(dir.path()).unwrap();
    assert_eq!((report.phases.len(), report.counts()), (1, None));
    assert!(
        console::render(&report, Screen::UNLIMITED).contains("scheduled / sent / late / dropped: unknown")
    );
}

#[test]
fn a_journal_cut_anywhere_after_its_header_has_a_report() {
    let whole = fs::read(write(&sound_frames()).path().join(journal::FILE_NAME)).unwrap();
    let header = fs::metadata(write(&sound_frames()[..1]).path().join(journal::FILE_NAME)).unwrap().len();
    let header = usize::try_from(header).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut requests = 0;
    for cut in (header..whole.len()).step_by(97) {
        fs::write(dir.path().join(journal::FILE_NAME), &whole[..cut]).unwrap();
        let report = generate(dir.path()).unwrap();
        assert!(!report.came_to_its_end(), "cut at {cut}");
        let completed = report.profiling.outcomes.completed();
        assert!(completed >= requests);
        requests = completed;
    }
    assert_eq!(requests, 4);
}

#[test]
fn a_damaged_journal_says_so_even_with_its_end_in_sight() {
    let dir = write(&sound_frames());
    let path = dir.path().join(journal::FILE_NAME);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let report = generate(dir.path()).unwrap();
    assert!(report.incomplete_reason.unwrap().contains("damaged"));
}

#[test]
fn a_journal_without_a_header_is_refused() {
    let dir = write(&sound_frames()[1..]);
    let error = generate(dir.path()).unwrap_err();
    assert!(matches!(error, ReportError::NoHeader { .. }), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_without_a_journal_gets_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let error = generate(dir.path()).unwrap_err();
    assert!(error.hint().contains("journal.prony"), "{error}");
}

#[rstest]
#[case::nothing_listens(&["connect", "connect"], true)]
#[case::something_listens(&["connect", "timeout"], false)]
#[case::no_failure(&[], false)]
fn a_server_that_was_never_reached_is_told_apart(#[case] kinds: &[&str], #[case] expected: bool) {
    let records: Vec<Record> = kinds.iter().map(|kind| failed(kind)).collect();
    assert_eq!(report_on_records(&records).never_connected(), expected);
}

#[test]
fn one_success_means_that_the_server_was_reached() {
    assert!(!report_on_records(&[sample::a(), failed("connect")]).never_connected());
}

#[test]
fn scrapes_are_collected_and_unreadable_ones_are_noted_once() {
    let batch = |url: &str| ServerMetricsBatch {
        samples: vec![ServerMetricsSample { url: url.into(), at_ns: 5 * MS, ..Default::default() }],
    };
    let message = |message_type: &str, payload: Vec<u8>| Frame::Message {
        service: "scraper".into(),
        message_type: message_type.into(),
        payload,
    };
    let mut frames = sound_frames();
    let at = frames.len() - 1;
    let messages = [
        message(ServerMetricsBatch::TYPE, batch("http://one/metrics").encode().unwrap()),
        message("something_else", vec![0xc1]),
        message(ServerMetricsBatch::TYPE, vec![0xc1]),
        message(ServerMetricsBatch::TYPE, vec![0xc1]),
        message(ServerMetricsBatch::TYPE, batch("http://two/metrics").encode().unwrap()),
    ];
    frames.splice(at..at, messages);
    let dir = write(&frames);
    let report = generate(dir.path()).unwrap();
    let json = fs::read_to_string(dir.path().join("server_metrics_export.json")).unwrap();
    assert!(json.contains("http://one/metrics") && json.contains("http://two/metrics"), "{json}");
    assert_eq!(report.notes.len(), 2);
    for (note, message_type) in report.notes.iter().zip([ServerMetricsBatch::TYPE, "something_else"]) {
        let begin =
            format!("service `scraper` published a message of the type `{message_type}` that cannot be");
        assert!(note.starts_with(&begin), "{note}");
    }
}
