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
    axis::{Axis, swept},
    mistakes::Mistakes,
    question::Question,
    searched_load::SearchedLoad,
    steps::{MOST, steps},
    words::{Meaning, WordsOfAiperf},
};
use crate::{
    config::{
        flags::PHASES,
        units,
        words::{Said, Words},
    },
    experiment::{key_of, settings_of_sweep},
};

/// Loads that are measured for the best one, where the user does not say how many.
const USUAL_LOADS: u32 = 8;

/// Carries out the sweep that answers a question. What is wrong with the question, with settings and with the runs is reported at once.
pub(super) fn run(
    question: Question,
    own: &SearchFlags,
    typed: Words,
    log: &LogFlags,
) -> Result<Exit, Failure> {
    let mut mistakes = Mistakes::default();
    mistakes.extend(question.without_effect(own));
    // One that goes on has the rest in its folder.
    let goes_on = typed.get("resume").is_some();
    // With what a file and the environment say.
    let known = settings::of_words(typed.clone())?;
    let settings = settings_of(question, own, typed, &known, &mut mistakes);
    let mut asked = settings::of_words(settings)?;
    terminal::be_quiet_if(asked.flags.quiet);
    asked.warn();
    if !goes_on {
        end_some_time(&mut asked);
        mistakes.extend(without_streams(question, &asked));
        mistakes.extend(never_reached(&asked));
        // Where nothing is wrong so far, this is looked for below.
        if !mistakes.is_empty() {
            mistakes.extend(experiment::cells_of(&asked).err());
        }
    }
    mistakes.finish()?;
    if let Some(notice) = own.aiperf.other_planner() {
        terminal::warn(&notice);
    }
    experiment::run(&asked, log)
}

/// It is about streams, and there are none. A scenario has streams.
fn without_streams(question: Question, asked: &settings::Asked) -> Option<Failure> {
    let sweeps = asked.words.get("sweep").unwrap_or_default().iter();
    let mut swept = sweeps.filter_map(|text| text.to_str()).flat_map(settings_of_sweep);
    let has_streams =
        asked.flags.streaming || is_scenario(asked) || swept.any(|setting| setting == "streaming");
    (question.needs_streams() && !has_streams).then(|| {
        let message = format!("use {} without streams: it is about the times of tokens", question.name());
        Failure::new(Exit::Usage, message).with_hint("add `--streaming`")
    })
}

/// Whether a scenario fills in what is not said.
fn is_scenario(asked: &settings::Asked) -> bool {
    asked.values("scenario").is_some()
}

/// A closed loop with fewer requests than it may have in flight never has as many. Each combination of a sweep is looked at.
fn never_reached(asked: &settings::Asked) -> Vec<Failure> {
    let runs = experiment::words_of_cells(asked).unwrap_or_default();
    let is_one_load = runs.windows(2).all(|pair| pair[0].get("concurrency") == pair[1].get("concurrency"));
    // Phases have settings of their own.
    if is_one_load || asked.words.get(PHASES).is_some() {
        return Vec::new();
    }
    let failure = |name: &str| {
        let out_of_reach = runs.iter().filter_map(|words| {
            let (load, count) = (number(words, "concurrency")?, number(words, name)?);
            (count < load).then_some((load, count))
        });
        let (load, count) = out_of_reach.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
        let message = format!(
            "use `--{name} {count}` with a concurrency of {load} in a sweep: the run would never have as many at once"
        );
        let hint = format!("raise `--{name}`, lower the concurrency, or use `--benchmark-duration`");
        Some(Failure::new(Exit::Usage, message).with_hint(hint))
    };
    ["request-count", "num-conversations"].into_iter().filter_map(failure).collect()
}

/// The value of a setting of one run, if it is a number.
fn number(words: &Words, name: &str) -> Option<f64> {
    words.get(name)?.first()?.to_str()?.parse().ok()
}

