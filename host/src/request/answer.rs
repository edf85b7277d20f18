//! What an answer said, and when: filled by an endpoint's parser, event by event.

use prony_plugin_api::{ErrorDetails, PartKind, TextKind, TokenUsage, abi::host::ResponseSink};
use serde::{Deserialize, Serialize};

use super::{
    choice_times::{ChoiceTimes, Firsts},
    failure_kind::FailureKind,
    hints,
    limits::{self, Breach, cut},
    stray::Strays,
    tool_calls::{self, Piece, ToolCall},
};
use crate::clock::RunNs;

/// Everything the parser reported about one response.
///
/// The receiver sets [`Answer::arrived`] to the instant of each read before it hands its events to the parser, and asks
/// for a [`Answer::breach`] afterwards: what goes beyond the [limits] is dropped together with all that was kept.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Instant of the read that is being parsed. `None` while a body is parsed that did not stream: such text has
    /// no arrival of its own.
    #[serde(skip)]
    pub(crate) arrived: Option<RunNs>,
    /// Read that brought the first generated token.
    pub(crate) first_token: Option<RunNs>,
    /// Read that brought the first token that is not reasoning.
    pub(crate) first_output_token: Option<RunNs>,
    /// Read that brought the last generated token so far.
    pub(crate) last_token: Option<RunNs>,
    /// Read that brought the last event so far that said something: text, a result, an end, an error.
    #[serde(skip)]
    pub(super) said: Option<RunNs>,
    /// Gaps between reads that brought tokens of one choice.
    pub(crate) chunk_gaps_ns: Vec<u64>,
    /// When the tokens of each choice came.
    pub(crate) choice_times: ChoiceTimes,
    /// Events that carried tokens.
    pub(crate) token_events: u64,
    /// Those that came in the same read as the first token, the first one included.
    pub(crate) first_read_events: u64,
    /// Generated text, one entry a choice and channel.
    pub(crate) texts: Vec<Passage>,
    /// Calls of tools, in the order of their first pieces. With the texts they are the reply.
    pub(crate) tool_calls: Vec<ToolCall>,
    /// Generated text of the first choice that arrived with its first token.
    pub(crate) first_arrival: String,
    /// The last token counts reported.
    pub(crate) usage: Option<TokenUsage>,
    /// Output tokens so far, where an event of the read that brought the first token told them beside its text, as servers
    /// do that send usage with each event (`continuous_usage_stats` of vLLM).
    pub(crate) first_read_usage: Option<u64>,
    /// Why each choice ended.
    pub(crate) finish_reasons: Vec<(u32, String)>,
    /// The first failure that the server reported.
    pub(crate) error: Option<ErrorDetails>,
    /// The model that the server says it ran.
    pub(crate) model: Option<String>,
    /// What else the server says of it, by name.
    pub(crate) facts: Vec<(String, String)>,
    /// Embeddings.
    pub(crate) embeddings: u32,
    /// Ranked documents.
    pub(crate) rankings: u32,
    /// Generated media.
    pub(crate) media: u32,
    /// Their bytes, without those that are only linked.
    pub(crate) media_bytes: u64,
    /// The end marker came.
    pub(crate) done: bool,
    /// What the parser wants to read next.
    #[serde(skip)]
    pub(super) follow_up: Option<FollowUp>,
    /// Lines of the stream that are in no event.
    #[serde(skip)]
    pub(super) strays: Strays,
    #[serde(skip)]
    event_has_text: bool,
    #[serde(skip)]
    ends: Ends,
    /// Output tokens that the event told so far.
    #[serde(skip)]
    event_usage: Option<u64>,
    /// What is kept, in bytes; more than the limit once there is a breach.
    #[serde(skip)]
    bytes: usize,
    #[serde(skip)]
    breach: Option<Breach>,
}

/// What tells whether a stream is over.
#[derive(Debug, Default)]
struct Ends {
    /// Choices that have a finish reason.
    choices: u32,
    event_has_usage: bool,
    /// Usage came with the latest finish reason, or after it.
    usage_is_final: bool,
}

/// A body that is to be fetched, and read by the same parser.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FollowUp {
    /// Where it is.
    pub(super) path: String,
    /// How long to wait before it is asked for.
    pub(super) after_ms: u64,
}

