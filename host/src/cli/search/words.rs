//! A search in AIPerf's words: recipes, bounds in milliseconds, search spaces. Each becomes what `prony search` has, or a sweep.

use std::num::NonZeroU32;

use clap::{Args, Command};

use super::{
    super::exit::{Exit, Failure},
    recipe::Recipe,
    searched_load::SearchedLoad,
};
use crate::config::{
    flags::ChoiceParser,
    several::first_twice,
    units::{self, Choice},
};

/// The heading of these flags in the help.
const WORDS: &str = "Search, in AIPerf's words";

/// Names of AIPerf's that are aliases of ours.
const ALIASES: [&str; 2] = ["search-sla", "search-max-iterations"];

/// The part of good requests that is asked for, where the user does not say which.
const USUAL_ATTAINMENT: f64 = 0.95;

/// A search as AIPerf's flags say it.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub(in crate::cli) struct WordsOfAiperf {
    /// The highest concurrency within bounds: `max-concurrency-under-sla`, `max-throughput-ttft-sla` and `max-throughput-itl-sla` with
    /// those of the flags below, `max-goodput-under-slo` with a part of requests that keep to them. The other ones are sweeps.
    ///
    /// `concurrency-ramp` is one from 1 to 1000 at once, `prefill-ttft-curve` one over prompts of 256 to 32768 tokens,
    /// `decode-itl-curve` one from 1 to 200 at once and over responses of 64 to 1024 tokens, and `pareto-sweep` one over
    /// --isl-osl-pairs, for each value of --concurrency. They leave behind what `prony profile --sweep` leaves.
    #[arg(long, value_name = "NAME", value_parser = ChoiceParser::<Recipe>::new(), help_heading = WORDS)]
    pub(super) search_recipe: Option<Recipe>,

    /// What is raised, and from where to where, as `concurrency:1,64:int` or `request_rate:1,200`.
    #[arg(long, value_name = "PATH:LOW,HIGH", value_parser = space, help_heading = WORDS, conflicts_with_all = ["over", "range"])]
    pub(super) search_space: Option<Space>,

    /// Metric that is to be best, in place of objectives: loads of --search-space are measured, each about the same
    /// factor above the one before.
    #[arg(long, value_name = "METRIC", help_heading = WORDS)]
    pub(super) search_metric: Option<String>,

    /// With --search-metric: its statistic [default: avg].
    #[arg(long, value_name = "STATISTIC", help_heading = WORDS)]
    pub(super) search_stat: Option<String>,

    /// With --search-metric: `maximize` or `minimize` [default: what is better of that metric].
    #[arg(long, value_name = "DIRECTION", value_parser = ChoiceParser::<Direction>::new(), help_heading = WORDS)]
    pub(super) search_direction: Option<Direction>,

    /// With --search-metric: how many loads are measured where --max-runs says nothing [default: 8].
    #[arg(long, value_name = "N", value_parser = units::non_zero::<NonZeroU32>, help_heading = WORDS)]
    pub(super) search_initial_points: Option<NonZeroU32>,

    /// Bound on the 95th percentile of the time to first token.
    #[arg(long, value_name = "MS", value_parser = units::positive::<f64>, help_heading = WORDS)]
    pub(super) ttft_sla_ms: Option<f64>,

    /// Bound on the 95th percentile of the inter-token latency.
    #[arg(long, alias = "tpot-sla-ms", value_name = "MS", value_parser = units::positive::<f64>, help_heading = WORDS)]
    pub(super) itl_sla_ms: Option<f64>,

    /// Bound on the 99th percentile of the latency of requests.
    #[arg(long, value_name = "MS", value_parser = units::positive::<f64>, help_heading = WORDS)]
    pub(super) e2e_sla_ms: Option<f64>,

    /// Bound on the part of requests that fail, from 0 to 1.
    #[arg(long, value_name = "PART", value_parser = units::share, help_heading = WORDS)]
    pub(super) error_rate_sla: Option<f64>,

    /// With `max-goodput-under-slo`: the part of requests that keep to all bounds [default: 0.95].
    #[arg(long, value_name = "PART", value_parser = units::inner_share, help_heading = WORDS)]
    pub(super) slo_attainment_fraction: Option<f64>,

    /// AIPerf's name of a method; prony has one method and uses it for each name.
    #[arg(long, alias = "search-style", value_name = "NAME", value_parser = ChoiceParser::<Planner>::new(), help_heading = WORDS)]
    pub(super) search_planner: Option<Planner>,

    /// Lowest concurrency to try.
    #[arg(long, value_name = "N", value_parser = units::concurrency, help_heading = WORDS, conflicts_with_all = ["range", "search_space"])]
    pub(super) concurrency_min: Option<NonZeroU32>,

    /// Highest concurrency to try.
    #[arg(long, value_name = "N", value_parser = units::concurrency, help_heading = WORDS, conflicts_with_all = ["range", "search_space"])]
    pub(super) concurrency_max: Option<NonZeroU32>,

    /// With a recipe that is a sweep: how many concurrencies are measured [default: 8, 6 of `decode-itl-curve`].
    #[arg(long, value_name = "N", value_parser = units::non_zero::<NonZeroU32>, help_heading = WORDS)]
    pub(super) concurrency_steps: Option<NonZeroU32>,

    /// With `prefill-ttft-curve`: tokens of the shortest prompts [default: 256].
    #[arg(long, value_name = "TOKENS", value_parser = units::non_zero::<NonZeroU32>, help_heading = WORDS)]
    pub(super) isl_min: Option<NonZeroU32>,

    /// With `prefill-ttft-curve`: tokens of the longest prompts [default: 32768].
    #[arg(long, value_name = "TOKENS", value_parser = units::non_zero::<NonZeroU32>, help_heading = WORDS)]
    pub(super) isl_max: Option<NonZeroU32>,

    /// With `prefill-ttft-curve`: how many lengths of prompts are measured [default: 8].
    #[arg(long, value_name = "N", value_parser = units::non_zero::<NonZeroU32>, help_heading = WORDS)]
    pub(super) isl_steps: Option<NonZeroU32>,

    /// With `decode-itl-curve`: tokens of the shortest responses [default: 64].
    #[arg(long, value_name = "TOKENS", value_parser = units::non_zero::<NonZeroU32>, help_heading = WORDS)]
    pub(super) osl_min: Option<NonZeroU32>,

    /// With `decode-itl-curve`: tokens of the longest responses [default: 1024].
    #[arg(long, value_name = "TOKENS", value_parser = units::non_zero::<NonZeroU32>, help_heading = WORDS)]
    pub(super) osl_max: Option<NonZeroU32>,

    /// With `decode-itl-curve`: how many lengths of responses are measured [default: 4].
    #[arg(long, value_name = "N", value_parser = units::non_zero::<NonZeroU32>, help_heading = WORDS)]
    pub(super) osl_steps: Option<NonZeroU32>,

    /// With `pareto-sweep`: tokens of prompts and responses, as `128/128,512/256`.
    #[arg(long, value_name = "ISL/OSL,...", value_parser = pairs, help_heading = WORDS)]
    pub(super) isl_osl_pairs: Option<String>,
}

