use std::io::{self, Write};

use prony_plugin_api::{
    ErrorDetails,
    message::{MetricFamily, MetricKind, MetricSample, PhaseKind, ServerMetricsSample},
};

use super::{export::unit, stats::Stats, *};

const SECOND: u64 = 1_000_000_000;
const PAGE: &str = "http://a:8000/metrics";
const PHASES: [PhaseWindow; 2] = [
    PhaseWindow { index: 0, kind: PhaseKind::Warmup, start_ns: SECOND, end_ns: SECOND + SECOND / 2 },
    PhaseWindow { index: 1, kind: PhaseKind::Profiling, start_ns: 2 * SECOND, end_ns: 4 * SECOND },
];
/// 2026-01-02T03:04:05Z.
const WALL_START_NS: u64 = 1_767_323_045 * SECOND;

/// `name kind: suffix|label=value|… number, …`
fn family(text: &str) -> MetricFamily {
    let (head, samples) = text.split_once(": ").unwrap();
    let (name, kind) = head.split_once(' ').unwrap();
    let sample = |text: &str| {
        let (name, value) = text.rsplit_once(' ').unwrap();
        let mut words = name.split('|');
        let suffix = words.next().unwrap().to_owned();
        let labels = words.map(|pair| pair.split_once('=').unwrap());
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        MetricSample { suffix, labels, value: value.parse().unwrap() }
    };
    MetricFamily {
        name: name.to_owned(),
        kind: serde_json::from_value(kind.into()).unwrap(),
        help: format!("Help, with a comma, of {name}."),
        samples: samples.split(", ").map(sample).collect(),
    }
}

fn scrape(tenths: u64, families: &[&str]) -> ServerMetricsSample {
    ServerMetricsSample {
        url: PAGE.to_owned(),
        at_ns: tenths * SECOND / 10,
        latency_ns: 2_000_000,
        families: families.iter().map(|text| family(text)).collect(),
        error: None,
    }
}

fn failure(url: &str, message: &str) -> ServerMetricsSample {
    let error = ErrorDetails {
        code: Some(404),
        kind: "http_status".into(),
        message: message.into(),
        ..ErrorDetails::default()
    };
    ServerMetricsSample {
        url: url.into(),
        at_ns: SECOND,
        error: Some(error),
        ..ServerMetricsSample::default()
    }
}

fn timeline(samples: Vec<ServerMetricsSample>) -> Timeline {
    let mut timeline = Timeline::default();
    for sample in samples {
        timeline.push(sample);
    }
    timeline
}

fn compute(samples: Vec<ServerMetricsSample>) -> ServerMetricsReport {
    ServerMetricsReport::compute(&timeline(samples), &PHASES, WALL_START_NS).unwrap()
}

/// A warm-up of half a second and a profiling phase of two, of a page with a metric of each type.
fn sample_run() -> ServerMetricsReport {
    compute(vec![
        failure("http://b:8000/metrics", "404 Not Found"),
        scrape(10, &["done_requests_total counter: |model=m 3"]),
        scrape(15, &["done_requests_total counter: |model=m 5"]),
        scrape(
            20,
            &[
                "done_requests_total counter: |model=m 5",
                "running gauge: |model=m 1",
                "wait_seconds histogram: _bucket|le=1.0 1, _bucket|le=2.0 1, _bucket|le=+Inf 1, _sum 0.5, _count 1",
                "size_bytes summary: |quantile=0.5 7, _sum 70, _count 10",
            ],
        ),
        scrape(30, &["running gauge: |model=m 4", "odd untyped:  7"]),
        scrape(
            40,
            &[
                "done_requests_total counter: |model=m 13",
                "running gauge: |model=m 0",
                "wait_seconds histogram: _bucket|le=1.0 3, _bucket|le=2.0 5, _bucket|le=+Inf 5, _sum 5.5, _count 5",
                "size_bytes summary: |quantile=0.5 9, _sum 100, _count 14",
            ],
        ),
    ])
}

