//! The table of all cells, for people.

use super::{
    best::Key,
    one_number,
    results::{CellResults, Results},
};
use crate::{
    metrics::{ObjectiveState, Statistic, tags},
    screen::{Align, Screen, Table},
};

/// What is shown of each cell: a header, and the number. One that no cell has is left out.
const COLUMNS: [(&str, &str, Statistic); 6] = [
    ("requests/s", tags::REQUEST_THROUGHPUT, Statistic::Avg),
    ("tokens/s", tags::OUTPUT_TOKEN_THROUGHPUT, Statistic::Avg),
    ("TTFT p50 (ms)", tags::TIME_TO_FIRST_TOKEN, Statistic::P50),
    ("TTFT p99 (ms)", tags::TIME_TO_FIRST_TOKEN, Statistic::P99),
    ("ITL p50 (ms)", tags::INTER_TOKEN_LATENCY, Statistic::P50),
    ("latency p99 (ms)", tags::REQUEST_LATENCY, Statistic::P99),
];

/// Marks of cells with a run that breaks an objective, and of those with one of which that cannot be told.
const BROKEN: &str = "breaks SLO";
const UNCLEAR: &str = "SLO unclear";

/// The table, and what its marks mean. Where it is too wide for the screen, some columns are left out, and then intervals.
pub(crate) fn text(results: &Results, screen: Screen) -> String {
    let width = screen.table_width();
    let layouts = layouts(results);
    let fitting = layouts.iter().find(|layout| table(results, layout).fits(width));
    let layout = fitting.or(layouts.first());
    let mut lines = layout.map(|layout| table(results, layout).lines(width)).unwrap_or_default();
    lines.push(String::new());
    let notes = layout.map(|layout| notes(results, layout)).unwrap_or_default();
    lines.extend(notes.iter().map(|note| screen.paragraph("", note)));
    lines.join("\n") + "\n"
}

