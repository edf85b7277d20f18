//! `prony metrics [TAG]`: what each number means. `--markdown` is the page of the documentation that has all of it.

use clap::Args;
use serde_json::{Value, json};

use super::{
    exit::{Exit, Failure},
    terminal,
};
use crate::{
    config::{goodput, near::near},
    metrics::{
        Metric,
        absent::{ABSENT, why_absent},
        catalogue::CATALOGUE,
        statistic::PERCENTILES,
    },
    report::file_names,
};

/// Which metric.
#[derive(Args, Debug)]
pub(super) struct MetricsArgs {
    /// Its key in the files of a report, as `time_to_first_token`; all metrics without it.
    #[arg(value_name = "TAG")]
    tag: Option<String>,

    /// Print JSON: an object for each metric, with the keys `tag`, `name`, `unit`, `larger_is_better`, `definition`, `values`,
    /// `needs`, `excluded`, `bias`.
    #[arg(long)]
    json: bool,

    /// List AIPerf's metrics that prony does not have, with the reasons.
    #[arg(long, conflicts_with = "tag")]
    absent: bool,

    /// Print all of them as a page of Markdown, with their definitions.
    #[arg(long, conflicts_with_all = ["tag", "json", "absent"])]
    markdown: bool,
}

/// Prints one metric, or a list of all.
pub(super) fn run(args: &MetricsArgs) -> Result<Exit, Failure> {
    let text = match &args.tag {
        Some(tag) => {
            let metric = named(tag)?;
            if args.json { pretty(&object(metric)) } else { page(metric) }
        }
        None if args.absent && args.json => pretty(&absent_in_json()),
        None if args.absent => absent_list(),
        None if args.markdown => markdown(),
        None if args.json => pretty(&CATALOGUE.iter().map(object).collect()),
        None => list(),
    };
    terminal::print(&text)?;
    Ok(Exit::Success)
}

fn named(tag: &str) -> Result<&'static Metric, Failure> {
    let typed = tag.replace('-', "_").to_lowercase();
    let typed = goodput::usual_tag(&typed).to_owned();
    CATALOGUE.iter().find(|metric| metric.tag == typed).ok_or_else(|| {
        let why = why_absent(&typed).map(|why| format!("it is one of AIPerf's, and not here: {why}"));
        let near = near(&typed, CATALOGUE.iter().map(|metric| metric.tag));
        let near = near.map(|near| format!("did you mean `{near}`?"));
        let hint = why.or(near).unwrap_or_else(|| "`prony metrics` lists what there is".to_owned());
        Failure::statement(Exit::Usage, format!("there is no metric `{tag}`")).with_hint(hint)
    })
}

fn absent_list() -> String {
    let lines = terminal::screen().list(&absent_rows()).join("\n");
    format!("{lines}\n\nA `*` stands for the rest of a name.\n")
}

/// A row for each tag: a column of tags that share a reason is wider than any screen.
fn absent_rows() -> Vec<Vec<String>> {
    let of_reason = |(tags, reason): &(&[&str], &str)| {
        tags.iter().map(|tag| vec![(*tag).to_owned(), (*reason).to_owned()]).collect()
    };
    ABSENT.iter().flat_map::<Vec<_>, _>(of_reason).collect()
}

fn absent_in_json() -> Value {
    ABSENT.iter().map(|(tags, reason)| json!({ "tags": tags, "reason": reason })).collect()
}

fn list() -> String {
    let rows: Vec<Vec<String>> = CATALOGUE
        .iter()
        .map(|metric| vec![metric.tag.to_owned(), metric.unit.to_owned(), metric.header.to_owned()])
        .collect();
    let lines = terminal::screen().list(&rows).join("\n");
    format!("{lines}\n\n`prony metrics TAG` says how one is defined, and what it leaves out.\n")
}

fn page(metric: &Metric) -> String {
    let screen = terminal::screen();
    let rows = facts(metric).into_iter().map(|(name, text)| vec![name.to_owned(), text]);
    let lines = screen.list(&rows.collect::<Vec<_>>()).join("\n");
    format!("{} ({})\n\n{lines}\n", metric.header, metric.unit)
}