/// Gives runs that nothing else ends a duration, as those of a search have it. A scenario has one of its own.
fn end_some_time(asked: &mut settings::Asked) {
    let is_end = |name: &String| asked::ENDS.contains(&name.as_str());
    let is_endless = experiment::varied(asked).is_some_and(|varied| !varied.iter().any(is_end));
    if is_endless && asked.words.get(PHASES).is_none() && !is_scenario(asked) {
        asked::end_some_time(&mut asked.words);
    }
}

/// The settings of that sweep, over those that are typed. `known` are these, with what a file and the environment say.
fn settings_of(
    question: Question,
    own: &SearchFlags,
    mut typed: Words,
    known: &settings::Asked,
    mistakes: &mut Mistakes,
) -> Words {
    let words = &own.aiperf;
    let axes = match question {
        Question::Highest => Vec::new(),
        Question::Best => return best(own, typed, known, mistakes),
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
            take_out(&["isl", "osl"], question, &mut typed, known, mistakes);
            let pairs = mistakes.note(words.isl_osl_pairs.as_ref().ok_or_else(lacks));
            add(&mut typed, "sweep", pairs.map(|pairs| format!("isl/osl={pairs}")));
            return typed;
        }
    };
    let names: Vec<&str> = axes.iter().map(|axis| axis.setting).collect();
    take_out(&names, question, &mut typed, known, mistakes);
    let sweeps: Vec<String> = axes.iter().filter_map(|axis| mistakes.note(axis.sweep())).collect();
    add(&mut typed, "sweep", sweeps);
    typed
}

/// Takes out what is typed of settings whose values a question decides itself: each is a mistake. Those of a file give way, unless they
/// are swept together with others. Other sweeps stay, be they typed or of a file.
fn take_out(
    names: &[&str],
    question: Question,
    typed: &mut Words,
    known: &settings::Asked,
    mistakes: &mut Mistakes,
) {
    for name in names {
        if typed.remove(name).is_some() {
            mistakes.extend([decided(&format!("--{name}"), name, question)]);
        }
    }
    let is_typed = typed.remove("sweep").is_some();
    let mut others = Vec::new();
    for text in known.words.get("sweep").unwrap_or_default() {
        let swept = text.to_str().map(settings_of_sweep).unwrap_or_default();
        let is_decided = |setting: &&String| names.contains(&setting.as_str());
        match swept.iter().find(is_decided) {
            Some(name) if is_typed || !swept.iter().all(|setting| is_decided(&setting)) => {
                let flag = format!("--sweep {}", text.to_string_lossy());
                mistakes.extend([known.placed("sweep", decided(&flag, name, question))]);
            }
            Some(_) => {}
            None => others.push(text.clone()),
        }
    }
    if !others.is_empty() {
        typed.set(Said { name: "sweep".to_owned(), values: others });
    }
}

fn decided(flag: &str, name: &str, question: Question) -> Failure {
    let range = |name: &str| format!("`--{name}-min` and `--{name}-max` say from where to where");
    let (what, instead) = match (question, name) {
        (Question::Best, _) => ("loads", "`--range` says from where to where".to_owned()),
        (Question::Pareto, _) => ("lengths", "`--isl-osl-pairs` has them".to_owned()),
        (_, "concurrency") => ("loads", range(name)),
        _ => ("lengths", range(name)),
    };
    let message = format!("use `{flag}` with {}: it decides itself which {what} are run", question.name());
    Failure::new(Exit::Usage, message).with_hint(format!("leave it out; {instead}"))
}

