//! What the page says before and between its charts.

use std::fmt::Write;

use super::{
    charts::{ChartSection, Figure},
    sample,
};
use crate::{
    chart::{Table, escape, number},
    metrics::{Distribution, PhaseCounts, Statistic, Stats, samples::carries, tags},
    page,
    plan::{Compat, ExportLevel},
    record::journal,
    report::{
        beside_tables, by_node, by_phase, errors::ErrorGroup, file_names, headline, marks, model::Report,
        server_metrics::Speculation, verdict::Verdict,
    },
    screen::counted,
};

/// The largest configuration that is shown, in bytes.
const MOST_CONFIG: usize = 200_000;

/// The headline numbers: metric, statistic, and what it is called.
const HEADLINE: [(&str, Option<Statistic>, &str); 9] = [
    (tags::REQUEST_THROUGHPUT, None, "Requests"),
    (tags::OUTPUT_TOKEN_THROUGHPUT, None, "Output tokens"),
    (tags::GOODPUT, None, "Goodput"),
    (tags::TIME_TO_FIRST_TOKEN, Some(Statistic::P50), "TTFT, median"),
    (tags::TIME_TO_FIRST_TOKEN, Some(Statistic::P99), "TTFT, p99"),
    (tags::INTER_TOKEN_LATENCY, Some(Statistic::P50), "ITL, median"),
    (tags::INTER_TOKEN_LATENCY, Some(Statistic::P99), "ITL, p99"),
    (tags::REQUEST_LATENCY, Some(Statistic::P50), "Latency, median"),
    (tags::REQUEST_LATENCY, Some(Statistic::P99), "Latency, p99"),
];

/// The sections of a page: what the links at its top say, in their order.
pub(super) const LINKS: [(&str, &str); 10] = [
    ("numbers", "Numbers"),
    ("load", "Load"),
    ("over-time", "Over time"),
    ("distributions", "Distributions"),
    ("inputs", "Input length"),
    ("sessions", "Sessions"),
    ("errors", "Errors"),
    ("servers", "Servers"),
    ("explorer", "Requests"),
    ("again", "Run it again"),
];

/// What the page is about.
pub(super) fn title(report: &Report) -> String {
    let model = headline::models(&report.header.settings).join(", ");
    if model.is_empty() {
        format!("prony, run {}", report.header.run_id)
    } else {
        format!("{model}, measured by prony")
    }
}

/// Heading, what was measured, and the verdict.
pub(super) fn top(report: &Report, start: Option<String>) -> String {
    let mut html = format!("<header><h1>{}</h1>", escape(&title(report)));
    let when = start.map(|start| format!(", {start}")).unwrap_or_default();
    let _ = write!(
        html,
        "<p class=\"sub\">{}</p>",
        escape(&format!("prony {}, run {}{when}", report.header.version, report.header.run_id))
    );
    html.push_str(&verdict(report));
    html.push_str("</header>\n");
    html
}

/// Whether the numbers can be believed, and by what.
fn verdict(report: &Report) -> String {
    let verdict = Verdict::of(report);
    let class = if verdict.is_sound() { "verdict" } else { "verdict doubt" };
    let mut html = format!("<div class=\"{class}\"><strong>{}</strong>", escape(&verdict.line()));
    if !verdict.findings.is_empty() {
        html.push_str("<ul>");
        for finding in &verdict.findings {
            let _ = write!(html, "<li>{}</li>", prose(&finding.text()));
        }
        html.push_str("</ul>");
    }
    html.push_str("</div>\n");
    html
}

/// A sentence, in which names between backticks are code.
fn prose(text: &str) -> String {
    let parts = text.split('`').map(escape).enumerate();
    let last = text.matches('`').count();
    // A backtick without another one is a character.
    let is_code = |at: usize| at % 2 == 1 && at < last;
    parts
        .map(|(at, part)| match at {
            _ if is_code(at) => format!("<code>{part}</code>"),
            _ if at == last && last % 2 == 1 => format!("`{part}"),
            _ => part,
        })
        .collect()
}

/// The headline numbers, and all of them as a table.
pub(super) fn numbers(report: &Report) -> String {
    let mut html = "<ul class=\"cards\">".to_owned();
    for (tag, percentile, name) in HEADLINE {
        let Some((metric, stats)) = report.profiling.table.rows().find(|(metric, _)| metric.tag == tag)
        else {
            continue;
        };
        let (value, note) = match (stats, percentile) {
            (Stats::Distribution(values), Some(statistic)) if carries(values.count, statistic) => {
                (values.statistic(statistic), format!("of {}", counted(values.count, "value")))
            }
            (Stats::Scalar(value), None) => (value, String::new()),
            _ => continue,
        };
        let _ = write!(
            html,
            "<li><small>{}</small><b>{} <span>{}</span></b><small>{}</small></li>",
            escape(name),
            number(value),
            escape(metric.unit),
            escape(&note)
        );
    }
    let outcomes = report.profiling.outcomes;
    let failed = if outcomes.failed > 0 { " class=\"bad\"" } else { "" };
    let _ = writeln!(
        html,
        "<li><small>Errors</small><b{failed}>{}</b><small>of {}</small></li></ul>",
        outcomes.failed,
        counted(outcomes.completed(), "request")
    );
    html.push_str(&metrics(report).html("Every metric of the measured phases"));
    let _ = write!(
        html,
        "<p class=\"note\">A percentile with * rests on a handful of values. What each metric means stands in {}.</p>",
        file_names::SUMMARY
    );
    page::section("numbers", "Numbers", &html)
}

