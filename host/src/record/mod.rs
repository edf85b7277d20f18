//! Records: the immutable facts about requests, and the journal that keeps them.
//!
//! Every number of a report is computed from the journal's frames and from nothing else. All instants are
//! nanoseconds since the run's start ([`crate::clock`]).

mod announce;
pub(crate) mod build;
mod clock_shift;
pub(crate) mod collect;
mod counting;
mod handle;
mod header;
mod host_facts;
pub(crate) mod journal;
pub(crate) mod kept_run;
pub(crate) mod live;
mod mark;
mod mask;
pub(crate) mod merge;
mod node_facts;
mod open;
mod prefixes;
mod process_usage;
pub(crate) mod raw;
mod raw_merge;
pub(crate) mod recorder;
mod replies;
mod service_state;
pub(crate) mod settings;
mod stored_word;
mod text_channel;
mod waiting;

use prony_plugin_api::{ErrorDetails, TokenUsage, message::PhaseKind};
use serde::{Deserialize, Serialize};

pub(crate) use self::clock_shift::ClockShift;
pub(crate) use self::header::{Capabilities, PolicyRecord, RunHeader};
pub(crate) use self::host_facts::HostFacts;
pub(crate) use self::mark::{Mark, RESET_KV_CACHE};
pub(crate) use self::node_facts::{NodeFacts, NodeLoss};
pub(crate) use self::prefixes::BLOCK_TOKENS;
pub(crate) use self::process_usage::ProcessUsage;
pub(crate) use self::service_state::ServiceState;
pub(crate) use self::text_channel::TextChannel;
use crate::plugin::UsedPlugin;
pub(crate) use crate::{
    request::{
        choice_times::ChoiceStreams,
        exchange::Instants,
        outcome::{Outcome, RequestFailure},
        tool_calls::ToolCall,
        worker_statistics::{DelaySummary, WorkerUsage},
    },
    schedule::ScheduleCounts,
};

/// Whether a field is as a reader takes it to be where it is left out: most requests have no use for most fields.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What happened to one request. In a journal, a field that has nothing to say is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    /// The `X-Request-ID` that was sent.
    pub(crate) request_id: String,
    /// Position of its phase in the run.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) phase: u32,
    /// Number of its credit in the phase, from 0.
    pub(crate) session_num: u64,
    /// Number of its session's class, from 0.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) class: u32,
    /// The conversation it belongs to.
    pub(crate) conversation_id: String,
    /// Its turn in the conversation, from 0.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) turn_index: u32,
    /// Turns of the conversation, where there are several.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) steps: u32,
    /// Turns of the conversation that count as over when it starts, which are none of `steps`.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) skipped_steps: u32,
    /// Turns of the conversation before which the user leaves, which are none of `steps`.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) left_steps: u32,
    /// Turns whose replies the request repeated as the server had given them.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) repeats: Vec<u32>,
    /// Where there are such: input tokens of all that it said beside them.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) scripted_tokens: Option<u64>,
    /// Number of the worker that sent it, among those of all nodes.
    pub(crate) worker: u32,
    /// Number of the node whose worker that is, where the run has several.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) node: u32,
    /// When things happened.
    pub(crate) instants: Instants,
    /// How long it waited for slots after its time had come, in nanoseconds: apart from what made it late otherwise.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) gate_wait_ns: u64,
    /// HTTP status, once one arrived.
    pub(crate) status: Option<u16>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) outcome: Outcome,
    /// It was sent a second time: a kept connection was closed before the server can have read it.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) retried: bool,
    /// It was sent once, over a new connection: the server had closed the one that was kept.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) replaced: bool,
    /// Method and path of a request that failed.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) asked: Option<String>,
    /// The connection broke, or its body was left unfinished, behind the end of a complete answer.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) cut_after_end: bool,
    /// Gaps between reads that brought generated tokens of one choice, in nanoseconds, from the first such read on. Before there
    /// was a number of `choices`, gaps between reads that brought tokens of any choice.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) chunk_gaps_ns: Vec<u64>,
    /// How the choices streamed, where several did.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) choices: Option<ChoiceStreams>,
    /// Events that carried generated tokens. More than one event can arrive in one read.
    pub(crate) token_events: u64,
    /// Events with tokens in the read that brought the first one. With more than one, the first token may have arrived
    /// before that read's stamp, which is the time of the last.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) first_read_events: u64,
    /// Output tokens that the server had counted when the first token arrived, where it sends usage with each event.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) first_read_usage: Option<u64>,
    /// Characters of the text in the read that brought the first token, of each choice.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) first_read_chars: u64,
    /// Characters of all generated text.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) text_chars: u64,
    /// Those among them that are reasoning.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) reasoning_chars: u64,
    /// Reads whose arrival this process had to tell, since the kernel did not.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) unstamped_reads: u64,
    /// Size of the largest read, in bytes.
    pub(crate) largest_read_bytes: u64,
    /// Size of the whole response body, in bytes.
    pub(crate) response_bytes: u64,
    /// How often the answer was followed up: a job was asked after, its result was fetched.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) follow_ups: u32,
    /// Bytes that came that way, which are part of the whole.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) follow_up_bytes: u64,
    /// Tokens counted here, with the run's tokenizer.
    pub(crate) counted: CountedTokens,
    /// Tokens as the server reports them.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) usage: Option<TokenUsage>,
    /// Output tokens that were asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) requested_output_tokens: Option<u64>,
    /// Why each choice ended, by choice.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) finish_reasons: Vec<String>,
    /// The model that the server says it ran.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) model: Option<String>,
    /// What else the server says of its answer, by name.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) facts: Vec<(String, String)>,
    /// Embeddings in the answer.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) embeddings: u32,
    /// Ranked documents in the answer.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) rankings: u32,
    /// Images, videos and sounds in the answer.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) media: u32,
    /// Their bytes, without those that are only linked.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) media_bytes: u64,
    /// Images in the request.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) input_images: u32,
    /// Videos in the request.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) input_videos: u32,
    /// Seconds of audio in the request, where all of it says how long it is.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) input_audio_s: Option<f64>,
    /// What was generated, if the run keeps it.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) outputs: Vec<Output>,
    /// The calls of tools in it, if the run keeps what was generated.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) tool_calls: Vec<ToolCall>,
}