/// How far a stream is, by what its dialect says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is more to come.
    Open,
    /// Every choice has its finish reason. The usage may still come.
    Finished,
    /// Nothing more can come: the end marker has, or everything else, or an error.
    Over,
}

/// Text of one channel of one choice.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Passage {
    /// Choice index.
    pub(crate) choice: u32,
    /// Channel.
    pub(crate) kind: TextKind,
    /// All of it so far.
    pub(crate) text: String,
}

impl Answer {
    /// Call it before each event.
    pub(crate) fn begin_event(&mut self) {
        self.event_has_text = false;
        self.ends.event_has_usage = false;
        self.event_usage = None;
    }

    /// How far a stream is. `choices` is how many were asked for, where that is known: where not, only an end marker or an
    /// error ends it.
    pub(super) fn standing(&self, choices: Option<u32>) -> Standing {
        let has_all = |count: u32| choices.is_some_and(|choices| count >= choices);
        // Each of several pictures may have an end marker of its own.
        if self.error.is_some() || self.is_marked_over() || (self.done && has_all(self.media)) {
            Standing::Over
        } else if self.ends.choices == 0 || !has_all(self.ends.choices) {
            Standing::Open
        } else if self.ends.usage_is_final {
            Standing::Over
        } else {
            Standing::Finished
        }
    }

    /// The end marker came, and it is that of everything.
    pub(super) fn is_marked_over(&self) -> bool {
        self.done && self.media == 0
    }

    /// The server said that the answer is whole: by its end marker, or by a reason for the end of every choice that it
    /// began.
    pub(crate) fn is_complete(&self) -> bool {
        let is_finished = |choice: u32| self.finish_reasons.iter().any(|(finished, _)| *finished == choice);
        let all_finished = self.texts.iter().all(|passage| is_finished(passage.choice));
        self.done || (all_finished && !self.finish_reasons.is_empty())
    }

    /// It has no text, no result and no finish reason. With a finish reason, saying nothing is an answer.
    pub(super) fn is_empty(&self) -> bool {
        let results = self.embeddings + self.rankings + self.media;
        self.texts.is_empty() && self.finish_reasons.is_empty() && results == 0
    }

    /// The limit that the parser went beyond, if it did.
    pub(crate) fn breach(&self) -> Option<Breach> {
        self.breach
    }

    /// Whether so many bytes more may be kept.
    fn takes(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= limits::ANSWER_BYTES {
            return true;
        }
        self.refuse(Breach::AnswerBytes);
        false
    }

    /// Notes a breach, keeps nothing of what came before it, and takes nothing any more.
    #[cold]
    fn refuse(&mut self, breach: Breach) {
        if self.breach.is_none() {
            *self =
                Self { arrived: self.arrived, breach: Some(breach), bytes: usize::MAX, ..Self::default() };
        }
    }

    fn keep_fact(&mut self, name: &str, value: &str) {
        if !self.takes(name.len() + value.len()) {
            return;
        }
        let count = self.facts.len();
        match self.facts.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None if count == limits::FACTS => self.refuse(Breach::Facts),
            None => self.facts.push((name.to_owned(), value.to_owned())),
        }
    }

    fn stamp(&mut self, kind: TextKind, choice: u32, text: &str) {
        let Some(now) = self.arrived else { return };
        self.said = Some(now);
        let is_first_read = *self.first_token.get_or_insert(now) == now;
        let is = Firsts { of_event: !self.event_has_text, of_read: self.last_token != Some(now) };
        if is.of_event {
            self.event_has_text = true;
            self.token_events += 1;
            self.first_read_events += u64::from(is_first_read);
        }
        self.last_token = Some(now);
        let arrival = self.choice_times.note(choice, now, text, is);
        self.chunk_gaps_ns.extend(arrival.gap_ns);
        if arrival.is_first && self.choice_times.is_first(choice) {
            self.first_arrival.push_str(text);
        }
        if is_first_read {
            self.note_running_usage();
        }
        if kind != TextKind::REASONING {
            self.first_output_token.get_or_insert(now);
        }
    }
}

