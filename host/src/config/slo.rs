//! Objectives of a run as the user types them: bounds on its numbers.

use super::{
    goodput::{self, Measurable, ObjectiveError},
    near::near,
};
use crate::{
    explain::Explain,
    plan::{Class, Classes, MetricFacts, RunObjective, Side},
};

/// Signs of a bound. The longer ones first.
const SIGNS: [(&str, Side); 4] = [
    ("<=", Side { at_least: false, is_strict: false }),
    (">=", Side { at_least: true, is_strict: false }),
    ("<", Side { at_least: false, is_strict: true }),
    (">", Side { at_least: true, is_strict: true }),
];

/// The same in AIPerf's `metric:stat:op:value`.
const WORDS: [(&str, &str); 4] = [("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">=")];

/// A bound, in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typed {
    /// What is bounded: a metric, in whatever spelling.
    pub(crate) metric: String,
    /// In small letters; empty where none is said.
    pub(crate) statistic: String,
    pub(crate) side: Side,
    pub(crate) value: String,
}

/// The parts of a text, if it is a bound.
pub(crate) fn typed(text: &str) -> Option<Typed> {
    let text = in_signs(text);
    let ((what, value), side) =
        SIGNS.iter().find_map(|(sign, side)| Some((text.split_once(sign)?, *side)))?;
    let mut words = what.split([' ', '.', ':', '\t']).filter(|word| !word.is_empty());
    let metric = words.next()?.to_owned();
    let statistic = words.collect::<Vec<_>>().join(".").to_lowercase();
    Some(Typed { metric, statistic, side, value: value.trim().to_owned() })
}

/// `time_to_first_token:p95:le:200` as `time_to_first_token p95 <= 200`; another text as it is.
fn in_signs(text: &str) -> String {
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    let sign =
        |word: &str| WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, sign)| *sign);
    match parts.as_slice() {
        [metric, statistic, word, value] => match sign(word) {
            Some(sign) => format!("{metric} {statistic} {sign} {value}"),
            None => text.to_owned(),
        },
        _ => text.to_owned(),
    }
}

