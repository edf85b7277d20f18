//! Which sessions and requests of a recording are played.

use rand::RngExt;

use crate::{
    dataset::{Script, Step},
    seed::Seed,
};

/// Leaves out sessions of which a request has more tokens than this, those of its response included.
pub(super) fn within_context(scripts: &mut Vec<Script>, most: u64) {
    let context = |step: &Step| {
        let output = step.recorded.output_tokens.or(step.max_tokens).unwrap_or(0);
        step.recorded.input_tokens.map(|input| input.saturating_add(output))
    };
    scripts.retain(|script| script.steps.iter().filter_map(context).all(|tokens| tokens <= most));
}

/// Keeps a share of the sessions, at least one: those for which the seed draws the smallest numbers. What a smaller share
/// keeps, a larger one keeps as well.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a number of sessions")]
pub(super) fn sampled(scripts: &mut Vec<Script>, share: f64, seed: Seed) {
    let mut rng = seed.stream("dataset.session_sampling");
    let mut drawn: Vec<(u64, usize)> = (0..scripts.len()).map(|at| (rng.random(), at)).collect();
    drawn.sort_unstable();
    let kept = ((scripts.len() as f64 * share).round() as usize).max(1);
    let mut is_kept = vec![false; scripts.len()];
    for (_, at) in drawn.into_iter().take(kept) {
        is_kept[at] = true;
    }
    let mut is_kept = is_kept.into_iter();
    scripts.retain(|_| is_kept.next().unwrap_or(false));
}

/// Leaves out requests whose prompts are longer than this, with all that wait for them, and sessions of which nothing is left.
pub(super) fn without_long_prompts(scripts: &mut Vec<Script>, most: u64) {
    for script in scripts.iter_mut() {
        leave_out(script, |step| step.recorded.input_tokens.is_some_and(|tokens| tokens > most));
    }
    scripts.retain(|script| !script.steps.is_empty());
}

/// Takes steps out of a graph, and those that wait for them.
fn leave_out(script: &mut Script, is_out: impl Fn(&Step) -> bool) {
    let mut places: Vec<Option<u32>> = Vec::with_capacity(script.steps.len());
    let mut kept = Vec::new();
    for mut step in std::mem::take(&mut script.steps) {
        let place = |earlier: u32| places.get(earlier as usize).copied().flatten();
        let after: Option<Vec<u32>> = step.after.iter().map(|earlier| place(*earlier)).collect();
        let context = step.context.map(place);
        let (Some(after), false, None | Some(Some(_))) = (after, is_out(&step), context) else {
            places.push(None);
            continue;
        };
        (step.after, step.context) = (after, context.flatten());
        places.push(u32::try_from(kept.len()).ok());
        kept.push(step);
    }
    script.steps = kept;
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn step(input: u64, output: u64, after: &[u32]) -> Step {
        let mut step = Step { after: after.into(), ..Step::default() };
        (step.recorded.input_tokens, step.recorded.output_tokens) = (Some(input), Some(output));
        step
    }

    fn script(id: usize, steps: Vec<Step>) -> Script {
        Script { id: id.to_string(), starts_ns: None, steps }
    }

    fn ids(scripts: &[Script]) -> Vec<&str> {
        scripts.iter().map(|script| &*script.id).collect()
    }

    #[test]
    fn a_context_is_a_prompt_and_its_response() {
        let mut scripts =
            vec![script(0, vec![step(90, 10, &[])]), script(1, vec![step(10, 5, &[]), step(91, 10, &[0])])];
        within_context(&mut scripts, 100);
        assert_eq!(ids(&scripts), ["0"]);
    }

    #[rstest]
    #[case(0.25, 25)]
    #[case(1.0, 100)]
    #[case(0.001, 1)]
    fn a_share_of_the_sessions_is_kept(#[case] share: f64, #[case] count: usize) {
        let kept = |share, seed| {
            let mut scripts: Vec<Script> = (0..100).map(|id| script(id, Vec::new())).collect();
            sampled(&mut scripts, share, Seed::new(seed));
            scripts.into_iter().map(|script| script.id).collect::<Vec<_>>()
        };
        let some = kept(share, 1);
        assert_eq!(some.len(), count);
        assert!(some.is_sorted_by_key(|id| id.parse::<usize>().unwrap()), "they stay in order");
        let more = kept((share * 2.0).min(1.0), 1);
        assert!(some.iter().all(|id| more.contains(id)), "a larger share keeps the same ones");
        assert!(count == 100 || some != kept(share, 2), "the seed decides");
    }

    #[test]
    fn what_waits_for_a_request_that_is_too_long_is_left_out_with_it() {
        // A fork: the first branch becomes too long, the second one does not.
        let steps = vec![
            step(10, 1, &[]),
            step(50, 1, &[0]),
            step(20, 1, &[0]),
            step(30, 1, &[1]),
            step(40, 1, &[2]),
        ];
        let mut scripts = vec![script(0, steps), script(1, vec![step(50, 1, &[])])];
        without_long_prompts(&mut scripts, 49);
        assert_eq!(ids(&scripts), ["0"]);
        let left: Vec<_> =
            scripts[0].steps.iter().map(|step| (step.recorded.input_tokens, step.after.clone())).collect();
        assert_eq!(left, [(Some(10), vec![]), (Some(20), vec![0]), (Some(40), vec![1])]);
    }
}