impl Answer {
    /// How many events brought tokens is not known.
    pub(super) fn forget_events(&mut self) {
        self.token_events = 0;
        self.first_read_events = 0;
        self.choice_times.forget_events();
    }

    /// An event may tell its usage before or after its text. What an event without text tells is not the count of what
    /// has arrived: some servers send the usage of the whole answer first.
    fn note_running_usage(&mut self) {
        if self.event_has_text && self.event_usage.is_some() && self.arrived == self.first_token {
            self.first_read_usage = self.event_usage;
        }
    }
}

impl ResponseSink for Answer {
    fn text(&mut self, kind: TextKind, choice: u32, text: &str) {
        if text.is_empty() || !self.takes(text.len()) {
            return;
        }
        self.stamp(kind, choice, text);
        // Two or three entries at most: a search beats a map.
        let known = self.texts.len();
        match self.texts.iter_mut().find(|entry| entry.choice == choice && entry.kind == kind) {
            Some(entry) => entry.text.push_str(text),
            None if known == limits::PASSAGES => self.refuse(Breach::Passages),
            None => self.texts.push(Passage { choice, kind, text: text.to_owned() }),
        }
    }

    fn usage(&mut self, usage: &TokenUsage) {
        let TokenUsage { prompt, completion, total, reasoning, cache_read, cache_write } = *usage;
        let counts = [prompt, completion, total, reasoning, cache_read, cache_write];
        if let Some(absurd) = counts.into_iter().flatten().max().filter(|most| *most > limits::TOKENS) {
            return self.refuse(Breach::Tokens(absurd));
        }
        self.usage = Some(*usage);
        self.ends = Ends { event_has_usage: true, usage_is_final: true, ..self.ends };
        self.event_usage = completion;
        self.note_running_usage();
    }

    fn finish(&mut self, choice: u32, reason: &str) {
        if self.finish_reasons.len() == limits::FINISHES {
            self.refuse(Breach::Finishes);
        } else if self.takes(reason.len()) {
            let is_first = self.finish_reasons.iter().all(|(finished, _)| *finished != choice);
            self.ends.choices += u32::from(is_first);
            self.ends.usage_is_final = self.ends.event_has_usage;
            self.said = self.arrived;
            self.finish_reasons.push((choice, reason.to_owned()));
        }
    }

    fn error(&mut self, code: Option<u32>, kind: &str, message: &str) {
        self.said = self.arrived;
        self.error.get_or_insert_with(|| {
            let message = match (cut(kind), cut(message)) {
                // Names that say no more than that there is an error.
                ("" | "error" | "http_status" | "server_error", message) => message.to_owned(),
                (kind, "") => kind.to_owned(),
                (kind, message) => format!("{kind}: {message}"),
            };
            let hint = hints::SERVER_ERROR.to_owned();
            ErrorDetails {
                code,
                kind: FailureKind::ServerError.into(),
                message,
                hint,
                ..ErrorDetails::default()
            }
        });
    }

    fn embedding(&mut self, _index: u32, _dimensions: u32) {
        if self.embeddings == limits::ITEMS {
            return self.refuse(Breach::Items);
        }
        self.said = self.arrived;
        self.embeddings += 1;
    }

    fn ranking(&mut self, _index: u32, score: f64) {
        if !score.is_finite() {
            return self.refuse(Breach::Score);
        }
        if self.rankings == limits::ITEMS {
            return self.refuse(Breach::Items);
        }
        self.said = self.arrived;
        self.rankings += 1;
    }

    fn media(&mut self, _kind: PartKind, _content_type: &str, bytes: u64, _url: &str) {
        if self.media == limits::ITEMS {
            return self.refuse(Breach::Items);
        }
        self.said = self.arrived;
        self.media += 1;
        self.media_bytes = self.media_bytes.saturating_add(bytes);
    }

    fn follow_up(&mut self, path: &str, after_ms: u64) {
        if path.len() > limits::HEAD_BYTES {
            return self.refuse(Breach::FollowUpPath);
        }
        self.follow_up = Some(FollowUp { path: path.to_owned(), after_ms });
    }

    fn fact(&mut self, name: &str, value: &str) {
        match name {
            "model" if self.takes(value.len()) => self.model = Some(value.to_owned()),
            // The run has names of its own for its requests.
            "model" | "response_id" => {}
            _ => self.keep_fact(name, value),
        }
    }

