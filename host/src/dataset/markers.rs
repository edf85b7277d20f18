//! [`Markers`]: texts that make conversations begin as no other one does, so that a server's prefix cache has nothing of them.

use std::sync::Arc;

use prony_plugin_api::PartKind;
use rand::RngExt as _;

use super::{Message, PAYLOAD, Part, Script, Step, roles, tokenizer::Tokenizer};
use crate::{
    plan::{CacheBust, CacheBustTarget, Role},
    seed::Seed,
};

/// Markers have twelve digits. They are decimal, since vocabularies cut numbers of one length alike: all markers cost the same.
const NUMBERS: u64 = 1_000_000_000_000;

/// The marker of all conversations of a warm-up, where only those are marked.
const WARMUP: &str = "[warmup]";

/// What stands between a marker and the text.
const GAP: &str = "\n\n";

/// Marks the conversations of a phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Markers {
    target: CacheBustTarget,
    tokens: u64,
    /// Without a common divisor with the number of markers, which makes `position * step + shift` a permutation.
    step: u64,
    shift: u64,
}

impl Markers {
    /// Those of the phases with this role; `None` where these have none.
    pub(crate) fn of(bust: CacheBust, seed: Seed, role: Role) -> Option<Self> {
        let is_marked = match bust.target {
            CacheBustTarget::None => false,
            target if target.is_of_warmup() => role == Role::Warmup,
            _ => true,
        };
        let mut rng = seed.stream("session.cache_bust");
        let shift = rng.random_range(0..NUMBERS);
        // The number of markers has the divisors 2 and 5.
        let step = rng.random_range(0..NUMBERS / 10) * 10 + 7;
        is_marked.then(|| Self { target: bust.target, tokens: bust.tokens.into(), step, shift })
    }

    /// The script with the marker of the conversation at this position, in each step that begins one. Whole bodies are left as
    /// they are.
    pub(crate) fn mark(&self, script: &Script, position: u64) -> Arc<Script> {
        let (mut script, marker) = (script.clone(), self.text(position));
        let beginnings = script.steps.iter_mut().filter(|step| step.context.is_none());
        for step in beginnings {
            let is_marked = match self.target {
                CacheBustTarget::None => false,
                CacheBustTarget::SystemPrefix | CacheBustTarget::WarmupIsolationSystem => {
                    mark_system(step, |text| before(&marker, text))
                }
                CacheBustTarget::SystemSuffix => mark_system(step, |text| behind(&marker, text)),
                CacheBustTarget::FirstTurnPrefix | CacheBustTarget::WarmupIsolationFirstTurn => {
                    mark_user(step, |text| before(&marker, text))
                }
                CacheBustTarget::FirstTurnSuffix => mark_user(step, |text| behind(&marker, text)),
            };
            if let Some(tokens) = step.input_tokens.as_mut().filter(|_| is_marked) {
                *tokens += self.tokens;
            }
        }
        Arc::new(script)
    }

    /// No two positions have the same one, unless it is that of warm-ups.
    fn text(&self, position: u64) -> String {
        if self.target.is_of_warmup() {
            return WARMUP.to_owned();
        }
        let number = u128::from(position) * u128::from(self.step) + u128::from(self.shift);
        format!("[rid:{:012}]", number % u128::from(NUMBERS))
    }
}

/// How many tokens a marker costs in front of a text.
pub(crate) fn cost(bust: CacheBust, tokenizer: &Tokenizer) -> u32 {
    const TEXT: &str = "Hello there.";
    let marker = if bust.target.is_of_warmup() { WARMUP } else { "[rid:123456789012]" };
    let cost = tokenizer.count(&before(marker, TEXT)).saturating_sub(tokenizer.count(TEXT));
    u32::try_from(cost).unwrap_or(u32::MAX)
}

fn before(marker: &str, text: &str) -> String {
    if text.is_empty() { marker.to_owned() } else { format!("{marker}{GAP}{text}") }
}

fn behind(marker: &str, text: &str) -> String {
    if text.is_empty() { marker.to_owned() } else { format!("{text}{GAP}{marker}") }
}

/// Marks the system message; without one, the marker is one.
fn mark_system(step: &mut Step, marked: impl FnOnce(&str) -> String) -> bool {
    if is_payload(step) {
        return false;
    }
    if step.messages.first().is_none_or(|message| message.role != roles::SYSTEM) {
        step.messages.insert(0, Message { role: roles::SYSTEM.to_owned(), parts: Vec::new() });
    }
    mark(&mut step.messages[0], marked)
}

/// Marks the user's first message, if there is one.
fn mark_user(step: &mut Step, marked: impl FnOnce(&str) -> String) -> bool {
    if is_payload(step) {
        return false;
    }
    let first = step.messages.iter_mut().find(|message| message.role == roles::USER);
    first.is_some_and(|message| mark(message, marked))
}

