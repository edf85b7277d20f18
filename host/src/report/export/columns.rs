//! What the table of records has: a [`Column`] for each fact of a request, and one for each metric that stands in the lines of requests.
//!
//! Names are those of the lines, so that readers of one find their way in the other. Compatibility: within a major
//! [`SCHEMA_VERSION`], columns are only ever added; read them by name.

use std::borrow::Cow;

use prony_plugin_api::message::PhaseKind;

use super::{
    super::{by_phase, by_url},
    pass::Seen,
};
use crate::{
    metrics::{
        Metric,
        catalogue::{CATALOGUE, Source},
    },
    plan::Class,
    record::{Instants, Outcome, RequestFailure, RunHeader},
    request::target::place_of,
};

/// Version of the table.
pub(super) const SCHEMA_VERSION: &str = "1.0";

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    /// An instant: nanoseconds since 1970, UTC.
    Time,
    Double,
    Text,
    /// A list of whole numbers.
    Ints,
    /// A list of texts.
    Texts,
}

/// Whether each row has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Always,
    Sometimes,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

impl Cell {
    fn int(value: impl TryInto<i64>) -> Self {
        // Nothing that is counted here comes near to it.
        Self::Int(value.try_into().unwrap_or(i64::MAX))
    }

    fn text<'a>(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into().into_owned())
    }
}

/// A column, and where its values come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) presence: Presence,
    /// Empty where its values have none.
    pub(super) unit: &'static str,
    /// What it is, for the documents and for those who have the file alone.
    pub(super) about: &'static str,
    of: Of,
}

