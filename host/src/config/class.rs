//! One `--class`: its text, and why it is refused.

use std::collections::HashSet;

use prony_plugin_api::metadata::EndpointMetadata;
use serde_json::{Map, Value};

use super::{
    goodput::{self, Measurable, ObjectiveError},
    near::near,
    sink::Sink,
    spec::{Origin, RunSpec},
};
use crate::{
    explain::Explain,
    plan::{Class, LengthLaw, Objective},
};

/// How a class is written.
const EXAMPLE: &str = "write it as in `--class 'chat:share=80,priority=0,isl=500,osl=200'`";

const KEYS: [&str; 9] =
    ["share", "model", "adapter", "priority", "isl", "isl-stddev", "osl", "osl-stddev", GOODPUT];

/// The one key whose value is a list.
const GOODPUT: &str = "goodput";

/// A class that is none, and where it is typed.
#[derive(Debug, thiserror::Error)]
#[error("read value {position} of `{by}`: {problem}")]
pub(crate) struct ClassError {
    pub(super) by: Origin,
    /// Which value, from 1.
    position: usize,
    problem: ClassProblem,
}

/// What is wrong with a class.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum ClassProblem {
    #[error("`{0}` is no name: it must have letters, digits, `.`, `_` and `-` only, before a `:`")]
    Name(String),
    #[error("another class is called `{0}`")]
    NameTwice(String),
    #[error("`{0}` is not `KEY=VALUE`")]
    NoPair(String),
    #[error("a class has no `{key}`")]
    Key { key: String, near: Option<&'static str> },
    #[error("`{0}` stands there twice")]
    KeyTwice(&'static str),
    #[error("a class has no input file of its own")]
    InputFile,
    #[error("`{key}={text}`: it must be {expected}")]
    Value { key: &'static str, text: String, expected: &'static str },
    #[error("`{key}` needs `{needs}`")]
    Needs { key: &'static str, needs: &'static str },
    #[error("`{key}` would have no effect: {reason}")]
    Useless { key: &'static str, reason: &'static str },
    #[error(transparent)]
    Objective(ObjectiveError),
}

impl Explain for ClassError {
    fn hint(&self) -> String {
        match &self.problem {
            ClassProblem::Name(_) | ClassProblem::NoPair(_) | ClassProblem::Value { .. } => {
                EXAMPLE.to_owned()
            }
            ClassProblem::NameTwice(_) => "give each class a name of its own".to_owned(),
            ClassProblem::Key { near: Some(near), .. } => format!("write `{near}` if that is meant"),
            ClassProblem::Key { near: None, .. } => format!("use {}", KEYS.join(", ")),
            ClassProblem::KeyTwice(key) => format!("give `{key}` once"),
            ClassProblem::InputFile => {
                "use one `--input-file` for all classes, or run `prony profile` once for each file".to_owned()
            }
            ClassProblem::Needs { key, needs } => format!("add `{needs}=`, or leave out `{key}`"),
            ClassProblem::Useless { key, .. } => format!("leave out `{key}`"),
            ClassProblem::Objective(error) => error.hint(),
        }
    }
}

/// What classes depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) endpoint: &'a EndpointMetadata,
    pub(super) measurable: Measurable<'a>,
    /// What is added to every body.
    pub(super) extra_inputs: &'a Map<String, Value>,
}

/// All classes that `by` names, with their shares as parts of 1. Of one that is wrong there is what could be read of it, so that nothing
/// else is wrong only because it is missing.
pub(super) fn read(
    texts: &[String],
    by: Origin,
    spec: &RunSpec,
    around: Surroundings<'_>,
    problems: &mut impl Sink<ClassError>,
) -> Vec<Class> {
    let mut names = HashSet::new();
    let mut classes = Vec::new();
    for (position, text) in (1..).zip(texts) {
        let mut wrong = Vec::new();
        let class = class(text, spec, around, &mut wrong);
        if let Some(class) = &class
            && !names.insert(class.name.clone())
        {
            wrong.push(ClassProblem::NameTwice(class.name.clone()));
        }
        for problem in wrong {
            problems.take(ClassError { by, position, problem });
        }
        classes.extend(class);
    }
    let all: f64 = classes.iter().map(|class| class.share).sum();
    for class in &mut classes {
        class.share /= all;
    }
    classes
}

/// `NAME:KEY=VALUE,…`, its share still a weight, as far as it can be read. Nothing where it has no name.
fn class(
    text: &str,
    spec: &RunSpec,
    around: Surroundings<'_>,
    wrong: &mut Vec<ClassProblem>,
) -> Option<Class> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || !name.chars().all(is_name) {
        wrong.push(ClassProblem::Name(name.to_owned()));
        return None;
    }
    let mut typed = Typed::default();
    for pair in rest.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        wrong.extend(typed.add(pair, around.measurable).err().into_iter().flatten());
    }
    wrong.extend(typed.useless(spec, around));
    let Typed { share, model, adapter, priority, isl, isl_stddev, osl, osl_stddev, goodput, .. } = typed;
    let law = |mean: Option<f64>, stddev: Option<f64>| {
        mean.map(|mean| LengthLaw { mean, stddev: stddev.unwrap_or(0.0) })
    };
    Some(Class {
        name: name.to_owned(),
        share: share.unwrap_or(1.0),
        is_adapter: adapter.is_some(),
        model: model.or(adapter),
        priority,
        isl: law(isl, isl_stddev),
        osl: law(osl, osl_stddev),
        goodput,
    })
}

/// What is typed of a class.
#[derive(Debug, Default)]
struct Typed {
    share: Option<f64>,
    model: Option<String>,
    adapter: Option<String>,
    priority: Option<i64>,
    isl: Option<f64>,
    isl_stddev: Option<f64>,
    osl: Option<f64>,
    osl_stddev: Option<f64>,
    goodput: Option<Vec<Objective>>,
    keys: Vec<&'static str>,
}