/// What a table shows of each cell.
struct Layout {
    columns: Vec<(&'static str, Key)>,
    left_out: Vec<&'static str>,
    has_intervals: bool,
}

/// Tables that may be shown, the best one first.
fn layouts(results: &Results) -> Vec<Layout> {
    let all = COLUMNS.into_iter().map(|(header, metric, statistic)| (header, Key::known(metric, statistic)));
    let known = all.filter(|(_, key)| results.cells.iter().any(|cell| cell.get(key).is_some()));
    let known: Vec<(&'static str, Key)> = known.collect();
    // Throughput that decides nothing goes before the other one.
    let is_spare = |metric: &str| metric != results.best_by.key.metric;
    let throughput =
        [tags::OUTPUT_TOKEN_THROUGHPUT, tags::REQUEST_THROUGHPUT].into_iter().find(|tag| is_spare(tag));
    let medians = [tags::TIME_TO_FIRST_TOKEN, tags::INTER_TOKEN_LATENCY]
        .map(|tag| Some(Key::known(tag, Statistic::P50)));
    let [first_token, later_tokens] = medians;
    let throughput = throughput.map(|tag| Key::known(tag, Statistic::Avg));
    let has_lengths = results.settings().iter().any(|name| *name == "osl");
    // What a sweep over lengths of outputs is about goes last, even after intervals, and what decides stays.
    let is_subject = |key: &Key| has_lengths && key.metric == tags::INTER_TOKEN_LATENCY;
    let all = [first_token, throughput, later_tokens].into_iter().flatten();
    let all = all.filter(|key| *key != results.best_by.key);
    let (subjects, mut spare): (Vec<Key>, Vec<Key>) = all.partition(is_subject);
    let usual = spare.len();
    spare.extend(subjects);
    let layout = |has_intervals: bool, fewer: usize| {
        let (left_out, columns): (Vec<_>, Vec<_>) =
            known.iter().cloned().partition(|(_, key)| spare.iter().take(fewer).any(|spare| spare == key));
        Layout { columns, left_out: left_out.into_iter().map(|(header, _)| header).collect(), has_intervals }
    };
    let of = |has_intervals| (0..=usual).map(move |fewer| (has_intervals, fewer));
    let last = (usual + 1..=spare.len()).map(|fewer| (false, fewer));
    of(true).chain(of(false)).chain(last).map(|(has_intervals, fewer)| layout(has_intervals, fewer)).collect()
}

fn table(results: &Results, layout: &Layout) -> Table {
    let settings = results.settings();
    let are_named = results.cells.iter().any(|cell| cell.cell.title.is_some());
    let mut table = Table::new();
    if are_named {
        table = table.column("variant", Align::Left);
    }
    for name in &settings {
        table = table.column(name, Align::Right);
    }
    if results.repeats > 1 {
        table = table.column("runs", Align::Right);
    }
    for (header, _) in &layout.columns {
        table = table.column(*header, Align::Right);
    }
    let mut table = table.column("errors", Align::Right).column("", Align::Left);
    for (at, cell) in results.cells.iter().enumerate() {
        let mut row: Vec<String> = Vec::new();
        row.extend(are_named.then(|| cell.cell.label()));
        row.extend(settings.iter().map(|name| cell.cell.value(name).to_owned()));
        row.extend((results.repeats > 1).then(|| cell.measured.to_string()));
        row.extend(layout.columns.iter().map(|(_, key)| number(cell, key, layout.has_intervals)));
        row.push(errors(cell));
        row.push(marks(results, at));
        table.row(row);
    }
    table
}

/// The mean, and half of the interval behind it, where there is one.
fn number(cell: &CellResults, key: &Key, has_interval: bool) -> String {
    let Some(estimate) = cell.get(key) else { return "-".to_owned() };
    let digits = digits(estimate.mean);
    let mean = format!("{:.digits$}", estimate.mean);
    match estimate.half_width().filter(|_| has_interval) {
        Some(half) => format!("{mean}±{half:.digits$}"),
        None => mean,
    }
}

/// Decimals that are worth reading.
fn digits(number: f64) -> usize {
    match number.abs() {
        1000.0.. => 0,
        10.0.. => 1,
        _ => 2,
    }
}

fn errors(cell: &CellResults) -> String {
    let estimate = cell.get(&Key::known(tags::ERROR_REQUEST_COUNT, Statistic::Avg));
    match estimate {
        Some(estimate) => format!("{:.0}", estimate.mean * f64::from(estimate.n)),
        None => "-".to_owned(),
    }
}

fn marks(results: &Results, at: usize) -> String {
    let cell = &results.cells[at];
    if cell.measured == 0 {
        return if cell.failed.is_empty() { "missing" } else { "failed" }.to_owned();
    }
    let is_in_front = results.cells.len() > 1 && results.front.contains(&at);
    let is_best = results.cells.len() > 1 && results.best == Some(at);
    let objectives = match cell.worst_objective() {
        Some(ObjectiveState::Broken) => Some(BROKEN),
        Some(ObjectiveState::CannotTell) => Some(UNCLEAR),
        Some(ObjectiveState::Kept) | None => None,
    };
    let marks = [is_best.then_some("best"), is_in_front.then_some("Pareto"), objectives];
    let failed = (!cell.failed.is_empty()).then(|| format!("{} failed", cell.failed.len()));
    marks.into_iter().flatten().map(str::to_owned).chain(failed).collect::<Vec<_>>().join(", ")
}

/// What stands below the table: what marks mean, what is left out, and why runs failed.
fn notes(results: &Results, layout: &Layout) -> Vec<String> {
    let mut notes = Vec::new();
    if results.cells.len() > 1 && results.best.is_some() {
        let (better, key) =
            (if results.best_by.larger_is_better { "most" } else { "least" }, &results.best_by.key);
        let is_one_broken = results.cells.iter().any(CellResults::breaks_an_objective);
        let among = if is_one_broken { ", of those that break no objective" } else { "" };
        notes.push(format!("best: {better} {} ({}){among}", key.metric, key.statistic));
        let [throughput, latency] = &results.trade;
        notes.push(format!(
            "Pareto: no other combination has as much {} ({}) at less {} ({}), or more of it at as little",
            throughput.metric, throughput.statistic, latency.metric, latency.statistic
        ));
    }
    if results.cells.len() > 1 && results.best.is_none() && results.has_any() {
        let key = &results.best_by.key;
        let has_one = results.cells.iter().any(|cell| cell.get(key).is_some());
        notes.push(if has_one {
            "best: each combination breaks an objective".to_owned()
        } else {
            format!("best: no run has a {} ({})", key.metric, key.statistic)
        });
    }
    notes.extend(one_number::latency_rise(results).map(|rise| rise.note()));
    notes.extend(one_number::first_token_line(results).map(|line| line.note()));
    let overlapping = results.as_good_as_best();
    if !overlapping.is_empty() {
        let names: Vec<String> = overlapping.iter().map(|at| results.cells[*at].cell.label()).collect();
        notes.push(format!("the interval of the best one overlaps that of: {}", names.join("; ")));
    }
    let has_intervals = results.cells.iter().any(|cell| cell.measured > 1);
    let mut left_out = layout.left_out.clone();
    left_out.extend((has_intervals && !layout.has_intervals).then_some("intervals"));
    if !left_out.is_empty() {
        notes.push(format!("left out, since the screen is narrow: {}", left_out.join(", ")));
    }
    if has_intervals && layout.has_intervals {
        let percent = (results.confidence * 1e4).round() / 1e2;
        notes.push(format!(
            "±: half of the interval that has the true mean in it with {percent} % confidence, if runs are independent"
        ));
    }
    for cell in &results.cells {
        let named = |what: &str, runs: &[(u32, String)]| -> Vec<String> {
            let note = |(repeat, reason): &(u32, String)| {
                format!("{what}: {}: {reason}", run(results, cell, *repeat))
            };
            runs.iter().map(note).collect()
        };
        notes.extend(named("failed", &cell.failed));
        notes.extend(of_objectives(cell));
        notes.extend(named("not complete", &cell.incomplete));
    }
    notes
}

/// Which objectives a cell does not keep to for sure, a note for each mark.
fn of_objectives(cell: &CellResults) -> impl Iterator<Item = String> {
    let all = cell.worst_of_each_objective();
    let label = cell.cell.label();
    let label = if label.is_empty() { String::new() } else { format!("{label}: ") };
    [(BROKEN, ObjectiveState::Broken), (UNCLEAR, ObjectiveState::CannotTell)].into_iter().filter_map(
        move |(mark, wanted)| {
            let of_it: Vec<&str> =
                all.iter().filter(|(_, state)| *state == wanted).map(|(objective, _)| *objective).collect();
            (!of_it.is_empty()).then(|| format!("{mark}: {label}{}", of_it.join("; ")))
        },
    )
}

/// What a run of a cell is called.
fn run(results: &Results, cell: &CellResults, repeat: u32) -> String {
    let label = cell.cell.label();
    match (label.is_empty(), results.repeats > 1) {
        (true, _) => format!("run {repeat}"),
        (false, true) => format!("{label}, run {repeat}"),
        (false, false) => label,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::results::tests::results;

    #[test]
    fn a_sweep_is_a_table_with_marks() {
        let results = results(
            1,
            &[("1", &[(10.0, 1.0)]), ("2", &[(2000.4, 1.5)]), ("4", &[(19.0, 33.25)]), ("8", &[])],
        );
        insta::assert_snapshot!(text(&results, Screen::UNLIMITED), @r"
        concurrency  requests/s  latency p99 (ms)  errors
        ───────────────────────────────────────────────────────────────
                  1        10.0              1.00       0  Pareto
                  2        2000              1.50       0  best, Pareto
                  4        19.0              33.2       0
                  8           -                 -       -  failed

        best: most request_throughput (avg)
        Pareto: no other combination has as much request_throughput (avg) at less request_latency (p99), or more of it at as little
        latency rises: concurrency 2 is the first with a request_latency_p99 of more than 1.2 times that of concurrency 1, 1.50 times (one run each); runs or requests of concurrency 8 failed or are missing
        failed: concurrency 8: no request succeeded
        ");
    }

    #[test]
    fn a_cell_that_breaks_an_objective_is_marked_and_the_objective_is_named() {
        let mut results =
            results(2, &[("1", &[(10.0, 1.0), (11.0, 1.1)]), ("2", &[(20.0, 1.5), (21.0, 2.5)])]);
        let of_runs = |states: &[ObjectiveState]| {
            states.iter().map(|state| ("request_latency p99 < 2ms".to_owned(), *state)).collect()
        };
        results.cells[0].objectives = of_runs(&[ObjectiveState::Kept, ObjectiveState::CannotTell]);
        results.cells[1].objectives = of_runs(&[ObjectiveState::Broken, ObjectiveState::Kept]);
        results.best = Some(0);
        let text = text(&results, Screen::of_width(140));
        let ends = |line: &str| text.lines().any(|shown| shown.ends_with(line));
        assert!(ends("best, Pareto, SLO unclear") && ends("Pareto, breaks SLO"), "{text}");
        assert!(ends("best: most request_throughput (avg), of those that break no objective"), "{text}");
        assert!(ends("breaks SLO: concurrency 2: request_latency p99 < 2ms"), "{text}");
        assert!(ends("SLO unclear: concurrency 1: request_latency p99 < 2ms"), "{text}");
    }

    #[test]
    fn a_narrow_screen_has_fewer_columns_and_says_so() {
        let results = results(2, &[("1", &[(10.0, 1.0), (11.0, 1.1)]), ("2", &[(10.5, 0.5), (11.0, 0.6)])]);
        let text = text(&results, Screen::of_width(56));
        assert!(text.contains("left out, since the screen is narrow: intervals"), "{text}");
        assert!(!text.contains('±') && text.lines().any(|line| line.starts_with('─')), "{text}");
    }

    #[test]
    fn repeats_have_intervals() {
        let results = results(2, &[("1", &[(10.0, 1.0), (11.0, 1.1)]), ("2", &[(10.5, 0.5), (11.0, 0.6)])]);
        insta::assert_snapshot!(text(&results, Screen::UNLIMITED), @r"
        concurrency  runs  requests/s  latency p99 (ms)  errors
        ─────────────────────────────────────────────────────────────────────
                  1     2    10.5±6.4         1.05±0.64       0
                  2     2    10.8±3.2         0.55±0.64       0  best, Pareto

        best: most request_throughput (avg)
        Pareto: no other combination has as much request_throughput (avg) at less request_latency (p99), or more of it at as little
        whether latency rises cannot be told: the intervals do not tell whether the request_latency_p99 of concurrency 2 is more than 1.2 times that of concurrency 1
        the interval of the best one overlaps that of: concurrency 1
        ±: half of the interval that has the true mean in it with 95 % confidence, if runs are independent
        ");
    }
}
