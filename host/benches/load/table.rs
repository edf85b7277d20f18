//! What comes out: the medians of the rounds, beside what they may be.

use super::{
    floor::FirstTokens,
    process::Spent,
    scenario::{Limit, Measure, Scenario},
    server::SentTokens,
};

/// What one run of one client gave.
#[derive(Debug)]
pub(crate) struct Sample {
    spent: Spent,
    /// Client's instant of each first token minus the server's, in microseconds, ascending.
    errors_us: Vec<f64>,
}

impl Sample {
    /// Joins what the client and the server say.
    pub(crate) fn new(spent: Spent, client: &FirstTokens, server: &SentTokens) -> Self {
        let mut errors_us: Vec<f64> = client
            .iter()
            .map(|(id, arrived)| {
                let &(from, to) = server.get(id).expect("the server knows every request");
                // The token was sent at some moment between the two: in between there is no error.
                let nearest = (*arrived).clamp(from, to.max(from));
                (*arrived).cast_signed().wrapping_sub(nearest.cast_signed()) as f64 / 1e3
            })
            .collect();
        errors_us.sort_by(f64::total_cmp);
        Self { spent, errors_us }
    }

    fn value(&self, measure: Measure, scenario: &Scenario) -> f64 {
        match measure {
            Measure::CpuPerRequest => self.spent.cpu_us / scenario.requests as f64,
            Measure::CpuPerToken => self.spent.cpu_us / (scenario.requests * scenario.tokens) as f64,
            Measure::Wall => self.spent.wall_us / 1e6,
            Measure::Memory => self.spent.peak_kb * 1024.0 / 1e6,
            Measure::ArrivalP50 => rank(&self.errors_us, 50),
            Measure::ArrivalP99 => rank(&self.errors_us, 99),
        }
    }
}

/// The value at a percentage of an ascending list.
fn rank(ascending: &[f64], percent: usize) -> f64 {
    ascending[(ascending.len() - 1) * percent / 100]
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    rank(&values, 50)
}

/// Prints a scenario's rounds, floor and program, and says whether all bounds were kept.
pub(crate) fn print(scenario: &Scenario, rounds: &[(Sample, Sample)]) -> bool {
    println!("\n{}: {}", scenario.name, scenario.about);
    println!("{:<22}{:>11}{:>11}{:>9}   bound", "", "floor", "prony", "ratio");
    let mut kept = true;
    for measure in scenario.measures() {
        let values = || {
            rounds
                .iter()
                .map(|(floor, program)| (floor.value(measure, scenario), program.value(measure, scenario)))
        };
        let floor = median(values().map(|(floor, _)| floor));
        let program = median(values().map(|(_, program)| program));
        let ratio = median(values().map(|(floor, program)| program / floor));
        let bound = scenario.bounds.iter().find(|(bound, _)| *bound == measure).map(|(_, limit)| *limit);
        let (verdict, within) = match bound {
            None => (String::new(), true),
            Some(Limit::Ratio(most)) => (format!("{most} x floor"), ratio <= most),
            Some(Limit::Value(most)) => (format!("{most}"), program.abs() <= most),
        };
        let word = match (bound, within) {
            (None, _) => "",
            (Some(_), true) => "ok",
            (Some(_), false) => "OVER",
        };
        kept &= within;
        // Errors lie around zero and have no ratio.
        let is_error = matches!(measure, Measure::ArrivalP50 | Measure::ArrivalP99);
        let ratio = if is_error { String::new() } else { format!("{ratio:.2}") };
        println!("{:<22}{floor:>11.2}{program:>11.2}{ratio:>9}   {verdict:<13}{word}", measure.label());
    }
    kept
}
