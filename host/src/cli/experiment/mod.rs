//! `prony profile` with several runs: lists of values, variants, repeats, and experiments that go on.
//!
//! A command line that asks for none of it does not come here.

mod asked;
mod runner;
mod shell;
mod signals;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rand::{TryRng, rngs::SysRng};

use self::asked::Asked;
pub(super) use self::{runner::Runner, signals::Signals};
use super::{
    charts,
    exit::{Exit, Failure, HasExit},
    logging::LogFlags,
    outcome::held_to,
    profile::{self, Common},
    report::Shown,
    resolved::{self, DEFAULT_ENDPOINT},
    runs::{check_has_form, stored},
    settings::{self, flags_of},
    terminal,
};
use crate::{
    clock::Clock,
    config::{
        flags::{ProfileFlags, ReportFormat},
        resolve::ARTIFACTS,
        words::Words,
    },
    experiment::{
        self, Design, Ended, ExperimentFolder, FolderError, Progress, Results, State, search::Kept,
    },
    plugin::Registry,
    run::until,
};

/// The seed of `--set-consistent-seed`, AIPerf's.
const CONSISTENT_SEED: u64 = 42;

/// Carries out what these settings ask for: several runs, or one where it comes to that.
pub(super) fn run(settings: &settings::Asked, log: &LogFlags) -> Result<Exit, Failure> {
    let asked = Asked::of(&settings.all())?;
    if let Some(dir) = &asked.flags.resume {
        return resume(settings, &asked, dir, log);
    }
    let design = designed(settings, &asked)?;
    if !design.is_experiment() {
        return profile::run(&settings.with(design.cells[0].over(&asked.base))?, log);
    }
    begun(settings, &asked, design, log, Printed::Table).map(|(exit, _)| exit)
}

/// Carries out an experiment that these settings ask for; how the process would end by it, and its folder.
///
/// # Errors
/// Everything that is wrong with the settings; or nothing could be measured.
pub(super) fn measured(settings: &settings::Asked, log: &LogFlags) -> Result<(Exit, PathBuf), Failure> {
    let asked = Asked::of(&settings.all())?;
    let design = designed(settings, &asked)?;
    begun(settings, &asked, design, log, Printed::Nothing)
}

fn begun(
    settings: &settings::Asked,
    asked: &Asked,
    design: Design,
    log: &LogFlags,
    printed: Printed,
) -> Result<(Exit, PathBuf), Failure> {
    let (registry, flags) = check(&design, &asked.base, settings)?;
    let folder = match &flags.artifact_dir {
        Some(dir) => ExperimentFolder::named(dir)?,
        None => ExperimentFolder::dated(&usual_name(&flags, &design), Clock::start().wall_start_ns())?,
    };
    let state = State::new(&asked.kept(), &design);
    let dir = folder.dir().to_owned();
    let experiment = Experiment { design, base: asked.base.clone(), folder, state };
    let of = Of { settings, flags: &flags, registry, log_words: log.words() };
    Ok((carry_out(experiment, asked, of, printed)?, dir))
}

/// What settings ask for.
pub(super) struct Cells {
    /// Each with the settings of its runs.
    pub(super) list: Vec<(experiment::Cell, settings::Asked)>,
    /// Runs of each, at most.
    pub(super) repeats: u32,
}

impl Cells {
    /// How many runs these are at most.
    pub(super) fn runs(&self) -> u64 {
        self.list.len() as u64 * u64::from(self.repeats)
    }
}

/// The cells that settings ask for; one where nothing takes several values.
///
/// # Errors
/// Everything that is wrong with any of them.
pub(super) fn cells_of(settings: &settings::Asked) -> Result<Cells, Failure> {
    let asked = Asked::of(&settings.all())?;
    let design = designed(settings, &asked)?;
    check(&design, &asked.base, settings)?;
    let repeats = design.repeats;
    let cells = design.cells.into_iter().map(|cell| {
        let own = settings.with(cell.over(&asked.base))?;
        Ok((cell, own))
    });
    Ok(Cells { list: cells.collect::<Result<_, Failure>>()?, repeats })
}

/// The settings in which runs differ, by the long names of their flags. It is not known where something is wrong with them.
pub(super) fn varied(settings: &settings::Asked) -> Option<Vec<String>> {
    let (_, design) = tried(settings)?;
    let settings = design.cells.into_iter().flat_map(|cell| cell.values);
    Some(settings.map(|(setting, _)| setting.name).collect())
}