/// A label and what stands beside it, for each line.
fn facts(metric: &Metric) -> Vec<(&'static str, String)> {
    let better = if metric.larger_is_better { "more" } else { "less" };
    let mut facts = vec![
        ("definition", metric.definition.to_owned()),
        ("values", format!("{}{}", metric.values(), statistics(metric))),
        ("better", better.to_owned()),
    ];
    let needs = metric.conditions();
    facts.extend((!needs.is_empty()).then(|| ("needs", needs.join("; "))));
    facts.push(("left out", metric.excluded().to_owned()));
    facts.extend(metric.bias().map(|bias| ("beware", bias.to_owned())));
    facts.push(("key", format!("`{}` in `{}`", metric.tag, file_names::SUMMARY)));
    facts
}

/// All metrics on a page of Markdown. A test compares `docs/METRIC_DEFINITIONS.md` with it.
fn markdown() -> String {
    let keys = PERCENTILES.map(|(percentile, _)| format!("`{}`", percentile.key())).join(", ");
    let head = format!(
        "# Definitions of all metrics\n\n`prony metrics --markdown` prints this page. [METRICS.md](METRICS.md) has objectives, prices and \
         curves; `prony metrics --absent` lists what AIPerf has and prony has not.\n\nThe title of a section is the key in `{}`. A metric with \
         many values has `avg`, `min`, `max`, `std`, and the percentiles {keys}; of requests, gaps and sessions also `sum` and \
         `count`. One number stands in `avg`.\n",
        file_names::SUMMARY
    );
    let sections = CATALOGUE.iter().map(section);
    std::iter::once(head).chain(sections).collect::<Vec<_>>().join("\n")
}

/// A metric on that page.
fn section(metric: &Metric) -> String {
    let better = if metric.larger_is_better { "more" } else { "less" };
    let Metric { tag, header, unit, definition, .. } = metric;
    let mut lines = vec![
        format!("## `{tag}`\n\n{header} ({unit}; {better} is better). {definition}\n"),
        format!("- Values: {}.", metric.values()),
    ];
    let needs = metric.conditions();
    lines.extend((!needs.is_empty()).then(|| format!("- Needs: {}.", needs.join("; "))));
    lines.push(format!("- Left out: {}.", metric.excluded()));
    lines.extend(metric.bias().map(|bias| format!("- Beware: {bias}")));
    lines.join("\n") + "\n"
}

/// What is computed of its values, where there are many.
fn statistics(metric: &Metric) -> String {
    if !metric.has_many_values() {
        return String::new();
    }
    let keys = PERCENTILES.map(|(percentile, _)| percentile.key());
    if metric.is_over_time() {
        return format!("; of these avg, min, max, std and the percentiles {}", keys.join(" "));
    }
    format!("; of these avg, min, max, std, sum, count and the percentiles {}", keys.join(" "))
}

fn object(metric: &Metric) -> Value {
    json!({
        "tag": metric.tag,
        "name": metric.header,
        "unit": metric.unit,
        "larger_is_better": metric.larger_is_better,
        "definition": metric.definition,
        "values": metric.values(),
        "needs": metric.conditions(),
        "excluded": metric.excluded(),
        "bias": metric.bias(),
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_listed_a_tag_a_line() {
        let rows = absent_rows();
        assert!(rows.iter().all(|row| !row[0].contains(' ')), "{rows:?}");
        let reason = |tag: &str| rows.iter().find(|row| row[0] == tag).map(|row| &row[1]);
        assert!(reason("amd_*").is_some() && reason("amd_*") != reason("nvidia_energy_per_user"));
    }

    #[test]
    fn a_tag_is_found_as_it_is_typed() {
        assert_eq!(named("Time-to-first-token").unwrap().tag, "time_to_first_token");
        assert_eq!(named("ttft").unwrap().tag, "time_to_first_token");
        let refused = named("time_to_first_tokne").unwrap_err();
        assert_eq!(refused.hint.unwrap(), "did you mean `time_to_first_token`?");
        let absent = named("amd_total_gpu_energy").unwrap_err();
        assert!(absent.hint.unwrap().contains("no source of their power"));
    }
}
