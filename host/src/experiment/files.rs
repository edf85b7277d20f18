//! The files of an experiment's results.
//!
//! `experiment_results.json` has AIPerf's keys where AIPerf has such (`per_combination_metrics`, `best_configurations`,
//! `pareto_optimal`). `experiment.csv` has a line for each number of each cell. Compatibility: within a major
//! [`SCHEMA_VERSION`], keys and columns are only ever added.

use serde_json::{Map, Value, json};

use super::{
    cell::Cell,
    estimate::Spread,
    folder::{ExperimentFolder, FolderError, STATE},
    manifest::{self, Made},
    one_number, page,
    results::{CellResults, Results},
    state::{Progress, State},
    table,
};
use crate::{report::file_names, screen::Screen};

const SCHEMA_VERSION: &str = "1.0";

/// Names of the files.
pub(super) const JSON: &str = "experiment_results.json";
const CSV: &str = "experiment.csv";
pub(super) const TABLE: &str = "experiment_console.txt";

/// Writes all of them. Returns the table for people.
///
/// # Errors
/// One cannot be written.
pub(crate) fn write_results(
    results: &Results,
    state: &State,
    folder: &ExperimentFolder,
    screen: Screen,
) -> Result<String, FolderError> {
    let mut text = format!("{:#}", json(results, state));
    text.push('\n');
    folder.write(JSON, text.as_bytes())?;
    folder.write(CSV, &csv(results))?;
    let table = table::text(results, screen);
    // A vector takes everything.
    folder.write(file_names::PAGE, &page::page(results, state).unwrap_or_default())?;
    folder.write(TABLE, table.as_bytes())?;
    let made = Made {
        kind: "experiment",
        prony_version: &state.prony_version,
        random_seed: state.random_seed,
        plan: STATE,
        is_complete: state.progress == Progress::Complete && results.missing().is_none(),
    };
    let own = [STATE, JSON, CSV, file_names::PAGE, TABLE];
    manifest::write(&made, &own, state.runs.iter().map(|run| run.folder.as_str()), folder)?;
    Ok(table)
}

fn json(results: &Results, state: &State) -> Value {
    let name = |at: Option<usize>| at.map(|at| results.cells[at].cell.label());
    let [throughput, latency] = results.trade.clone().map(|key| key.joined());
    json!({
        "schema_version": SCHEMA_VERSION,
        "prony_version": state.prony_version,
        "progress": state.progress,
        "reason": state.reason,
        "random_seed": state.random_seed,
        "runs_per_cell": results.repeats,
        "confidence_level": results.confidence,
        "per_combination_metrics": results.cells.iter().map(combination).collect::<Vec<_>>(),
        "best_configurations": {
            "best_throughput": { "name": name(results.best_throughput), "by": throughput },
            "best_latency_p99": { "name": name(results.best_latency), "by": latency },
            "best": {
                "name": name(results.best),
                "by": results.best_by.key.joined(),
                "larger_is_better": results.best_by.larger_is_better,
                "intervals_overlap_with":
                    results.as_good_as_best().into_iter().map(|at| results.cells[at].cell.label()).collect::<Vec<_>>(),
            },
        },
        "pareto_optimal": results.front.iter().map(|at| name(Some(*at))).collect::<Vec<_>>(),
        "pareto_axes": { "more_is_better": throughput, "less_is_better": latency },
        "latency_rise": one_number::latency_rise(results),
        "first_token_line": one_number::first_token_line(results),
        "runs": state.runs,
    })
}