/// The settings of a sweep over loads of which the best one is looked for.
fn best(own: &SearchFlags, mut typed: Words, known: &settings::Asked, mistakes: &mut Mistakes) -> Words {
    let words = &own.aiperf;
    let meaning: Meaning = mistakes.note(words.meaning(USUAL_RANGE)).unwrap_or_default();
    let over = mistakes.note(asked::over(own, &meaning)).unwrap_or(SearchedLoad::Concurrency);
    take_out(&[over.setting()], Question::Best, &mut typed, known, mistakes);
    let numbers = own.numbers(mistakes);
    let range = numbers.range.or(meaning.range).unwrap_or(USUAL_RANGE);
    mistakes.note(check_range(range, over));
    let count = loads(words.search_initial_points, numbers.max_runs, mistakes);
    if typed.get("best").is_some() {
        let message = "use `--best` together with `--search-metric`, which says the same";
        mistakes.extend([Failure::new(Exit::Usage, message).with_hint("leave out one of the two")]);
    }
    let loads = steps(range.0, range.1, count, over.is_whole());
    let sweep = match over {
        SearchedLoad::Rate | SearchedLoad::Concurrency => Some(swept(over.setting(), &loads)),
        SearchedLoad::Users => {
            typed.remove("user-centric-rate");
            mistakes.note(of_users(&loads, known.flags.users.user_centric_rate))
        }
    };
    add(&mut typed, "sweep", sweep);
    // These stand beside the objectives of a file, and not in their place.
    if let Some(slos) = known.values("slo").filter(|_| !meaning.slos.is_empty()) {
        typed.set(Said { name: "slo".to_owned(), values: slos.to_vec() });
    }
    add(&mut typed, "slo", meaning.slos);
    if let Some(criterion) = criterion(words, mistakes) {
        typed.set(Said { name: "best".to_owned(), values: vec![criterion.into()] });
    }
    typed
}

/// How many loads are measured, of which some are said to be the first ones.
fn loads(begin: Option<NonZeroU32>, most: Option<NonZeroU32>, mistakes: &mut Mistakes) -> u32 {
    if let (Some(begin), Some(most)) = (begin, most)
        && begin > most
    {
        let message = format!("begin with {begin} of {most} loads");
        let hint = "lower `--search-initial-points`, or raise `--max-runs`";
        mistakes.extend([Failure::new(Exit::Usage, message).with_hint(hint)]);
    }
    let flag = if most.is_some() { "--max-runs" } else { "--search-initial-points" };
    let count = most.or(begin).map_or(USUAL_LOADS, NonZeroU32::get);
    if count < 2 {
        let hint = format!("raise `{flag}`");
        mistakes.extend([Failure::new(Exit::Usage, "look for the best of one load").with_hint(hint)]);
    }
    if count > MOST {
        let message = format!("look for the best of {count} loads: the limit is {MOST}");
        mistakes.extend([Failure::new(Exit::Usage, message).with_hint(format!("lower `{flag}`"))]);
    }
    count
}

/// A sweep over users, each of whom has this rate: `--user-centric-rate` of a run is that of all of them together.
///
/// # Errors
/// There is no one rate.
fn of_users(loads: &[f64], rate: Option<f64>) -> Result<String, Failure> {
    let lacks = || {
        let message = "use `--over users` without one value of `--user-centric-rate`, the rate of one user";
        Failure::new(Exit::Usage, message).with_hint("add `--user-centric-rate 0.5`, say")
    };
    let rate = rate.ok_or_else(lacks)?;
    let value = |users: &f64| {
        let exact = users * rate;
        // Without the digits that a product of binary numbers adds.
        let together: f64 = format!("{exact:.11e}").parse().unwrap_or(exact);
        format!("{users}/{together}")
    };
    let values: Vec<String> = loads.iter().map(value).collect();
    Ok(format!("num-users/user-centric-rate={}", values.join(",")))
}

