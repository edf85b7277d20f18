//! Our side: the ladder up to where code would run, and a child for every exported type.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use prony_plugin_api::{
    conformance::{
        CALLS_RETURN, CASES, CaseName, Check, DEADLINE, MUTATIONS, PROCESS_LIVES, Report, SEED,
        SOMETHING_TRIED, Selection, Verdict,
    },
    descriptor::Descriptor,
};

use super::{
    super::{ladder, manifest::ManifestError, trust::Trust},
    Examination, TypeReport, Window,
    declared::Declared,
    job::{CheckMessage, Job},
    rungs::{WITHOUT_CODE, climbed, fallen},
    trace::{Call, Trace},
    unbuilt::NoLibrary,
};
use crate::child::{
    Child,
    frame::{FrameReader, FrameWriter},
};

/// What makes `prony plugins check` the child of another one.
pub(crate) const CHILD_FLAG: &str = "--as-child";

/// How a library is to be examined.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Options for every type, a JSON object.
    pub(crate) options: String,
    /// Recorded answers: file names and contents.
    pub(crate) recordings: Vec<(String, Vec<u8>)>,
    /// The library's `plugins.yaml`; without it, it is looked for beside the library and above.
    pub(crate) manifest: Option<PathBuf>,
    /// Seed of everything random.
    pub(crate) seed: u64,
    /// How many corrupted events are tried.
    pub(crate) mutations: u32,
    /// How long one call may take.
    pub(crate) deadline: Duration,
    /// Which cases are made.
    pub(crate) selection: Selection,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            options: "{}".to_owned(),
            recordings: Vec::new(),
            manifest: None,
            seed: SEED,
            mutations: MUTATIONS,
            deadline: DEADLINE,
            selection: Selection::default(),
        }
    }
}

/// Why a library could not be examined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExamineError {
    /// There is no child process to be had.
    #[error("start a child process")]
    Child(#[from] io::Error),
    /// The manifest that the user named cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// There is no library.
    #[error(transparent)]
    NoLibrary(#[from] NoLibrary),
}

/// Examines one library, and writes every call into it to `trace`.
///
/// # Errors
/// There is no library, no child process to be had, or the manifest that `plan` names cannot be read; what the library does
/// is never an error.
pub(crate) fn examine(
    library: PathBuf,
    plan: &Plan,
    mut trace: Option<&mut Trace>,
) -> Result<Examination, ExamineError> {
    NoLibrary::find(&library)?;
    let declared = Declared::of(&library, plan.manifest.as_deref())?;
    let mut examination = Examination {
        library,
        sha256: None,
        bytes: None,
        abi: None,
        descriptor: None,
        manifest: declared.manifest.as_ref().map(|file| file.display().to_string()),
        rungs: Vec::new(),
        types: Vec::new(),
        skipped: Vec::new(),
        warnings: declared.warnings.clone(),
    };
    match ladder::check(&examination.library, &Trust::of_this_process()) {
        // Of the bytes that were checked: the file may be another one by now.
        Ok(checked) => {
            examination.sha256 = Some(checked.facts.digest.hex());
            examination.bytes = Some(checked.bytes.len() as u64);
            examination.descriptor = Some(checked.facts.descriptor);
        }
        Err(fault) => examination.rungs = fallen(0, &fault),
    }
    let Some(descriptor) = examination.descriptor.clone() else { return Ok(examination) };
    examination.rungs = climbed(0, WITHOUT_CODE);
    examination.abi = Some(Window::of(&descriptor));
    examination.warnings.extend(warnings(&descriptor));
    let endpoints = descriptor.endpoints.iter().map(|exported| (false, exported));
    let services = descriptor.services.iter().map(|exported| (true, exported));
    for (is_service, exported) in endpoints.chain(services) {
        let is_of_it = |case: &CaseName| if is_service { case.of_services } else { case.of_endpoints };
        if !CASES.iter().any(|case| is_of_it(case) && plan.selection.chooses(*case)) {
            examination.skipped.push(exported.type_name.clone());
            continue;
        }
        let job = Job {
            library: examination.library.clone(),
            is_service,
            type_name: exported.type_name.clone(),
            schema: exported.options.clone(),
            options: plan.options.clone(),
            recordings: plan.recordings.clone(),
            framing: declared.framing(&exported.type_name).filter(|_| !is_service),
            seed: plan.seed,
            mutations: plan.mutations,
            selection: plan.selection.clone(),
            is_traced: trace.is_some(),
        };
        let is_open = try_type(&job, plan.deadline, trace.as_deref_mut(), &mut examination)?;
        if !is_open {
            // It fails the same way for every type.
            break;
        }
    }
    Ok(examination)
}

fn warnings(descriptor: &Descriptor) -> Vec<String> {
    let mut warnings = Vec::new();
    if descriptor.opt_level == "0" {
        let remedy = descriptor.language.optimised_build();
        warnings.push(format!("it is a debug build: its speed means little; {remedy}"));
    }
    if descriptor.endpoints.is_empty() && descriptor.services.is_empty() {
        warnings.push("it exports nothing".to_owned());
    }
    warnings
}

/// Tries one exported type in a child. Returns whether the library could be opened.
fn try_type(
    job: &Job,
    deadline: Duration,
    trace: Option<&mut Trace>,
    examination: &mut Examination,
) -> io::Result<bool> {
    let (child, socket) = Child::spawn(&["plugins", "check", CHILD_FLAG])?;
    socket.set_read_timeout(Some(deadline))?;
    let mut writer = FrameWriter::new(socket.try_clone()?);
    // A child that is dead already is found out when it is listened to.
    let _ = writer.write(job);
    let report = Report { subject: job.type_name.clone(), checks: Vec::new() };
    let call = Call { step: "its opening".to_owned(), is_open: true, ..Call::default() };
    let library = job.library.as_path();
    let mut trial = Trial { child, report, rungs: None, speed: None, call, library, trace };
    trial.listen(FrameReader::new(socket), deadline);
    let Trial { mut report, rungs, speed, .. } = trial;
    let is_open = rungs.as_ref().is_none_or(|rungs| rungs.iter().all(|rung| rung.verdict == Verdict::Ok));
    // The rungs are the same for every type.
    if let (Some(rungs), true) = (rungs, examination.rungs.len() == WITHOUT_CODE) {
        examination.rungs.extend(rungs);
    }
    if is_open {
        if !report.checks.iter().any(|check| is_wanted(check, &job.selection)) {
            let text = "no chosen case found anything to try with this type".to_owned();
            report.checks.push(Check::found(SOMETHING_TRIED, Verdict::Unchecked, text));
        }
        let category = if job.is_service { "service" } else { "endpoint" };
        examination.types.push(TypeReport { category, report, speed });
    }
    Ok(is_open)
}

/// Whether a check is of a chosen case, or of what is found while one is made; and not only of what others stand on.
fn is_wanted(check: &Check, selection: &Selection) -> bool {
    CASES.iter().all(|case| case.id != check.case || selection.chooses(*case))
}

/// A child at work, and what it has told.
struct Trial<'a> {
    child: Child,
    report: Report,
    rungs: Option<Vec<super::Rung>>,
    speed: Option<super::Speed>,
    /// What it is doing.
    call: Call,
    library: &'a Path,
    trace: Option<&'a mut Trace>,
}

