//! What settings name on this machine: files, tokenizers, and options of plugins. It is looked at as a run would, without a server.

use crate::{
    cli::{exit::Failure, recorded, resolved, settings::Asked, terminal},
    config::{origins::Source, words::Words},
    plan::Phase,
    run::{Observer, Snapshot, Subject, look_at},
};

/// Only notices are of interest: nothing goes on.
struct Notices(Vec<String>);

impl Observer for Notices {
    /// What holds for several runs is said once.
    fn notice(&mut self, text: &str) {
        if !self.0.iter().any(|said| said == text) {
            terminal::warn(text);
            self.0.push(text.to_owned());
        }
    }

    fn phase_started(&mut self, _: &Phase) {}

    fn snapshot(&mut self, _: &Snapshot) {}

    fn phase_ended(&mut self) {}
}

/// Settings of the load and of the output, which name nothing that is looked at.
const NAME_NOTHING: [&str; 10] = [
    "concurrency",
    "request-rate",
    "request-count",
    "benchmark-duration",
    "phases",
    "artifact-dir",
    "random-seed",
    "goodput",
    "slo",
    "price",
];

/// Looks at what runs name. Those that name the same are looked at once.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn check<'a>(runs: impl Iterator<Item = &'a Asked>) -> Result<(), Failure> {
    let mut looked_at: Vec<Words> = Vec::new();
    let mut notices = Notices(Vec::new());
    let mut wrong: Vec<Failure> = Vec::new();
    for asked in runs {
        let names = asked.words.only(|name| !NAME_NOTHING.contains(&name));
        if !looked_at.contains(&names) {
            looked_at.push(names);
            wrong.extend(wrong_with(asked, &mut notices)?);
        }
    }
    let mut wrong = wrong.into_iter();
    match wrong.next() {
        None => Ok(()),
        Some(first) => Err(Failure { beside: wrong.collect(), ..first }),
    }
}

/// Everything that is wrong with what a run names.
fn wrong_with(asked: &Asked, notices: &mut Notices) -> Result<Vec<Failure>, Failure> {
    let registry = resolved::discover(&asked.flags)?;
    let plan = resolved::resolved(asked, &asked.flags, &registry)?.plan;
    let of_answer = asked.flags.mock_answer.as_deref().and_then(|file| recorded::read(file, None).err());
    let of_answer = of_answer.map(|error| asked.placed("mock-answer", error.into()));
    let others = look_at(plan, &registry, notices).into_iter();
    let others = others.map(|(subject, error)| placed(asked, subject, Failure::from(error)));
    Ok(of_answer.into_iter().chain(others).collect())
}

/// A failure with the place of the setting that it is about, as far as a file has it.
fn placed(asked: &Asked, subject: Subject, failure: Failure) -> Failure {
    let names: &[&str] = match subject {
        Subject::EndpointOptions => &["endpoint-option", "extra-inputs"],
        Subject::Services => &["service-option", "service", "no-service"],
        Subject::Tokenizer => &["tokenizer"],
        Subject::Dataset => &["input-file", "public-dataset", "system-prompt-file", "image-source"],
        Subject::Target => &["client-cert", "ca-cert"],
    };
    let is_in_file = |name: &&&str| {
        asked.words.get(name).is_some() && matches!(asked.origins.source(name), Source::File(_))
    };
    match names.iter().find(is_in_file) {
        Some(name) => asked.placed(name, failure),
        None => failure,
    }
}
