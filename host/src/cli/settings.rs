//! What is asked of a run: the command line over a configuration file over the environment.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    path::{self, Path, PathBuf},
};

use clap::{ArgMatches, error::ContextKind};

use super::{
    exit::{Exit, Failure, Form, HasExit},
    precedence::{contradictions, gives_way, says_nothing},
    refusal, terminal,
};
use crate::config::{
    error::ConfigErrors,
    flags::{PHASE_SETTINGS, PHASES, ProfileFlags},
    keys::{Keys, flag_name, variable},
    origins::{Origins, Source},
    place::Place,
    redact::{self, REDACTED},
    run_file::{self, FilePhase, Mistake, Problem, Reading, RunFile, RunFileError, written},
    variables::{SwitchError, Variables},
    words::{Said, Words, settings},
};

impl HasExit for RunFileError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl HasExit for Mistake {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl HasExit for SwitchError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// What is asked of a run, and who says it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// As one command line would say it. What is wrong is left out.
    pub(super) flags: ProfileFlags,
    /// The same, unread.
    pub(super) words: Words,
    /// Settings with a list of values, of which each run of an experiment has one.
    pub(super) lists: Words,
    pub(super) origins: Origins,
    /// The words of settings that hold secrets out of variables, as the file has them.
    pub(super) references: BTreeMap<String, Vec<OsString>>,
    pub(super) keys: Keys,
    /// What is wrong with single settings.
    mistakes: Vec<Failure>,
    /// Settings that are meant and not known, because something is wrong with them.
    unclear: Vec<String>,
    /// What the user should know of a file and of variables.
    warnings: Vec<String>,
}

/// Puts the settings of a command line over those of its file and of the environment. `matches` are those of a command with the
/// flags of `profile`.
///
/// # Errors
/// The file cannot be read at all. Everything else that is wrong is told later, together with what does not go together.
pub(super) fn asked(matches: &ArgMatches, config: Option<&Path>) -> Result<Asked, Failure> {
    of_words_and_file(Words::typed(matches), config)
}

/// The same of a file and the environment alone.
///
/// # Errors
/// Those of [`asked`].
pub(super) fn of_file(config: &Path) -> Result<Asked, Failure> {
    of_words_and_file(Words::default(), Some(config))
}

/// The same of settings that are words already.
///
/// # Errors
/// Those of [`asked`].
pub(super) fn of_words(typed: Words) -> Result<Asked, Failure> {
    let config = typed.get("config").and_then(<[OsString]>::first).map(PathBuf::from);
    of_words_and_file(typed, config.as_deref())
}

fn of_words_and_file(mut typed: Words, config: Option<&Path>) -> Result<Asked, Failure> {
    // An experiment that goes on has its settings in its folder.
    if typed.get("resume").is_some() {
        return if config.is_none() { alone(typed) } else { Err(resumed_with_a_file()) };
    }
    typed.remove("config");
    let keys = Keys::all();
    let reading = Reading {
        keys: &keys,
        is_overridden: &|name| typed.get(name).is_some() || gives_way(name, &typed),
        look_up: &|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()),
    };
    let mut file = config.map(|path| run_file::read(path, &reading)).transpose()?.unwrap_or_default();
    redact::learn(file.secrets.clone());
    let Variables { words: mut variables, warnings, mistakes } = Variables::read(env::vars_os(), &keys);
    let not_in_the_file = phases_elsewhere(&mut typed, &mut variables);
    let (refused_of_phases, unread) = read_phases(&mut file);
    file.warnings.extend(stronger_than_phases(&file.phases));
    let warnings: Vec<String> = file.warnings.iter().cloned().chain(warnings).collect();
    file.off.iter().for_each(|name| drop(variables.remove(name)));
    let origins = Origins::of(&typed, &file, &variables);
    let stronger = typed.over(file.words.clone());
    let variables =
        variables.only(|name| !gives_way(name, &stronger) && !says_nothing(name, [&stronger, &variables]));
    let mut words = stronger.over(variables);
    let lists = words.take_lists();
    let (flags, refused) = read(&mut words).inspect_err(|_| {
        terminal::be_quiet_if(words.get("quiet").is_some());
        warn_of(&warnings);
    })?;
    let of_phases = refused_of_phases.iter().map(|(_, refused)| refused.name.clone());
    let unclear = file.unclear.iter().cloned().chain(refused.iter().map(|refused| refused.name.clone()));
    let unclear = unclear.chain(of_phases).collect();
    let mistakes = in_order(&file, refused, refused_of_phases, &origins)
        .into_iter()
        .chain(unread)
        .chain(mistakes.into_iter().map(Failure::from))
        .chain(not_in_the_file)
        .chain(contradictions(&words, &flags, &origins))
        .collect();
    let references = file.references;
    Ok(Asked { flags, words, lists, origins, references, keys, mistakes, unclear, warnings })
}

