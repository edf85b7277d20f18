//! Questions of a search that a sweep answers: each becomes the settings of one, which is carried out, kept and resumed as if it had
//! been typed.

use std::{ffi::OsString, num::NonZeroU32};

use super::{
    super::{
        exit::{Exit, Failure},
        experiment,
        logging::LogFlags,
        settings, terminal,
    },
    args::SearchFlags,
    asked::{self, USUAL_RANGE, check_range},
    mistakes::Mistakes,
    over::Over,
    question::Question,
    steps::steps,
    words::{Meaning, WordsOfAiperf},
};
use crate::config::{
    flags::PHASES,
    units,
    words::{Said, Words},
};

/// Loads that are measured for the best one, where the user does not say how many.
const USUAL_LOADS: u32 = 8;

/// A setting that a recipe sweeps over, as far as it is typed.
struct Axis {
    setting: &'static str,
    low: Option<NonZeroU32>,
    high: Option<NonZeroU32>,
    steps: Option<NonZeroU32>,
    /// The same three where they are not typed.
    usual: [u32; 3],
}

impl Axis {
    /// Source of the usual ones: those of AIPerf's recipes.
    fn of_concurrency(words: &WordsOfAiperf, usual: [u32; 3]) -> Self {
        let (low, high) = (words.concurrency_min, words.concurrency_max);
        Self { setting: "concurrency", low, high, steps: words.concurrency_steps, usual }
    }

    fn of_input(words: &WordsOfAiperf, usual: [u32; 3]) -> Self {
        Self { setting: "isl", low: words.isl_min, high: words.isl_max, steps: words.isl_steps, usual }
    }

    fn of_output(words: &WordsOfAiperf, usual: [u32; 3]) -> Self {
        Self { setting: "osl", low: words.osl_min, high: words.osl_max, steps: words.osl_steps, usual }
    }

    /// As a value of `--sweep`.
    ///
    /// # Errors
    /// The range has no numbers.
    fn sweep(&self) -> Result<String, Failure> {
        let [low, high, most] = self.usual;
        let typed_or = |typed: Option<NonZeroU32>, usual: u32| typed.map_or(usual, NonZeroU32::get);
        let (low, high, most) =
            (typed_or(self.low, low), typed_or(self.high, high), typed_or(self.steps, most));
        let setting = self.setting;
        if low > high {
            let message = format!("sweep `--{setting}` from {low} to {high}");
            let hint = format!("raise `--{setting}-max`, or lower `--{setting}-min`");
            return Err(Failure::new(Exit::Usage, message).with_hint(hint));
        }
        Ok(swept(setting, &steps(low.into(), high.into(), most, true)))
    }
}

/// A value of `--sweep`.
fn swept(setting: &str, values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    format!("{setting}={}", values.join(","))
}

/// Carries out the sweep that answers a question.
pub(super) fn run(
    question: Question,
    own: &SearchFlags,
    typed: Words,
    log: &LogFlags,
) -> Result<Exit, Failure> {
    let mut mistakes = Mistakes::default();
    mistakes.extend(question.without_effect(own));
    let settings = settings_of(question, own, typed, &mut mistakes);
    let mut asked = settings::of_words(settings)?;
    terminal::be_quiet_if(asked.flags.quiet);
    asked.warn();
    mistakes.extend(asked.has_mistakes().then(|| asked.failure(None)));
    // One that goes on has the rest in its folder.
    let goes_on = asked.words.get("resume").is_some();
    let mut sweeps = asked.words.get("sweep").into_iter().flatten();
    let has_streams = asked.flags.streaming
        || sweeps.any(|text| text.to_string_lossy().trim_start().starts_with("streaming"));
    if question.needs_streams() && !goes_on && !has_streams {
        let message = format!("use {} without streams: it is about the times of tokens", question.name());
        mistakes.extend([Failure::new(Exit::Usage, message).with_hint("add `--streaming`")]);
    }
    mistakes.finish()?;
    if question == Question::Best && !goes_on && asked.words.get(PHASES).is_none() {
        asked::end_some_time(&mut asked.words);
    }
    if let Some(notice) = own.aiperf.other_planner() {
        terminal::warn(&notice);
    }
    experiment::run(&asked, log)
}

