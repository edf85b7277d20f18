//! What people read of a report: the table on two screens, and Markdown.

use super::*;
use crate::record::ServiceState;

#[test]
fn the_console_shows_a_sound_run() {
    let dir = write(&sound_frames());
    let report = generate(dir.path()).unwrap();
    let table = text(dir.path(), file_names::CONSOLE);
    assert_eq!(table, console::render(&report, Screen::UNLIMITED));
    let is_sentence =
        |line: &&str| ["wrote ", "verdict ", "warning: "].iter().any(|lead| line.starts_with(lead));
    assert!(table.lines().filter(|line| !is_sentence(line)).all(|line| line.chars().count() <= 80));
    with_settings!({ filters => vec![(dir.path().to_str().unwrap(), "[dir]")] }, {
        assert_snapshot!(table, @"
        verdict  doubtful: 50.0 % of the requests failed (stream_cut, http_status 500); 2 samples carry no p50, p90, p95, p99

          Time to First Token      75.00 ms on average
          Inter Token Latency      12.50 ms on average
          Output Token Throughput   8.00 tokens/sec

        prony 0.1.0, run 6f1e3a52-07c4-4c1b-9c58-d1b2ab3d9e11
          model     m
          endpoint  chat, streaming
          target    http://127.0.0.1:8000
          load      closed loop, concurrency 2, 4 requests
          measured  1.00 s
          seed      42
          tokens    output counted by the server

        Metric                           avg     max      p99      p95      p90      p50
        ────────────────────────────────────────────────────────────────────────────────
        Latency (ms)
          Time to First Token          75.00  100.00   99.50*   97.50*   95.00*   75.00*
          Time to Second Token         20.00   30.00   29.80*   29.00*   28.00*   20.00*
          Request Latency             150.00  200.00  199.00*  195.00*  190.00*  150.00*
          Inter Token Latency          12.50   15.00   14.95*   14.75*   14.50*   12.50*
          Inter Chunk Latency          15.00   30.00   30.00*   30.00*   30.00*   10.00*
          Send Lateness                 1.00    2.00    1.98*    1.90*    1.80*    1.00*
        Throughput of a user (tokens/sec)
          Output Token Throughput      83.33  100.00   99.67*   98.33*   96.67*   83.33*
            Per User
          E2E Output Token             30.00   40.00   39.80*   39.00*   38.00*   30.00*
            Throughput
        Lengths (tokens)
          Output Sequence Length        4.00       4    4.00*    4.00*    4.00*    4.00*
          Output Token Count            4.00       4    4.00*    4.00*    4.00*    4.00*
          Usage Completion Tokens       4.00       4    4.00*    4.00*    4.00*    4.00*
          Input Sequence Length        25.00      25   25.00*   25.00*   25.00*   25.00*
          Usage Prompt Tokens          30.00      30   30.00*   30.00*   30.00*   30.00*
        * too few samples for it (needed: p50 11, p90 64, p95 130, p99 662)
        left out to fit the width, but in `profile_export_prony.json`: std, min

        Throughput
          Output Token Throughput   8.00  tokens/sec
          Input Token Throughput   50.00  tokens/sec
          Request Throughput        2.00  requests/sec
        Requests
          Request Count                2
          Error Request Count          2
          Request Error Rate       50.00  %

        Client
          scheduled 4 / sent 4 / late 0 / dropped 0
          client: ok, arrivals by the kernel's clock
          warm-up, not in the numbers: 1 request in 0.09 s, 0 failed

        Errors
          Count  Code  Type         Message
              1     -  stream_cut   the stream ended after 2 events
              1   500  http_status  worker 3 is out of memory

        warning: 2 of 4 requests failed (50.0 %; stream_cut, http_status 500): the numbers describe the others only
        warning: 2 samples carry no p50, p90, p95, p99: a few slow requests decide them, and they are marked with *. For p99, let 662 requests succeed

        wrote [dir]/profile_export.jsonl
        wrote [dir]/profile_export_warmup.jsonl
        wrote [dir]/profile_export_prony.json
        wrote [dir]/profile_export_prony.csv
        wrote [dir]/profile_export_prony.md
        wrote [dir]/report.html
        wrote [dir]/profile_export_console.txt
        wrote [dir]/manifest.json
        wrote [dir]/journal.prony
        ");
    });
}

#[test]
fn the_markdown_is_what_github_shows() {
    let dir = write(&sound_frames());
    generate(dir.path()).unwrap();
    assert_snapshot!(text(dir.path(), file_names::MARKDOWN), @r"
    ### prony 0.1.0: m

    > **verdict: doubtful**: 50.0 % of the requests failed (stream\_cut, http\_status 500); 2 samples carry no p50, p90, p95, p99

    - **Time to First Token**: 75.00 ms on average
    - **Inter Token Latency**: 12.50 ms on average
    - **Output Token Throughput**: 8.00 tokens/sec

    <details><summary>what was measured</summary>

    |  |  |
    | :--- | :--- |
    | model | m |
    | endpoint | chat, streaming |
    | target | `http://127.0.0.1:8000` |
    | load | closed loop, concurrency 2, 4 requests |
    | measured | 1.00 s |
    | seed | 42 |
    | tokens | output counted by the server |
    | run | 6f1e3a52-07c4-4c1b-9c58-d1b2ab3d9e11 |

    </details>

    | Latency (ms) | avg | min | max | p99 | p95 | p90 | p50 | std |
    | :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | Time to First Token | 75.00 | 50.00 | 100.00 | 99.50\* | 97.50\* | 95.00\* | 75.00\* | 25.00 |
    | Time to Second Token | 20.00 | 10.00 | 30.00 | 29.80\* | 29.00\* | 28.00\* | 20.00\* | 10.00 |
    | Request Latency | 150.00 | 100.00 | 200.00 | 199.00\* | 195.00\* | 190.00\* | 150.00\* | 50.00 |
    | Inter Token Latency | 12.50 | 10.00 | 15.00 | 14.95\* | 14.75\* | 14.50\* | 12.50\* | 2.50 |
    | Inter Chunk Latency | 15.00 | 10.00 | 30.00 | 30.00\* | 30.00\* | 30.00\* | 10.00\* | 8.66 |
    | Send Lateness | 1.00 | 0.00 | 2.00 | 1.98\* | 1.90\* | 1.80\* | 1.00\* | 1.00 |

    | Throughput of a user (tokens/sec) | avg | min | max | p99 | p95 | p90 | p50 | std |
    | :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | Output Token Throughput Per User | 83.33 | 66.67 | 100.00 | 99.67\* | 98.33\* | 96.67\* | 83.33\* | 16.67 |
    | E2E Output Token Throughput | 30.00 | 20.00 | 40.00 | 39.80\* | 39.00\* | 38.00\* | 30.00\* | 10.00 |

    | Lengths (tokens) | avg | min | max | p99 | p95 | p90 | p50 | std |
    | :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | Output Sequence Length | 4.00 | 4 | 4 | 4.00\* | 4.00\* | 4.00\* | 4.00\* | 0.00 |
    | Output Token Count | 4.00 | 4 | 4 | 4.00\* | 4.00\* | 4.00\* | 4.00\* | 0.00 |
    | Usage Completion Tokens | 4.00 | 4 | 4 | 4.00\* | 4.00\* | 4.00\* | 4.00\* | 0.00 |
    | Input Sequence Length | 25.00 | 25 | 25 | 25.00\* | 25.00\* | 25.00\* | 25.00\* | 0.00 |
    | Usage Prompt Tokens | 30.00 | 30 | 30 | 30.00\* | 30.00\* | 30.00\* | 30.00\* | 0.00 |

    \* too few samples for it (needed: p50 11, p90 64, p95 130, p99 662)

    | Totals | value | unit |
    | :--- | ---: | ---: |
    | Output Token Throughput | 8.00 | tokens/sec |
    | Input Token Throughput | 50.00 | tokens/sec |
    | Request Throughput | 2.00 | requests/sec |
    | Request Count | 2 |  |
    | Error Request Count | 2 |  |
    | Request Error Rate | 50.00 | % |

    | Errors | code | count | message |
    | :--- | :--- | :--- | :--- |
    | stream\_cut |  | 1 | the stream ended after 2 events |
    | http\_status | 500 | 1 | worker 3 is out of memory |

    - **warning**: 2 of 4 requests failed (50.0 %; stream\_cut, http\_status 500): the numbers describe the others only
    - **warning**: 2 samples carry no p50, p90, p95, p99: a few slow requests decide them, and they are marked with \*. For p99, let 662 requests succeed
    ");
}

#[test]
#[expect(clippy::too_many_lines, reason = "the snapshot of a whole table")]
fn the_console_shows_what_is_wrong_with_a_run() {
    let mut header = sample::header();
    let phase = &mut header.settings.phases[1];
    (phase.is_open_loop, phase.law, phase.rate) = (true, LawName::Poisson, Some(12.5));
    phase.duration_s = Some(30.0);
    let long = Record {
        requested_output_tokens: Some(2),
        model: Some("m-mini".into()),
        retried: true,
        ..sample::a()
    };
    let cancelled = Record { outcome: Outcome::cancelled(), ..sample::b() };
    let mut frames = sample::journal(header, &[long, cancelled, sample::d()]);
    let Some(Frame::End(end)) = frames.last_mut() else { panic!("the last frame is the end") };
    end.was_cancelled = true;
    end.notes.push("no metrics page at http://127.0.0.1:8000/metrics".into());
    end.services[0].state = ServiceState::Failed;
    end.services[0].error = Some(error("io"));
    end.services[0].lost = 3;
    let dir = write(&frames);
    let table = console::render(&generate(dir.path()).unwrap(), Screen::of_width(120));
    with_settings!({ filters => vec![(dir.path().to_str().unwrap(), "[dir]")] }, {
        assert_snapshot!(table, @"
        verdict  doubtful: the run is incomplete; 1 request cancelled in flight; 33 % of the requests were sent late; 50.0 % of
                 the requests failed (http_status 500); 1 sample carries no p50, p90, p95, p99; the server ran another model; 1
                 response longer than requested

          Time to First Token      50.00 ms on average
          Inter Token Latency      10.00 ms on average
          Output Token Throughput  19.05 tokens/sec

        prony 0.1.0, run 6f1e3a52-07c4-4c1b-9c58-d1b2ab3d9e11
          model     m
          endpoint  chat, streaming
          target    http://127.0.0.1:8000
          load      open loop, 12.5 requests/s at Poisson gaps, latency from the schedule, at most 2 in flight, 4 requests, 30 s
          measured  0.21 s
          seed      42
          tokens    output counted by the server

        Metric                                  avg     min     max      p99      p95      p90      p50   std
        ─────────────────────────────────────────────────────────────────────────────────────────────────────
        Latency (ms)
          Time to First Token                 50.00   50.00   50.00   50.00*   50.00*   50.00*   50.00*  0.00
          Time to First Token from Schedule   52.00   52.00   52.00   52.00*   52.00*   52.00*   52.00*  0.00
          Time to Second Token                10.00   10.00   10.00   10.00*   10.00*   10.00*   10.00*  0.00
          Request Latency                    102.00  102.00  102.00  102.00*  102.00*  102.00*  102.00*  0.00
          Request Service Time               100.00  100.00  100.00  100.00*  100.00*  100.00*  100.00*  0.00
          Inter Token Latency                 10.00   10.00   10.00   10.00*   10.00*   10.00*   10.00*  0.00
          Inter Chunk Latency                 10.00   10.00   10.00   10.00*   10.00*   10.00*   10.00*  0.00
          Send Lateness                        2.00    2.00    2.00    2.00*    2.00*    2.00*    2.00*  0.00
        Throughput of a user (tokens/sec)
          Output Token Throughput Per User   100.00  100.00  100.00  100.00*  100.00*  100.00*  100.00*  0.00
          E2E Output Token Throughput         39.22   39.22   39.22   39.22*   39.22*   39.22*   39.22*  0.00
        Lengths (tokens)
          Output Sequence Length               4.00       4       4    4.00*    4.00*    4.00*    4.00*  0.00
          Output Token Count                   4.00       4       4    4.00*    4.00*    4.00*    4.00*  0.00
          Usage Completion Tokens              4.00       4       4    4.00*    4.00*    4.00*    4.00*  0.00
          Input Sequence Length               25.00      25      25   25.00*   25.00*   25.00*   25.00*  0.00
          Usage Prompt Tokens                 30.00      30      30   30.00*   30.00*   30.00*   30.00*  0.00
        * too few samples for it (needed: p50 11, p90 64, p95 130, p99 662)

        Throughput
          Output Token Throughput   19.05  tokens/sec
          Input Token Throughput   119.05  tokens/sec
          Request Throughput         4.76  requests/sec
        Requests
          Request Count                 1
          Error Request Count           1
          Request Error Rate        50.00  %

        Client
          scheduled 3 / sent 3 / late 1 / dropped 0
          client: ok, arrivals by the kernel's clock
          cancelled by prony, not in the numbers: 1 request (the run was interrupted)
          warm-up, not in the numbers: 1 request in 0.09 s, 0 failed

        Errors
          Count  Code  Type         Message
              1   500  http_status  worker 3 is out of memory

        service `server_metrics` failed: it failed
        service `server_metrics` lost 3 messages: it read too slowly or published too much
        note: no metrics page at http://127.0.0.1:8000/metrics

        note: requests that went over a new connection because the server had closed the kept one before it can have read them
              (closed_idle): 1; of these, sent again since it was seen only then: 1, whose times begin with the first try. Raise
              the server's keep-alive timeout, if its clients wait as long as these did
        warning: the numbers are incomplete: the run was interrupted
        warning: 1 request was still in flight and was cancelled (the run was interrupted): no metric counts it, and latencies
                 look better without it
        warning: 1 of 3 requests were sent more than 1 ms after their time: latencies count from the schedule and include that,
                 and the load was less even than was asked. Use a machine with more free processors, or a lower rate
        warning: 1 of 2 requests failed (50.0 %; http_status 500): the numbers describe the others only
        warning: 1 sample carries no p50, p90, p95, p99: a few slow requests decide them, and they are marked with *. For p99,
                 let 662 requests succeed
        warning: the server ran `m-mini` for 1 of 2 requests, not `m`
        warning: 1 of 1 responses is longer than requested (+100.0 % on average, +100.0 % to +100.0 %): if the server does not
                 know `max_completion_tokens`, use `--use-legacy-max-tokens`

        wrote [dir]/profile_export.jsonl
        wrote [dir]/profile_export_warmup.jsonl
        wrote [dir]/profile_export_prony.json
        wrote [dir]/profile_export_prony.csv
        wrote [dir]/profile_export_prony.md
        wrote [dir]/report.html
        wrote [dir]/profile_export_console.txt
        wrote [dir]/manifest.json
        wrote [dir]/journal.prony
        ");
    });
}