fn warn_of(warnings: &[String]) {
    for warning in warnings {
        terminal::warn(warning);
    }
}

/// Reads settings as the command line is read.
///
/// # Errors
/// What is wrong with the first one that cannot be read.
pub(super) fn flags_of(words: &Words) -> Result<ProfileFlags, Failure> {
    words.flags().map_err(|error| {
        let line: Vec<OsString> = [OsString::from("profile")].into_iter().chain(words.line()).collect();
        refusal::of(&error, &line, &settings()).unwrap_or_else(|| in_other_words(&error))
    })
}

/// What clap says of an error, as one of ours.
fn in_other_words(error: &clap::Error) -> Failure {
    Failure::statement(Exit::Usage, error.to_string().trim_start_matches("error: ").trim())
}

/// Whoever names the file again means the secrets that it has.
fn resumed_with_a_file() -> Failure {
    let message = "use `--resume` together with `--config`: the settings of an experiment are in its folder";
    let hint = "leave out `--config`; secrets are not in the folder: give them as flags, or the key in `PRONY_API_KEY`";
    Failure::new(Exit::Usage, message).with_hint(hint)
}

/// What was typed, without a file and the environment.
fn alone(mut words: Words) -> Result<Asked, Failure> {
    let keys = Keys::all();
    let origins = Origins::of(&words, &RunFile::default(), &Words::default());
    let lists = words.take_lists();
    let flags = flags_of(&words)?;
    let mut contradictions = contradictions(&words, &flags, &origins).into_iter();
    if let Some(first) = contradictions.next() {
        return Err(Failure { beside: contradictions.collect(), ..first });
    }
    let (references, mistakes, unclear) = (BTreeMap::new(), Vec::new(), Vec::new());
    Ok(Asked { flags, words, lists, origins, references, keys, mistakes, unclear, warnings: Vec::new() })
}

/// A setting whose value its flag does not take.
struct Refused {
    name: String,
    values: Vec<OsString>,
    failure: Failure,
}

/// Reads settings, and takes out those that cannot be.
///
/// # Errors
/// They cannot be read for a reason that is none of their values.
fn read(words: &mut Words) -> Result<(ProfileFlags, Vec<Refused>), Failure> {
    let mut refused = Vec::new();
    loop {
        let error = match words.flags() {
            Ok(flags) => return Ok((flags, refused)),
            Err(error) => error,
        };
        let failure = refusal::of(&error, &words.line(), &settings());
        let failure = failure.unwrap_or_else(|| in_other_words(&error));
        let named = refusal::context(&error, ContextKind::InvalidArg).and_then(|flag| flag.split(' ').next());
        match named.and_then(|flag| words.remove(flag.trim_start_matches('-'))) {
            Some(Said { name, values }) => refused.push(Refused { name, values, failure }),
            None => return Err(failure),
        }
    }
}

/// Takes out phases that stand elsewhere than in a file, and says that they do not belong there.
fn phases_elsewhere(typed: &mut Words, variables: &mut Words) -> Option<Failure> {
    let by = match (typed.remove(PHASES), variables.remove(PHASES)) {
        (Some(_), _) => format!("--{PHASES}"),
        (None, Some(_)) => variable(PHASES),
        (None, None) => return None,
    };
    let failure = Failure::new(Exit::Usage, format!("use `{by}`: phases stand in a file"));
    Some(failure.with_hint("`prony config init phases` prints one, and `-f FILE` names it"))
}

/// Reads the settings of the phases of a file, of which those that can be read become a setting of the run. Gives the others, with
/// their places, and what is wrong with phases for a reason that is none of their values.
fn read_phases(file: &mut RunFile) -> (Vec<(Place, Refused)>, Vec<Failure>) {
    let (mut all, mut unread) = (Vec::new(), Vec::new());
    let mut phases = Vec::new();
    for phase in &file.phases {
        let mut words = phase.words.clone();
        match read(&mut words) {
            Ok((_, refused)) => {
                let placed = |refused: Refused| {
                    let place = phase.places.get(&refused.name).map(|places| places.value);
                    place.map(|place| (place, refused))
                };
                all.extend(refused.into_iter().filter_map(placed));
            }
            Err(failure) => {
                unread.push(at(&format!("in the phase `{}`", phase.text.name), failure));
                words = Words::default();
            }
        }
        phases.push(phase.text.clone().with_words(&words));
    }
    file.words.set_phases(&phases);
    (all, unread)
}