/// The settings of that sweep, over those that are typed.
fn settings_of(question: Question, own: &SearchFlags, mut typed: Words, mistakes: &mut Mistakes) -> Words {
    let words = &own.aiperf;
    let axes = match question {
        Question::Highest => Vec::new(),
        Question::Best => return best(own, typed, mistakes),
        Question::Ramp => vec![Axis::of_concurrency(words, [1, 1000, 8])],
        Question::Prefill => vec![Axis::of_input(words, [256, 32_768, 8])],
        Question::Decode => {
            vec![Axis::of_concurrency(words, [1, 200, 6]), Axis::of_output(words, [64, 1024, 4])]
        }
        Question::Pareto => {
            let lacks = || {
                let message = format!("use {} without its pairs of lengths", question.name());
                Failure::new(Exit::Usage, message).with_hint("add `--isl-osl-pairs 128/128,512/256`, say")
            };
            let pairs = mistakes.note(words.isl_osl_pairs.as_ref().ok_or_else(lacks));
            add(&mut typed, "sweep", pairs.map(|pairs| format!("isl/osl={pairs}")));
            Vec::new()
        }
    };
    let sweeps: Vec<String> = axes.iter().filter_map(|axis| mistakes.note(axis.sweep())).collect();
    add(&mut typed, "sweep", sweeps);
    typed
}

/// The settings of a sweep over loads of which the best one is looked for.
fn best(own: &SearchFlags, mut typed: Words, mistakes: &mut Mistakes) -> Words {
    let words = &own.aiperf;
    let meaning: Meaning = mistakes.note(words.meaning(USUAL_RANGE)).unwrap_or_default();
    let over = mistakes.note(asked::over(own, &meaning)).unwrap_or(Over::Concurrency);
    let numbers = own.numbers(mistakes);
    let range = numbers.range.or(meaning.range).unwrap_or(USUAL_RANGE);
    mistakes.note(check_range(range, over));
    let (begin, most) = (words.search_initial_points, numbers.max_runs);
    if let (Some(begin), Some(most)) = (begin, most)
        && begin > most
    {
        let message = format!("begin with {begin} of {most} loads");
        let hint = "lower `--search-initial-points`, or raise `--max-runs`";
        mistakes.extend([Failure::new(Exit::Usage, message).with_hint(hint)]);
    }
    let count = most.or(begin).map_or(USUAL_LOADS, NonZeroU32::get);
    if count < 2 {
        let message = "look for the best of one load";
        mistakes.extend([Failure::new(Exit::Usage, message).with_hint("raise `--max-runs`")]);
    }
    if typed.get("best").is_some() {
        let message = "use `--best` together with `--search-metric`, which says the same";
        mistakes.extend([Failure::new(Exit::Usage, message).with_hint("leave out one of the two")]);
    }
    let sweep = swept(over.setting(), &steps(range.0, range.1, count, over.is_whole()));
    add(&mut typed, "sweep", [sweep]);
    add(&mut typed, "slo", meaning.slos);
    if let Some(metric) = &words.search_metric {
        let statistic = words.search_stat.as_deref().unwrap_or("avg");
        let direction = words
            .search_direction
            .map(|direction| format!(":{}", units::name(direction)))
            .unwrap_or_default();
        let criterion = format!("{metric}:{statistic}{direction}");
        typed.set(Said { name: "best".to_owned(), values: vec![criterion.into()] });
    }
    typed
}