/// Why a text is no objective of the run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum RunObjectiveError {
    #[error("`{0}` is no bound on a metric")]
    Form(String),
    #[error("there is no metric `{tag}`")]
    Unknown { tag: String, near: Option<&'static str> },
    #[error("there is no class `{name}`")]
    NoClass { name: String, classes: Vec<String> },
    #[error("classes have no `{0}` of their own")]
    NotOfClasses(&'static str),
    #[error("`{0}` has many values: the statistic is missing")]
    NoStatistic(&'static str),
    #[error("`{tag}` has no statistic `{statistic}`")]
    Statistic { tag: &'static str, statistic: String, known: &'static [&'static str] },
    #[error("`{text}` is no value of `{tag}`, which has the unit {unit}")]
    Value { tag: &'static str, text: String, unit: &'static str },
    #[error("no run can keep to `{0}`")]
    NeverKept(String),
    #[error("every run keeps to `{0}`")]
    AlwaysKept(String),
    #[error(transparent)]
    Unmeasured(ObjectiveError),
    #[error("no request is good or bad, and there is no `{0}`")]
    NoGoodput(&'static str),
    #[error("there is no `{0}`, since nothing is replayed at its recorded instants")]
    NoReplay(&'static str),
    #[error("there is no `{0}`, since nothing says what the run costs")]
    NoPrice(&'static str),
    #[error("there is no `{0}`, since no GPU is watched")]
    NoGpus(&'static str),
    #[error("there is no `{0}`, since the way to the servers is not measured")]
    NoNetworkLatency(&'static str),
    #[error("`{0}` stands there twice")]
    Twice(String),
}

impl Explain for RunObjectiveError {
    fn hint(&self) -> String {
        match self {
            Self::Form(_) => {
                "write it as in `--slo 'request_latency p99 < 2s'`, `--slo 'error_rate < 1%'` or, of a class, `--slo 'chat: \
                 request_latency p99 < 2s'`"
                    .to_owned()
            }
            Self::Unknown { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::Unknown { near: None, .. } => "`prony metrics` lists all metrics".to_owned(),
            Self::NoClass { classes, .. } if classes.is_empty() => {
                "leave out what stands before the colon, or describe the class with `--class`".to_owned()
            }
            Self::NoClass { classes, .. } => format!("use one of {}", classes.join(", ")),
            Self::NotOfClasses(_) => "leave out the class, or bound another metric".to_owned(),
            Self::NoStatistic(tag) => format!("write `{tag} p99`, `{tag} p50` or `{tag} avg`"),
            Self::Statistic { tag, known: [], .. } => format!("it is one number: write `{tag}` alone"),
            Self::Statistic { known, .. } => format!("use one of {}", known.join(", ")),
            Self::Value { unit: "ms", .. } => "write 500, `500ms` or `0.5s`".to_owned(),
            Self::Value { .. } => "write a number, with its unit or without".to_owned(),
            Self::NeverKept(_) | Self::AlwaysKept(_) => {
                "write a bound that a run may keep to and may break".to_owned()
            }
            Self::Unmeasured(error) => error.hint(),
            Self::NoGoodput(_) => {
                "add what a good request is, as in `--goodput 'time_to_first_token:300'`".to_owned()
            }
            Self::NoReplay(_) => "add `--fixed-schedule`, or bound another metric".to_owned(),
            Self::NoPrice(_) => "add `--price`, as in `--price 'input=0.5,output=1.5'`".to_owned(),
            Self::NoGpus(_) => "add `--gpu-telemetry`, with the pages of DCGM exporters or `nvml`".to_owned(),
            Self::NoNetworkLatency(_) => "add `--network-latency`".to_owned(),
            Self::Twice(_) => "give it once".to_owned(),
        }
    }
}

/// What decides which numbers a run has.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a condition of its own")]
pub(super) struct Numbers<'a> {
    pub(super) measurable: Measurable<'a>,
    pub(super) classes: &'a Classes,
    /// Requests have objectives of their own.
    pub(super) has_goodput: bool,
    pub(super) is_replay: bool,
    pub(super) has_price: bool,
    pub(super) watches_gpus: bool,
    pub(super) measures_network: bool,
}

/// Reads objectives.
///
/// # Errors
/// Some of them are none, or the run cannot have their numbers: one error for each of these.
pub(super) fn objectives(
    texts: &[String],
    numbers: Numbers<'_>,
) -> Result<Vec<RunObjective>, Vec<RunObjectiveError>> {
    let (mut objectives, mut errors): (Vec<RunObjective>, Vec<RunObjectiveError>) = (Vec::new(), Vec::new());
    for text in texts {
        let is_known = |objective: &RunObjective| {
            let same = |known: &RunObjective| RunObjective { text: objective.text.clone(), ..known.clone() };
            objectives.iter().any(|known| same(known) == *objective)
        };
        match objective(text, numbers) {
            Ok(objective) if is_known(&objective) => errors.push(RunObjectiveError::Twice(objective.text)),
            Ok(objective) => objectives.push(objective),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(objectives) } else { Err(errors) }
}

fn objective(text: &str, numbers: Numbers<'_>) -> Result<RunObjective, RunObjectiveError> {
    let (class, bounded) = of_class(text, numbers.classes)?;
    let form = || RunObjectiveError::Form(text.trim().to_owned());
    let Typed { metric, statistic, side, value } = typed(bounded).ok_or_else(form)?;
    let metric = numbers.metric(&metric)?;
    let tag = metric.tag;
    if class.is_some() && !metric.is_of_classes {
        return Err(RunObjectiveError::NotOfClasses(tag));
    }
    let statistic = statistic_of(metric, statistic)?;
    let bound = goodput::bound(&value, metric.unit).ok_or(RunObjectiveError::Value {
        tag,
        text: value,
        unit: metric.unit,
    })?;
    check_can_be_either(metric, side, bound, text.trim())?;
    Ok(RunObjective {
        text: text.trim().to_owned(),
        class: class.map(|class| class.name.clone()),
        metric: tag.to_owned(),
        statistic: statistic.to_owned(),
        bound,
        side,
    })
}

/// The class that stands before a colon, and the rest. A colon without white space behind it is one of a bound.
fn of_class<'a, 'b>(
    text: &'b str,
    classes: &'a Classes,
) -> Result<(Option<&'a Class>, &'b str), RunObjectiveError> {
    let Some((name, rest)) = text.split_once(':') else { return Ok((None, text)) };
    let class = classes.list.iter().find(|class| class.name == name.trim());
    if class.is_some() {
        return Ok((class, rest));
    }
    if !rest.starts_with(char::is_whitespace) {
        return Ok((None, text));
    }
    let classes = classes.list.iter().map(|class| class.name.clone()).collect();
    Err(RunObjectiveError::NoClass { name: name.trim().to_owned(), classes })
}

fn statistic_of(metric: &MetricFacts, typed: String) -> Result<&'static str, RunObjectiveError> {
    let (tag, known) = (metric.tag, metric.statistics);
    match (known, typed.as_str()) {
        ([], "" | "avg") => Ok("avg"),
        ([_, ..], "") => Err(RunObjectiveError::NoStatistic(tag)),
        (known, _) => known.iter().copied().find(|name| *name == typed).ok_or(RunObjectiveError::Statistic {
            tag,
            statistic: typed,
            known,
        }),
    }
}

/// There have to be values on both sides of a bound. Values are 0 or above; times and rates of requests are above.
fn check_can_be_either(
    metric: &MetricFacts,
    side: Side,
    bound: f64,
    text: &str,
) -> Result<(), RunObjectiveError> {
    let least = if metric.is_never_0 { f64::MIN_POSITIVE } else { 0.0 };
    let largest = metric.largest.unwrap_or(f64::MAX);
    match [least, largest].map(|value| side.is_kept(value, bound)) {
        [true, true] => Err(RunObjectiveError::AlwaysKept(text.to_owned())),
        [false, false] => Err(RunObjectiveError::NeverKept(text.to_owned())),
        _ => Ok(()),
    }
}

impl<'a> Numbers<'a> {
    /// The metric with this tag, or with another tool's name for it, which the run can have.
    fn metric(&self, typed: &str) -> Result<&'a MetricFacts, RunObjectiveError> {
        let (tag, metrics) = (goodput::usual_tag(typed), self.measurable.metrics);
        let metric = metrics.iter().find(|metric| metric.tag == tag);
        let metric = metric.ok_or_else(|| RunObjectiveError::Unknown {
            tag: typed.to_owned(),
            near: near(tag, metrics.iter().map(|metric| metric.tag)),
        })?;
        self.measurable.check(metric).map_err(RunObjectiveError::Unmeasured)?;
        match metric {
            _ if metric.needs_goodput && !self.has_goodput => Err(RunObjectiveError::NoGoodput(metric.tag)),
            _ if metric.needs_replay && !self.is_replay => Err(RunObjectiveError::NoReplay(metric.tag)),
            _ if metric.needs_price && !self.has_price => Err(RunObjectiveError::NoPrice(metric.tag)),
            _ if metric.needs_gpus && !self.watches_gpus => Err(RunObjectiveError::NoGpus(metric.tag)),
            _ if metric.needs_network_latency && !self.measures_network => {
                Err(RunObjectiveError::NoNetworkLatency(metric.tag))
            }
            metric => Ok(metric),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::goodput::tests::{ALL, METRICS};

    /// A run that asks for nothing but its load.
    fn plain(classes: &Classes) -> Numbers<'_> {
        Numbers {
            measurable: ALL,
            classes,
            has_goodput: false,
            is_replay: false,
            has_price: false,
            watches_gpus: false,
            measures_network: false,
        }
    }

    fn read(text: &str) -> Result<RunObjective, Vec<RunObjectiveError>> {
        let class = Class { name: "chat".into(), ..Class::default() };
        let classes = Classes { list: vec![class], ..Classes::default() };
        objectives(&[text.to_owned()], plain(&classes)).map(|mut all| all.remove(0))
    }

    #[rstest]
    #[case("request_latency p99 < 2s", None, "request_latency", "p99", 2000.0)]
    #[case(" latency.P99<=500ms ", None, "request_latency", "p99", 500.0)]
    #[case("request_latency:p95:le:200", None, "request_latency", "p95", 200.0)]
    #[case("chat: request_latency p95 < 300ms", Some("chat"), "request_latency", "p95", 300.0)]
    #[case("chat:request_latency avg < 1m", Some("chat"), "request_latency", "avg", 60_000.0)]
    #[case("error_rate < 1%", None, "request_error_rate", "avg", 1.0)]
    fn an_objective_is_a_bound_on_a_number(
        #[case] text: &str,
        #[case] class: Option<&str>,
        #[case] metric: &str,
        #[case] statistic: &str,
        #[case] bound: f64,
    ) {
        let found = read(text).unwrap();
        assert_eq!((found.class.as_deref(), found.text.as_str()), (class, text.trim()));
        assert_eq!(
            (found.metric.as_str(), found.statistic.as_str(), found.bound),
            (metric, statistic, bound)
        );
    }

    #[rstest]
    #[case("request_latency p99", "is no bound")]
    #[case("request_latancy p99 < 5", "there is no metric `request_latancy`")]
    #[case("request_latency < 5", "the statistic is missing")]
    #[case("request_latency p98 < 5", "has no statistic `p98`")]
    #[case("error_rate p99 < 5", "has no statistic `p99`")]
    #[case("request_latency p99 < fast", "`fast` is no value")]
    #[case("chta: request_latency p99 < 5", "there is no class `chta`")]
    #[case("chat: send_delay p99 < 5", "classes have no `send_delay`")]
    #[case("error_rate < 150%", "every run keeps to")]
    #[case("error_rate > 100%", "no run can keep to")]
    #[case("goodput > 5", "no request is good or bad")]
    #[case("nvidia_average_gpu_power < 500W", "no GPU is watched")]
    #[case("network_rtt < 5ms", "is not measured")]
    fn what_is_no_objective_is_refused(#[case] text: &str, #[case] expected: &str) {
        let errors = read(text).unwrap_err();
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.hint().is_empty());
        assert!(METRICS.iter().any(|metric| metric.tag == "request_error_rate"));
    }

    #[test]
    fn the_same_objective_twice_is_a_slip() {
        let classes = Classes::default();
        let texts = ["latency p99 < 2s", "request_latency p99 < 2000"].map(str::to_owned);
        let twice = objectives(&texts, plain(&classes));
        let errors = twice.unwrap_err();
        assert!(matches!(errors.as_slice(), [RunObjectiveError::Twice(_)]), "{errors:?}");
    }

    #[test]
    fn all_that_are_no_objectives_are_told() {
        let classes = Classes::default();
        let texts = ["joy p99 < 2s", "latency p99 < 2s", "latency p99"].map(str::to_owned);
        let errors = objectives(&texts, plain(&classes)).unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["there is no metric `joy`", "`latency p99` is no bound on a metric"]);
    }
}