/// Generated text of one channel of one choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Output {
    /// Index of the choice.
    pub(crate) choice: u32,
    /// Its channel.
    pub(crate) channel: TextChannel,
    /// All of it.
    pub(crate) text: String,
}

/// Tokens counted with the run's tokenizer. `None` where nothing was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CountedTokens {
    /// Of all texts of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<u64>,
    /// Of everything generated, all channels and choices, each text tokenised as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<u64>,
    /// Of the reasoning among it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning: Option<u64>,
    /// Of what arrived with the first token of each choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_arrival: Option<u64>,
    /// Of the input, what a prefix cache of unlimited size would have had: in blocks of [`BLOCK_TOKENS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cacheable: Option<u64>,
}

/// What is needed to count the tokens of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Texts {
    /// Each channel of each choice as a whole, and whether it is reasoning.
    pub(crate) passages: Vec<(bool, String)>,
    /// What arrived with the first token, of the choice that began first.
    pub(crate) first_arrival: String,
    /// The same of each other choice.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) later_arrivals: Vec<String>,
}

impl Texts {
    /// Size of all of it, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.texts().map(str::len).sum()
    }

    /// All of them.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let passages = self.passages.iter().map(|(_, text)| text.as_str());
        passages.chain(self.arrivals())
    }

    /// What arrived with the first token of each choice.
    pub(super) fn arrivals(&self) -> impl Iterator<Item = &str> {
        [self.first_arrival.as_str()].into_iter().chain(self.later_arrivals.iter().map(String::as_str))
    }
}

impl Record {
    /// Adds what was counted of its output, and of its input where that was not known before.
    pub(crate) fn add_count(&mut self, counted: CountedTokens) {
        self.counted = CountedTokens { input: self.counted.input.or(counted.input), ..counted };
    }
}

/// How a service fared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceReport {
    /// Entry name, with the instance's number if there are several.
    pub(crate) name: String,
    /// Its death ends the run.
    pub(crate) required: bool,
    /// It ran in a process of its own.
    pub(crate) isolated: bool,
    /// The number of that process.
    pub(crate) pid: Option<u32>,
    /// How it ended.
    pub(crate) state: ServiceState,
    /// Why it failed.
    pub(crate) error: Option<ErrorDetails>,
    /// Messages it published.
    pub(crate) published: u64,
    /// Messages it was sent.
    pub(crate) received: u64,
    /// Messages lost: its queue was full, or what it published was too much.
    pub(crate) lost: u64,
    /// The most messages that waited for it at a time.
    pub(crate) most_waiting: u64,
}

/// How the run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunEnd {
    /// Nanoseconds since the run's start.
    pub(crate) at_ns: u64,
    /// The user interrupted it, or a service asked for its end.
    pub(crate) was_cancelled: bool,
    /// Why it ended before its time, if it did.
    pub(crate) reason: Option<String>,
    /// Every service that was started.
    pub(crate) services: Vec<ServiceReport>,
    /// Every plugin that was used.
    pub(crate) plugins: Vec<UsedPlugin>,
    /// What the tool's own process had used of the machine by then.
    pub(crate) usage: Option<ProcessUsage>,
    /// What the user should know: a plugin that fell back to another, a metrics page that does not exist.
    pub(crate) notes: Vec<String>,
}

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Frame {
    /// First, once.
    Header(Box<RunHeader>),
    /// A phase begins.
    PhaseStarted {
        /// Position in the run.
        index: u32,
        /// Warm-up or profiling.
        kind: PhaseKind,
        /// Nanoseconds since the run's start.
        at_ns: u64,
    },
    /// A phase is over.
    PhaseEnded {
        /// Position in the run.
        index: u32,
        /// Nanoseconds since the run's start.
        at_ns: u64,
        /// Its bookkeeping.
        counts: ScheduleCounts,
        /// How each worker fared that finished its part.
        #[serde(default)]
        workers: Vec<WorkerUsage>,
    },
    /// A request is over, and its tokens are counted, or nobody counts them.
    Record(Box<Record>),
    /// A request is over, and its tokens are not counted yet.
    Uncounted(Box<Record>),
    /// What was counted since, by the number of the record's frame.
    Counted(Vec<(u64, CountedTokens)>),
    /// A service published something.
    Message {
        /// Entry name of the service.
        service: String,
        /// The message's type.
        message_type: String,
        /// The message, in MessagePack.
        #[serde(with = "serde_bytes_vec")]
        payload: Vec<u8>,
    },
    /// A command or a call around the load is over.
    Mark(Mark),
    /// What is known of one of several nodes. It stands there twice for each: before the records of the nodes, and behind them. The
    /// last one counts.
    Node(Box<NodeFacts>),
    /// Last, once. Without it the run was cut short.
    End(RunEnd),
}

/// Bytes as MessagePack binary rather than as a list of numbers.
pub(crate) mod serde_bytes_vec {
    use serde::{Deserializer, Serializer, de::Visitor};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}