/// What is best, as a value of `--best`; nothing where that is not known.
fn criterion(words: &WordsOfAiperf, mistakes: &mut Mistakes) -> Option<String> {
    let metric = words.search_metric.as_deref()?;
    let statistic = words.search_stat.as_deref().unwrap_or("avg");
    mistakes.note(key_of(["--search-metric", "--search-stat"], metric, statistic))?;
    let direction = words.search_direction.map(|direction| format!(":{}", units::name(direction)));
    Some(format!("{metric}:{statistic}{}", direction.unwrap_or_default()))
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

    fn said(name: &str, values: &[&str]) -> Said {
        Said { name: name.to_owned(), values: values.iter().map(OsString::from).collect() }
    }

    fn read(line: &str) -> (Words, Mistakes) {
        read_beside(line, [])
    }

    /// The settings that a line means beside these, and what is wrong with it.
    fn read_beside(line: &str, typed: impl IntoIterator<Item = Said>) -> (Words, Mistakes) {
        let command = SearchFlags::augment_args(Command::new("search"));
        let words = std::iter::once("search").chain(line.split_whitespace());
        let matches = command.try_get_matches_from(words).unwrap();
        let own = SearchFlags::from_arg_matches(&matches).unwrap();
        let mut mistakes = Mistakes::default();
        let typed = Words::of(typed);
        let known = settings::of_words(typed.clone()).unwrap();
        (settings_of(Question::of(&own), &own, typed, &known, &mut mistakes), mistakes)
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
    #[case("--search-recipe concurrency-ramp --concurrency-steps 1", "from 1 to 1000 in 1 steps")]
    #[case("--search-recipe prefill-ttft-curve --isl-steps 1001", "from 256 to 32768 in 1001 steps")]
    #[case("--search-metric goodput --max-runs 1", "look for the best of one load")]
    #[case("--search-metric goodput --max-runs 1001", "look for the best of 1001 loads: the limit is 1000")]
    #[case("--search-metric goodput --max-runs 3 --search-initial-points 5", "begin with 5 of 3 loads")]
    #[case("--search-metric goodput --over concurrency --range 0.5..3", "is a whole number")]
    #[case("--search-metric goodput --over users --range 1..3", "without one value of `--user-centric-rate`")]
    #[case("--search-metric goodputt", "use `--search-metric`: there is no metric `goodputt`")]
    #[case("--search-metric goodput --search-stat p99", "use `--search-stat`: `goodput` is one number")]
    fn a_sweep_that_cannot_be_meant_is_refused(#[case] line: &str, #[case] expected: &str) {
        let failure = read(line).1.finish().unwrap_err();
        assert!(failure.message.contains(expected), "{failure:?}");
    }

    #[test]
    fn what_a_question_decides_itself_is_not_typed() {
        let typed = [
            said("concurrency", &["1,2"]),
            said("sweep", &["model=a,b", "osl / isl=5/6,7/8"]),
            said("isl", &["5"]),
        ];
        let (words, mistakes) =
            read_beside("--search-recipe decode-itl-curve --concurrency-max 1 --osl-max 64", typed);
        assert_eq!(words.line(), ["--isl=5", "--sweep=model=a,b", "--sweep=concurrency=1", "--sweep=osl=64"]);
        let failure = mistakes.finish().unwrap_err();
        let messages: Vec<&str> = std::iter::once(&failure)
            .chain(&failure.beside)
            .map(|failure| failure.message.as_str())
            .collect();
        let decided = "with `--search-recipe decode-itl-curve`: it decides itself which";
        let expected = [
            format!("use `--concurrency` {decided} loads are run"),
            format!("use `--sweep osl / isl=5/6,7/8` {decided} lengths are run"),
        ];
        assert_eq!(messages, expected);
    }

    /// `--user-centric-rate` is the rate of one user in a search, and that of all of them in a run.
    #[test]
    fn more_users_send_more_together() {
        let line = "--over users --range 1..3 --max-runs 3 --search-metric goodput";
        let (words, mistakes) = read_beside(line, [said("user-centric-rate", &["0.1"])]);
        assert_eq!(mistakes.finish(), Ok(()));
        assert_eq!(
            words.line(),
            ["--sweep=num-users/user-centric-rate=1/0.1,2/0.2,3/0.3", "--best=goodput:avg"]
        );
    }

    #[test]
    fn bounds_stand_beside_the_objectives_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.yaml");
        std::fs::write(&path, "slo: ['error_rate < 1%']\n").unwrap();
        let config = || said("config", &[path.to_str().unwrap()]);
        let slos = |line: &str| read_beside(line, [config()]).0.get("slo").map(<[OsString]>::to_vec);
        let both = ["error_rate < 1%", "request_latency p99 <= 9ms"].map(OsString::from);
        assert_eq!(slos("--search-metric goodput --e2e-sla-ms 9"), Some(both.to_vec()));
        assert_eq!(slos("--search-metric goodput"), None);
    }

    #[test]
    fn sweeps_of_a_file_stay_but_for_those_over_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.yaml");
        std::fs::write(&path, "sweep: ['model=a,b', 'isl=1,2']\n").unwrap();
        let config = said("config", &[path.to_str().unwrap()]);
        let (words, mistakes) = read_beside("--search-recipe prefill-ttft-curve --isl-max 256", [config]);
        assert_eq!(mistakes.finish(), Ok(()));
        assert_eq!(words.get("sweep"), Some(&["model=a,b", "isl=256"].map(OsString::from)[..]));
    }

    #[rstest]
    #[case::another_name("prompt_input_tokens_mean=1,2", None)]
    #[case::of_aiperf("datasets.main.prompts.isl=1,2", None)]
    #[case::with_others("model/isl=a/1,b/2", Some("use `--sweep model/isl=a/1,b/2` with"))]
    fn a_sweep_of_a_file_gives_way_alone(#[case] sweep: &str, #[case] expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.yaml");
        std::fs::write(&path, format!("sweep: ['{sweep}']\n")).unwrap();
        let config = said("config", &[path.to_str().unwrap()]);
        let (words, mistakes) = read_beside("--search-recipe prefill-ttft-curve --isl-max 256", [config]);
        assert_eq!(words.get("sweep"), Some(&[OsString::from("isl=256")][..]));
        let message = mistakes.finish().err().map(|failure| failure.message);
        assert_eq!(message.is_some(), expected.is_some(), "{message:?}");
        let is_named = |expected: &str| message.as_ref().is_some_and(|message| message.contains(expected));
        assert!(expected.is_none_or(is_named), "{message:?}");
    }

    #[rstest]
    #[case::nothing("isl", "5", Some("30"))]
    #[case::requests("request-count", "5", None)]
    #[case::durations("benchmark-duration", "10,20", Some("10,20"))]
    #[case::counts("request-count", "20,40", None)]
    #[case::a_sweep("sweep", "duration=10,20", None)]
    #[case::several_together("sweep", "model/requests=a/5,b/6", None)]
    #[case::a_scenario("scenario", "inferencex-agentx-mvp", None)]
    fn runs_that_nothing_else_ends_have_a_duration(
        #[case] name: &str,
        #[case] value: &str,
        #[case] expected: Option<&str>,
    ) {
        let mut asked = settings::of_words(Words::of([said(name, &[value]), said("osl", &["1,2"])])).unwrap();
        end_some_time(&mut asked);
        let duration = asked.values("benchmark-duration").and_then(<[OsString]>::first);
        assert_eq!(duration.and_then(|text| text.to_str()), expected);
    }

    #[rstest]
    #[case(vec![said("concurrency", &["1,64"]), said("request-count", &["10"])], 1)]
    #[case(vec![said("sweep", &["concurrency=1,64"]), said("request-count", &["100,20"])], 1)]
    #[case(vec![said("sweep", &["concurrency=1,64"]), said("num-conversations", &["64"])], 0)]
    #[case(vec![said("concurrency", &["64"]), said("request-count", &["10"])], 0)]
    #[case(vec![said("sweep", &["concurrency=1,64", "requests=10,100"]), said("sweep-type", &["zip"])], 0)]
    #[case(vec![said("sweep", &["concurrency=1,64", "requests=100,10"]), said("sweep-type", &["zip"])], 1)]
    #[case(vec![said("sweep", &["concurrency/requests=1/10,64/100"])], 0)]
    #[case(vec![said("sweep", &["concurrency/requests=1/10,64/63"])], 1)]
    fn no_load_of_a_sweep_is_out_of_reach(#[case] typed: Vec<Said>, #[case] expected: usize) {
        let asked = settings::of_words(Words::of(typed)).unwrap();
        assert_eq!(never_reached(&asked).len(), expected);
    }

    #[test]
    fn what_is_swept_besides_stays() {
        let mut words = Words::of([Said { name: "sweep".to_owned(), values: vec!["model=a,b".into()] }]);
        add(&mut words, "sweep", ["isl=1,2".to_owned()]);
        add(&mut words, "slo", []);
        assert_eq!(words.line(), ["--sweep=model=a,b", "--sweep=isl=1,2"]);
    }
}
