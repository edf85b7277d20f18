//! What becomes of a recording before it is played.

use super::{
    error::{ConfigError, ConfigErrors},
    flags::{ProfileFlags, ReshapingFlags},
    problems::Problems,
    spec::{Origin, RunSpec},
};
use crate::plan::{Reshaping, Synthesis};

/// What is asked for.
pub(super) fn reshaping(spec: &RunSpec, problems: &mut Problems) -> Reshaping {
    if !spec.input_file.is_given() {
        for flag in typed(spec) {
            problems.push(ConfigError::Needs { flag, needs: spec.input_file.flag() });
        }
    }
    check_opposites(spec, problems);
    wanted(spec)
}

/// The same of a command that names its file.
///
/// # Errors
/// Two of the flags say the opposite of each other.
pub(crate) fn of_flags(flags: &ReshapingFlags) -> Result<Reshaping, ConfigErrors> {
    let flags = ProfileFlags { reshaping: flags.clone(), ..ProfileFlags::default() };
    let (spec, mut problems) = (RunSpec::new(&flags, None), Problems::default());
    check_opposites(&spec, &mut problems);
    problems.finish().map(|()| wanted(&spec))
}

fn check_opposites(spec: &RunSpec, problems: &mut Problems) {
    if let (Some(flag), Some(with)) = (spec.no_force_min_tokens.origin(), spec.force_min_tokens.origin()) {
        let reason = "they say the opposite of each other";
        problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
    }
}

/// The same, whatever file it is for.
fn wanted(spec: &RunSpec) -> Reshaping {
    let neutral = Synthesis::default();
    Reshaping {
        block_size: spec.isl_block_size.value(),
        most_context: spec.max_context_length.value(),
        session_share: spec.trace_session_sample_ratio.value(),
        most_input: spec.synthesis_max_isl.value(),
        synthesis: Synthesis {
            prefix: spec.synthesis_prefix_len_multiplier.value().unwrap_or(neutral.prefix),
            roots: spec.synthesis_prefix_root_multiplier.value().unwrap_or(neutral.roots),
            prompt: spec.synthesis_prompt_len_multiplier.value().unwrap_or(neutral.prompt),
            output: spec.synthesis_output_len_multiplier.value().unwrap_or(neutral.output),
        },
        most_output: spec.synthesis_max_osl.value(),
        force_min_tokens: spec.force_min_tokens.is_given(),
    }
}

/// Settings about it; those that are given.
pub(super) fn typed(spec: &RunSpec) -> impl Iterator<Item = Origin> + use<> {
    let settings = [
        spec.isl_block_size.origin(),
        spec.max_context_length.origin(),
        spec.trace_session_sample_ratio.origin(),
        spec.synthesis_max_isl.origin(),
        spec.synthesis_prefix_len_multiplier.origin(),
        spec.synthesis_prefix_root_multiplier.origin(),
        spec.synthesis_prompt_len_multiplier.origin(),
        spec.synthesis_output_len_multiplier.origin(),
        spec.synthesis_max_osl.origin(),
        spec.force_min_tokens.origin(),
        spec.no_force_min_tokens.origin(),
    ];
    settings.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};

    use rstest::rstest;

    use super::*;
    use crate::config::spec::tests::spec;

    fn resolved(line: &str) -> Result<Reshaping, ConfigErrors> {
        let mut problems = Problems::default();
        let reshaping = reshaping(&spec(line), &mut problems);
        problems.finish().map(|()| reshaping)
    }

    #[test]
    fn a_recording_becomes_what_is_asked_for() {
        assert!(resolved("--input-file f --no-force-min-tokens").unwrap().is_unchanged());
        let line = "--input-file f --isl-block-size 64 --max-context-length 9000 --trace-session-sample-ratio 0.5 \
                    --synthesis-max-isl 8000 --synthesis-prefix-len-multiplier 2 --synthesis-prefix-root-multiplier 3 \
                    --synthesis-prompt-len-multiplier 0.5 --synthesis-output-len-multiplier 1.5 --synthesis-max-osl 70 \
                    --force-min-tokens";
        let expected = Reshaping {
            block_size: NonZeroU32::new(64),
            most_context: NonZeroU64::new(9000),
            session_share: Some(0.5),
            most_input: NonZeroU64::new(8000),
            synthesis: Synthesis {
                prefix: 2.0,
                roots: NonZeroU32::new(3).unwrap(),
                prompt: 0.5,
                output: 1.5,
            },
            most_output: NonZeroU64::new(70),
            force_min_tokens: true,
        };
        assert_eq!(resolved(line).unwrap(), expected);
    }

    #[rstest]
    #[case("--isl-block-size 64", "`--isl-block-size` requires `--input-file`")]
    #[case("--synthesis-max-osl 5", "`--synthesis-max-osl` requires `--input-file`")]
    #[case(
        "--input-file f --force-min-tokens --no-force-min-tokens",
        "use `--no-force-min-tokens` together with `--force-min-tokens`: they say the opposite of each other"
    )]
    fn what_makes_no_sense_is_refused(#[case] line: &str, #[case] text: &str) {
        assert_eq!(resolved(line).unwrap_err().to_string(), text);
    }
}
