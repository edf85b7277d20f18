//! Conversations: how long generated ones are, and what stands in front of all of them.
//!
//! Knows what is asked for; opens no file.

use prony_plugin_api::metadata::EndpointMetadata;

use super::{
    agents,
    error::ConfigError,
    problems::Problems,
    spec::{Origin, RunSpec},
};
use crate::plan::{
    CacheBust, CacheBustTarget, ContextConfig, DialogueConfig, LengthLaw, PrefixPool, SystemPrompt,
};

/// Settings that only generated conversations have; those that are given.
pub(super) fn generated_only(spec: &RunSpec) -> impl Iterator<Item = Origin> + use<> {
    let settings = [
        spec.conversation_turn_mean.origin(),
        spec.conversation_turn_stddev.origin(),
        spec.conversation_turn_delay_mean.origin(),
        spec.conversation_turn_delay_stddev.origin(),
        spec.shared_system_prompt_length.origin(),
        spec.user_context_prompt_length.origin(),
        spec.num_prefix_prompts.origin(),
        spec.prefix_prompt_length.origin(),
    ];
    settings.into_iter().flatten()
}

/// The turns that are asked for.
pub(super) fn dialogue(spec: &RunSpec, problems: &mut Problems) -> DialogueConfig {
    problems.require(&spec.conversation_turn_delay_stddev, &spec.conversation_turn_delay_mean);
    let ratio = delay_ratio(spec);
    let turns = LengthLaw {
        mean: spec.conversation_turn_mean.value().unwrap_or(1).into(),
        stddev: spec.conversation_turn_stddev.value().unwrap_or(0.0),
    };
    let delay_ms = LengthLaw {
        mean: spec.conversation_turn_delay_mean.value().unwrap_or(0.0) * ratio,
        stddev: spec.conversation_turn_delay_stddev.value().unwrap_or(0.0) * ratio,
    };
    // Sessions that go on in their middle repeat what was said before.
    let has_replies = agents::start_within(spec) || spec.agentic_cache_warmup_duration.is_given();
    DialogueConfig { turns, delay_ms, has_replies }
}

/// What recorded delays are multiplied by.
pub(super) fn delay_ratio(spec: &RunSpec) -> f64 {
    spec.conversation_turn_delay_ratio.value().unwrap_or(1.0)
}

/// What stands in front of every conversation.
pub(super) fn context(spec: &RunSpec, problems: &mut Problems) -> ContextConfig {
    problems.require(&spec.prefix_prompt_length, &spec.num_prefix_prompts);
    problems.require(&spec.num_prefix_prompts, &spec.prefix_prompt_length);
    let text = spec.system_prompt.given();
    let file = spec.system_prompt_file.given();
    let generated = spec.shared_system_prompt_length.given();
    let prefixes = spec.num_prefix_prompts.given();
    let user_context = spec.user_context_prompt_length.given();
    let origins = [text.map(|(_, by)| by), file.map(|(_, by)| by), generated.map(|(_, by)| by)];
    one_of(&origins, "a conversation has one system message", problems);
    for other in origins.into_iter().chain([user_context.map(|(_, by)| by)]) {
        one_of(
            &[prefixes.map(|(_, by)| by), other],
            "both would be the beginning of the conversation",
            problems,
        );
    }
    ContextConfig {
        system: text
            .map(|(text, _)| SystemPrompt::Text(text.clone()))
            .or_else(|| file.map(|(path, _)| SystemPrompt::File(path.clone())))
            .or_else(|| generated.map(|(tokens, _)| SystemPrompt::Generated { tokens: tokens.get() })),
        user_context_tokens: user_context.map(|(tokens, _)| tokens.get()),
        prefixes: prefixes
            .zip(spec.prefix_prompt_length.value())
            .map(|((number, _), tokens)| PrefixPool { number: number.get(), tokens: tokens.get() }),
        marker_tokens: 0,
    }
}

/// What keeps conversations out of the server's prefix cache. How many tokens it takes, nobody knows yet.
pub(super) fn cache_bust(spec: &RunSpec) -> CacheBust {
    CacheBust { target: spec.cache_bust.value().unwrap_or_default(), tokens: 0 }
}