/// The settings of a run of each cell. They are not known where something is wrong with them.
pub(super) fn words_of_cells(settings: &settings::Asked) -> Option<Vec<Words>> {
    let (asked, design) = tried(settings)?;
    Some(design.cells.iter().map(|cell| cell.over(&asked.base)).collect())
}

/// What settings ask for, where nothing is wrong with it.
fn tried(settings: &settings::Asked) -> Option<(Asked, Design)> {
    let asked = Asked::of(&settings.all()).ok()?;
    // No seed changes which cells there are.
    let design = asked.try_design(0).ok()?;
    Some((asked, design))
}

/// The settings of the first of several runs.
///
/// # Errors
/// Everything that is wrong with the design, and with that run.
pub(super) fn first_of(settings: &settings::Asked) -> Result<settings::Asked, Failure> {
    let asked = Asked::of(&settings.all())?;
    settings.with(designed(settings, &asked)?.cells[0].over(&asked.base))
}

/// The design that settings mean.
///
/// # Errors
/// Everything that is wrong with single settings and the design and, where there is anything, with the first run as well, as far
/// as it is known.
fn designed(settings: &settings::Asked, asked: &Asked) -> Result<Design, Failure> {
    let first = match asked.try_design(seed(asked)?) {
        Ok(design) if !settings.has_mistakes() => return Ok(design),
        Ok(design) => settings.with_the_same_mistakes(design.cells[0].over(&asked.base))?,
        Err(errors) => {
            let has_mistakes = settings.has_mistakes();
            let wrong = errors.into_iter().filter(|error| !has_mistakes || !error.follows_from_others());
            let placed = wrong.map(|error| {
                let failure = Failure::from(error.clone());
                settings.placed(asked.setting_of(&error), failure)
            });
            // There is no first value of a list then.
            settings.without_lists(placed)
        }
    };
    let registry = resolved::discover(&first.flags).map_err(|failure| first.failure_with(failure))?;
    resolved::check(&first, &registry)?;
    Err(first.failure())
}

/// Makes the results of an experiment once more, from the summaries of its runs, and prints them in this form.
pub(super) fn report(dir: &Path, shown: Shown) -> Result<Exit, Failure> {
    check_has_form(dir, shown)?;
    let (folder, state, results) = known(dir)?;
    let text = experiment::write_results(&results, &state, &folder, terminal::screen())?;
    match shown {
        Shown::Printed(ReportFormat::Text) => terminal::print(&text)?,
        Shown::Printed(format) => terminal::print(&stored(dir, format)?)?,
        Shown::Folder => terminal::print(&format!("{}\n", dir.display()))?,
        Shown::Kept => {}
    }
    if !results.has_any() {
        return Ok(none_measured());
    }
    let is_over = state.progress == Progress::Complete;
    if !is_over {
        terminal::say_why("the experiment did not come to its end");
    }
    Ok(judged(&results, if is_over { Exit::Success } else { Exit::Incomplete }))
}

/// How an experiment ends the process that has no run which counts.
fn none_measured() -> Exit {
    terminal::say_why("no run was measured");
    Exit::Failed
}

/// How an experiment ends the process that would end it so, with what is missing of its runs and what became of their objectives.
fn judged(results: &Results, exit: Exit) -> Exit {
    let exit = match results.missing() {
        Some(missing) if exit == Exit::Success => {
            terminal::say_why(&format!("the experiment is incomplete: {missing}"));
            Exit::Incomplete
        }
        _ => exit,
    };
    held_to(results.worst_objective(), exit)
}

/// The charts of an experiment, each with a name and as a picture.
pub(super) fn charts(dir: &Path) -> Result<Vec<(String, String)>, Failure> {
    let (_folder, _, results) = known(dir)?;
    Ok(experiment::charts(&results))
}

/// What the runs of an experiment have left in its folder.
fn known(dir: &Path) -> Result<(ExperimentFolder, State, Results), Failure> {
    let (folder, state) = ExperimentFolder::resumed(dir)?;
    let design = Asked::of(&state.known_settings())?.design(state.random_seed)?;
    let results = Results::read(&design, &state, dir);
    Ok((folder, state, results))
}