/// What is said of typed settings that stand in the place of those of phases.
fn stronger_than_phases(phases: &[FilePhase]) -> Vec<String> {
    let named = |name: &str| {
        let phases = phases.iter().filter(|phase| phase.overridden.iter().any(|other| other == name));
        let phases: Vec<String> = phases.map(|phase| format!("`{}`", phase.text.name)).collect();
        (!phases.is_empty()).then(|| {
            let (word, verb) = if phases.len() == 1 { ("phase", "says") } else { ("phases", "say") };
            format!("`--{name}` stands in the place of what the {word} {} {verb}", phases.join(", "))
        })
    };
    PHASE_SETTINGS.into_iter().filter_map(named).collect()
}

/// What is wrong with settings, in the order of the file, and then what is wrong with others.
fn in_order(
    file: &RunFile,
    refused: Vec<Refused>,
    of_phases: Vec<(Place, Refused)>,
    origins: &Origins,
) -> Vec<Failure> {
    let mut placed: Vec<(_, Failure)> =
        file.mistakes.iter().map(|mistake| (Some(mistake.place), explained(mistake))).collect();
    placed.extend(of_phases.into_iter().map(|(place, Refused { values, mut failure, .. })| {
        let values = values.iter().map(|value| value.to_string_lossy());
        let secret = values.filter(|value| file.secrets.iter().any(|secret| secret == value));
        secret.for_each(|value| failure.message = failure.message.replace(&*value, REDACTED));
        (Some(place), at(&place.to_string(), failure))
    }));
    for Refused { name, values, mut failure } in refused {
        if file.references.contains_key(&name) {
            let values = values.iter().map(|value| value.to_string_lossy());
            values.for_each(|value| failure.message = failure.message.replace(&*value, REDACTED));
        }
        let place = file.places.get(&name).map(|places| places.value);
        placed.push(match (origins.source(&name), place) {
            (Source::File(_), Some(place)) => (Some(place), at(&place.to_string(), failure)),
            (Source::Variable, _) => (None, at(&variable(&name), failure)),
            _ => (None, failure),
        });
    }
    placed.sort_by_key(|(place, _)| (place.is_none(), *place));
    placed.into_iter().map(|(_, failure)| failure).collect()
}

/// A failure, and where its reason stands.
pub(super) fn at(place: &str, failure: Failure) -> Failure {
    let begin = match failure.form {
        Form::Attempt => "failed to ",
        Form::Statement => "",
    };
    Failure { message: format!("{place}: {begin}{}", failure.message), form: Form::Statement, ..failure }
}

/// A mistake of a file. A key that other tools have leads to ours, as their flags do.
fn explained(mistake: &Mistake) -> Failure {
    let failure = Failure { message: mistake.to_string(), ..Failure::from(mistake.clone()) };
    let Problem::Unknown { key, .. } = &mistake.problem else { return failure };
    match refusal::known_elsewhere(&format!("--{}", flag_name(key))) {
        Some((true, hint)) => {
            let message = format!("{}: `{key}` of AIPerf is not supported yet", mistake.place);
            Failure::statement(Exit::Usage, message).with_hint(hint)
        }
        Some((false, hint)) => failure.with_hint(hint),
        None => failure,
    }
}

impl Asked {
    /// All settings, those with lists as well.
    pub(super) fn all(&self) -> Words {
        self.words.clone().over(self.lists.clone()).in_order()
    }

    /// Whether several runs are asked for.
    pub(super) fn is_experiment(&self) -> bool {
        !self.lists.is_empty() || self.flags.experiment.is_given()
    }

    /// Other settings in the place of these. Who says each stays the same.
    ///
    /// # Errors
    /// What is wrong with the first one that cannot be read.
    pub(super) fn with(&self, words: Words) -> Result<Self, Failure> {
        let same = self.with_the_same_mistakes(words)?;
        Ok(Self { mistakes: Vec::new(), unclear: Vec::new(), ..same })
    }