/// Marks the first text of a message; without one, the marker is one.
fn mark(message: &mut Message, marked: impl FnOnce(&str) -> String) -> bool {
    match message.parts.iter_mut().find(|part| part.kind == PartKind::TEXT) {
        Some(part) => part.data = marked(&part.data).into(),
        None => message.parts.insert(0, Part::text(marked(""))),
    }
    true
}

fn is_payload(step: &Step) -> bool {
    step.parts().any(|part| part.name == PAYLOAD)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rstest::rstest;

    use super::*;
    use crate::plan::TokenizerChoice;

    fn markers(target: CacheBustTarget, role: Role) -> Option<Markers> {
        Markers::of(CacheBust { target, tokens: 9 }, Seed::new(42), role)
    }

    fn message(role: &str, text: &str) -> Message {
        Message { role: role.to_owned(), parts: vec![Part::text(text.to_owned())] }
    }

    fn said(step: &Step) -> String {
        let of = |message: &Message| format!("{}: {}", message.role, message.parts[0].data);
        step.messages.iter().map(of).collect::<Vec<_>>().join(" / ")
    }

    #[rstest]
    #[case::system_prefix(CacheBustTarget::SystemPrefix, "system: M\n\nS / user: U", "system: M / user: U")]
    #[case::system_suffix(CacheBustTarget::SystemSuffix, "system: S\n\nM / user: U", "system: M / user: U")]
    #[case::turn_prefix(CacheBustTarget::FirstTurnPrefix, "system: S / user: M\n\nU", "user: M\n\nU")]
    #[case::turn_suffix(CacheBustTarget::FirstTurnSuffix, "system: S / user: U\n\nM", "user: U\n\nM")]
    fn the_marker_stands_where_it_is_asked_for(
        #[case] target: CacheBustTarget,
        #[case] with_system: &str,
        #[case] without: &str,
    ) {
        let markers = markers(target, Role::Measured).unwrap();
        let marker = markers.text(3);
        let user = Step { input_tokens: Some(1), ..Step::first(message("user", "U")) };
        let mut system = user.clone();
        system.messages.insert(0, message("system", "S"));
        for (step, expected) in [(system, with_system), (user, without)] {
            let script = Script::dialogue("s".into(), [step, Step::first(message("user", "later"))]);
            let marked = markers.mark(&script, 3);
            assert_eq!(said(&marked.steps[0]).replace(&marker, "M"), expected);
            assert_eq!(marked.steps[0].input_tokens, Some(10));
            assert_eq!(marked.steps[1], script.steps[1], "it is repeated with what was said");
        }
    }

    #[test]
    fn every_position_has_a_marker_of_its_own_and_each_seed_others() {
        let markers = markers(CacheBustTarget::SystemPrefix, Role::Measured).unwrap();
        let texts: HashSet<_> = (0..10_000).map(|position| markers.text(position)).collect();
        assert!(texts.len() == 10_000 && texts.iter().all(|text| text.len() == 18));
        insta::assert_snapshot!(markers.text(0), @"[rid:978462064062]");
    }

    #[rstest]
    #[case::isolation(CacheBustTarget::WarmupIsolationFirstTurn, Some("[warmup]"), None)]
    #[case::none(CacheBustTarget::None, None, None)]
    fn warm_ups_can_be_marked_alone(
        #[case] target: CacheBustTarget,
        #[case] warmup: Option<&str>,
        #[case] measured: Option<&str>,
    ) {
        let of = |role| markers(target, role).map(|markers| markers.text(5));
        assert_eq!((of(Role::Warmup).as_deref(), of(Role::Measured).as_deref()), (warmup, measured));
    }

    #[test]
    fn a_marker_costs_what_it_adds_to_a_text() {
        let tokenizer = Tokenizer::load(&TokenizerChoice::Builtin).unwrap();
        let bust = CacheBust { target: CacheBustTarget::FirstTurnPrefix, tokens: 0 };
        let markers = Markers::of(bust, Seed::new(7), Role::Measured).unwrap();
        for position in 0..500 {
            let text = before(&markers.text(position), "Plain words.");
            assert_eq!(
                tokenizer.count(&text),
                tokenizer.count("Plain words.") + cost(bust, &tokenizer) as usize
            );
        }
    }

    #[test]
    fn whole_bodies_are_left_as_they_are() {
        let raw = Part { kind: PartKind::RAW, name: PAYLOAD.to_owned(), data: "{}".into() };
        let script = Script::single("s".into(), Step::first(Message::user(vec![raw])));
        let markers = markers(CacheBustTarget::SystemPrefix, Role::Measured).unwrap();
        assert_eq!(*markers.mark(&script, 0), script);
    }
}
