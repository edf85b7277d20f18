//! Other lengths and other shared prefixes, by AIPerf's factors.
//!
//! The blocks at the beginning of a prompt that other prompts have as well are its *shared* part, the rest is its *own*. With the
//! factor `m` for shared parts, the block at depth `d` becomes `floor((d + 1) m) - floor(d m)` blocks, the same ones in every
//! prompt. So what two prompts share grows from `s` blocks to `floor(s m)`, for any two. With the factor `p` for own parts,
//! `u` tokens become `round(u p)`. Sessions of different roots share nothing.

use std::collections::HashMap;

use rand::RngExt;

use crate::{
    dataset::{Script, Step, prompt::Prompt},
    plan::Synthesis,
    seed::Seed,
};

/// A block of the recording: its scope and its id.
type Block = (u64, u64);

/// A block of the new one: what it was, the how-manieth of those that it became, and its root.
type Origin = (Block, u64, u32);

/// Applies the factors.
pub(super) fn synthesise(scripts: &mut [Script], factors: &Synthesis, seed: Seed) {
    if factors.is_neutral() {
        return;
    }
    if !factors.keeps_prompts() {
        reshape_all(scripts, factors, seed);
    }
    for step in scripts.iter_mut().flat_map(|script| &mut script.steps) {
        scale_output(step, factors.output);
    }
}

/// Gives all prompts their new lengths and blocks.
fn reshape_all(scripts: &mut [Script], factors: &Synthesis, seed: Seed) {
    let counts = counted(scripts);
    let mut blocks = NewBlocks::default();
    let mut roots = seed.stream("dataset.synthesis.synthesizer");
    for script in scripts {
        // All of a session shares with itself.
        let root = roots.random_range(0..factors.roots.get());
        let before = lengths(script);
        for prompt in script.steps.iter_mut().filter_map(|step| step.prompt.as_mut()) {
            let shared = shared_blocks(prompt, &counts);
            reshape(prompt, shared, root, factors, &mut blocks);
        }
        change_recorded(script, &before);
    }
}

/// Tokens of each step's own prompt.
fn lengths(script: &Script) -> Vec<u64> {
    script.steps.iter().map(|step| step.prompt.as_ref().map_or(0, |prompt| prompt.tokens)).collect()
}

/// What a recording says of a whole prompt changes by what became of all prompts that it is made of.
fn change_recorded(script: &mut Script, before: &[u64]) {
    let after = lengths(script);
    let mut changes: Vec<i128> = Vec::with_capacity(before.len());
    for ((step, before), after) in script.steps.iter_mut().zip(before).zip(after) {
        let earlier = step.context.and_then(|context| changes.get(context as usize)).copied().unwrap_or(0);
        let change = earlier.saturating_add(i128::from(after) - i128::from(*before));
        changes.push(change);
        if let Some(tokens) = &mut step.recorded.input_tokens {
            let whole = i128::from(*tokens).saturating_add(change).max(1);
            *tokens = u64::try_from(whole).unwrap_or(u64::MAX);
        }
    }
}

/// Asks for no more output tokens than this.
pub(super) fn cap_outputs(scripts: &mut [Script], most: u64) {
    for step in scripts.iter_mut().flat_map(|script| &mut script.steps) {
        for tokens in [&mut step.max_tokens, &mut step.recorded.output_tokens].into_iter().flatten() {
            *tokens = (*tokens).min(most);
        }
    }
}

fn prompts(scripts: &mut [Script]) -> impl Iterator<Item = &mut Prompt> {
    scripts.iter_mut().flat_map(|script| &mut script.steps).filter_map(|step| step.prompt.as_mut())
}

/// In how many prompts each block is.
fn counted(scripts: &mut [Script]) -> HashMap<Block, u32> {
    let mut counts: HashMap<Block, u32> = HashMap::new();
    for prompt in prompts(scripts) {
        let mut ids = prompt.blocks.to_vec();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            *counts.entry((prompt.scope, id)).or_default() += 1;
        }
    }
    counts
}

/// How many blocks at the beginning of a prompt others have as well.
fn shared_blocks(prompt: &Prompt, counts: &HashMap<Block, u32>) -> usize {
    let is_shared = |id: &&u64| counts.get(&(prompt.scope, **id)).is_some_and(|count| *count > 1);
    prompt.blocks.iter().take_while(is_shared).count()
}

/// Numbers of new blocks, in the order in which they are needed.
#[derive(Default)]
struct NewBlocks {
    known: HashMap<Origin, u64>,
    next: u64,
}

impl NewBlocks {
    /// A block that no prompt has.
    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// The block of this origin.
    fn of(&mut self, origin: Origin) -> u64 {
        if let Some(known) = self.known.get(&origin) {
            return *known;
        }
        let fresh = self.fresh();
        self.known.insert(origin, fresh);
        fresh
    }
}