/// Adds values to those that a setting has.
fn add(words: &mut Words, name: &str, more: impl IntoIterator<Item = String>) {
    let known = words.get(name).unwrap_or_default().iter().cloned();
    let values: Vec<OsString> = known.chain(more.into_iter().map(OsString::from)).collect();
    if !values.is_empty() {
        words.set(Said { name: name.to_owned(), values });
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};
    use rstest::rstest;

    use super::*;

    /// The settings that a line means, and what is wrong with it.
    fn read(line: &str) -> (Words, Mistakes) {
        let command = SearchFlags::augment_args(Command::new("search"));
        let words = std::iter::once("search").chain(line.split_whitespace());
        let matches = command.try_get_matches_from(words).unwrap();
        let own = SearchFlags::from_arg_matches(&matches).unwrap();
        let mut mistakes = Mistakes::default();
        (settings_of(Question::of(&own), &own, Words::default(), &mut mistakes), mistakes)
    }

    #[rstest]
    #[case("--search-recipe concurrency-ramp", &["--sweep=concurrency=1,3,7,19,52,139,373,1000"])]
    #[case(
        "--search-recipe concurrency-ramp --concurrency-max 4 --concurrency-steps 2",
        &["--sweep=concurrency=1,4"]
    )]
    #[case(
        "--search-recipe prefill-ttft-curve",
        &["--sweep=isl=256,512,1024,2048,4096,8192,16384,32768"]
    )]
    #[case("--search-recipe prefill-ttft-curve --isl-min 8 --isl-max 8", &["--sweep=isl=8"])]
    #[case(
        "--search-recipe decode-itl-curve",
        &["--sweep=concurrency=1,3,8,24,69,200", "--sweep=osl=64,161,406,1024"]
    )]
    #[case("--search-recipe pareto-sweep --isl-osl-pairs 128/128,512/256", &["--sweep=isl/osl=128/128,512/256"])]
    #[case(
        "--search-space concurrency:1,64:int --search-metric request_throughput --search-direction maximize",
        &["--sweep=concurrency=1,2,3,6,11,20,35,64", "--best=request_throughput:avg:maximize"]
    )]
    #[case(
        "--over rate --range 0.5..8 --max-runs 3 --search-metric request_latency --search-stat p99 --e2e-sla-ms 9",
        &["--sweep=request-rate=0.5,2,8", "--slo=request_latency p99 <= 9ms", "--best=request_latency:p99"]
    )]
    #[case(
        "--search-metric goodput --concurrency-max 8 --search-initial-points 2",
        &["--sweep=concurrency=1,8", "--best=goodput:avg"]
    )]
    fn a_question_is_a_sweep(#[case] line: &str, #[case] expected: &[&str]) {
        let (words, mistakes) = read(line);
        assert_eq!(words.line(), expected);
        assert_eq!(mistakes.finish(), Ok(()));
    }

    #[rstest]
    #[case(
        "--search-recipe concurrency-ramp --concurrency-min 5000",
        "sweep `--concurrency` from 5000 to 1000"
    )]
    #[case("--search-recipe prefill-ttft-curve --isl-max 9", "sweep `--isl` from 256 to 9")]
    #[case("--search-recipe pareto-sweep", "without its pairs of lengths")]
    #[case("--search-metric x --max-runs 1", "look for the best of one load")]
    #[case("--search-metric x --max-runs 3 --search-initial-points 5", "begin with 5 of 3 loads")]
    #[case("--search-metric x --over concurrency --range 0.5..3", "is a whole number")]
    fn a_sweep_that_cannot_be_meant_is_refused(#[case] line: &str, #[case] expected: &str) {
        let failure = read(line).1.finish().unwrap_err();
        assert!(failure.message.contains(expected), "{failure:?}");
    }

    #[test]
    fn what_is_swept_besides_stays() {
        let mut words = Words::of([Said { name: "sweep".to_owned(), values: vec!["model=a,b".into()] }]);
        add(&mut words, "sweep", ["isl=1,2".to_owned()]);
        add(&mut words, "slo", []);
        assert_eq!(words.line(), ["--sweep=model=a,b", "--sweep=isl=1,2"]);
    }
}