/// Checks that there is a place for a marker.
pub(super) fn check_cache_bust(
    spec: &RunSpec,
    endpoint: &EndpointMetadata,
    name: &str,
    problems: &mut Problems,
) {
    let asked = spec.cache_bust.given().filter(|(target, _)| **target != CacheBustTarget::None);
    if let Some((_, flag)) = asked.filter(|_| !endpoint.supports_cache_bust) {
        problems.push(ConfigError::NoMessages { flag, endpoint: name.to_owned() });
    }
}

/// Checks that there is a place for a system message.
pub(super) fn check_system(spec: &RunSpec, endpoint: &EndpointMetadata, name: &str, problems: &mut Problems) {
    let settings = [
        spec.system_prompt.origin(),
        spec.system_prompt_file.origin(),
        spec.shared_system_prompt_length.origin(),
        spec.user_context_prompt_length.origin(),
    ];
    for flag in settings.into_iter().flatten().filter(|_| !endpoint.consumes_system_message) {
        problems.push(ConfigError::NoMessages { flag, endpoint: name.to_owned() });
    }
}

/// A problem when more than one of these is given.
fn one_of(origins: &[Option<Origin>], reason: &'static str, problems: &mut Problems) {
    let mut given = origins.iter().flatten().copied();
    let Some(first) = given.next() else { return };
    for other in given {
        problems.push(ConfigError::Clash { flag: other.into(), with: first.into(), reason });
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{error::ConfigErrors, spec::tests::spec};

    fn resolved(line: &str) -> Result<(DialogueConfig, ContextConfig), ConfigErrors> {
        let (spec, mut problems) = (spec(line), Problems::default());
        let resolved = (dialogue(&spec, &mut problems), context(&spec, &mut problems));
        problems.finish().map(|()| resolved)
    }

    fn law(mean: f64, stddev: f64) -> LengthLaw {
        LengthLaw { mean, stddev }
    }

    #[test]
    fn without_a_wish_every_conversation_is_a_single_request() {
        let (dialogue, context) = resolved("").unwrap();
        assert!(dialogue.is_single() && context.is_empty());
    }

    #[test]
    fn turns_and_delays_are_as_asked_for() {
        let line = "--conversation-turn-mean 5 --conversation-turn-stddev 2 --session-turn-delay-mean 800 \
                    --conversation-turn-delay-stddev 100 --conversation-turn-delay-ratio 0.5";
        let expected =
            DialogueConfig { turns: law(5.0, 2.0), delay_ms: law(400.0, 50.0), has_replies: false };
        assert_eq!(resolved(line).unwrap().0, expected);
    }

    #[rstest]
    #[case("--system-prompt Hi", Some(SystemPrompt::Text("Hi".into())))]
    #[case("--system-prompt-file s.txt", Some(SystemPrompt::File("s.txt".into())))]
    #[case("--shared-system-prompt-length 90", Some(SystemPrompt::Generated { tokens: 90 }))]
    #[case("--user-context-prompt-length 90", None)]
    fn a_system_message_has_one_source(#[case] line: &str, #[case] system: Option<SystemPrompt>) {
        assert_eq!(resolved(line).unwrap().1.system, system);
    }

    #[rstest]
    #[case("--system-prompt Hi --system-prompt-file s", "one system message")]
    #[case("--system-prompt Hi --shared-system-prompt-length 5", "one system message")]
    #[case("--num-prefix-prompts 2", "`--num-prefix-prompts` requires `--prefix-prompt-length`")]
    #[case("--prefix-prompt-length 2", "`--prefix-prompt-length` requires `--num-prefix-prompts`")]
    #[case(
        "--num-prefix-prompts 2 --prefix-prompt-length 5 --system-prompt Hi",
        "beginning of the conversation"
    )]
    #[case("--conversation-turn-delay-stddev 2", "requires `--conversation-turn-delay-mean`")]
    fn what_contradicts_itself_is_refused(#[case] line: &str, #[case] text: &str) {
        let error = resolved(line).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}
