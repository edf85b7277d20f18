//! The reader of Prometheus pages, and what servers write there.
use std::collections::BTreeMap;

use prony_plugin_api::message::{MetricFamily, MetricKind};
use proptest::prelude::*;
use rstest::rstest;

use prony_plugin_api::prometheus::{parse, ParseError};

const VLLM: &str = include_str!("../../tests/fixtures/prometheus/vllm.txt");

/// A family as `name kind: suffix{labels} value, …`.
fn brief(family: &MetricFamily) -> String {
    let samples: Vec<String> = family
        .samples
        .iter()
        .map(|sample| {
            let labels: Vec<String> =
                sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}{{{}}} {}", sample.suffix, labels.join(","), sample.value)
        })
        .collect();
    format!("{} {:?}: {}", family.name, family.kind, samples.join(", "))
}

fn briefs(page: &str) -> Vec<String> {
    parse(page).iter().flatten().map(brief).collect()
}

#[rstest]
#[case::bare("up 1", "up Untyped: {} 1")]
#[case::blanks("  up \t 1  ", "up Untyped: {} 1")]
#[case::a_timestamp("up 1 1395066363000", "up Untyped: {} 1")]
#[case::a_negative_timestamp("up 1 -3982045", "up Untyped: {} 1")]
#[case::labels(r#"up{a="1",b="2"} 1"#, "up Untyped: {a=1,b=2} 1")]
#[case::a_last_comma(r#"up{a="1",} 1"#, "up Untyped: {a=1} 1")]
#[case::blanks_in_braces(r#"up { a = "1" , b="2" } 1"#, "up Untyped: {a=1,b=2} 1")]
#[case::no_labels("up{} 1", "up Untyped: {} 1")]
#[case::escapes(r#"up{a="q\" b\\ n\n x\x"} 1"#, "up Untyped: {a=q\" b\\ n\n x\\x} 1")]
#[case::braces_in_a_value(r#"up{a="} 2 #"} 1"#, "up Untyped: {a=} 2 #} 1")]
#[case::infinity("up +Inf", "up Untyped: {} inf")]
#[case::minus_infinity("up -Inf", "up Untyped: {} -inf")]
#[case::not_a_number("up NaN", "up Untyped: {} NaN")]
#[case::exponents("up 1.458255915e9", "up Untyped: {} 1458255915")]
#[case::colons("vllm:up 1", "vllm:up Untyped: {} 1")]
#[case::windows_line_ends("up 1\r", "up Untyped: {} 1")]
#[case::a_quoted_name(r#"{"my.up",a="1"} 1"#, "my.up Untyped: {a=1} 1")]
#[case::a_quoted_label(r#"up{"my.a"="1"} 1"#, "up Untyped: {my.a=1} 1")]
#[case::an_exemplar(r#"up 1 # {trace="x"} 0.67 1520879607.789"#, "up Untyped: {} 1")]
fn a_sample_is_read(#[case] line: &str, #[case] expected: &str) {
    assert_eq!(briefs(line), [expected]);
}

#[rstest]
#[case("<html><body>")]
#[case(r#"{"object":"error"}"#)]
#[case("Not Found")]
#[case("up")]
#[case("up one")]
#[case("up 1 2 3")]
#[case("up 1 soon")]
#[case("1up 1")]
#[case("up{a=1} 1")]
#[case(r#"up{a="1" 1"#)]
#[case(r#"up{a="1"b="2"} 1"#)]
#[case(r#"up{a="1} 1"#)]
#[case(r#"up{"other"} 1"#)]
#[case("{} 1")]
fn what_is_not_prometheus_text_is_named_with_its_line(#[case] line: &str) {
    let error = parse(&format!("# a comment\n\n{line}\n")).unwrap_err();
    assert_eq!(error, ParseError { line: 3, text: line.to_owned() });
}

