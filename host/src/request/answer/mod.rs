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

/// Gaps that there is room for beforehand at most: many more tokens are asked for than come where a limit is only a limit.
const MOST_EXPECTED_GAPS: usize = 512;

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
    /// The server's name for it, where a request of the session may refer to it.
    #[serde(skip)]
    response_id: Option<String>,
    /// That name is wanted.
    #[serde(skip)]
    keeps_response_id: bool,
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
    pub(super) path: String,
    /// How long to wait before it is asked for.
    pub(super) after_ms: u64,
}

/// How far a stream is, by what its API format says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamState {
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
    pub(crate) kind: TextKind,
    /// All of it so far.
    pub(crate) text: String,
}

impl Answer {
    /// Has the server's name for it kept, or not.
    pub(super) fn keep_response_id(&mut self, is_wanted: bool) {
        self.keeps_response_id = is_wanted;
    }

    /// The server's name for it, where that was to be kept and there is one.
    pub(super) fn response_id(&self) -> Option<&str> {
        self.response_id.as_deref()
    }

    /// Reserves memory for the gaps between so many streamed tokens, since steps by which it grows leave holes as large
    /// as what has grown, in each of thousands of streams.
    pub(super) fn reserve_gaps(&mut self, tokens: u64) {
        let gaps = usize::try_from(tokens.saturating_sub(1)).unwrap_or(usize::MAX);
        self.chunk_gaps_ns.reserve_exact(gaps.min(MOST_EXPECTED_GAPS));
    }

    /// Call it before each event.
    pub(crate) fn begin_event(&mut self) {
        self.event_has_text = false;
        self.ends.event_has_usage = false;
        self.event_usage = None;
    }

    /// How far a stream is. `choices` is how many were asked for, where that is known: where not, only an end marker or an
    /// error ends it.
    pub(super) fn state(&self, choices: Option<u32>) -> StreamState {
        let has_all = |count: u32| choices.is_some_and(|choices| count >= choices);
        // Each of several pictures may have an end marker of its own.
        if self.error.is_some() || self.is_marked_over() || (self.done && has_all(self.media)) {
            StreamState::Over
        } else if self.ends.choices == 0 || !has_all(self.ends.choices) {
            StreamState::Open
        } else if self.ends.usage_is_final {
            StreamState::Over
        } else {
            StreamState::Finished
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
            "response_id" if self.keeps_response_id && self.takes(value.len()) => {
                self.response_id = Some(value.to_owned());
            }
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
mod tests;