fn metrics(report: &Report) -> Table {
    const SHOWN: [Statistic; 5] =
        [Statistic::P50, Statistic::P90, Statistic::P95, Statistic::P99, Statistic::P999];
    let (before, behind) = (["metric", "unit", "mean"], ["min", "max", "values"]);
    let headers = before.into_iter().chain(SHOWN.map(Statistic::key)).chain(behind);
    let mut table = Table::new(headers.map(str::to_owned));
    for (metric, stats) in report.profiling.table.rows() {
        let mut row = vec![metric.header.to_owned(), metric.unit.to_owned(), number(stats.avg())];
        if let Stats::Distribution(values) = stats {
            row.extend(SHOWN.map(|statistic| percentile(&values, statistic)));
            row.extend([number(values.min), number(values.max), values.count.to_string()]);
        } else {
            row.resize(3 + SHOWN.len() + 3, String::new());
        }
        table.row(row);
    }
    table
}

/// A percentile, marked where the values do not carry it.
fn percentile(values: &Distribution, statistic: Statistic) -> String {
    let mark = if carries(values.count, statistic) { "" } else { "*" };
    number(values.statistic(statistic)) + mark
}

/// What was asked for, and what was sent.
pub(super) fn load(report: &Report) -> String {
    let mut html = "<dl class=\"facts\">".to_owned();
    for (label, fact) in headline::lines(report) {
        let _ = write!(html, "<dt>{}</dt><dd>{}</dd>", escape(label), escape(&fact));
    }
    html.push_str("</dl>\n");
    let mut table = Table::new(
        ["phase", "from (s)", "to (s)", "asked for", "sent", "late", "dropped", "lost"].map(str::to_owned),
    );
    let settings = &report.header.settings.phases;
    for span in &report.phases {
        let name = settings.get(span.index as usize).map(by_phase::name).unwrap_or_default();
        let seconds = |ns: u64| number(ns as f64 / 1e9);
        let mut row =
            vec![name, seconds(span.start_ns), span.window_end_ns().map(seconds).unwrap_or_default()];
        match span.counts() {
            Some(PhaseCounts { scheduled, sent, late, dropped, lost }) => {
                row.extend([scheduled, sent, late, dropped, lost].map(|count| count.to_string()));
            }
            None => row.extend(["unknown", "", "", "", ""].map(str::to_owned)),
        }
        table.row(row);
    }
    html.push_str(&table.html("What was asked for, and what was sent"));
    html.push_str(&beside(report));
    let lines = [report.prefix_cache.line(), report.speculation.map(Speculation::line), marks::line(report)];
    for line in lines.into_iter().flatten().chain(report.notes.iter().cloned()) {
        let _ = write!(html, "<p class=\"note\">{}</p>", prose(&line));
    }
    page::section("load", "Load", &html)
}

/// How each agent fared, and what was measured beside the load.
fn beside(report: &Report) -> String {
    let mut html = String::new();
    for shown in by_node::shown(report).into_iter().chain(beside_tables::tables(report)) {
        let mut table = Table::new(shown.head.iter().map(|name| (*name).to_owned()));
        shown.rows.into_iter().for_each(|row| table.row(row));
        html.push_str(&table.html(shown.title));
        for note in &shown.notes {
            let _ = write!(html, "<p class=\"note\">{}</p>", prose(note));
        }
    }
    html
}

/// A section of charts; nothing where there are none.
pub(super) fn charts(figures: &[Figure], section: ChartSection, id: &str, heading: &str) -> String {
    let mut html = "<div class=\"grid\">".to_owned();
    let mut all = figures.iter().filter(|figure| figure.section == section).peekable();
    if all.peek().is_none() {
        return String::new();
    }
    for figure in all {
        html.push_str(&page::figure(&figure.svg, &figure.title, &figure.note, &figure.table));
    }
    html.push_str("</div>");
    page::section(id, heading, &html)
}

/// Failures by kind.
pub(super) fn errors(report: &Report) -> String {
    let mut html = String::new();
    for (caption, groups) in [("Errors", &report.errors), ("Errors of the warm-up", &report.warmup_errors)] {
        if !groups.is_empty() {
            html.push_str(&error_table(groups).html(caption));
        }
    }
    if html.is_empty() {
        html.push_str("<p>No request failed.</p>");
    }
    page::section("errors", "Errors", &html)
}

