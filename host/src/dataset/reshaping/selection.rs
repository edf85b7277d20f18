//! Which sessions and requests of a recording are played.

use rand::RngExt;

use crate::{
    dataset::{Script, Step},
    seed::Seed,
};

/// Leaves out sessions of which a request has more tokens than this, those of its response included.
pub(super) fn within_context(scripts: &mut Vec<Script>, most: u64) {
    let is_within = |(step, input): (&Step, Option<u64>)| {
        let output = step.recorded.output_tokens.or(step.max_tokens).unwrap_or(0);
        input.is_none_or(|input| input.saturating_add(output) <= most)
    };
    scripts.retain(|script| script.steps.iter().zip(inputs(script)).all(is_within));
}

/// Tokens of each whole prompt: what was recorded, else the prompts of the step and of those that it goes on with.
fn inputs(script: &Script) -> Vec<Option<u64>> {
    let mut inputs: Vec<Option<u64>> = Vec::with_capacity(script.steps.len());
    for step in &script.steps {
        let own = || step.prompt.as_ref().map(|prompt| prompt.tokens);
        let before = || step.context.map_or(Some(0), |context| inputs.get(context as usize).copied()?);
        let input = step.recorded.input_tokens.or_else(|| Some(own()?.saturating_add(before()?)));
        inputs.push(input);
    }
    inputs
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
        let inputs = inputs(script);
        leave_out(script, inputs.iter().map(|input| input.is_some_and(|tokens| tokens > most)));
    }
    scripts.retain(|script| !script.steps.is_empty());
}

/// Takes steps out of a graph, and those that wait for them.
fn leave_out(script: &mut Script, is_out: impl Iterator<Item = bool>) {
    let mut places: Vec<Option<u32>> = Vec::with_capacity(script.steps.len());
    let mut kept = Vec::new();
    for (mut step, is_out) in std::mem::take(&mut script.steps).into_iter().zip(is_out) {
        let place = |earlier: u32| places.get(earlier as usize).copied().flatten();
        let after: Option<Vec<u32>> = step.after.iter().map(|earlier| place(*earlier)).collect();
        let context = step.context.map(place);
        let (Some(after), false, None | Some(Some(_))) = (after, is_out, context) else {
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
    use crate::dataset::Prompt;

    fn step(input: u64, output: u64, after: &[u32]) -> Step {
        let mut step = Step { after: after.into(), ..Step::default() };
        (step.recorded.input_tokens, step.recorded.output_tokens) = (Some(input), Some(output));
        step
    }

    fn script(id: usize, steps: Vec<Step>) -> Script {
        Script { id: id.to_string(), starts_ns: None, steps, category: None }
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

    #[test]
    fn without_a_recorded_length_the_prompts_are_added_up() {
        let step = |tokens, context| Step {
            prompt: Some(Prompt { tokens, ..Prompt::default() }),
            context,
            ..Step::default()
        };
        let mixed = script(0, vec![step(60, None), step(41, Some(0)), step(41, None), Step::default()]);
        assert_eq!(inputs(&mixed), [Some(60), Some(101), Some(41), None]);
        let mut scripts = vec![mixed.clone()];
        within_context(&mut scripts, 100);
        assert!(scripts.is_empty());
        let mut scripts = vec![mixed];
        without_long_prompts(&mut scripts, 100);
        assert_eq!(inputs(&scripts[0]), [Some(60), Some(41), None]);
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
