//! What is in a dataset, in numbers. Pure: from scripts to counts.

use serde::Serialize;

use super::{Script, Start, Step, prefix_cache::PrefixCache};
use crate::plan::FileFormat;

const NS_PER_S: f64 = 1e9;

/// The contents of a dataset. What its format does not say is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Contents {
    /// As `--custom-dataset-type` names it.
    pub(crate) format: &'static str,
    pub(crate) sessions: u64,
    /// Steps of all sessions.
    pub(crate) requests: u64,
    /// Tokens of all prompts, each with what was said before it.
    pub(crate) input_tokens: Option<u64>,
    /// Tokens of all responses.
    pub(crate) output_tokens: Option<u64>,
    /// Seconds from the first request to the last.
    pub(crate) span_s: Option<f64>,
    /// Tool calls in recorded responses.
    pub(crate) tools: Option<u64>,
    /// How many branches sessions have beside their first one.
    pub(crate) forks: Option<u64>,
    /// Share of input blocks that a cache of unlimited size would have, over requests in the order of time. Blocks count up to the
    /// first that is new: only a prefix can be in a cache.
    pub(crate) theoretical_hit_rate: Option<f64>,
    /// Requests of a session.
    pub(crate) steps: Option<Spread>,
    /// Tokens of a prompt.
    pub(crate) input_length: Option<Spread>,
    /// Tokens of a response.
    pub(crate) output_length: Option<Spread>,
    /// Seconds that pass between the end of a response and the next request, where the format has such gaps.
    pub(crate) gap_s: Option<Spread>,
}

/// How some values lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) mean: f64,
    /// The lower one of two in the middle.
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of these values; nothing if there are none.
    fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some(Self { min, mean, median: values[(values.len() - 1) / 2], max })
    }
}

impl Contents {
    /// Counts what is in scripts of this format.
    pub(super) fn of(format: FileFormat, scripts: &[Script]) -> Self {
        let steps = || scripts.iter().flat_map(|script| &script.steps);
        let inputs: Option<Vec<u64>> = steps().map(|step| step.recorded.input_tokens).collect();
        let outputs: Option<Vec<u64>> = steps().map(|step| step.recorded.output_tokens).collect();
        let tools: Vec<u64> = steps().filter_map(|step| step.recorded.tool_calls).map(u64::from).collect();
        let gaps = steps().filter(|step| !step.after.is_empty()).filter_map(|step| match step.start {
            Start::After(gap_ns) => Some(gap_ns as f64 / NS_PER_S),
            Start::At(_) => None,
        });
        let spread = |lengths: &Option<Vec<u64>>| {
            lengths.as_ref().and_then(|lengths| Spread::of(lengths.iter().map(|length| *length as f64)))
        };
        Self {
            format: format.name(),
            sessions: scripts.len() as u64,
            requests: steps().count() as u64,
            input_tokens: inputs.as_deref().map(sum),
            output_tokens: outputs.as_deref().map(sum),
            span_s: span(scripts).map(|span_ns| span_ns as f64 / NS_PER_S),
            tools: (!tools.is_empty()).then(|| sum(&tools)),
            forks: format.has_forks().then(|| scripts.iter().map(forks).sum()),
            theoretical_hit_rate: format
                .has_blocks()
                .then(|| hit_rate(&scripts.iter().collect::<Vec<_>>()))
                .flatten(),
            steps: Spread::of(scripts.iter().map(|script| script.steps.len() as f64)),
            input_length: spread(&inputs),
            output_length: spread(&outputs),
            gap_s: Spread::of(gaps),
        }
    }
}

/// A file may say any number.
fn sum(numbers: &[u64]) -> u64 {
    numbers.iter().copied().fold(0, u64::saturating_add)
}

/// Nanoseconds from the first request to the last, if all of them have an instant on one clock.
fn span(scripts: &[Script]) -> Option<u64> {
    let has_clock = scripts.iter().all(|script| script.starts_ns.is_some());
    let steps = scripts.iter().flat_map(|script| &script.steps);
    let sent: Option<Vec<u64>> = steps.map(|step| step.recorded.sent_ns).collect();
    let sent = sent.filter(|_| has_clock)?;
    Some(sent.iter().max()?.saturating_sub(*sent.iter().min()?))
}

/// Branches of a session beside its first one.
fn forks(script: &Script) -> u64 {
    let roots = script.steps.iter().filter(|step| step.after.is_empty()).count();
    let followers = |at: usize| {
        let follows = |step: &&Step| step.after.first().is_some_and(|first| *first as usize == at);
        script.steps.iter().filter(follows).count()
    };
    let beside = |count: usize| count.saturating_sub(1) as u64;
    beside(roots) + (0..script.steps.len()).map(|at| beside(followers(at))).sum::<u64>()
}

/// The share of all blocks of recorded prompts that a prefix cache of unlimited size would have.
pub(super) fn hit_rate(scripts: &[&Script]) -> Option<f64> {
    // Sessions without a common clock come one after the other.
    let have_a_clock = scripts.iter().all(|script| script.starts_ns.is_some());
    let mut steps: Vec<((usize, u64), &Step)> = Vec::new();
    for (number, script) in scripts.iter().enumerate() {
        let (place, mut sent_ns) = (if have_a_clock { 0 } else { number }, script.starts_ns.unwrap_or(0));
        for step in &script.steps {
            // A step without an instant comes behind the one before it.
            sent_ns = step.recorded.sent_ns.unwrap_or(sent_ns);
            steps.push(((place, sent_ns), step));
        }
    }
    steps.sort_by_key(|(place, _)| *place);
    let (mut cache, mut hits, mut all) = (PrefixCache::up_to(usize::MAX), 0_u64, 0_u64);
    for prompt in steps.iter().filter_map(|(_, step)| step.prompt.as_ref()) {
        hits += cache.take(prompt.blocks.iter().map(|id| (prompt.scope, *id))) as u64;
        all += prompt.blocks.len() as u64;
    }
    (all > 0).then(|| hits as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_no_number_holds_are_as_many_as_one_holds() {
        let mut step = Step::default();
        step.recorded.input_tokens = Some(u64::MAX);
        let scripts = [Script::single("a".into(), step.clone()), Script::single("b".into(), step)];
        assert_eq!(Contents::of(FileFormat::MooncakeTrace, &scripts).input_tokens, Some(u64::MAX));
    }
}