/// The long names of AIPerf's flags about searches, without dashes: with one of them, `profile` is a search.
pub(in crate::cli) fn names() -> Vec<String> {
    let command = WordsOfAiperf::augment_args(Command::new("words"));
    let names = command.get_arguments().flat_map(|arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long().into_iter().chain(aliases).map(str::to_owned).collect::<Vec<_>>()
    });
    names.chain(ALIASES.map(str::to_owned)).collect()
}

/// A text that is no list of pairs of lengths.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum PairsError {
    #[error("it must be tokens of prompts and of responses, as `128/128,512/256`")]
    Form,
    #[error("the pair `{0}` stands there twice")]
    Twice(String),
}

/// Pairs of lengths, as they are typed but for spaces.
fn pairs(text: &str) -> Result<String, PairsError> {
    let length = |text: &str| text.trim().parse::<NonZeroU32>().map_err(|_| PairsError::Form);
    let pair = |text: &str| {
        let (input, output) = text.split_once('/').ok_or(PairsError::Form)?;
        Ok(format!("{}/{}", length(input)?, length(output)?))
    };
    let pairs: Vec<String> = text.split(',').map(pair).collect::<Result<_, PairsError>>()?;
    match first_twice(&pairs) {
        Some(at) => Err(PairsError::Twice(pairs[at].clone())),
        None => Ok(pairs.join(",")),
    }
}