fn combination(results: &CellResults) -> Value {
    let numbers = results.numbers.iter().map(|(key, unit, estimate)| {
        let mut number = serde_json::to_value(estimate).unwrap_or_default();
        number["unit"] = unit.as_str().into();
        (key.joined(), number)
    });
    let with_reasons = |runs: &[(u32, String)]| -> Vec<Value> {
        runs.iter().map(|(repeat, reason)| json!({ "repeat": repeat, "reason": reason })).collect()
    };
    json!({
        "name": results.cell.label(),
        "parameters": parameters(&results.cell),
        "measured_runs": results.measured,
        "failed_runs": with_reasons(&results.failed),
        "incomplete_runs": with_reasons(&results.incomplete),
        "objectives": results
            .worst_of_each_objective()
            .into_iter()
            .map(|(objective, state)| json!({ "objective": objective, "state": state }))
            .collect::<Vec<_>>(),
        "metrics": numbers.collect::<Map<String, Value>>(),
    })
}

/// Values as they were typed, as numbers where they are some.
fn parameters(cell: &Cell) -> Map<String, Value> {
    let value = |text: &str| {
        serde_json::from_str::<serde_json::Number>(text).map_or_else(|_| text.into(), Value::Number)
    };
    cell.values.iter().map(|(setting, text)| (setting.name.replace('-', "_"), value(text))).collect()
}

fn csv(results: &Results) -> Vec<u8> {
    let settings = results.settings();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let numbers =
        ["metric", "unit", "statistic", "n", "mean", "min", "max", "std", "cv", "se", "ci_low", "ci_high"];
    let header = ["cell"].into_iter().chain(settings.iter().map(String::as_str)).chain(numbers);
    // A vector takes everything, and all lines have the same columns.
    let _ = writer.write_record(header);
    for cell in &results.cells {
        for (key, unit, estimate) in &cell.numbers {
            let spread = |part: fn(&Spread) -> Option<f64>| {
                estimate.spread.as_ref().and_then(part).map_or_else(String::new, |number| number.to_string())
            };
            let mut line = vec![cell.cell.label()];
            line.extend(settings.iter().map(|name| cell.cell.value(name).to_owned()));
            line.extend([key.metric.clone(), unit.clone(), key.statistic.clone(), estimate.n.to_string()]);
            line.extend([estimate.mean, estimate.min, estimate.max].map(|number| number.to_string()));
            line.extend([spread(|it| Some(it.std)), spread(|it| it.cv), spread(|it| Some(it.se))]);
            line.extend([spread(|it| Some(it.ci_low)), spread(|it| Some(it.ci_high))]);
            let _ = writer.write_record(line);
        }
    }
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::words::Words,
        experiment::{design::tests::of, results::tests::results},
    };

    #[test]
    fn the_results_have_aiperfs_keys() {
        let results = results(2, &[("1", &[(10.0, 1.0), (12.0, 3.0)]), ("2", &[])]);
        let json = json(&results, &State::new(&Words::default(), &of(&["1", "2"], 2)));
        let first = &json["per_combination_metrics"][0];
        assert_eq!(first["parameters"], json!({ "concurrency": 1 }));
        let metric = &first["metrics"]["request_throughput_avg"];
        assert_eq!((metric["mean"].as_f64(), metric["n"].as_u64()), (Some(11.0), Some(2)));
        assert_eq!((metric["unit"].as_str(), metric["ci_low"].is_f64()), (Some("requests/sec"), true));
        assert_eq!(json["per_combination_metrics"][1]["failed_runs"][0]["reason"], "no request succeeded");
        assert_eq!(json["best_configurations"]["best_throughput"]["name"], "concurrency 1");
        assert_eq!(json["pareto_optimal"], json!(["concurrency 1"]));
    }

    #[test]
    fn the_table_for_programs_has_a_line_a_number() {
        let text = String::from_utf8(csv(&results(1, &[("1", &[(10.0, 1.5)])]))).unwrap();
        insta::assert_snapshot!(text, @r"
        cell,concurrency,metric,unit,statistic,n,mean,min,max,std,cv,se,ci_low,ci_high
        concurrency 1,1,request_throughput,requests/sec,avg,1,10,10,10,,,,,
        concurrency 1,1,request_latency,ms,p99,1,1.5,1.5,1.5,,,,,
        concurrency 1,1,error_request_count,,avg,1,0,0,0,,,,,
        ");
    }
}