impl Trial<'_> {
    fn listen(&mut self, mut message: FrameReader, deadline: Duration) {
        loop {
            match message.read::<CheckMessage>() {
                Ok(Some(CheckMessage::Climbed(rungs))) => {
                    self.rungs = Some(rungs);
                    // An opening that went well has no line.
                    self.call.is_open = false;
                }
                Ok(Some(CheckMessage::Case(case))) => {
                    self.note(None);
                    self.call.case = case;
                }
                Ok(Some(CheckMessage::Step(step))) => {
                    self.note(None);
                    self.call.next(&step);
                }
                Ok(Some(CheckMessage::Gives(pieces))) => self.call.given = pieces,
                Ok(Some(CheckMessage::Gets(pieces))) => self.call.got = pieces,
                Ok(Some(CheckMessage::Checked(check))) => self.report.checks.push(check),
                Ok(Some(CheckMessage::Measured(speed))) => self.speed = Some(speed),
                Ok(Some(CheckMessage::Done)) => return self.note(None),
                Err(error) if is_timeout(&error) => {
                    self.child.kill();
                    let text = format!("no return within {deadline:?} while checking {}", self.call.step);
                    return self.lost(CALLS_RETURN, text);
                }
                // The end of the stream in the place of a frame, or in the middle of one, or garbage.
                Ok(None) | Err(_) => {
                    let end =
                        self.child.end().map_or_else(|error| error.to_string(), |death| death.to_string());
                    let text = format!("the process {end} while checking {}", self.call.step);
                    return self.lost(PROCESS_LIVES, text);
                }
            }
        }
    }

    fn lost(&mut self, case: CaseName, text: String) {
        self.note(Some(&text));
        self.report.checks.push(Check::found(case, Verdict::Fail, text));
    }

    /// Writes the call that is over into the trace.
    fn note(&mut self, lost: Option<&str>) {
        if let (Some(trace), true) = (self.trace.as_deref_mut(), self.call.is_open) {
            trace.note(self.library, &self.report.subject, &self.call, lost);
            self.call.is_open = false;
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::conformance::{OPTIONS_TAKEN, SPEED};

    use super::*;

    #[test]
    fn what_was_not_chosen_does_not_stand_for_what_was() {
        let selection = Selection::new(&["speed".to_owned()], &[]);
        assert!(is_wanted(&Check::of(SPEED), &selection));
        assert!(is_wanted(&Check::of(PROCESS_LIVES), &selection));
        assert!(!is_wanted(&Check::of(OPTIONS_TAKEN), &selection));
        assert!(is_wanted(&Check::of(OPTIONS_TAKEN), &Selection::default()));
    }
}