    /// Other settings in the place of these, beside which the same is wrong.
    ///
    /// # Errors
    /// What is wrong with the first one that cannot be read.
    pub(super) fn with_the_same_mistakes(&self, words: Words) -> Result<Self, Failure> {
        let flags = flags_of(&words)?;
        let is_same = |name: &str| {
            let before = self.values(name);
            before.is_some() && before == words.get(name)
        };
        // Words of the file speak of no other value than that which was made of them.
        let references = self.references.iter().filter(|(name, _)| is_same(name));
        let references = references.map(|(name, words)| (name.clone(), words.clone())).collect();
        Ok(Self { flags, words, lists: Words::default(), references, ..self.clone() })
    }

    /// The same without its lists, because of what is wrong with them or with other settings of several runs.
    pub(super) fn without_lists(&self, wrong: impl IntoIterator<Item = Failure>) -> Self {
        let names = self.lists.iter().map(|said| said.name.clone());
        let unclear = self.unclear.iter().cloned().chain(names).collect();
        let mistakes = self.mistakes.iter().cloned().chain(wrong).collect();
        Self { lists: Words::default(), mistakes, unclear, ..self.clone() }
    }

    /// Tells what the user should know of a file and of variables. For a run, not before it is known whether these ask for quiet.
    pub(super) fn warn(&self) {
        warn_of(&self.warnings);
    }

    /// The values of a setting, be they a list or not.
    pub(super) fn values(&self, name: &str) -> Option<&[OsString]> {
        self.words.get(name).or_else(|| self.lists.get(name))
    }

    /// Whether something is wrong with single settings.
    pub(super) fn has_mistakes(&self) -> bool {
        !self.mistakes.is_empty()
    }

    /// Everything that is wrong with single settings.
    pub(super) fn failure(&self) -> Failure {
        self.failure_with_all(None, Vec::new())
    }

    /// Everything that is wrong: with single settings, with several together, unless that follows from the former, and with what they
    /// name.
    pub(super) fn failure_with_all(&self, errors: Option<ConfigErrors>, others: Vec<Failure>) -> Failure {
        let errors =
            errors.into_iter().flat_map(|ConfigErrors { first, others }| [*first].into_iter().chain(others));
        let errors = errors.filter(|error| !error.follows_from(&self.unclear)).map(Failure::from);
        let others = others.into_iter().flat_map(Failure::apart);
        let mut all = self.mistakes.iter().cloned().chain(errors).chain(others);
        let first = all.next().unwrap_or_else(|| Failure::new(Exit::Usage, "read the settings"));
        Failure { beside: all.collect(), ..first }
    }

    /// A failure that is about one setting, with its place if that is in a file or the environment.
    pub(super) fn placed(&self, name: &str, failure: Failure) -> Failure {
        match self.origins.source(name) {
            Source::Typed => failure,
            Source::File(place) => at(&place.to_string(), failure),
            Source::Variable => at(&variable(name), failure),
        }
    }

    /// The same with something that is wrong with the rest.
    pub(super) fn failure_with(&self, other: Failure) -> Failure {
        self.failure_with_all(None, vec![other])
    }

    /// The settings as a file that sends the same again, with the seed and the model that the run has.
    pub(super) fn repeatable(&self, seed: u64, model: Option<&str>) -> String {
        let mut words = self.words.clone();
        words.set(Said { name: "random-seed".to_owned(), values: vec![seed.to_string().into()] });
        if let Some(model) = model {
            words.set(Said { name: "model".to_owned(), values: vec![model.into()] });
        }
        make_absolute(&mut words, &self.keys);
        written(&words, &self.references, &self.keys)
    }
}