/// Goes on with an experiment.
fn resume(settings: &settings::Asked, typed: &Asked, dir: &Path, log: &LogFlags) -> Result<Exit, Failure> {
    if Kept::check_is_there(dir).is_ok() {
        let message = format!("go on in `{}` with runs: a search is in it", dir.display());
        let hint = format!("`prony search --resume {}` goes on with it", dir.display());
        return Err(Failure::new(Exit::Usage, message).with_hint(hint));
    }
    let (folder, state) = ExperimentFolder::resumed(dir)?;
    let asked = typed.over_kept(&state, dir)?;
    let design = asked.design(state.random_seed)?;
    if !state.is_of(&design) {
        let message = format!("the settings in `{}` mean other runs to this version of prony", dir.display());
        let hint = format!("use prony {}, which has begun it", state.prony_version);
        return Err(Failure::statement(Exit::Usage, message).with_hint(hint));
    }
    if state.prony_version != env!("CARGO_PKG_VERSION") {
        terminal::warn(&format!("prony {} has measured the runs before", state.prony_version));
    }
    let (registry, flags) = check(&design, &asked.base, settings)?;
    let experiment = Experiment { design, base: asked.base.clone(), folder, state };
    let of = Of { settings, flags: &flags, registry, log_words: log.words() };
    carry_out(experiment, &asked, of, Printed::Table)
}

/// What is carried out.
struct Experiment {
    design: Design,
    /// Settings that its runs have in common, lists and all.
    base: Words,
    folder: ExperimentFolder,
    state: State,
}

/// What the runs of an experiment have in common.
struct Of<'a> {
    /// Who says which setting.
    settings: &'a settings::Asked,
    /// Those of the first run.
    flags: &'a ProfileFlags,
    registry: Arc<Registry>,
    /// What a child process is told about its log, on its command line.
    log_words: Vec<&'static str>,
}

/// What is printed of an experiment that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Printed {
    /// The table of all runs, if it is wanted, and where the results are.
    Table,
    /// Nothing: its runs are for a comparison, which is printed alone.
    Nothing,
}

fn carry_out(experiment: Experiment, asked: &Asked, of: Of<'_>, printed: Printed) -> Result<Exit, Failure> {
    profile::own_the_process();
    let dir = experiment.folder.dir().to_owned();
    let note = experiment.folder.interrupt_note();
    let (prints, plots) = (!asked.flags.no_sweep_table, of.flags.plots);
    let signals = Arc::new(Signals::default());
    let common = Common { registry: of.registry, log_words: of.log_words };
    let mut runner = Runner::new(of.settings.clone(), of.flags, common, prints, Arc::clone(&signals));
    let work = move || -> Result<Exit, Failure> {
        let Experiment { design, base, folder, mut state } = experiment;
        let ended = experiment::carry_out(&design, &base, &folder, &mut state, &mut runner)?;
        let shown = (printed == Printed::Table).then_some(prints);
        let exit = tell(&design, &state, &folder, &ended, shown)?;
        let made = || Ok(experiment::charts(&Results::read(&design, &state, folder.dir())));
        charts::automatic(plots, folder.dir(), made)?;
        Ok(exit)
    };
    match until(|interrupt| signals.hear(interrupt), work) {
        Ok(Ok(done)) => done,
        Ok(Err(interrupt)) => {
            let noted = note.write();
            signals.end_shell();
            if let Err(error) = noted {
                terminal::explain(&error.into());
            }
            terminal::say_why(&how_to_go_on("interrupted", &dir));
            Ok(interrupt.into())
        }
        Err(error) => Err(unwaited(&error)),
    }
}

/// Writes what all runs came to, prints it, with the table or without it, and says how the process ends.
fn tell(
    design: &Design,
    state: &State,
    folder: &ExperimentFolder,
    ended: &Ended,
    shown: Option<bool>,
) -> Result<Exit, Failure> {
    let results = Results::read(design, state, folder.dir());
    let screen = terminal::screen();
    let text = experiment::write_results(&results, state, folder, screen)?;
    let dir = folder.dir().display();
    let wrote = format!("the results are in {dir}\n");
    match shown {
        None => {}
        Some(_) if terminal::is_quiet() => terminal::print(&format!("{dir}\n"))?,
        Some(true) => terminal::print(&format!("{text}\n{wrote}"))?,
        Some(false) => terminal::print(&wrote)?,
    }
    match ended {
        Ended::Interrupted { exit_code } => {
            terminal::say_why(&how_to_go_on("interrupted", folder.dir()));
            Ok(judged(&results, Exit::of_code(*exit_code).unwrap_or(Exit::Interrupted)))
        }
        Ended::Stopped { reason, exit_code } => {
            terminal::say_why(&how_to_go_on(
                &format!("the experiment ends before its time: {reason}"),
                folder.dir(),
            ));
            let alone = Exit::of_code(*exit_code).unwrap_or(Exit::Failed);
            Ok(if results.has_any() { judged(&results, Exit::Incomplete) } else { alone })
        }
        Ended::Complete if !results.has_any() => Ok(none_measured()),
        Ended::Complete => Ok(judged(&results, Exit::Success)),
    }
}