fn error_table(groups: &[ErrorGroup]) -> Table {
    let mut table = Table::new(["kind", "code", "count", "the first of them"].map(str::to_owned));
    for ErrorGroup { sample, count } in groups {
        let code = sample.code.map(|code| code.to_string()).unwrap_or_default();
        let message: String = sample.message.chars().take(500).collect();
        let hint = if sample.hint.is_empty() { String::new() } else { format!(" ({})", sample.hint) };
        table.row([sample.kind.to_string(), code, count.to_string(), message + &hint]);
    }
    table
}

/// The file that has every measured request, by prony's definitions.
fn file_of_requests(report: &Report) -> String {
    let exports = &report.header.settings.exports;
    match exports.level {
        ExportLevel::Summary => journal::FILE_NAME.to_owned(),
        _ if exports.has(Compat::Aiperf) => file_names::OWN_REQUESTS.to_owned(),
        _ => exports.file_name(file_names::REQUESTS).into_owned(),
    }
}

/// Where the script shows requests. Without it, a table of numbers stands behind each chart, and the files have every request.
pub(super) fn explorer(report: &Report, seen: u64, kept: usize) -> String {
    let mut html = String::new();
    let file = file_of_requests(report);
    let file = escape(&file);
    if (kept as u64) < seen {
        let _ = write!(
            html,
            "<p>{kept} of {seen} requests are on this page: up to {} that failed, the {} slowest of the measured ones, and others by the lot of their \
             sessions. Over time and as distributions the charts above have all of them; points and sessions are drawn from the lot \
             alone. <code>{file}</code> has every measured one.</p>",
            sample::MOST_FAILURES,
            sample::MOST_SLOW,
        );
    }
    let _ = writeln!(
        html,
        "<p id=\"explorer-status\" role=\"status\">Requests are shown where scripts may run. Every measured request is in <code>{file}</code>.</p>"
    );
    html.push_str(EXPLORER);
    page::section("explorer", "Requests", &format!("<div class=\"explorer\">{html}</div>"))
}

const EXPLORER: &str = r#"<div id="explorer-tools" hidden>
<div class="controls">
<label>Search <input id="search" type="search" placeholder="conversation, request id, error"></label>
<label>Outcome <select id="outcome"><option value="">all</option><option value="0">succeeded</option><option value="1">failed</option><option value="2">cancelled</option><option value="3">context too long</option><option value="bad">not good</option></select></label>
<label>Phase <select id="phase"><option value="measured">measured</option><option value="">all</option></select></label>
<label>Class <select id="class"><option value="">all</option></select></label>
<label>Slower than (ms) <input id="least" type="number" min="0" step="any"></label>
<button id="all" type="button">Show all</button>
</div>
<div class="controls">
<label>Across <select id="x"></select></label>
<label>Up <select id="y"></select></label>
<label>Logarithmic <input id="log" type="checkbox" checked></label>
<span class="note">Click a point to see its request; drag across to keep a span.</span>
</div>
<p class="note" id="marks">■ succeeded, × failed, ○ cancelled, △ context too long</p>
<canvas id="points" role="img" aria-label="Requests as points. The table below has the same requests."></canvas>
<p class="note" id="without-point"></p>
<div class="scroll" tabindex="0" role="region" aria-label="Requests"><table><thead><tr id="list-head"></tr></thead><tbody id="list-body"></tbody></table></div>
<div class="controls"><button id="earlier" type="button">Previous</button><button id="later" type="button">Next</button></div>
<div id="one" tabindex="-1" hidden></div>
</div>
"#;

/// How to run it again, and with what it was run.
pub(super) fn again(report: &Report) -> String {
    let mut html = format!(
        "<p>In the run's folder:</p><pre tabindex=\"0\">prony profile -f {}</pre><p>As it was typed, without secrets:</p><pre tabindex=\"0\">{}</pre>\n",
        file_names::SETTINGS,
        escape(&report.header.command)
    );
    let config = format!("{:#}", report.header.config);
    if config.len() <= MOST_CONFIG {
        html.push_str(&page::verbatim("The plan: every setting of the run", &config));
    } else {
        let _ = write!(
            html,
            "<p class=\"note\">The plan is too long for this page: it stands in {}.</p>",
            file_names::SUMMARY
        );
    }
    let mut table = Table::new(["plugin", "package", "SHA-256"].map(str::to_owned));
    for plugin in report.plugins() {
        table.row([
            plugin.name.clone(),
            format!("{} {}", plugin.package, plugin.version),
            plugin.sha256.clone(),
        ]);
    }
    if !table.is_empty() {
        html.push_str(&table.html("Plugins"));
    }
    page::section("again", "Run it again", &html)
}