/// Makes paths mean the same wherever the settings are used. `-` is no path.
pub(super) fn make_absolute(words: &mut Words, keys: &Keys) {
    let absolute = |value: &OsString| match path::absolute(value) {
        Ok(path) if value != "-" => path.into_os_string(),
        _ => value.clone(),
    };
    for key in keys.iter().filter(|key| key.is_path) {
        let Some(values) = words.get(&key.name) else { continue };
        let values = values.iter().map(absolute).collect();
        words.set(Said { name: key.name.clone(), values });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_that_say_the_opposite_are_told_with_those_who_say_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.yaml");
        std::fs::write(&path, "auto_plot: true\nno_auto_plot: true\nvary_seed_per_trial: true\n").unwrap();
        let switch = |name: &str| Said { name: name.to_owned(), values: Vec::new() };
        let typed = [
            said("config", path.to_str().unwrap()),
            switch("no-vary-seed-per-trial"),
            switch("quiet"),
            said("ui", "dashboard"),
        ];
        let asked = of_words(Words::of(typed)).unwrap();
        assert!(asked.values("vary-seed-per-trial").is_none(), "what is typed stands alone");
        let failure = asked.failure();
        let of_file =
            format!("use `auto_plot at {0}:1:1` together with `no_auto_plot at {0}:2:1`", path.display());
        assert_eq!(failure.message, of_file);
        let [of_progress] = failure.beside.as_slice() else { panic!("{failure:?}") };
        assert_eq!(
            of_progress.message,
            "use `--quiet` together with `--ui dashboard`: no progress is shown then"
        );
        let resumed = of_words(Words::of([said("resume", "D"), switch("auto-plot"), switch("no-auto-plot")]));
        assert!(resumed.unwrap_err().message.contains("`--auto-plot` together with `--no-auto-plot`"));
    }

    #[test]
    fn progress_that_a_file_asks_for_gives_way_to_quiet() {
        assert!(!of_file_with("quiet: true\nui: simple\n").has_mistakes());
    }

    fn said(name: &str, value: &str) -> Said {
        Said { name: name.to_owned(), values: vec![value.into()] }
    }

    fn of_file_with(text: &str) -> Asked {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.yaml");
        std::fs::write(&path, text).unwrap();
        of_file(&path).unwrap()
    }

    #[test]
    fn a_reference_stands_only_for_the_value_that_was_made_of_it() {
        let mut asked = of_file_with("model: llama\nisl: 5\n");
        asked.references.insert("model".to_owned(), vec!["${MODEL_OF_TOKEN}".into()]);
        assert!(asked.repeatable(1, None).contains("MODEL_OF_TOKEN"));
        let mut words = asked.words.clone();
        words.set(said("isl", "6"));
        assert!(asked.with(words.clone()).unwrap().repeatable(1, None).contains("MODEL_OF_TOKEN"));
        words.set(said("model", "other"));
        let other = asked.with(words).unwrap().repeatable(1, None);
        assert!(other.contains("model: other") && !other.contains("MODEL_OF_TOKEN"), "{other}");
    }

    #[test]
    fn what_is_typed_stands_in_the_place_of_what_says_the_opposite_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.yaml");
        let text = "url: ${NO_SUCH_VARIABLE}\nhttp2: true\nisl: 5\nosl: 6\n";
        std::fs::write(&path, text).unwrap();
        let typed = [
            said("config", path.to_str().unwrap()),
            Said { name: "mock".to_owned(), values: Vec::new() },
            said("sweep", "isl=5,6"),
        ];
        let asked = of_words(Words::of(typed)).unwrap();
        assert!(!asked.has_mistakes());
        assert_eq!(asked.words.line(), ["--mock", "--sweep=isl=5,6", "--osl=6"]);
    }

    #[test]
    fn settings_of_a_file_give_way_to_a_sweep_over_both() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.yaml");
        std::fs::write(&path, "isl: 5\nosl: 6\n").unwrap();
        let typed = [said("config", path.to_str().unwrap()), said("sweep", "isl/osl=5/1,6/2")];
        let asked = of_words(Words::of(typed)).unwrap();
        assert_eq!(asked.words.line(), ["--sweep=isl/osl=5/1,6/2"]);
    }

    #[test]
    fn phases_of_a_file_give_way_to_what_is_typed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.yaml");
        let text =
            "phases:\n  - {name: a, concurrency: 5, request_count: 7}\n  - {name: b, request_rate: 5}\n";
        std::fs::write(&path, text).unwrap();
        let typed = [said("config", path.to_str().unwrap()), said("concurrency", "2")];
        let phases = of_words(Words::of(typed)).unwrap().words.phases();
        let settings: Vec<_> = phases.iter().map(|phase| phase.words().line()).collect();
        assert_eq!(settings, [vec!["--request-count=7"], vec!["--request-rate=5"]]);
        let failure = of_words(Words::of([said("phases", "{}")])).unwrap().failure();
        assert!(failure.message.contains("phases stand in a file"), "{failure:?}");
    }

    #[test]
    fn an_experiment_that_goes_on_takes_no_file() {
        let words = Words::of([said("resume", "D"), said("config", "run.yaml")]);
        let failure = of_words(words).unwrap_err();
        assert!(failure.message.contains("`--resume` together with `--config`"), "{failure:?}");
    }
}
