//! A turn as C sees it.

use prony_plugin_api::abi::{MessageView, PartView, TurnView};

use super::layout::{CMessage, CPart, CText, CTurn};

/// Lends a turn for the length of a call.
pub(super) fn lend<T>(turn: &TurnView<'_>, call: impl FnOnce(*const CTurn) -> T) -> T {
    let views = turn.messages.as_slice();
    let parts: Vec<Vec<CPart>> = views.iter().map(parts_of).collect();
    let messages: Vec<CMessage> = views
        .iter()
        .zip(&parts)
        .map(|(view, parts)| CMessage {
            role: CText::of(view.role.as_str()),
            parts: parts.as_ptr(),
            part_count: parts.len(),
        })
        .collect();
    let lent = CTurn {
        size: size_of::<CTurn>(),
        model: CText::of(turn.model.as_str()),
        messages: messages.as_ptr(),
        message_count: messages.len(),
        max_tokens: turn.max_tokens,
        streaming: u32::from(turn.streaming),
        turn_index: turn.turn_index,
        request_id: CText::of(turn.request_id.as_str()),
        conversation_id: CText::of(turn.conversation_id.as_str()),
        extra_json: CText::of(turn.extra_json.as_str()),
        facts_json: CText::of(turn.facts_json.as_str()),
    };
    call(&raw const lent)
}

fn parts_of(message: &MessageView<'_>) -> Vec<CPart> {
    message.parts.as_slice().iter().map(part).collect()
}

fn part(view: &PartView<'_>) -> CPart {
    CPart {
        kind: view.kind,
        reserved: 0,
        name: CText::of(view.name.as_str()),
        data: CText::of(view.data.as_str()),
    }
}
