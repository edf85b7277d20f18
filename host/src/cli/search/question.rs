//! What the flags of a search ask for, and which of them say something about it.

use super::{
    super::exit::{Exit, Failure},
    args::SearchFlags,
    recipe::Recipe,
};
use Question::{Best, Decode, Highest, Pareto, Prefill, Ramp};

/// What is asked for. All but the first are sweeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Question {
    /// The highest load that keeps to objectives.
    Highest,
    /// The load at which a metric is best.
    Best,
    /// How latency rises with the concurrency.
    Ramp,
    /// The time to first token by the length of prompts.
    Prefill,
    /// The inter-token latency by the concurrency and the length of responses.
    Decode,
    /// What throughput costs of latency, for several pairs of lengths.
    Pareto,
}

impl Question {
    /// The one that these flags ask.
    pub(in crate::cli) fn of(flags: &SearchFlags) -> Self {
        match flags.aiperf.search_recipe {
            None if flags.aiperf.search_metric.is_some() => Best,
            Some(Recipe::ConcurrencyRamp) => Ramp,
            Some(Recipe::PrefillCurve) => Prefill,
            Some(Recipe::DecodeCurve) => Decode,
            Some(Recipe::ParetoSweep) => Pareto,
            Some(
                Recipe::ConcurrencyUnderSla
                | Recipe::ThroughputUnderTtft
                | Recipe::ThroughputUnderItl
                | Recipe::GoodputUnderSlo,
            )
            | None => Highest,
        }
    }

    /// Whether a sweep answers it, whose runs are known before the first one.
    pub(in crate::cli) fn is_sweep(self) -> bool {
        self != Highest
    }

    /// It is about the times of single tokens.
    pub(super) fn needs_streams(self) -> bool {
        matches!(self, Prefill | Decode)
    }

    /// What asks it, for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Highest => "a search for the highest load",
            Best => "`--search-metric`",
            Ramp => "`--search-recipe concurrency-ramp`",
            Prefill => "`--search-recipe prefill-ttft-curve`",
            Decode => "`--search-recipe decode-itl-curve`",
            Pareto => "`--search-recipe pareto-sweep`",
        }
    }

    /// Flags that say nothing about it.
    pub(super) fn without_effect(self, flags: &SearchFlags) -> Vec<Failure> {
        let idle = rules(flags)
            .into_iter()
            .filter(|(_, is_typed, questions)| *is_typed && !questions.contains(&self));
        let with = if self == Highest { "in" } else { "with" };
        let failure = |(flag, _, questions): Rule| {
            let names: Vec<&str> = questions.iter().map(|question| question.name()).collect();
            Failure::new(Exit::Usage, format!("use `--{flag}` {with} {}", self.name()))
                .with_hint(format!("leave it out; it belongs to {}", names.join(", ")))
        };
        idle.map(failure).collect()
    }
}

/// A flag, whether it is typed, and the questions that it says something about.
type Rule = (&'static str, bool, &'static [Question]);

/// Loads that are compared.
const LOADS: &[Question] = &[Highest, Best];

fn rules(flags: &SearchFlags) -> [Rule; 26] {
    let words = &flags.aiperf;
    [
        ("over", flags.over.is_some(), LOADS),
        ("range", flags.range.is_some(), LOADS),
        ("max-runs", flags.max_runs.is_some(), LOADS),
        ("precision", flags.precision.is_some(), &[Highest]),
        ("no-early-end", flags.no_early_end, &[Highest]),
        ("search-space", words.search_space.is_some(), LOADS),
        ("search-planner", words.search_planner.is_some(), LOADS),
        ("ttft-sla-ms", words.ttft_sla_ms.is_some(), LOADS),
        ("itl-sla-ms", words.itl_sla_ms.is_some(), LOADS),
        ("e2e-sla-ms", words.e2e_sla_ms.is_some(), LOADS),
        ("error-rate-sla", words.error_rate_sla.is_some(), LOADS),
        ("slo-attainment-fraction", words.slo_attainment_fraction.is_some(), &[Highest]),
        ("concurrency-min", words.concurrency_min.is_some(), &[Highest, Best, Ramp, Decode]),
        ("concurrency-max", words.concurrency_max.is_some(), &[Highest, Best, Ramp, Decode]),
        ("concurrency-steps", words.concurrency_steps.is_some(), &[Ramp, Decode]),
        ("isl-min", words.isl_min.is_some(), &[Prefill]),
        ("isl-max", words.isl_max.is_some(), &[Prefill]),
        ("isl-steps", words.isl_steps.is_some(), &[Prefill]),
        ("osl-min", words.osl_min.is_some(), &[Decode]),
        ("osl-max", words.osl_max.is_some(), &[Decode]),
        ("osl-steps", words.osl_steps.is_some(), &[Decode]),
        ("isl-osl-pairs", words.isl_osl_pairs.is_some(), &[Pareto]),
        // Beside a recipe, which has a metric of its own.
        ("search-metric", words.search_metric.is_some(), &[Best]),
        ("search-stat", words.search_stat.is_some(), &[Best]),
        ("search-direction", words.search_direction.is_some(), &[Best]),
        ("search-initial-points", words.search_initial_points.is_some(), &[Best]),
    ]
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};
    use rstest::rstest;

    use super::*;

    fn flags(line: &str) -> SearchFlags {
        let command = SearchFlags::augment_args(Command::new("search"));
        let words = std::iter::once("search").chain(line.split_whitespace());
        SearchFlags::from_arg_matches(&command.try_get_matches_from(words).unwrap()).unwrap()
    }

    #[rstest]
    #[case("", Highest)]
    #[case("--search-recipe max-goodput-under-slo", Highest)]
    #[case("--search-recipe concurrency-ramp", Ramp)]
    #[case("--search-recipe pareto_sweep", Pareto)]
    #[case("--search-space concurrency:1,8:int --search-metric request_throughput", Best)]
    fn flags_ask_one_question(#[case] line: &str, #[case] expected: Question) {
        assert_eq!(Question::of(&flags(line)), expected);
        assert!(expected.without_effect(&flags(line)).is_empty());
    }

    #[rstest]
    #[case("--isl-min 5 --search-stat p99", &["`--isl-min` in a search for", "`--search-stat` in a search for"])]
    #[case("--search-recipe concurrency-ramp --isl-steps 5", &["`--isl-steps` with `--search-recipe concurrency-ramp`"])]
    #[case("--search-recipe decode-itl-curve --concurrency-steps 2 --osl-max 9 --range 1..9", &["`--range` with"])]
    #[case("--search-recipe max-throughput-ttft-sla --search-metric x", &["`--search-metric` in a search for"])]
    #[case("--search-metric request_throughput --precision 0.1 --no-early-end", &["`--precision` with", "`--no-early-end` with"])]
    fn flags_of_another_question_are_all_named(#[case] line: &str, #[case] expected: &[&str]) {
        let flags = flags(line);
        let failures = Question::of(&flags).without_effect(&flags);
        assert_eq!(failures.len(), expected.len(), "{failures:?}");
        for (failure, expected) in failures.iter().zip(expected) {
            assert!(failure.message.contains(expected), "{failure:?}");
        }
    }
}
