//! What was measured beside the load, as tables for people.

use prony_plugin_api::telemetry::GPU_POWER;

use super::{
    beside::{Beside, Gpu, Group, field, short},
    model::Report,
    shown::Shown,
    text,
};
use crate::{
    metrics::{Statistic, Stats, tags},
    screen::Screen,
};

/// The tables that there are.
pub(super) fn tables(report: &Report) -> Vec<Shown> {
    [network(report), gpus(&report.beside)].into_iter().flatten().collect()
}

fn network(report: &Report) -> Option<Shown> {
    let mut rows = Vec::new();
    let mut is_starred = false;
    for way in report.beside.ways() {
        for (at, (name, group)) in way.groups().into_iter().enumerate() {
            let target = if at == 0 { short(&way.target).to_owned() } else { String::new() };
            is_starred |= is_uncarried(&group);
            rows.push([target, name.to_owned()].into_iter().chain(of_group(&group)).collect());
        }
    }
    let uncarried =
        is_starred.then(|| "* of too few probes for a p99: it is about the slowest of them".to_owned());
    (!rows.is_empty()).then(|| Shown {
        title: "Network: time to open a TCP connection, in ms",
        head: vec!["server", "when", "probes", "failed", "min", "median", "p99"],
        texts: 2,
        rows,
        notes: share_of_network(report).into_iter().chain(uncarried).collect(),
    })
}

fn gpus(beside: &Beside) -> Option<Shown> {
    let hosts: Vec<&str> = beside.gpus().map(|gpu| gpu.about.hostname.as_str()).collect();
    let several = hosts.windows(2).any(|pair| pair[0] != pair[1]);
    let rows: Vec<Vec<String>> = beside.gpus().map(|gpu| of_gpu(gpu, beside, several)).collect();
    (!rows.is_empty()).then(|| Shown {
        title: "GPUs",
        head: vec!["GPU", "model", "energy J", "power W", "max W", "util %", "mem GB", "max °C"],
        texts: 2,
        rows,
        notes: Vec::new(),
    })
}

fn of_gpu(gpu: &Gpu, beside: &Beside, several: bool) -> Vec<String> {
    let parts = beside.measured();
    let of = |name: &str| gpu.statistics(field(name), parts);
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
    let power = of(GPU_POWER);
    vec![
        gpu.label(several).replace("GPU ", ""),
        gpu.about.model.trim_start_matches("NVIDIA ").to_owned(),
        gpu.energy_j(parts).map_or("-".to_owned(), |(joules, _)| text::decimal(joules)),
        number(power.map(|power| power.avg)),
        number(power.map(|power| power.max)),
        number(of("nvidia_gpu_utilization").map(|util| util.avg)),
        number(of("nvidia_memory_used").map(|memory| memory.max)),
        number(of("nvidia_temperature").map(|temperature| temperature.max)),
    ]
}

fn is_uncarried(group: &Group) -> bool {
    group.times.is_some() && !group.carries_p99()
}

fn of_group(group: &Group) -> [String; 5] {
    let time = |value: Option<f64>| value.map_or("-".to_owned(), |ms| format!("{ms:.3}"));
    let times = group.times;
    let star = if is_uncarried(group) { "*" } else { "" };
    [
        group.probes.to_string(),
        group.failed.to_string(),
        time(times.map(|times| times.min)),
        time(times.map(|times| times.statistic(Statistic::P50))),
        time(times.map(|times| times.statistic(Statistic::P99))) + star,
    ]
}

/// How much of the time to the first token, or to the end, one round trip is.
fn share_of_network(report: &Report) -> Option<String> {
    let table = &report.profiling.table;
    let round_trip = table.avg(tags::NETWORK_RTT)?;
    let (name, median) = [tags::TIME_TO_FIRST_TOKEN, tags::REQUEST_LATENCY].into_iter().find_map(|tag| {
        let (metric, stats) = table.rows().find(|(metric, _)| metric.tag == tag)?;
        let median = match stats {
            Stats::Distribution(values) => values.statistic(Statistic::P50),
            _ => return None,
        };
        Some((metric.header, median))
    })?;
    (median > 0.0).then(|| {
        let share = 100.0 * round_trip / median;
        format!(
            "a round trip of {round_trip:.3} ms is {share:.1} % of the median {name} ({} ms)",
            text::decimal(median)
        )
    })
}

/// The tables for a screen, each below its title, a blank line between two.
pub(super) fn lines(report: &Report, screen: Screen) -> Vec<String> {
    let mut lines = Vec::new();
    for shown in tables(report) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(shown.lines(screen));
    }
    lines
}