fn reshape(prompt: &mut Prompt, shared: usize, root: u32, factors: &Synthesis, new: &mut NewBlocks) {
    let size = u64::from(prompt.block_size);
    let shared_tokens = (shared as u64).saturating_mul(size).min(prompt.tokens);
    // The last block may be a part of one.
    let missing = (shared as u64).saturating_mul(size).saturating_sub(shared_tokens);
    let own_tokens = times(prompt.tokens - shared_tokens, factors.prompt);
    let scope = prompt.scope;
    let mut blocks: Vec<u64> = Vec::new();
    for (depth, id) in (0..).zip(&prompt.blocks[..shared]) {
        let copies = depth_of(depth + 1, factors.prefix) - depth_of(depth, factors.prefix);
        blocks.extend((0..copies).map(|copy| new.of(((scope, *id), copy, root))));
    }
    let new_shared_tokens = (blocks.len() as u64).saturating_mul(size).saturating_sub(missing);
    let own = &prompt.blocks[shared..];
    // Where the recording names blocks to the end of a prompt, so does this.
    let count = own_tokens.div_ceil(size.max(1)).min(whole((own.len() as f64 * factors.prompt).ceil()));
    for place in 0..count {
        let named = usize::try_from(place).ok().and_then(|place| own.get(place));
        blocks.push(match named {
            Some(id) => new.of(((scope, *id), 0, root)),
            None => new.fresh(),
        });
    }
    prompt.tokens = new_shared_tokens.saturating_add(own_tokens).max(1);
    prompt.blocks = blocks.into();
}

/// How many blocks so many shared ones become.
fn depth_of(blocks: u64, factor: f64) -> u64 {
    whole((blocks as f64 * factor).floor())
}