#[derive(Clone, Copy, Debug)]
enum Of {
    Fact(fn(&Seen<'_>, &Run) -> Option<Cell>),
    Instant(fn(&Instants) -> Option<u64>),
    Metric(&'static Metric),
}

impl Column {
    /// Its value in the row of a request.
    pub(super) fn cell(&self, seen: &Seen<'_>, run: &Run) -> Cell {
        let cell = match self.of {
            Of::Fact(fact) => fact(seen, run),
            Of::Instant(of) => {
                of(&seen.record.instants).map(|at| Cell::int(run.wall_start_ns.saturating_add(at)))
            }
            Of::Metric(metric) => {
                let found = seen.measured.iter().find(|(known, _)| known.tag == metric.tag);
                found.map(|(_, value)| Cell::Double(*value))
            }
        };
        cell.unwrap_or(Cell::Null)
    }
}

/// What rows need of the run.
pub(super) struct Run {
    wall_start_ns: u64,
    /// Base URLs, where there are several.
    urls: Vec<String>,
    /// Of each class its name and its model, where there are classes.
    classes: Vec<(String, String)>,
    phases: Vec<Option<String>>,
}

impl Run {
    pub(super) fn of(header: &RunHeader) -> Self {
        let settings = &header.settings;
        let class = |class: &Class| (class.name.clone(), settings.model_of(class).to_owned());
        let several = by_phase::names(header);
        let own = |at: usize| several.get(at).cloned();
        Self {
            wall_start_ns: header.wall_start_ns,
            urls: by_url::names(header),
            classes: settings.classes.list.iter().map(class).collect(),
            phases: (0..settings.phases.len()).map(own).collect(),
        }
    }
}

/// All columns, in order: those of facts, and those of metrics.
pub(super) fn all() -> Vec<Column> {
    let of_metric = |metric: &'static Metric| Column {
        name: metric.tag,
        kind: Kind::Double,
        presence: Sometimes,
        unit: metric.unit,
        about: metric.definition,
        of: Of::Metric(metric),
    };
    let in_lines =
        CATALOGUE.iter().filter(|metric| metric.in_lines && matches!(metric.source, Source::Request(_)));
    FACTS.iter().copied().chain(in_lines.map(of_metric)).collect()
}

const fn fact(
    name: &'static str,
    kind: Kind,
    presence: Presence,
    unit: &'static str,
    about: &'static str,
    of: fn(&Seen<'_>, &Run) -> Option<Cell>,
) -> Column {
    Column { name, kind, presence, unit, about, of: Of::Fact(of) }
}

const fn instant(
    name: &'static str,
    presence: Presence,
    about: &'static str,
    of: fn(&Instants) -> Option<u64>,
) -> Column {
    Column { name, kind: Kind::Time, presence, unit: "ns", about, of: Of::Instant(of) }
}

fn failure<'a>(seen: &'a Seen<'_>) -> Option<&'a RequestFailure> {
    seen.record.outcome.said()
}

use Presence::{Always, Sometimes};

/// What is known of a request beside what it measured.
#[rustfmt::skip]
const FACTS: &[Column] = &[
    fact("session_num", Kind::Int, Always, "", "number of its session in the phase, from 0",
        |seen, _| Some(Cell::int(seen.record.session_num))),
    fact("x_request_id", Kind::Text, Always, "", "the `X-Request-ID` that was sent",
        |seen, _| Some(Cell::text(&seen.record.request_id))),
    fact("conversation_id", Kind::Text, Always, "", "the conversation that it belongs to",
        |seen, _| Some(Cell::text(&seen.record.conversation_id))),
    fact("turn_index", Kind::Int, Always, "", "its turn in the conversation, from 0",
        |seen, _| Some(Cell::int(seen.record.turn_index))),
    fact("turns", Kind::Int, Always, "requests", "requests of its session",
        |seen, _| Some(Cell::int(seen.record.steps.max(1)))),
    fact("phase_index", Kind::Int, Always, "", "position of its phase in the run, from 0",
        |seen, _| Some(Cell::int(seen.record.phase))),
    fact("benchmark_phase", Kind::Text, Always, "", "`warmup` or `profiling`", |seen, _| Some(Cell::text(match seen.kind {
            PhaseKind::Warmup => "warmup",
            PhaseKind::Profiling => "profiling",
        }))),
    fact("phase_name", Kind::Text, Sometimes, "", "name of its phase, where several are measured",
        |seen, run| run.phases.get(seen.record.phase as usize)?.as_ref().map(Cell::text)),
    fact("target_url", Kind::Text, Sometimes, "", "the base URL that it was sent to, where there are several",
        |seen, run| run.urls.get(place_of(seen.record.session_num, run.urls.len())).map(Cell::text)),
    fact("class", Kind::Text, Sometimes, "", "its class, where there are classes",
        |seen, run| run.classes.get(seen.record.class as usize).map(|(name, _)| Cell::text(name))),
    fact("requested_model", Kind::Text, Sometimes, "", "the model that its class asks for, where there are classes",
        |seen, run| run.classes.get(seen.record.class as usize).map(|(_, model)| Cell::text(model))),
    fact("model", Kind::Text, Sometimes, "", "the model that the server says it ran",
        |seen, _| seen.record.model.as_ref().map(Cell::text)),
    fact("worker", Kind::Int, Always, "", "number of the worker that sent it",
        |seen, _| Some(Cell::int(seen.record.worker))),
    fact("node", Kind::Int, Always, "", "number of the agent that sent it, from 0",
        |seen, _| Some(Cell::int(seen.record.node))),
    instant("credit_issued_ns", Always, "the schedule wanted it sent; in a closed loop, a slot was free", |at| Some(at.scheduled)),
    instant("request_start_ns", Always, "work on it began", |at| Some(at.started)),
    instant("tcp_connect_start_ns", Sometimes, "opening a connection began, the look-up of the name included", |at| at.connect_start),
    instant("dns_lookup_end_ns", Sometimes, "the host's name had become addresses", |at| at.resolved),
    instant("tcp_connect_end_ns", Sometimes, "the connection was open, without TLS", |at| at.reached),
    instant("connection_ready_ns", Sometimes, "the connection was open, TLS included", |at| at.connected),
    instant("request_sent_ns", Sometimes, "the system had taken its last byte", |at| at.sent),
    instant("request_ack_ns", Sometimes, "the response's head arrived", |at| at.first_byte),
    instant("response_first_token_ns", Sometimes, "the first generated token of any channel arrived", |at| at.first_token),
    instant("response_first_output_token_ns", Sometimes, "the first token arrived that is not reasoning", |at| at.first_output_token),
    instant("response_last_token_ns", Sometimes, "the last generated token arrived", |at| at.last_token),
    instant("response_accepted_ns", Sometimes, "the response was over that accepted it as a job", |at| at.accepted),
    instant("request_end_ns", Always, "it was over, well or not", |at| Some(at.end)),
    fact("gate_wait_ns", Kind::Int, Always, "ns", "how long it waited for slots after its time had come",
        |seen, _| Some(Cell::int(seen.record.gate_wait_ns))),
    fact("outcome", Kind::Text, Always, "", "`ok`, `failed` or `cancelled`, which is by prony",
        |seen, _| Some(Cell::text(match seen.record.outcome {
            Outcome::Ok => "ok",
            Outcome::Failed(_) => "failed",
            Outcome::Cancelled(_) => "cancelled",
        }))),
    fact("status", Kind::Int, Sometimes, "", "status of HTTP, once one arrived",
        |seen, _| seen.record.status.map(Cell::int)),
    fact("error_type", Kind::Text, Sometimes, "", "why it is not `ok`, such as `http_status`",
        |seen, _| failure(seen).map(|said| Cell::text(said.kind.text()))),
    fact("error_code", Kind::Int, Sometimes, "", "status of HTTP, or another number that the failing side gave",
        |seen, _| failure(seen)?.code.map(Cell::int)),
    fact("error_message", Kind::Text, Sometimes, "", "the same in words",
        |seen, _| failure(seen).map(|said| Cell::text(&said.message))),
    fact("good", Kind::Bool, Sometimes, "", "whether it kept to all objectives of `--goodput`, where there are some",
        |seen, _| seen.is_good.map(Cell::Bool)),
    fact("retried", Kind::Bool, Always, "", "it was sent twice: a kept connection was closed before the server can have read it",
        |seen, _| Some(Cell::Bool(seen.record.retried))),
    fact("cut_after_end", Kind::Bool, Always, "", "the connection broke behind the end of a complete response",
        |seen, _| Some(Cell::Bool(seen.record.cut_after_end))),
    fact("finish_reasons", Kind::Texts, Always, "", "why each choice ended, by choice",
        |seen, _| Some(Cell::Texts(seen.record.finish_reasons.clone()))),
    fact("chunk_gaps_ns", Kind::Ints, Always, "ns",
        "gaps between reads that brought generated tokens of one choice, from the first such read on",
        |seen, _| Some(Cell::Ints(seen.record.chunk_gaps_ns.iter().map(|gap| i64::try_from(*gap).unwrap_or(i64::MAX)).collect()))),
    fact("token_events", Kind::Int, Always, "events", "events that carried generated tokens",
        |seen, _| Some(Cell::int(seen.record.token_events))),
    fact("first_read_events", Kind::Int, Always, "events", "those in the read that brought the first token",
        |seen, _| Some(Cell::int(seen.record.first_read_events))),
    fact("response_bytes", Kind::Int, Always, "bytes", "size of the whole response",
        |seen, _| Some(Cell::int(seen.record.response_bytes))),
    fact("largest_read_bytes", Kind::Int, Always, "bytes", "size of the largest read",
        |seen, _| Some(Cell::int(seen.record.largest_read_bytes))),
    fact("follow_ups", Kind::Int, Always, "requests", "how often the response was followed up: a job was asked after, its result was fetched",
        |seen, _| Some(Cell::int(seen.record.follow_ups))),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metrics::sample;

    #[test]
    fn no_column_is_there_twice() {
        let columns = all();
        let names: BTreeSet<&str> = columns.iter().map(|column| column.name).collect();
        assert_eq!(names.len(), columns.len());
    }

    /// A column that says that each row has a value has one, in its own type.
    #[test]
    fn cells_have_the_type_of_their_column() {
        let record = sample::a();
        let measured = Vec::new();
        let seen =
            Seen { record: &record, kind: PhaseKind::Profiling, is_good: Some(true), measured: &measured };
        let run = Run::of(&sample::header());
        for column in all() {
            let kind = match column.cell(&seen, &run) {
                Cell::Null => {
                    assert_eq!(column.presence, Sometimes, "{}", column.name);
                    continue;
                }
                Cell::Bool(_) => Kind::Bool,
                Cell::Int(_) if column.unit == "ns" && column.name != "gate_wait_ns" => Kind::Time,
                Cell::Int(_) => Kind::Int,
                Cell::Double(_) => Kind::Double,
                Cell::Text(_) => Kind::Text,
                Cell::Ints(_) => Kind::Ints,
                Cell::Texts(_) => Kind::Texts,
            };
            assert_eq!(kind, column.kind, "{}", column.name);
        }
    }

    /// The page lists the columns in their order, with their types and units.
    #[test]
    fn the_documents_list_the_columns() {
        let page = include_str!("../../../../docs/RECORDS_PARQUET.md");
        let listed: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        let expected: Vec<String> = FACTS.iter().map(row).collect();
        assert_eq!(listed, expected, "the table should be:\n{}", expected.join("\n"));
    }

    fn row(column: &Column) -> String {
        let kind = match column.kind {
            Kind::Bool => "boolean",
            Kind::Int => "int64",
            Kind::Time => "timestamp (ns, UTC)",
            Kind::Double => "double",
            Kind::Text => "string",
            Kind::Ints => "list of int64",
            Kind::Texts => "list of string",
        };
        let empty = if column.presence == Sometimes { ", or null" } else { "" };
        let unit = if column.unit.is_empty() || column.kind == Kind::Time {
            String::new()
        } else {
            format!(" ({})", column.unit)
        };
        format!("| `{}` | {kind}{empty} | {}{unit} |", column.name, column.about)
    }
}