/// What is raised, and the loads that may be tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Space {
    over: SearchedLoad,
    low: f64,
    high: f64,
}

/// A text that is no such space.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum SpaceError {
    #[error(
        "it must be PATH:LOW,HIGH or PATH:LOW,HIGH:int, with two numbers above 0, as in `concurrency:1,64:int`"
    )]
    Form,
    #[error("requests a second need not be whole: leave out `:int`")]
    NotWhole,
    #[error("both ends of `{}` must be whole numbers, as in `{}:1,64`", .0, .0)]
    Whole(&'static str),
    #[error(
        "a search raises `concurrency`, `request_rate` or `num_users`, and not `{0}`: use a list of values for that"
    )]
    Path(String),
}

/// Before the name of a load in AIPerf's paths of settings.
const MEASURED_PHASE: &str = "phases.profiling.";

fn space(text: &str) -> Result<Space, SpaceError> {
    let (path, ends) = text.split_once(':').ok_or(SpaceError::Form)?;
    let is_int = ends.ends_with(":int");
    let ends = ends.strip_suffix(":int").or_else(|| ends.strip_suffix(":real")).unwrap_or(ends);
    let (low, high) = ends.split_once(',').ok_or(SpaceError::Form)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| SpaceError::Form);
    let (low, high) = (number(low)?, number(high)?);
    if !(low > 0.0 && low < high && high.is_finite()) {
        return Err(SpaceError::Form);
    }
    let over = match path.strip_prefix(MEASURED_PHASE).unwrap_or(path) {
        "concurrency" => SearchedLoad::Concurrency,
        "request_rate" | "request-rate" | "rate" => SearchedLoad::Rate,
        "num_users" | "num-users" | "users" => SearchedLoad::Users,
        _ => return Err(SpaceError::Path(path.to_owned())),
    };
    match over {
        SearchedLoad::Rate if is_int => Err(SpaceError::NotWhole),
        SearchedLoad::Concurrency | SearchedLoad::Users if low.fract() != 0.0 || high.fract() != 0.0 => {
            Err(SpaceError::Whole(over.name()))
        }
        _ => Ok(Space { over, low, high }),
    }
}

/// A part of 1 in percent, without the digits that a product of binary numbers adds: 0.07 is 7 %.
fn percent(part: f64) -> f64 {
    (part * 1e14).round() / 1e12
}

/// Ways of AIPerf's to the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planner {
    MonotonicSla,
    SmoothIsotonic,
    Bayesian,
    Optuna,
}

impl Choice for Planner {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("monotonic-sla", Self::MonotonicSla),
        ("smooth-isotonic", Self::SmoothIsotonic),
        ("bayesian", Self::Bayesian),
        ("optuna", Self::Optuna),
    ];
    const SYNONYMS: &'static [(&'static str, Self)] =
        &[("monotonic", Self::MonotonicSla), ("bo", Self::Bayesian)];
}

/// What is better of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Maximize,
    Minimize,
}

impl Choice for Direction {
    const NAMES: &'static [(&'static str, Self)] =
        &[("maximize", Self::Maximize), ("minimize", Self::Minimize)];
}

/// The same as `prony search` has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Meaning {
    pub(super) slos: Vec<String>,
    pub(super) over: Option<SearchedLoad>,
    pub(super) range: Option<(f64, f64)>,
    /// Values of `--goodput`.
    pub(super) goodput: Vec<String>,
}

impl WordsOfAiperf {
    /// What is said of a planner whose way is another one than that of this program.
    pub(super) fn other_planner(&self) -> Option<String> {
        let planner = self.search_planner?;
        let text = format!(
            "`--search-planner {}` is taken as a name: prony has one way to the answer, which docs/SEARCH.md describes",
            units::name(planner)
        );
        matches!(planner, Planner::Bayesian | Planner::Optuna).then_some(text)
    }