/// A number of tokens, times a factor.
fn times(tokens: u64, factor: f64) -> u64 {
    whole((tokens as f64 * factor).round())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is meant")]
fn whole(number: f64) -> u64 {
    number as u64
}

fn scale_output(step: &mut Step, factor: f64) {
    for tokens in [&mut step.max_tokens, &mut step.recorded.output_tokens].into_iter().flatten() {
        *tokens = times(*tokens, factor).max(1);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, num::NonZeroU32};

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const SIZE: u32 = 10;

    fn script(prompts: &[(u64, &[u64])]) -> Script {
        let steps = prompts.iter().map(|(tokens, ids)| Step {
            prompt: Some(Prompt { tokens: *tokens, block_size: SIZE, blocks: (*ids).into(), scope: 0 }),
            max_tokens: Some(20),
            ..Step::default()
        });
        Script { id: "s".into(), starts_ns: None, steps: steps.collect(), category: None }
    }

    fn synthesised(mut scripts: Vec<Script>, factors: Synthesis) -> Vec<Prompt> {
        synthesise(&mut scripts, &factors, Seed::new(1));
        scripts.into_iter().flat_map(|script| script.steps).filter_map(|step| step.prompt).collect()
    }

    fn factors(prefix: f64, prompt: f64) -> Synthesis {
        Synthesis { prefix, prompt, ..Synthesis::default() }
    }

    fn common(one: &Prompt, other: &Prompt) -> usize {
        one.blocks.iter().zip(&other.blocks).take_while(|(one, other)| one == other).count()
    }

    /// Three prompts: the first two share two blocks, all share one.
    fn tree() -> Vec<Script> {
        vec![script(&[(45, &[1, 2, 3, 4, 5])]), script(&[(38, &[1, 2, 6, 7])]), script(&[(30, &[1, 8, 9])])]
    }

    #[rstest]
    #[case::as_it_is(1.0, 1.0, [45, 38, 30], [2, 1])]
    #[case::longer_prefixes(2.0, 1.0, [65, 58, 40], [4, 2])]
    #[case::half_as_long_again(1.5, 1.0, [55, 48, 30], [3, 1])]
    #[case::half_as_long(0.5, 1.0, [35, 28, 20], [1, 0])]
    #[case::nothing_shared(0.0, 1.0, [25, 18, 20], [0, 0])]
    #[case::longer_prompts(1.0, 2.0, [70, 56, 50], [2, 1])]
    #[case::prefixes_alone(1.0, 0.0, [20, 20, 10], [2, 1])]
    fn lengths_and_shared_blocks_follow_the_factors(
        #[case] prefix: f64,
        #[case] prompt: f64,
        #[case] tokens: [u64; 3],
        #[case] shared: [usize; 2],
    ) {
        // What is as it was is made anew as well.
        let roots = NonZeroU32::MIN;
        let mut scripts = tree();
        let (counts, mut blocks) = (counted(&mut scripts), NewBlocks::default());
        let factors = Synthesis { roots, ..factors(prefix, prompt) };
        for prompt in prompts(&mut scripts) {
            let shared = shared_blocks(prompt, &counts);
            reshape(prompt, shared, 0, &factors, &mut blocks);
        }
        let made: Vec<&Prompt> = prompts(&mut scripts).map(|prompt| &*prompt).collect();
        assert_eq!(made.iter().map(|prompt| prompt.tokens).collect::<Vec<_>>(), tokens);
        assert_eq!([common(made[0], made[1]), common(made[0], made[2])], shared);
        for prompt in made {
            let named = prompt.blocks.len() as u64;
            assert_eq!(named, prompt.tokens.div_ceil(SIZE.into()), "blocks to the end");
            assert_eq!(prompt.blocks.iter().collect::<HashSet<_>>().len() as u64, named, "no block twice");
        }
    }

    #[test]
    fn a_prompt_that_others_have_whole_keeps_its_partial_block() {
        let twice = vec![script(&[(25, &[1, 2, 3]), (25, &[1, 2, 3])])];
        let made = synthesised(twice, factors(2.0, 3.0));
        assert_eq!((made[0].tokens, made[0].blocks.len()), (55, 6));
        assert_eq!(made[0], made[1]);
    }

    #[test]
    fn tokens_behind_the_last_block_stay_without_one() {
        let made = synthesised(vec![script(&[(100, &[1])])], factors(1.0, 2.0));
        assert_eq!((made[0].tokens, made[0].blocks.len()), (200, 2));
        let made = synthesised(vec![script(&[(100, &[])])], factors(1.0, 0.5));
        assert_eq!((made[0].tokens, made[0].blocks.len()), (50, 0));
    }

    #[test]
    fn sessions_of_different_roots_share_nothing_and_each_shares_with_itself() {
        let roots = NonZeroU32::new(3).unwrap();
        let sessions: Vec<Script> = (0..30).map(|_| script(&[(20, &[1, 2]), (30, &[1, 2, 3])])).collect();
        let made = synthesised(sessions, Synthesis { roots, ..Synthesis::default() });
        assert!(made.chunks(2).all(|session| common(&session[0], &session[1]) == 2));
        let beginnings: HashSet<u64> = made.iter().map(|prompt| prompt.blocks[0]).collect();
        let all: HashSet<u64> = made.iter().flat_map(|prompt| prompt.blocks.iter().copied()).collect();
        assert_eq!((beginnings.len(), all.len()), (3, 9));
    }

    /// Of a dialogue, and of a step without a length.
    #[rstest]
    #[case::outputs_only(1.0, 2.0, [Some(100), Some(160), None])]
    #[case::twice_as_long(2.0, 1.0, [Some(200), Some(300), None])]
    #[case::nothing_left(0.0, 1.0, [Some(1), Some(22), None])]
    fn whole_prompts_grow_with_their_parts(
        #[case] prompt: f64,
        #[case] output: f64,
        #[case] expected: [Option<u64>; 3],
    ) {
        let mut played = script(&[(100, &[]), (40, &[]), (10, &[])]);
        for (step, (context, tokens)) in
            played.steps.iter_mut().zip([(None, Some(100)), (Some(0), Some(160)), (Some(1), None)])
        {
            (step.context, step.recorded.input_tokens) = (context, tokens);
        }
        let mut scripts = [played];
        synthesise(&mut scripts, &Synthesis { prompt, output, ..Synthesis::default() }, Seed::new(1));
        let found: Vec<_> = scripts[0].steps.iter().map(|step| step.recorded.input_tokens).collect();
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case(0.5, 10)]
    #[case(0.0, 1)]
    #[case(1.26, 25)]
    fn outputs_follow_their_factor(#[case] output: f64, #[case] expected: u64) {
        let mut scripts = tree();
        synthesise(&mut scripts, &Synthesis { output, ..Synthesis::default() }, Seed::new(1));
        assert!(scripts.iter().all(|script| script.steps[0].max_tokens == Some(expected)));
        cap_outputs(&mut scripts, 8);
        assert!(scripts.iter().all(|script| script.steps[0].max_tokens == Some(expected.min(8))));
    }

    proptest! {
        /// The formula of the module, for any two prompts of a tree.
        #[test]
        fn what_two_prompts_share_grows_by_the_factor(
            prefix in 0.0_f64..5.0, common_blocks in 0_u64..12, one in 1_u64..6, other in 1_u64..6,
        ) {
            let blocks = |own: std::ops::Range<u64>| (0..common_blocks).chain(own).collect::<Vec<u64>>();
            let (first, second) = (blocks(100..100 + one), blocks(200..200 + other));
            let tokens = |blocks: &[u64]| blocks.len() as u64 * u64::from(SIZE);
            let scripts = vec![script(&[(tokens(&first), &first), (tokens(&second), &second)])];
            let made = synthesised(scripts, factors(prefix, 1.0));
            let expected = whole((common_blocks as f64 * prefix).floor());
            prop_assert_eq!(common(&made[0], &made[1]) as u64, expected);
            prop_assert_eq!(made[0].tokens, (expected + one) * u64::from(SIZE));
        }
    }
}