impl Typed {
    /// Adds a pair. Its value may be a list, of which several may be wrong.
    fn add(&mut self, pair: &str, measurable: Measurable<'_>) -> Result<(), Vec<ClassProblem>> {
        let (key, text) = pair.split_once('=').ok_or_else(|| vec![ClassProblem::NoPair(pair.to_owned())])?;
        let (name, text) = (key.trim().replace('_', "-"), text.trim());
        let Some(key) = KEYS.into_iter().find(|known| *known == name) else {
            let near = near(&name, KEYS);
            let problem = ClassProblem::Key { key: key.trim().to_owned(), near };
            return Err(vec![if name == "input-file" { ClassProblem::InputFile } else { problem }]);
        };
        if self.keys.contains(&key) {
            return Err(vec![ClassProblem::KeyTwice(key)]);
        }
        self.keys.push(key);
        if key == GOODPUT {
            let read = goodput::objectives([text], measurable);
            // It is meant, whatever is wrong with it.
            self.goodput = Some(read.clone().unwrap_or_default());
            let of_class = |errors: Vec<_>| errors.into_iter().map(ClassProblem::Objective).collect();
            return read.map(drop).map_err(of_class);
        }
        self.set(key, text).map_err(|problem| vec![problem])
    }

    /// Sets what has one value.
    fn set(&mut self, key: &'static str, text: &str) -> Result<(), ClassProblem> {
        match key {
            "share" => self.share = Some(share(key, text)?),
            "model" => self.model = Some(model(key, text)?),
            "adapter" => self.adapter = Some(model(key, text)?),
            "priority" => {
                let expected = "a whole number";
                let problem = |_| ClassProblem::Value { key, text: text.to_owned(), expected };
                self.priority = Some(text.parse().map_err(problem)?);
            }
            "isl" => self.isl = Some(length(key, text)?),
            "isl-stddev" => self.isl_stddev = Some(deviation(key, text)?),
            "osl" => self.osl = Some(length(key, text)?),
            _ => self.osl_stddev = Some(deviation(key, text)?),
        }
        Ok(())
    }

    /// What of it would have no effect.
    fn useless(&self, spec: &RunSpec, around: Surroundings<'_>) -> Vec<ClassProblem> {
        let mut wrong = Vec::new();
        if self.model.is_some() && self.adapter.is_some() {
            let reason = "the name of the adapter is sent as the model";
            wrong.push(ClassProblem::Useless { key: "model", reason });
        }
        // Whether they are typed, and not whether they can be read: nothing is missing that is only wrong.
        let is_typed = |key| self.keys.contains(&key);
        for (key, needs) in [("isl-stddev", "isl"), ("osl-stddev", "osl")] {
            if is_typed(key) && !is_typed(needs) {
                wrong.push(ClassProblem::Needs { key, needs });
            }
        }
        let is_for_all = self.priority.is_some() && around.extra_inputs.contains_key("priority");
        let priority = is_for_all.then_some(("priority", "`--extra-inputs` says it for all requests"));
        let isl = self.isl.and_then(|_| useless_length(spec, around, true)).map(|reason| ("isl", reason));
        let osl = self.osl.and_then(|_| useless_length(spec, around, false)).map(|reason| ("osl", reason));
        let useless = [priority, isl, osl].into_iter().flatten();
        wrong.extend(useless.map(|(key, reason)| ClassProblem::Useless { key, reason }));
        wrong
    }
}

/// Why classes cannot have an input or output length of their own, if they cannot.
fn useless_length(spec: &RunSpec, around: Surroundings<'_>, is_input: bool) -> Option<&'static str> {
    let endpoint = around.endpoint;
    let is_counted = if is_input { endpoint.tokenizes_input } else { endpoint.produces_tokens };
    [
        (!is_counted, "the endpoint counts no tokens there"),
        (endpoint.ranks_passages, "the `--rankings-...` flags say the lengths"),
        (spec.input_file.is_given() && is_input, "the file says what is sent"),
        (spec.input_file.is_given(), "of a file, all rows that say none have the output length of `--osl`"),
        (spec.seq_dist.is_given(), "the pairs of `--seq-dist` say how long input and output are"),
        (spec.random_range_ratio.is_given(), "`--random-range-ratio` says how lengths are drawn"),
    ]
    .into_iter()
    .find_map(|(applies, reason)| applies.then_some(reason))
}

fn model(key: &'static str, text: &str) -> Result<String, ClassProblem> {
    let problem = || ClassProblem::Value { key, text: text.to_owned(), expected: "a name" };
    (!text.is_empty()).then(|| text.to_owned()).ok_or_else(problem)
}

fn share(key: &'static str, text: &str) -> Result<f64, ClassProblem> {
    number(key, text, "a number above 0, at most 1000000000", |share| share > 0.0 && share <= 1e9)
}

fn length(key: &'static str, text: &str) -> Result<f64, ClassProblem> {
    let is_whole = |length: f64| length >= 1.0 && length <= f64::from(u32::MAX) && length.fract() == 0.0;
    number(key, text, "a whole number of tokens, 1 or more", is_whole)
}

fn deviation(key: &'static str, text: &str) -> Result<f64, ClassProblem> {
    number(key, text, "a number of tokens, 0 or more", |stddev| (0.0..=f64::from(u32::MAX)).contains(&stddev))
}

fn number(
    key: &'static str,
    text: &str,
    expected: &'static str,
    is_good: impl Fn(f64) -> bool,
) -> Result<f64, ClassProblem> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && is_good(*number));
    number.ok_or_else(|| ClassProblem::Value { key, text: text.to_owned(), expected })
}