    /// What they mean. `usual` is the range where none is typed.
    ///
    /// # Errors
    /// A recipe lacks a bound, or has one that is none of its own.
    pub(super) fn meaning(&self, usual: (f64, f64)) -> Result<Meaning, Failure> {
        self.check()?;
        let mut meaning = Meaning::default();
        if self.search_recipe == Some(Recipe::GoodputUnderSlo) {
            let bounds = [
                ("time_to_first_token", self.ttft_sla_ms),
                ("inter_token_latency", self.itl_sla_ms),
                ("request_latency", self.e2e_sla_ms),
            ];
            let each = bounds.into_iter().filter_map(|(metric, ms)| Some(format!("{metric}:{}", ms?)));
            meaning.goodput = each.collect();
            let part = self.slo_attainment_fraction.unwrap_or(USUAL_ATTAINMENT);
            meaning.slos.push(format!("good_request_fraction >= {part}"));
        } else {
            let bounds = [
                ("time_to_first_token p95", self.ttft_sla_ms),
                ("inter_token_latency p95", self.itl_sla_ms),
                ("request_latency p99", self.e2e_sla_ms),
            ];
            let each = bounds.into_iter().filter_map(|(what, ms)| Some(format!("{what} <= {}ms", ms?)));
            meaning.slos = each.collect();
        }
        let errors = self.error_rate_sla.map(|part| format!("request_error_rate <= {}%", percent(part)));
        meaning.slos.extend(errors);
        let is_concurrency = self.concurrency_min.is_some() || self.concurrency_max.is_some();
        if self.search_recipe.is_some() || is_concurrency {
            meaning.over = Some(SearchedLoad::Concurrency);
        }
        if is_concurrency {
            let low = self.concurrency_min.map_or(usual.0, |low| low.get().into());
            let high = self.concurrency_max.map_or(usual.1, |high| high.get().into());
            if low >= high {
                let message = format!("search from a concurrency of {low} to one of {high}");
                return Err(Failure::new(Exit::Usage, message).with_hint("raise `--concurrency-max`"));
            }
            meaning.range = Some((low, high));
        }
        if let Some(Space { over, low, high }) = self.search_space {
            (meaning.over, meaning.range) = (Some(over), Some((low, high)));
        }
        Ok(meaning)
    }

