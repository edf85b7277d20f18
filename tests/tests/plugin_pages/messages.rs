//! The page of the messages.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use prony_plugin_api::{
    ErrorDetails, Message,
    live::{
        AgentNow, ClientNow, FailuresNow, Notice, PhaseNow, Recent, RequestsNow, RunNow, ServerNow, Spread,
    },
    message::{
        MetricFamily, MetricSample, PhaseEnded, PhaseRecorded, PhaseStarted, RecordBatch, RecordSummary,
        ServerMetricsBatch, ServerMetricsSample, Table,
    },
    telemetry::{
        GPU_FIELDS, GpuReading, GpuTelemetryBatch, GpuTelemetrySample, NetworkLatencyBatch,
        NetworkLatencySample, RequestSpan, RequestSpanBatch, TelemetryExport,
    },
};
use prony_tests::{Tool, pages::compare};
use serde_json::{Value, json};

use super::source::{Source, Type};

const BEGINNING: &str = "# The messages of services

A service hears messages of prony's and of other services, and publishes its own. This page has every type of message that
the contract knows: who sends it and when, its fields, and their units. It is made from the sources of `plugin-api`, and a test
compares it with what the types really write. [The guide](../plugin-api/README.md#services) says how a service subscribes and publishes,
and [the header for C](PLUGIN_HEADER.md) has the functions.

## Form

A message has a type, which is a text, and a payload: MessagePack, an object whose keys are the names of the fields. In Rust the
types are those of `prony_plugin_api`. In C, `host->message_json` gives the payload as JSON, and `host->publish_json` takes JSON.

- Every field may be missing, and then has the default of its kind: 0, false, an empty text, an empty array, null. Fields that
  a reader does not know are ignored. So old and new sides understand each other.
- The end of a name is its unit: `_ns` nanoseconds, `_ms` milliseconds, `_s` seconds. An instant, such as `at_ns`, counts from
  the start of the run, on a clock that never goes back: the one of `host->now_ns`.
- A number that is infinite, or not a number (NaN), is null in JSON.
- An enumeration other than `Cell` is a text. A value that a reader does not know is read as the one that is marked below.
- prony sends a message only where a service of the run subscribes to its type.
- The type of a message of your own begins with the name of your plugin. Every service of the run may subscribe to it.
- Everything that is published is kept in the journal, and `prony report DIR --messages` prints all of it. In the summary,
  `services.NAME.messages.TYPE` has how many there were, and the last ten; messages that go to the report have places of their own
  instead. A field `prony_table` that is a [`Table`](#table) is shown to people.
- A message of the contract may be published by any service: a collector of yours can publish `gpu_telemetry_batch`, and the report
  treats it as that of the service `gpu_telemetry`. One that cannot be read is kept, and the report says so.

## All messages

*Since* is the contract whose hosts know the message.

";

/// A type of message, and what the page says of it beside its comment.
struct Known {
    name: &'static str,
    since: &'static str,
    /// Who sends it.
    from: &'static str,
    /// Who makes something of it.
    to: &'static str,
}

const fn sent(name: &'static str, since: &'static str) -> Known {
    Known { name, since, from: "prony", to: "services" }
}

/// In the order of a run.
const MESSAGES: [Known; 11] = [
    sent(PhaseStarted::TYPE, "1.0"),
    sent(RunNow::TYPE, "1.3"),
    sent(RecordBatch::TYPE, "1.0"),
    sent(RequestSpanBatch::TYPE, "1.3"),
    sent(PhaseEnded::TYPE, "1.0"),
    sent(PhaseRecorded::TYPE, "1.0"),
    Known { name: Notice::TYPE, since: "1.3", from: "any service", to: "prony shows it" },
    Known {
        name: ServerMetricsBatch::TYPE,
        since: "1.0",
        from: "`server_metrics`",
        to: "the report, and `run_now`",
    },
    Known { name: NetworkLatencyBatch::TYPE, since: "1.3", from: "`network_latency`", to: "the report" },
    Known { name: GpuTelemetryBatch::TYPE, since: "1.3", from: "`gpu_telemetry`", to: "the report" },
    Known { name: TelemetryExport::TYPE, since: "1.3", from: "`otel`", to: "the report" },
];

/// What stands for constants in comments.
fn known() -> [(&'static str, String); 5] {
    [
        ("Table::FIELD", format!("`{}`", Table::FIELD)),
        ("RunNow::MOST_FAILURES", RunNow::MOST_FAILURES.to_string()),
        ("Notice::MOST", Notice::MOST.to_string()),
        ("Notice::LONGEST", Notice::LONGEST.to_string()),
        ("GPU_FIELDS", "[this table](#values-of-a-gpu)".to_owned()),
    ]
}

fn source() -> Source {
    Source::read(&["message.rs", "live.rs", "telemetry.rs", "error.rs"])
}

/// The types within the messages, and the one for tables.
fn parts(source: &Source) -> Vec<&Type> {
    let mut found = Vec::new();
    let names = MESSAGES.iter().map(|known| source.message(known.name).name.as_str());
    for name in names.chain(["Table"]) {
        source.reach(name, &mut found);
    }
    found.retain(|part| MESSAGES.iter().all(|known| source.message(known.name).name != part.name));
    found
}

/// What is said of a type, and its fields or values.
fn section(source: &Source, shown: &Type) -> String {
    let known = known();
    let mut text = format!("{}\n", source.words(&shown.comment, &known));
    let rows: Vec<String> = shown
        .members
        .iter()
        .map(|member| {
            let comment = source.words(&member.comment, &known);
            let left_out = if member.is_left_out { " Left out where it is empty." } else { "" };
            match (shown.is_enum, member.of.is_empty()) {
                (true, true) => format!("| `{}` | {comment} |\n", member.name),
                (true, false) => format!("| {} | {comment} |\n", source.kind(&member.of)),
                (false, _) => {
                    format!("| `{}` | {} | {comment}{left_out} |\n", member.name, source.kind(&member.of))
                }
            }
        })
        .collect();
    text.push_str(if shown.is_enum {
        "\n| value | is |\n|---|---|\n"
    } else {
        "\n| field | holds | is |\n|---|---|---|\n"
    });
    text.push_str(&rows.concat());
    text
}

/// The page.
fn made() -> String {
    let source = source();
    let mut page = BEGINNING.to_owned();
    page.push_str("| message | since | sent by | goes to |\n|---|---|---|---|\n");
    for Known { name, since, from, to } in &MESSAGES {
        writeln!(page, "| [`{name}`](#{name}) | {since} | {from} | {to} |").unwrap();
    }
    for Known { name, .. } in &MESSAGES {
        write!(page, "\n### `{name}`\n\n{}", section(&source, source.message(name))).unwrap();
    }
    page.push_str("\n## Types within messages\n");
    for part in parts(&source) {
        write!(page, "\n### `{}`\n\n{}", part.name, section(&source, part)).unwrap();
    }
    page.push_str("\n## Values of a GPU\n\nA counter only ever grows, but for restarts.\n\n");
    page.push_str("| key | unit | is | counter |\n|---|---|---|---|\n");
    for field in &GPU_FIELDS {
        let is_counter = if field.is_counter { "yes" } else { "no" };
        writeln!(page, "| `{}` | {} | {} | {is_counter} |", field.name, field.unit, field.header).unwrap();
    }
    page
}

/// Every type with fields, as it writes one that is empty.
fn written() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("PhaseStarted", json!(PhaseStarted::default())),
        ("PhaseEnded", json!(PhaseEnded::default())),
        ("PhaseRecorded", json!(PhaseRecorded::default())),
        ("RecordBatch", json!(RecordBatch::default())),
        ("RecordSummary", json!(RecordSummary::default())),
        ("ErrorDetails", json!(ErrorDetails::default())),
        ("ServerMetricsBatch", json!(ServerMetricsBatch::default())),
        ("ServerMetricsSample", json!(ServerMetricsSample::default())),
        ("MetricFamily", json!(MetricFamily::default())),
        ("MetricSample", json!(MetricSample::default())),
        ("Table", json!(Table::default())),
        ("RunNow", json!(RunNow::default())),
        ("PhaseNow", json!(PhaseNow::default())),
        ("RequestsNow", json!(RequestsNow::default())),
        ("Recent", json!(Recent::default())),
        ("Spread", json!(Spread::default())),
        ("FailuresNow", json!(FailuresNow::default())),
        ("ClientNow", json!(ClientNow::default())),
        ("AgentNow", json!(AgentNow::default())),
        ("ServerNow", json!(ServerNow::default())),
        ("Notice", json!(Notice::default())),
        ("NetworkLatencyBatch", json!(NetworkLatencyBatch::default())),
        ("NetworkLatencySample", json!(NetworkLatencySample::default())),
        ("GpuTelemetryBatch", json!(GpuTelemetryBatch::default())),
        ("GpuTelemetrySample", json!(GpuTelemetrySample::default())),
        ("GpuReading", json!(GpuReading::default())),
        ("RequestSpanBatch", json!(RequestSpanBatch::default())),
        ("RequestSpan", json!(RequestSpan::default())),
        ("TelemetryExport", json!(TelemetryExport::default())),
    ])
}