fn written(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
#[expect(clippy::too_many_lines, reason = "the snapshot of a whole file")]
fn json() {
    insta::assert_snapshot!(written(|out| sample_run().write_json(out)), @r#"
    {
      "schema_version": "1.0",
      "summary": {
        "endpoints_configured": [
          "http://b:8000/metrics",
          "http://a:8000/metrics"
        ],
        "endpoints_successful": [
          "http://a:8000/metrics"
        ],
        "start_time": "2026-01-02T03:04:06Z",
        "end_time": "2026-01-02T03:04:09Z",
        "endpoint_info": {
          "http://a:8000/metrics": {
            "total_fetches": 5,
            "first_fetch_ns": 1767323046000000000,
            "last_fetch_ns": 1767323049000000000,
            "avg_fetch_latency_ms": 2.0,
            "duration_seconds": 3.0
          },
          "http://b:8000/metrics": {
            "total_fetches": 0,
            "error": {
              "code": 404,
              "type": "http_status",
              "message": "404 Not Found"
            }
          }
        },
        "phase_time_ranges": {
          "profiling": {
            "start_ns": 1767323047000000000,
            "end_ns": 1767323049000000000
          },
          "warmup": {
            "start_ns": 1767323046000000000,
            "end_ns": 1767323046500000000
          }
        }
      },
      "metrics": {
        "done_requests": {
          "type": "counter",
          "description": "Help, with a comma, of done_requests_total.",
          "unit": "requests",
          "series": [
            {
              "endpoint_url": "http://a:8000/metrics",
              "labels": {
                "model": "m"
              },
              "phase": "profiling",
              "stats": {
                "total": 8.0,
                "rate": 4.0,
                "resets": 0
              }
            }
          ]
        },
        "odd": {
          "type": "untyped",
          "description": "Help, with a comma, of odd.",
          "unit": null,
          "series": [
            {
              "endpoint_url": "http://a:8000/metrics",
              "labels": {},
              "phase": "profiling",
              "stats": {
                "avg": 7.0,
                "min": 7.0,
                "max": 7.0,
                "std": 0.0,
                "last": 7.0,
                "p50": 7.0,
                "p90": 7.0,
                "p99": 7.0
              }
            }
          ]
        },
        "running": {
          "type": "gauge",
          "description": "Help, with a comma, of running.",
          "unit": null,
          "series": [
            {
              "endpoint_url": "http://a:8000/metrics",
              "labels": {
                "model": "m"
              },
              "phase": "profiling",
              "stats": {
                "avg": 2.5,
                "min": 1.0,
                "max": 4.0,
                "std": 2.1213203435596424,
                "last": 4.0,
                "p50": 2.5,
                "p90": 3.7,
                "p99": 3.9699999999999998
              }
            }
          ]
        },
        "size_bytes": {
          "type": "summary",
          "description": "Help, with a comma, of size_bytes.",
          "unit": "bytes",
          "series": [
            {
              "endpoint_url": "http://a:8000/metrics",
              "labels": {},
              "phase": "profiling",
              "stats": {
                "count": 4.0,
                "count_rate": 2.0,
                "sum": 30.0,
                "sum_rate": 15.0,
                "avg": 7.5,
                "resets": 0,
                "quantiles": {
                  "0.5": 9.0
                }
              }
            }
          ]
        },
        "wait_seconds": {
          "type": "histogram",
          "description": "Help, with a comma, of wait_seconds.",
          "unit": "seconds",
          "series": [
            {
              "endpoint_url": "http://a:8000/metrics",
              "labels": {},
              "phase": "profiling",
              "stats": {
                "count": 4.0,
                "count_rate": 2.0,
                "sum": 5.0,
                "sum_rate": 2.5,
                "avg": 1.25,
                "resets": 0,
                "p50_estimate": 1.0,
                "p90_estimate": 1.8,
                "p99_estimate": 1.98
              },
              "buckets": {
                "1": 2.0,
                "2": 4.0,
                "+Inf": 4.0
              }
            }
          ]
        }
      },
      "warmup_metrics": {
        "done_requests": {
          "type": "counter",
          "description": "Help, with a comma, of done_requests_total.",
          "unit": "requests",
          "series": [
            {
              "endpoint_url": "http://a:8000/metrics",
              "labels": {
                "model": "m"
              },
              "phase": "warmup",
              "stats": {
                "total": 2.0,
                "rate": 4.0,
                "resets": 0
              }
            }
          ]
        }
      }
    }
    "#);
}

#[test]
fn units_are_what_a_name_ends_with() {
    for (name, kind, expected) in [
        ("llamacpp:predicted_tokens_seconds", MetricKind::Gauge, Some("tokens/sec")),
        ("llamacpp:tokens_predicted_seconds", MetricKind::Counter, Some("seconds")),
        ("trt:output_tokens_per_second", MetricKind::Gauge, Some("tokens/sec")),
        ("vllm:time_per_output_token_seconds", MetricKind::Histogram, Some("seconds")),
        ("vllm:generation_tokens_total", MetricKind::Counter, Some("tokens")),
        ("up", MetricKind::Gauge, None),
    ] {
        assert_eq!(unit(name, kind), expected, "{name}");
    }
}

#[test]
fn csv() {
    insta::assert_snapshot!(written(|out| csv::write(&sample_run(), out)), @r#"
    Endpoint,Phase,Type,Metric,Unit,avg,min,max,std,last,p50,p90,p99,total,rate,count,count_rate,sum,sum_rate,resets,p50_estimate,p90_estimate,p99_estimate,buckets,quantiles,label_model,Description
    http://a:8000/metrics,warmup,counter,done_requests,requests,,,,,,,,,2,4,,,,,0,,,,,,m,"Help, with a comma, of done_requests_total."
    http://a:8000/metrics,profiling,counter,done_requests,requests,,,,,,,,,8,4,,,,,0,,,,,,m,"Help, with a comma, of done_requests_total."
    http://a:8000/metrics,profiling,untyped,odd,,7,7,7,0,7,7,7,7,,,,,,,,,,,,,,"Help, with a comma, of odd."
    http://a:8000/metrics,profiling,gauge,running,,2.5,1,4,2.1213203435596424,4,2.5,3.7,3.9699999999999998,,,,,,,,,,,,,m,"Help, with a comma, of running."
    http://a:8000/metrics,profiling,summary,size_bytes,bytes,7.5,,,,,,,,,,4,2,30,15,0,,,,,0.5=9,,"Help, with a comma, of size_bytes."
    http://a:8000/metrics,profiling,histogram,wait_seconds,seconds,1.25,,,,,,,,,,4,2,5,2.5,0,1,1.8,1.98,1=2;2=4;+Inf=4,,,"Help, with a comma, of wait_seconds."
    "#);
}

fn counter(report: &ServerMetricsReport) -> stats::CounterStats {
    match report.metrics["done_requests"].series[0].stats {
        Stats::Counter(stats) => stats,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_rate_covers_the_window_of_its_phase_and_nothing_after_it() {
    let report = compute(vec![
        scrape(20, &["done_requests_total counter:  10"]),
        scrape(30, &["done_requests_total counter:  30"]),
        scrape(40, &["done_requests_total counter:  50"]),
        scrape(60, &["done_requests_total counter:  90"]),
    ]);
    assert_eq!(counter(&report), stats::CounterStats { total: 40.0, rate: 20.0, resets: 0 });
}

#[test]
fn a_counter_that_starts_over_counts_from_zero() {
    let report = compute(vec![
        scrape(20, &["done_requests_total counter:  10"]),
        scrape(30, &["done_requests_total counter:  16"]),
        scrape(40, &["done_requests_total counter:  4"]),
    ]);
    assert_eq!(counter(&report), stats::CounterStats { total: 10.0, rate: 5.0, resets: 1 });
}

#[test]
fn both_text_formats_give_a_counter_the_same_name() {
    let report = compute(vec![
        scrape(20, &["done_requests counter: _total 1"]),
        scrape(40, &["done_requests counter: _total 3"]),
    ]);
    assert_eq!(counter(&report), stats::CounterStats { total: 2.0, rate: 1.0, resets: 0 });
    assert_eq!(report.metrics["done_requests"].unit, Some("requests"));
}

#[test]
fn a_counter_keeps_its_full_name_beside_a_gauge_of_the_short_one() {
    let page = ["queue_total counter:  1", "queue gauge:  2"];
    let report = compute(vec![scrape(20, &page), scrape(40, &page)]);
    assert_eq!(report.metrics.keys().collect::<Vec<_>>(), ["queue", "queue_total"]);
}

#[test]
fn pages_that_disagree_about_a_type_are_both_exported() {
    let mut other = scrape(30, &["load counter:  3"]);
    other.url = "http://b:8000/metrics".to_owned();
    let later = ServerMetricsSample { at_ns: 4 * SECOND, ..other.clone() };
    let report = compute(vec![scrape(30, &["load gauge:  7"]), other, later]);
    let csv = written(|out| csv::write(&report, out));
    let types: Vec<_> = csv.lines().filter(|line| line.contains(",profiling,")).collect();
    assert!(
        types[0].contains(",profiling,gauge,load,") && types[1].contains(",profiling,counter,load,"),
        "{csv}"
    );
}

#[test]
fn values_that_are_not_finite_do_not_count() {
    let report = compute(vec![
        scrape(20, &["load gauge:  NaN"]),
        scrape(30, &["load gauge:  3"]),
        scrape(35, &["load gauge:  inf"]),
        scrape(40, &["load gauge:  8"]),
    ]);
    let Stats::Gauge(stats) = &report.metrics["load"].series[0].stats else { panic!("{report:?}") };
    assert_eq!((stats.min, stats.max, stats.last, stats.std), (3.0, 3.0, 3.0, 0.0));
}

#[test]
fn a_run_without_pages_has_no_report() {
    assert!(ServerMetricsReport::compute(&Timeline::default(), &PHASES, WALL_START_NS).is_none());
}

#[test]
fn pages_that_failed_are_named_with_the_reason() {
    let gone = "http://b:8000/metrics";
    let report =
        compute(vec![failure(gone, "404 Not Found"), failure(PAGE, "connection refused"), scrape(30, &[])]);
    assert_eq!(
        report.unavailable(),
        [
            "no server metrics from `http://b:8000/metrics`: 404 Not Found",
            "server metrics from `http://a:8000/metrics` have gaps: connection refused",
        ]
    );
    assert!(report.metrics.is_empty());
}

/// Counters grow over the measured phase alone; a gauge that is 0 before the first step says nothing.
#[test]
fn servers_say_what_speculative_decoding_came_to() {
    let vllm = |tenths, steps: u32, drafted: u32, accepted: u32| {
        let of =
            |name: &str, count: u32| format!("vllm:spec_decode_num_{name}_total counter: |model=m {count}");
        let families = [of("drafts", steps), of("draft_tokens", drafted), of("accepted_tokens", accepted)];
        scrape(tenths, &families.each_ref().map(String::as_str))
    };
    let said = |samples| compute(samples).speculation();
    let expected = Speculation { length: Some(2.5), rate: Some(50.0) };
    assert_eq!(said(vec![vllm(20, 10, 30, 30), vllm(40, 14, 42, 36)]), Some(expected));
    assert_eq!(said(vec![vllm(20, 10, 30, 30), vllm(40, 10, 30, 30)]), None, "no step was taken");
    let sglang = |tenths, length: &str| {
        scrape(tenths, &[&format!("sglang:spec_accept_length gauge: |model=m {length}")])
    };
    let expected = Speculation { length: Some(3.0), rate: None };
    assert_eq!(said(vec![sglang(20, "3.5"), sglang(30, "2.5")]), Some(expected));
    assert_eq!(said(vec![sglang(20, "0"), sglang(30, "0")]), None);
    assert_eq!(expected.line(), "accepted by speculative decoding (server metrics): 3.00 tokens a step");
}