fn how_to_go_on(what: &str, dir: &Path) -> String {
    format!("{what}; what was measured is kept, and `prony profile --resume {}` goes on", dir.display())
}

/// The root of all seeds: the user's, or one that is drawn.
fn seed(asked: &Asked) -> Result<u64, Failure> {
    if asked.flags.set_consistent_seed && asked.base.get("random-seed").is_none() {
        return Ok(CONSISTENT_SEED);
    }
    seed_of(&asked.base)
}

/// The seed of these settings, or one that is drawn.
pub(super) fn seed_of(settings: &Words) -> Result<u64, Failure> {
    let typed =
        flags_of(&settings.only(|name| name == "random-seed")).ok().and_then(|flags| flags.random_seed);
    match typed {
        Some(seed) => Ok(seed),
        // 32 bits, so that the seed is short enough to be typed again.
        None => SysRng.try_next_u32().map(u64::from).map_err(|error| {
            Failure::new(Exit::Failed, "draw a random seed from the system")
                .caused_by(&error)
                .with_hint("name one with `--random-seed`")
        }),
    }
}

/// Looks at all cells before anything is sent. Returns the flags of the first one.
///
/// # Errors
/// Everything that is wrong with any of them, each thing once.
fn check(
    design: &Design,
    base: &Words,
    settings: &settings::Asked,
) -> Result<(Arc<Registry>, ProfileFlags), Failure> {
    let of_cell = |cell: &experiment::Cell| settings.with(cell.over(base));
    // They are the same in all cells, of which none may be readable.
    let of_host = base.only(|name| ["plugins", "plugin-policy", "locked", "lock"].contains(&name));
    let registry = resolved::discover(&flags_of(&of_host)?)?;
    let mut first = None;
    let mut wrong: Vec<(Failure, Vec<String>)> = Vec::new();
    for cell in &design.cells {
        let checked =
            of_cell(cell).and_then(|asked| resolved::check(&asked, &registry).map(|()| asked.flags));
        let failure = match checked {
            Ok(flags) => {
                first.get_or_insert(flags);
                continue;
            }
            Err(failure) => failure,
        };
        match wrong.iter_mut().find(|(known, _)| *known == failure) {
            Some((_, cells)) => cells.push(cell.label()),
            None => wrong.push((failure, vec![cell.label()])),
        }
    }
    let named = |(failure, cells): (Failure, Vec<String>)| {
        let is_of_all = cells.len() == design.cells.len();
        if is_of_all { failure } else { of_cells(failure, &cells) }
    };
    let mut failures = wrong.into_iter().map(named);
    match failures.next() {
        // A design has a cell at least.
        None => Ok((registry, first.unwrap_or_default())),
        Some(mut failure) => {
            failure.beside.extend(failures);
            Err(failure)
        }
    }
}

/// A failure of some cells, with their names.
fn of_cells(failure: Failure, cells: &[String]) -> Failure {
    const SHOWN: usize = 3;
    let more = cells.len().saturating_sub(SHOWN);
    let mut names = cells.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if more > 0 {
        names = format!("{names}; and {more} more");
    }
    Failure { message: format!("{} (in the run with {names})", failure.message), ..failure }
}

/// `artifacts/chat_sweep_9x2`: the API format, cells and runs of each.
fn usual_name(flags: &ProfileFlags, design: &Design) -> PathBuf {
    let what = match (design.cells.len(), design.repeats) {
        (1, repeats) => format!("{repeats}_runs"),
        (cells, 1) => format!("sweep_{cells}"),
        (cells, repeats) => format!("sweep_{cells}x{repeats}"),
    };
    named_folder(flags, &what)
}

/// `artifacts/chat_WHAT`: the API format, and what is made there.
pub(super) fn named_folder(flags: &ProfileFlags, what: &str) -> PathBuf {
    let endpoint = flags.endpoint_type.as_deref().unwrap_or(DEFAULT_ENDPOINT).replace('/', "_");
    Path::new(ARTIFACTS).join(format!("{endpoint}_{what}"))
}

pub(super) fn unwaited(error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, "wait for the runs").caused_by(error)
}

impl HasExit for FolderError {
    fn exit(&self) -> Exit {
        match self {
            Self::Folder(error) => error.exit(),
            error if error.is_usage() => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

impl HasExit for experiment::DesignError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}
