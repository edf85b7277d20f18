//! Turns of every kind.

use crate::{endpoint::PartKind, testing::Turn};

/// A turn to be formatted.
pub(super) struct Sample {
    /// What it is; fits after "a turn with".
    pub(super) name: &'static str,
    pub(super) turn: Turn,
    /// A text that the body must hold if the turn is accepted.
    pub(super) must_hold: Option<String>,
    /// The body may be anything: the turn itself is broken.
    pub(super) is_broken: bool,
}

/// Every kind of character that a careless formatter trips over.
const UNICODE: &str = "żółć 漢字 עברית 🦀\u{200d}🔧 e\u{301} \u{2028}\u{feff}";
const AWKWARD: &str =
    "\"quotes\" \\ back\\slashes / {braces} <tags> & \t tabs \r\n lines \u{0} \u{1b}[31m \u{7f}";

pub(super) fn turns() -> Vec<Sample> {
    let mut samples = texts();
    samples.extend(shapes());
    samples.extend(media());
    samples.extend(settings());
    samples
}

fn sample(name: &'static str, turn: Turn) -> Sample {
    Sample { name, turn, must_hold: None, is_broken: false }
}

fn texts() -> Vec<Sample> {
    let holding =
        |name, text: &str| Sample { must_hold: Some(text.to_owned()), ..sample(name, Turn::user(text)) };
    vec![
        holding("a short text", "How are you?"),
        sample("an empty text", Turn::user("")),
        holding("text of many scripts", UNICODE),
        holding("awkward characters", AWKWARD),
        holding("1 MB of text", &"prony ".repeat(1 << 18)[..1 << 20]),
    ]
}

fn shapes() -> Vec<Sample> {
    let many = (0..200).fold(Turn::empty(), |turn, index| {
        turn.message(if index % 2 == 0 { "user" } else { "assistant" }, &format!("message {index}"))
    });
    let roles = ["system", "user", "assistant", "tool", "user"];
    let roles =
        roles.into_iter().fold(Turn::empty(), |turn, role| turn.message(role, &format!("from {role}")));
    let several = Turn::user("one").part(PartKind::TEXT, "", "two").part(PartKind::TEXT, "", "");
    vec![
        sample("200 messages", many),
        sample("every role", roles),
        sample("an unknown role", Turn::empty().message("narrator", "Meanwhile")),
        sample("several texts in a message", several),
        sample("no message", Turn::empty()),
        sample("named texts", {
            Turn::empty().part(PartKind::TEXT, "query", "a query").part(
                PartKind::TEXT,
                "passages",
                "a passage",
            )
        }),
    ]
}

fn media() -> Vec<Sample> {
    let with = |kind, data: &str| Turn::user("What is this?").part(kind, "", data);
    let broken = |name, turn| Sample { is_broken: true, ..sample(name, turn) };
    vec![
        sample("an image", with(PartKind::IMAGE, "data:image/png;base64,iVBORw0KGgo=")),
        sample("a linked image", with(PartKind::IMAGE, "https://example.com/a.png?b=c&d=%20")),
        sample("audio", with(PartKind::AUDIO, "data:audio/wav;base64,UklGRg==")),
        sample("a video", with(PartKind::VIDEO, "data:video/mp4;base64,AAAA")),
        sample("raw JSON", with(PartKind::RAW, "{\"type\": \"text\", \"text\": \"raw\"}")),
        sample("a call of a tool and its result", called_tool()),
        broken("a call of a tool that is none", with(PartKind::TOOL_CALL, "{]")),
        broken("a broken data URL", with(PartKind::IMAGE, "data:;,")),
        broken("raw JSON that is none", with(PartKind::RAW, "{]")),
        broken("a part of an unknown kind", with(PartKind(9999), "?")),
    ]
}

fn called_tool() -> Turn {
    Turn::user("Rain?")
        .message("assistant", "One moment.")
        .part(PartKind::TOOL_CALL, "weather", r#"{"id": "c-1", "arguments": "{\"city\": \"Lima\"}"}"#)
        .message("tool", "")
        .part(PartKind::TOOL_RESULT, "c-1", "sunny")
}

fn settings() -> Vec<Sample> {
    let turn = || Turn::user("How are you?");
    let broken = |name, turn| Sample { is_broken: true, ..sample(name, turn) };
    let late = Turn { index: u32::MAX, request_id: String::new(), conversation_id: String::new(), ..turn() };
    vec![
        sample("a limit of 1 token", turn().max_tokens(1)),
        sample("a limit beyond any model", turn().max_tokens(u64::MAX)),
        sample("an empty model name", turn().model("")),
        sample("a model name of many scripts", turn().model(UNICODE)),
        sample("a late turn without ids", late),
        broken("extra fields that are no object", turn().extra("[1]")),
        broken("extra fields that are no JSON", turn().extra("{\"a\":")),
    ]
}
