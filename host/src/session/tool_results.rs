//! Results of tools for calls that a server made: a script has results, but only the server knows the ids of its calls, and how
//! many there are.

use std::sync::Arc;

use prony_plugin_api::PartKind;

use crate::dataset::{Message, Part, roles};

/// The messages of a step behind a reply with these calls, by their ids. `None` where the script's own ones are right.
///
/// The script's results answer the calls in order, under their ids. A call that has no result gets an empty one, since servers
/// refuse a call that nobody answered. A result that has no call becomes a message of the user's with the same text, since
/// servers refuse a result of no call, and the prompt is to keep its length. Results come first. What stands behind a
/// message of the assistant's in the step belongs to that, and stays.
pub(super) fn for_calls(calls: &[String], messages: &[Message]) -> Option<Vec<Message>> {
    let end = messages.iter().position(|message| message.role == roles::ASSISTANT).unwrap_or(messages.len());
    let (behind, others) = messages.split_at(end);
    if calls.is_empty() && !behind.iter().any(|message| result(message).is_some()) {
        return None;
    }
    let (mut calls, mut answers, mut rest) = (calls.iter(), Vec::new(), Vec::new());
    for message in behind {
        match (result(message), calls.as_slice().first()) {
            (None, _) => rest.push(message.clone()),
            (Some(text), Some(id)) => {
                answers.push(answer(id, Arc::clone(text)));
                calls.next();
            }
            (Some(text), None) => rest.push(Message::user(vec![Part::shared_text(Arc::clone(text))])),
        }
    }
    answers.extend(calls.map(|id| answer(id, Arc::from(""))));
    answers.append(&mut rest);
    answers.extend_from_slice(others);
    Some(answers)
}

/// What a tool answered, if the message is that.
fn result(message: &Message) -> Option<&Arc<str>> {
    message.parts.iter().find(|part| part.kind == PartKind::TOOL_RESULT).map(|part| &part.data)
}

fn answer(id: &str, text: Arc<str>) -> Message {
    Message { role: roles::TOOL.to_owned(), parts: vec![Part::tool_result(id, text)] }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn written(messages: &[Message]) -> String {
        let of = |message: &Message| {
            let Part { name, data, .. } = &message.parts[0];
            format!("{} {name}={data}", message.role)
        };
        messages.iter().map(of).collect::<Vec<_>>().join(", ")
    }

    fn script() -> Vec<Message> {
        let text = |text: &str| Part::text(text.to_owned());
        let own_call = Message { role: roles::ASSISTANT.to_owned(), parts: vec![text("own")] };
        let (one, two) = (answer("r-1", Arc::from("sun")), answer("r-2", Arc::from("noon")));
        vec![one, two, Message::user(vec![text("And?")]), own_call, answer("r-3", Arc::from("kept"))]
    }

    #[rstest]
    #[case::as_many(&["a", "b"], "tool a=sun, tool b=noon, user =And?, assistant =own, tool r-3=kept")]
    #[case::fewer(&["a"], "tool a=sun, user =noon, user =And?, assistant =own, tool r-3=kept")]
    #[case::none(&[], "user =sun, user =noon, user =And?, assistant =own, tool r-3=kept")]
    #[case::more(&["a", "b", "c"], "tool a=sun, tool b=noon, tool c=, user =And?, assistant =own, tool r-3=kept")]
    fn results_answer_the_calls_that_were_made(#[case] calls: &[&str], #[case] expected: &str) {
        let calls: Vec<String> = calls.iter().map(ToString::to_string).collect();
        assert_eq!(written(&for_calls(&calls, &script()).unwrap()), expected);
    }

    #[test]
    fn a_step_without_results_is_the_scripts() {
        let messages = [Message::user(vec![Part::text("Hi".to_owned())])];
        assert_eq!(for_calls(&[], &messages), None);
        assert_eq!(written(&for_calls(&["a".to_owned()], &messages).unwrap()), "tool a=, user =Hi");
    }
}
