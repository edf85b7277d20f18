//! A recording becomes another one that is like it: fewer sessions, other lengths, other shared prefixes. Pure.

mod least_tokens;
mod selection;
mod synthesis;

use super::Script;
use crate::{
    plan::{FileFormat, Reshaping, Synthesis},
    seed::Seed,
};

/// Why nothing is left to play.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("play the dataset: each of its {sessions} sessions is left out by {flags}")]
pub(crate) struct NothingLeft {
    sessions: usize,
    /// What leaves them out.
    flags: String,
}

/// The sessions as a run wants them, and what is to be said of settings that change nothing.
///
/// # Errors
/// None is left.
pub(super) fn reshaped(
    mut scripts: Vec<Script>,
    format: FileFormat,
    wanted: &Reshaping,
    seed: Seed,
) -> Result<(Vec<Script>, Vec<String>), NothingLeft> {
    if wanted.is_unchanged() {
        return Ok((scripts, Vec::new()));
    }
    let (warnings, sessions) = (idle(&scripts, format, wanted), scripts.len());
    if let Some(most) = wanted.most_context {
        selection::within_context(&mut scripts, most.get());
    }
    if let Some(share) = wanted.session_share {
        selection::sampled(&mut scripts, share, seed);
    }
    if let Some(most) = wanted.most_input {
        selection::without_long_prompts(&mut scripts, most.get());
    }
    synthesis::synthesise(&mut scripts, &wanted.synthesis, seed);
    cap_outputs(&mut scripts, wanted);
    if wanted.force_min_tokens {
        least_tokens::force(&mut scripts);
    }
    if scripts.is_empty() {
        return Err(NothingLeft { sessions, flags: left_out_by(wanted) });
    }
    Ok((scripts, warnings))
}

/// Keeps to the most output tokens, also where the run has drawn lengths for requests that had none.
pub(super) fn cap_outputs(scripts: &mut [Script], wanted: &Reshaping) {
    if let Some(most) = wanted.most_output {
        synthesis::cap_outputs(scripts, most.get());
    }
}

fn left_out_by(wanted: &Reshaping) -> String {
    let flags = [
        (wanted.most_context.is_some(), "`--max-context-length`"),
        (wanted.most_input.is_some(), "`--synthesis-max-isl`"),
    ];
    let given = flags.into_iter().filter(|(is_given, _)| *is_given).map(|(_, flag)| flag);
    given.collect::<Vec<_>>().join(" and ")
}

/// A sentence for each setting that needs something which the recording does not say.
fn idle(scripts: &[Script], format: FileFormat, wanted: &Reshaping) -> Vec<String> {
    let mut steps = scripts.iter().flat_map(|script| &script.steps);
    let has_blocks =
        steps.clone().filter_map(|step| step.prompt.as_ref()).any(|prompt| !prompt.blocks.is_empty());
    let has_prompts = steps.clone().any(|step| step.prompt.is_some());
    let has_lengths = has_prompts || steps.clone().any(|step| step.recorded.input_tokens.is_some());
    let has_outputs = steps.any(|step| step.max_tokens.is_some());
    let synthesis = wanted.synthesis;
    let neutral = Synthesis::default();
    let (blocks, lengths) = ("it names no blocks that prompts share", "it does not say how long prompts are");
    let rows = [
        (
            wanted.block_size.is_some(),
            format.has_blocks_of_any_size(),
            "--isl-block-size",
            "its format has no blocks, or says itself how long they are",
        ),
        (wanted.most_context.is_some(), has_lengths, "--max-context-length", lengths),
        (wanted.most_input.is_some(), has_lengths, "--synthesis-max-isl", lengths),
        (differs(synthesis.prefix, neutral.prefix), has_blocks, "--synthesis-prefix-len-multiplier", blocks),
        (synthesis.roots != neutral.roots, has_blocks, "--synthesis-prefix-root-multiplier", blocks),
        (
            differs(synthesis.prompt, neutral.prompt),
            has_prompts,
            "--synthesis-prompt-len-multiplier",
            "its prompts are texts, and no lengths",
        ),
        (
            differs(synthesis.output, neutral.output),
            has_outputs,
            "--synthesis-output-len-multiplier",
            "it asks for no output lengths",
        ),
        (wanted.force_min_tokens, has_outputs, "--force-min-tokens", "it asks for no output lengths"),
    ];
    let idle = rows.into_iter().filter(|(is_given, has_effect, ..)| *is_given && !has_effect);
    idle.map(|(_, _, flag, because)| format!("`{flag}` changes nothing of the input file: {because}"))
        .collect()
}

#[expect(clippy::float_cmp, reason = "exactly the default is what nobody asked to change")]
fn differs(value: f64, default: f64) -> bool {
    value != default
}