    fn check(&self) -> Result<(), Failure> {
        let of_time = [self.ttft_sla_ms, self.itl_sla_ms, self.e2e_sla_ms];
        let has_time = of_time.iter().any(Option::is_some);
        let lacks = |what: &str| {
            let message = "use this `--search-recipe` without its bound".to_owned();
            Err(Failure::new(Exit::Usage, message).with_hint(format!("add {what}")))
        };
        match self.search_recipe {
            Some(Recipe::ThroughputUnderTtft) if self.ttft_sla_ms.is_none() => {
                lacks("`--ttft-sla-ms 500`, say")
            }
            Some(Recipe::ThroughputUnderItl) if self.itl_sla_ms.is_none() => lacks("`--itl-sla-ms 50`, say"),
            Some(Recipe::ConcurrencyUnderSla) if !has_time && self.error_rate_sla.is_none() => {
                lacks("one of `--ttft-sla-ms`, `--itl-sla-ms`, `--e2e-sla-ms` and `--error-rate-sla`")
            }
            Some(Recipe::GoodputUnderSlo) if !has_time => {
                lacks("one of `--ttft-sla-ms`, `--itl-sla-ms` and `--e2e-sla-ms`")
            }
            recipe if self.slo_attainment_fraction.is_some() && recipe != Some(Recipe::GoodputUnderSlo) => {
                let message =
                    "use `--slo-attainment-fraction`: the bounds are on percentiles, and not on each request";
                let hint = "add `--search-recipe max-goodput-under-slo`, or leave it out";
                Err(Failure::new(Exit::Usage, message).with_hint(hint))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;
    use rstest::rstest;

    use super::*;

    fn read(line: &str) -> Result<WordsOfAiperf, String> {
        // The flags that others of these do not go together with.
        let command = Command::new("search").arg(clap::Arg::new("over").long("over"));
        let command = WordsOfAiperf::augment_args(command.arg(clap::Arg::new("range").long("range")));
        let words = std::iter::once("search").chain(line.split_whitespace());
        let matches = command.try_get_matches_from(words).map_err(|error| error.to_string())?;
        Ok(WordsOfAiperf::from_arg_matches(&matches).unwrap())
    }

    fn meaning(line: &str) -> Meaning {
        read(line).unwrap().meaning((1.0, 1000.0)).unwrap()
    }

    #[rstest]
    #[case::one("--search-recipe max-throughput-ttft-sla --ttft-sla-ms 500", &["time_to_first_token p95 <= 500ms"])]
    #[case::tpot("--search-recipe max-throughput-itl-sla --tpot-sla-ms 20", &["inter_token_latency p95 <= 20ms"])]
    #[case::all(
        "--search-recipe max_concurrency_under_sla --e2e-sla-ms 900 --error-rate-sla 0.07",
        &["request_latency p99 <= 900ms", "request_error_rate <= 7%"]
    )]
    fn a_recipe_is_bounds_on_a_concurrency(#[case] line: &str, #[case] slos: &[&str]) {
        let meaning = meaning(line);
        assert_eq!((meaning.over, meaning.range), (Some(SearchedLoad::Concurrency), None));
        assert_eq!(meaning.slos, slos);
        assert!(meaning.goodput.is_empty());
    }

    #[test]
    fn goodput_is_a_bound_on_each_request() {
        let line = "--search-recipe max-goodput-under-slo --ttft-sla-ms 500 --itl-sla-ms 20 --slo-attainment-fraction 0.9";
        let meaning = meaning(line);
        assert_eq!(meaning.goodput, ["time_to_first_token:500", "inter_token_latency:20"]);
        assert_eq!(meaning.slos, ["good_request_fraction >= 0.9"]);
    }

    #[rstest]
    #[case("--search-space concurrency:1,8:int", SearchedLoad::Concurrency, (1.0, 8.0))]
    #[case("--search-space phases.profiling.request_rate:0.5,20", SearchedLoad::Rate, (0.5, 20.0))]
    #[case("--concurrency-max 64", SearchedLoad::Concurrency, (1.0, 64.0))]
    fn a_space_is_a_load_and_its_range(
        #[case] line: &str,
        #[case] over: SearchedLoad,
        #[case] range: (f64, f64),
    ) {
        assert_eq!((meaning(line).over, meaning(line).range), (Some(over), Some(range)));
    }

    #[rstest]
    #[case::no_recipe("--search-recipe best", "invalid value")]
    #[case::no_way("--search-planner grid", "invalid value")]
    #[case::no_pair("--isl-osl-pairs 128/128,512", "it must be tokens of prompts and of responses")]
    #[case::no_length("--isl-osl-pairs 128/0", "it must be tokens of prompts and of responses")]
    #[case::a_pair_twice("--isl-osl-pairs 128/128,1/2,128/0128", "the pair `128/128` stands there twice")]
    #[case::no_load("--search-space isl:1,8", "a search raises `concurrency`")]
    #[case::a_load_of_a_warmup(
        "--search-space phases.warmup.concurrency:1,8",
        "a search raises `concurrency`"
    )]
    #[case::a_rate_in_whole_numbers("--search-space request_rate:1,8:int", "leave out `:int`")]
    #[case::half_a_request("--search-space concurrency:1.5,8", "must be whole numbers")]
    #[case::two_ranges("--search-space rate:1,8 --concurrency-max 5", "cannot be used with")]
    fn what_a_search_cannot_do_is_refused(#[case] line: &str, #[case] expected: &str) {
        let error = read(line).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_planner_that_works_in_another_way_is_taken_and_a_notice_says_so() {
        let notice = |line: &str| read(line).unwrap().other_planner();
        assert!(
            notice("--search-planner BO").is_some_and(|text| text.contains("`--search-planner bayesian`"))
        );
        assert!(notice("--search-planner optuna").is_some());
        assert_eq!(notice("--search-planner monotonic_sla"), None);
        assert_eq!(notice(""), None);
    }

    #[rstest]
    #[case("--search-recipe max-throughput-ttft-sla --itl-sla-ms 5", "--ttft-sla-ms")]
    #[case("--search-recipe max-goodput-under-slo --error-rate-sla 0.1", "--e2e-sla-ms")]
    #[case("--ttft-sla-ms 5 --slo-attainment-fraction 0.9", "max-goodput-under-slo")]
    #[case("--concurrency-min 5000", "--concurrency-max")]
    fn a_recipe_without_its_bound_is_refused(#[case] line: &str, #[case] hint: &str) {
        let failure = read(line).unwrap().meaning((1.0, 1000.0)).unwrap_err();
        assert!(failure.hint.is_some_and(|text| text.contains(hint)), "{line}");
    }
}