#[test]
fn help_and_type_describe_a_family() {
    let page = "# HELP a The \\\"a\\\", over\\ntwo lines, C:\\\\.\n# TYPE a gauge\n#TYPE is a comment\na 1\n";
    let families = parse(page).unwrap();
    assert_eq!(families[0].help, "The \"a\", over\ntwo lines, C:\\.");
    assert_eq!(families[0].kind, MetricKind::Gauge);
}

#[test]
fn suffixed_samples_belong_to_their_family() {
    let page = r#"
# TYPE wait histogram
wait_bucket{le="1"} 2
wait_bucket{le="+Inf"} 3
wait_sum 4.5
wait_count 3
# TYPE size summary
size{quantile="0.5"} 7
size_sum 70
size_count 10
# TYPE tokens_total counter
tokens_total 5
"#;
    assert_eq!(
        briefs(page),
        [
            "wait Histogram: _bucket{le=1} 2, _bucket{le=+Inf} 3, _sum{} 4.5, _count{} 3",
            "size Summary: {quantile=0.5} 7, _sum{} 70, _count{} 10",
            "tokens_total Counter: {} 5",
        ]
    );
}

#[test]
fn a_declared_family_comes_before_a_suffix() {
    let page = "# TYPE a summary\n# TYPE a_count gauge\na_sum 1\na_count 2\n";
    assert_eq!(briefs(page), ["a Summary: _sum{} 1", "a_count Gauge: {} 2"]);
}

#[test]
fn samples_may_come_back_to_an_earlier_family() {
    let page = "# TYPE a histogram\n# TYPE b counter\na_sum 1\nb 2\na_count 3\n";
    assert_eq!(briefs(page), ["a Histogram: _sum{} 1, _count{} 3", "b Counter: {} 2"]);
}

#[test]
fn open_metrics_counters_and_its_end_are_understood() {
    let page = "# TYPE a counter\n# UNIT a seconds\na_total 1\na_created 1.5e9\n# EOF\nwhatever";
    assert_eq!(briefs(page), ["a Counter: _total{} 1"]);
}

#[test]
fn a_gauge_named_created_stays_unless_it_stamps_another_family() {
    let page = "# TYPE jobs_total counter\njobs_total 1\n# TYPE jobs_created gauge\njobs_created 1e9\n\
                # TYPE rooms_created gauge\nrooms_created 4\n";
    assert_eq!(briefs(page), ["jobs_total Counter: {} 1", "rooms_created Gauge: {} 4"]);
}

#[test]
fn the_page_of_a_real_server_is_understood() {
    let families = parse(VLLM).unwrap();
    let count = |kind| families.iter().filter(|family| family.kind == kind).count();
    assert_eq!(count(MetricKind::Untyped), 0);
    assert_eq!(count(MetricKind::Counter), 23);
    assert_eq!(count(MetricKind::Histogram), 18);
    assert_eq!(count(MetricKind::Summary), 2);
    assert!(families.iter().all(|family| !family.name.ends_with("_created")));

    let named = |name: &str| families.iter().find(|family| family.name == name).unwrap();
    let prompt = named("vllm:request_prompt_tokens");
    assert_eq!(prompt.help, "Number of prefill tokens processed.");
    let count = prompt.samples.iter().find(|sample| sample.suffix == "_count").unwrap();
    assert!((count.value - 70.0).abs() < f64::EPSILON);
    let labels = [("engine", "0"), ("model_name", "tiny")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(count.labels, BTreeMap::from(labels));
    // A histogram whose own name ends like a counter's.
    assert_eq!(named("vllm:iteration_tokens_total").kind, MetricKind::Histogram);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(page in "(?s).{0,200}") {
        let _ = parse(&page);
    }

    #[test]
    fn whatever_is_escaped_comes_back(value in "[a-z\\\\\"\n{},=# é]{0,20}") {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let families = parse(&format!("up{{a=\"{escaped}\"}} 1")).unwrap();
        prop_assert_eq!(&families[0].samples[0].labels["a"], &value);
    }
}