    fn done(&mut self) {
        self.done = true;
    }

    fn tool_call(&mut self, choice: u32, index: u32, id: &str, name: &str, arguments: &str) {
        let piece = Piece { choice, index, id, name, arguments };
        if self.takes(piece.bytes()) && !tool_calls::add(&mut self.tool_calls, piece) {
            self.refuse(Breach::ToolCalls);
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn event(answer: &mut Answer, at: RunNs, kind: TextKind, text: &str) {
        answer.arrived = Some(at);
        answer.begin_event();
        answer.text(kind, 0, text);
    }

    #[test]
    fn an_empty_delta_is_no_token() {
        let mut answer = Answer::default();
        event(&mut answer, 5, TextKind::CONTENT, "");
        event(&mut answer, 9, TextKind::CONTENT, "a");
        assert_eq!((answer.first_token, answer.token_events), (Some(9), 1));
    }

    #[test]
    fn reasoning_is_a_first_token_but_not_a_first_output_token() {
        let mut answer = Answer::default();
        event(&mut answer, 5, TextKind::REASONING, "hm");
        event(&mut answer, 9, TextKind::TOOL, "f(");
        assert_eq!((answer.first_token, answer.first_output_token), (Some(5), Some(9)));
    }

    #[test]
    fn events_that_share_a_read_have_no_gap_between_them() {
        let mut answer = Answer::default();
        for (at, text) in [(10, "a"), (10, "b"), (17, "c"), (17, "d"), (20, "e")] {
            event(&mut answer, at, TextKind::CONTENT, text);
        }
        assert_eq!(answer.chunk_gaps_ns, [7, 3]);
        assert_eq!((answer.first_arrival.as_str(), answer.token_events), ("ab", 5));
        assert_eq!(answer.first_read_events, 2);
        assert_eq!(answer.last_token, Some(20));
    }

    #[test]
    fn choices_that_take_turns_have_gaps_and_first_texts_of_their_own() {
        let mut answer = Answer::default();
        for (at, choice, text) in [(10, 0, "a"), (14, 1, "x"), (20, 0, "b"), (24, 1, "y")] {
            answer.arrived = Some(at);
            answer.begin_event();
            answer.text(TextKind::CONTENT, choice, text);
        }
        assert_eq!(
            (answer.chunk_gaps_ns.as_slice(), answer.first_arrival.as_str()),
            ([10, 10].as_slice(), "a")
        );
        assert_eq!(answer.choice_times.later_arrivals().collect::<Vec<_>>(), ["x"]);
        assert_eq!(
            (answer.first_token, answer.last_token, answer.first_read_events),
            (Some(10), Some(24), 1)
        );
    }

    #[rstest]
    #[case::in_the_events_with_text(&[(10, "a", Some(5)), (20, "b", Some(6))], Some(5))]
    #[case::of_the_last_event_of_the_first_read(&[(10, "a", Some(2)), (10, "b", Some(4)), (20, "c", Some(6))], Some(4))]
    #[case::before_any_text(&[(10, "", Some(40)), (10, "a", None)], None)]
    #[case::after_the_text(&[(10, "a", None), (10, "", Some(40))], None)]
    #[case::later(&[(10, "a", None), (20, "b", Some(6))], None)]
    fn usage_that_comes_with_the_first_token_is_kept(
        #[case] events: &[(RunNs, &str, Option<u64>)],
        #[case] expected: Option<u64>,
    ) {
        for usage_first in [false, true] {
            let mut answer = Answer::default();
            for (at, text, completion) in events {
                answer.arrived = Some(*at);
                answer.begin_event();
                let usage =
                    completion.map(|_| TokenUsage { completion: *completion, ..TokenUsage::default() });
                if !usage_first {
                    answer.text(TextKind::CONTENT, 0, text);
                }
                if let Some(usage) = &usage {
                    answer.usage(usage);
                }
                if usage_first {
                    answer.text(TextKind::CONTENT, 0, text);
                }
            }
            assert_eq!(answer.first_read_usage, expected);
        }
    }

    #[test]
    fn text_of_a_body_has_no_instants() {
        let mut answer = Answer::default();
        answer.text(TextKind::CONTENT, 0, "whole");
        assert_eq!((answer.first_token, answer.token_events), (None, 0));
        assert_eq!(answer.texts[0].text, "whole");
    }

    #[test]
    fn calls_of_tools_are_whole_and_are_no_tokens() {
        let mut answer = Answer { arrived: Some(5), ..Answer::default() };
        answer.begin_event();
        for (index, id, name, arguments) in [
            (0, "c-1", "f", ""),
            (1, "c-2", "", "{"),
            (0, "", "", "{\"a\":"),
            (1, "later", "g", "}"),
            (0, "", "f", "1}"),
        ] {
            answer.tool_call(2, index, id, name, arguments);
        }
        let calls = answer.tool_calls.iter();
        let calls: Vec<_> =
            calls.map(|call| (call.choice, &*call.id, &*call.name, &*call.arguments)).collect();
        assert_eq!(calls, [(2, "c-1", "f", "{\"a\":1}"), (2, "c-2", "g", "{}")]);
        assert_eq!((answer.first_token, answer.token_events, answer.said), (None, 0, None));
        assert!(answer.texts.is_empty() && answer.first_arrival.is_empty());
    }

    #[test]
    fn an_answer_is_complete_when_each_of_its_choices_is() {
        let mut answer = Answer::default();
        assert!(!answer.is_complete());
        answer.text(TextKind::CONTENT, 0, "a");
        answer.text(TextKind::CONTENT, 1, "b");
        answer.finish(0, "stop");
        assert!(!answer.is_complete());
        answer.finish(1, "length");
        assert!(answer.is_complete());
        assert!(Answer { done: true, ..Answer::default() }.is_complete());
    }

    type Step = fn(&mut Answer);
    const TEXT: Step = |answer| answer.text(TextKind::CONTENT, 0, "a");
    const FINISH: Step = |answer| answer.finish(0, "stop");
    const OTHER_FINISH: Step = |answer| answer.finish(1, "stop");
    const USAGE: Step = |answer| answer.usage(&TokenUsage { completion: Some(1), ..TokenUsage::default() });
    const BOTH: Step = |answer| {
        USAGE(answer);
        FINISH(answer);
    };
    const DONE: Step = |answer| answer.done();
    const ERROR: Step = |answer| answer.error(None, "", "no");
    const PICTURE: Step = |answer| {
        answer.media(PartKind::IMAGE, "image/png", 1, "");
        answer.done();
    };

    #[rstest]
    #[case::nothing(&[], Some(1), Standing::Open)]
    #[case::text(&[TEXT, USAGE], Some(1), Standing::Open)]
    #[case::finished(&[TEXT, USAGE, FINISH], Some(1), Standing::Finished)]
    #[case::with_usage(&[TEXT, BOTH], Some(1), Standing::Over)]
    #[case::with_late_usage(&[TEXT, FINISH, USAGE], Some(1), Standing::Over)]
    #[case::twice_finished(&[FINISH, FINISH, USAGE], Some(2), Standing::Open)]
    #[case::all_finished(&[FINISH, OTHER_FINISH], Some(2), Standing::Finished)]
    #[case::of_unknown_many(&[TEXT, FINISH, USAGE], None, Standing::Open)]
    #[case::marked(&[TEXT, DONE], None, Standing::Over)]
    #[case::failed(&[TEXT, ERROR], None, Standing::Over)]
    #[case::the_picture(&[PICTURE], Some(1), Standing::Over)]
    #[case::one_of_two_pictures(&[PICTURE], Some(2), Standing::Open)]
    fn a_stream_is_over_when_its_dialect_says_so(
        #[case] steps: &[Step],
        #[case] choices: Option<u32>,
        #[case] expected: Standing,
    ) {
        let mut answer = Answer::default();
        for step in steps {
            answer.begin_event();
            step(&mut answer);
        }
        assert_eq!(answer.standing(choices), expected);
    }

    #[test]
    fn usage_and_the_end_marker_say_nothing_of_their_own() {
        let mut answer = Answer::default();
        for (at, step) in [(3, TEXT), (5, FINISH), (7, USAGE), (9, DONE)] {
            answer.arrived = Some(at);
            answer.begin_event();
            step(&mut answer);
        }
        assert_eq!(answer.said, Some(5));
    }

    #[test]
    fn the_first_error_stands() {
        let mut answer = Answer::default();
        answer.error(Some(500), "EngineError", "boom");
        answer.error(None, "", "later");
        let error = answer.error.unwrap();
        assert_eq!((error.code, error.message.as_str()), (Some(500), "EngineError: boom"));
    }

    #[rstest]
    #[case::endless_text(|answer: &mut Answer| answer.text(TextKind::CONTENT, 0, &"x".repeat(1 << 20)), Breach::AnswerBytes)]
    #[case::endless_reasons(|answer: &mut Answer| answer.finish(0, "stop"), Breach::Finishes)]
    #[case::a_long_reason(|answer: &mut Answer| answer.finish(0, &"x".repeat(100 << 20)), Breach::AnswerBytes)]
    #[case::facts(|answer: &mut Answer| (0..65).for_each(|n| answer.fact(&n.to_string(), "x")), Breach::Facts)]
    #[case::endless_arguments(|answer: &mut Answer| answer.tool_call(0, 0, "", "", &"x".repeat(1 << 20)), Breach::AnswerBytes)]
    #[case::a_long_fact(|answer: &mut Answer| answer.fact("model", &"x".repeat(100 << 20)), Breach::AnswerBytes)]
    #[case::endless_embeddings(|answer: &mut Answer| answer.embedding(0, 1), Breach::Items)]
    #[case::endless_media(|answer: &mut Answer| answer.media(PartKind::IMAGE, "image/png", 1, ""), Breach::Items)]
    #[case::a_long_follow_up(|answer: &mut Answer| answer.follow_up(&"/".repeat(2 << 20), 1), Breach::FollowUpPath)]
    #[case::endless_rankings(|answer: &mut Answer| answer.ranking(0, 0.5), Breach::Items)]
    #[case::a_score_that_is_none(|answer: &mut Answer| answer.ranking(0, f64::NAN), Breach::Score)]
    #[case::absurd_usage(
        |answer: &mut Answer| answer.usage(&TokenUsage { total: Some(u64::MAX - 1), ..TokenUsage::default() }),
        Breach::Tokens(u64::MAX - 1)
    )]
    fn a_parser_that_never_ends_is_stopped(#[case] call: fn(&mut Answer), #[case] expected: Breach) {
        let mut answer = Answer { arrived: Some(1), ..Answer::default() };
        let calls = 2 * limits::ITEMS;
        let breach = (0..calls).find_map(|_| {
            call(&mut answer);
            answer.breach()
        });
        assert_eq!(breach, Some(expected));
        let kept = answer.texts.len() + answer.finish_reasons.len() + answer.first_arrival.len();
        assert_eq!(kept + answer.model.map_or(0, |model| model.len()), 0, "memory is given back");
    }

    #[test]
    fn choices_without_end_are_a_breach() {
        let mut answer = Answer::default();
        for choice in 0..=1024 {
            answer.text(TextKind::CONTENT, u32::MAX - choice, "x");
        }
        assert_eq!(answer.breach(), Some(Breach::Passages));
        answer.text(TextKind::CONTENT, 0, "x");
        assert!(answer.texts.is_empty(), "nothing is taken after a breach");
    }

    #[test]
    fn more_calls_of_tools_than_the_limit_are_a_breach() {
        let mut answer = Answer::default();
        (0..1024).for_each(|index| answer.tool_call(0, index, "", "f", "{}"));
        answer.tool_call(0, 7, "", "", " ");
        assert_eq!((answer.breach(), answer.tool_calls.len()), (None, 1024));
        answer.tool_call(1, 0, "", "f", "{}");
        assert_eq!((answer.breach(), answer.tool_calls.len()), (Some(Breach::ToolCalls), 0));
    }

    #[test]
    fn a_long_error_is_shortened() {
        let mut answer = Answer::default();
        answer.error(None, "", &"x".repeat(100 << 20));
        assert_eq!(answer.error.unwrap().message.len(), limits::ERROR_BYTES);
    }
}