#[test]
fn the_page_of_messages_is_what_the_sources_say() {
    compare("PLUGIN_MESSAGES.md", &made());
}

#[test]
fn the_page_has_every_message_of_the_contract() {
    let source = source();
    let shown: BTreeSet<&str> = MESSAGES.iter().map(|known| known.name).collect();
    assert_eq!(source.messages().collect::<BTreeSet<_>>(), shown);
}

/// What the sources are read as has the names that are really written, also where they differ from those of the fields in Rust.
#[test]
fn the_fields_of_the_page_are_those_that_are_written() {
    let (source, written) = (source(), written());
    let messages = MESSAGES.iter().map(|known| source.message(known.name));
    let shown: Vec<&Type> = messages.chain(parts(&source)).filter(|shown| !shown.is_enum).collect();
    let names: BTreeSet<&str> = shown.iter().map(|shown| shown.name.as_str()).collect();
    assert_eq!(names, written.keys().copied().collect::<BTreeSet<_>>());
    for shown in shown {
        let fields = written[shown.name.as_str()].as_object().unwrap();
        let fields: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
        let always = shown.members.iter().filter(|member| !member.is_left_out);
        assert_eq!(
            always.map(|member| member.name.as_str()).collect::<BTreeSet<_>>(),
            fields,
            "{}",
            shown.name
        );
    }
}

/// The program says itself who publishes what.
#[test]
fn the_senders_on_the_page_are_those_of_the_program() {
    let printed = Tool::new(["plugins", "graph", "--json"]).run();
    let graph: Value = serde_json::from_str(&printed.succeeds().stdout).unwrap();
    let routes = graph["messages"].as_array().unwrap();
    for Known { name, from, .. } in &MESSAGES {
        let route = routes.iter().find(|route| route["type"] == *name);
        let publishers = &route.unwrap_or_else(|| panic!("{name} is not in the graph"))["publishers"];
        let expected = if *name == Notice::TYPE { "live_api" } else { from.trim_matches('`') };
        assert_eq!(*publishers, json!([expected]), "{name}");
    }
}
