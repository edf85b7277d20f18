//! What happened to one request: [`Exchange`], and [`Finished`], which leaves its worker.

use std::{sync::Arc, time::Duration};

use http::Method;
use prony_plugin_api::ErrorDetails;
use serde::{Deserialize, Serialize};

use super::{
    address::Address,
    affinity::Affinity,
    answer::Answer,
    bodies::Bodies,
    outcome::Outcome,
    transport::{AttemptStamps, Chunk, StampSource},
};
use crate::{
    clock::RunNs,
    schedule::gate::Slot,
    session::{Addition, Turn},
};

/// What happened to one request: bytes have become an [`Answer`], moments have become [`Instants`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Exchange {
    /// When things happened.
    pub(crate) instants: Instants,
    /// What the answer said.
    pub(crate) answer: Answer,
    /// HTTP status, once one arrived.
    pub(crate) status: Option<u16>,
    pub(crate) outcome: Outcome,
    /// Sent a second time: a kept connection was closed before the server can have read the request.
    pub(crate) retried: bool,
    /// Sent over a new connection, since the server had closed the one that was kept.
    #[serde(default)]
    pub(crate) replaced: bool,
    /// Largest read, in bytes.
    pub(crate) largest_read_bytes: u64,
    /// Whole body, in bytes.
    pub(crate) response_bytes: u64,
    /// Bodies that the parser asked for after the first one.
    #[serde(default)]
    pub(crate) follow_ups: u32,
    /// Their bytes, which are part of the whole.
    #[serde(default)]
    pub(crate) follow_up_bytes: u64,
    /// Pieces of the answer, its head among them, whose arrival this process had to tell, since the kernel did not.
    #[serde(default)]
    pub(crate) unstamped_reads: u64,
    /// Method and path of a request that failed, without what may be secret of its URL.
    #[serde(default)]
    pub(crate) asked: Option<String>,
    /// The body broke off behind the end of a complete answer.
    #[serde(default)]
    pub(crate) cut_after_end: bool,
    /// How long it waited for slots, after its time had come and before work on it began. In a closed loop, that is the wait
    /// for a prefill slot: a session has its own slot before there is a request.
    #[serde(default)]
    pub(crate) gate_wait_ns: u64,
    /// What was sent and what came, if the run keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bodies: Option<Box<Bodies>>,
    /// Its slot among those that wait for their first token, until that has come.
    #[serde(skip)]
    pub(crate) prefill: Option<Slot>,
    /// How long after its last byte it is cancelled on purpose.
    #[serde(skip)]
    pub(crate) leaves_after: Option<Duration>,
    /// What it shares with the other requests of its session, if there are any or sessions have connections of their own.
    #[serde(skip)]
    pub(super) affinity: Option<Arc<Affinity>>,
    /// When the first of two tries was sent.
    #[serde(skip)]
    pub(super) first_sent: Option<RunNs>,
    /// What the latest try asked for.
    #[serde(skip)]
    pub(super) tried: Option<(Method, Arc<Address>)>,
    /// When it was noticed that the API format has ended the answer: it is over, whatever becomes of its body.
    #[serde(skip)]
    pub(super) ended: Option<RunNs>,
    /// When the last bytes of its body arrived.
    #[serde(skip)]
    last_arrival: Option<RunNs>,
    /// What the connection of the latest try notes while it is under way.
    #[serde(skip)]
    pub(super) stamps: Arc<AttemptStamps>,
}

/// A request that is over, as a worker hands it on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Finished {
    /// The `X-Request-ID`.
    pub(crate) request_id: String,
    /// Position of the phase in the run.
    pub(crate) phase: u32,
    /// Number of the credit in the phase.
    pub(crate) session_num: u64,
    /// What it said, as far as a record needs it.
    pub(crate) content: Content,
    /// What it said beside the requests before it; none where nothing counts its tokens.
    pub(crate) addition: Option<Addition>,
    /// Number of the worker.
    pub(crate) worker: u32,
    /// Output tokens that were asked for.
    pub(crate) requested_output_tokens: Option<u64>,
    /// It failed before there was anything to send: its endpoint wrote no request, or none that can be sent.
    pub(crate) unformatted: bool,
    pub(crate) exchange: Exchange,
}

/// What a record keeps of what a request said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Name of its script.
    pub(crate) script: String,
    /// The number of its session's class, from 0.
    #[serde(default)]
    pub(crate) class: u32,
    /// Its step in the script, from 0.
    pub(crate) step: u32,
    /// Steps that its session plays.
    pub(crate) steps: u32,
    /// Steps of the script before those.
    #[serde(default)]
    pub(crate) skipped: u32,
    /// Steps of the script behind those, before which the user leaves.
    #[serde(default)]
    pub(crate) left_out: u32,
    /// Steps whose replies it repeated as the server had given them.
    pub(crate) repeats: Vec<u32>,
    /// Tokens of all texts beside those replies, where anything counts them.
    pub(crate) input_tokens: Option<u64>,
    pub(crate) images: u32,
    pub(crate) videos: u32,
    /// Seconds of audio in it, where all of it says how long it is.
    pub(crate) audio_s: Option<f64>,
}

impl Content {
    /// That of a step and of what was said before it.
    pub(crate) fn of(turn: &Turn) -> Self {
        let place = turn.step();
        let past = &turn.past;
        Self {
            script: place.script.to_owned(),
            class: turn.class,
            step: place.number,
            steps: turn.steps(),
            skipped: turn.skipped(),
            left_out: turn.left_out(),
            repeats: past.live.clone(),
            input_tokens: past.tokens.zip(place.step.input_tokens).map(|(said, own)| said + own),
            images: place.step.images(),
            videos: place.step.videos(),
            audio_s: place.step.audio_seconds(),
        }
    }
}

/// When things happened to a request, in nanoseconds since the run's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Instants {
    /// The schedule wanted it sent. In a closed loop: a slot was free.
    pub(crate) scheduled: u64,
    /// Work on sending began: after any wait for a slot.
    pub(crate) started: u64,
    /// Opening a connection began; none was reused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connect_start: Option<u64>,
    /// The host's name had become addresses; none was needed for an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resolved: Option<u64>,
    /// The connection was open, without TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reached: Option<u64>,
    /// The connection was open, TLS included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connected: Option<u64>,
    /// The last byte of the request was handed to the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sent: Option<u64>,
    /// The first byte of the response arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_byte: Option<u64>,
    /// The first generated token of any channel arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_token: Option<u64>,
    /// The first visible (not reasoning) token arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_output_token: Option<u64>,
    /// The last generated token arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_token: Option<u64>,
    /// The answer was over that is followed up: a job was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<u64>,
    /// It was over, well or not: at the last event that said something, where the API format ends its streams, and at the end
    /// of the body where not.
    pub(crate) end: u64,
}

impl Exchange {
    /// When it was over: a good response as its last bytes arrived that were part of it, whenever they were read.
    pub(crate) fn over_ns(&self) -> RunNs {
        let arrived = self.last_arrival.filter(|_| self.outcome.is_ok() && self.ended.is_none());
        arrived.unwrap_or(self.instants.end)
    }

    /// Takes in what is known of a read. Like the small functions of buffers and stamps, it is called for each token, from another unit of
    /// the build: they are marked, so that the compiler can make them a part of their callers.
    #[inline]
    pub(super) fn note_read(&mut self, chunk: &Chunk<'_>) {
        self.last_arrival = Some(chunk.arrived);
        let bytes = chunk.wire_bytes as u64;
        self.response_bytes += bytes;
        self.largest_read_bytes = self.largest_read_bytes.max(bytes);
        self.unstamped_reads += u64::from(chunk.source == StampSource::User);
        self.bodies.iter_mut().for_each(|bodies| bodies.note_read(chunk));
    }

    /// Notes the end, and what the connection and the parser have noted until then.
    pub(super) fn close(&mut self, now: RunNs) {
        self.prefill = None;
        if self.instants.accepted.is_none() {
            self.note_way();
        }
        self.instants.first_token = self.answer.first_token;
        self.instants.first_output_token = self.answer.first_output_token;
        self.instants.last_token = self.answer.last_token;
        self.instants.end = self.answer.said.filter(|_| self.ended.is_some()).unwrap_or(now);
    }

    /// The answer is over, and is followed up: how the request went stands, whatever comes now.
    pub(super) fn accept(&mut self, now: RunNs) {
        self.note_way();
        self.instants.accepted = Some(now);
    }

    /// Notes what the connection has noted of the request's way.
    fn note_way(&mut self) {
        let sent = self.first_sent.or_else(|| self.stamps.sent());
        // A connection that was opened after the request had gone on another one is not this request's.
        let connected =
            self.stamps.connected().filter(|connected| sent.is_none_or(|sent| *connected <= sent));
        self.instants.connect_start =
            self.stamps.connect_start().filter(|_| sent.is_none() || connected.is_some());
        self.instants.resolved = self.stamps.resolved().filter(|_| self.instants.connect_start.is_some());
        self.instants.reached = self.stamps.reached().filter(|_| self.instants.connect_start.is_some());
        self.instants.connected = connected;
        self.instants.sent = sent;
    }

    /// Ends a request that failed before it was sent.
    pub(crate) fn fail(&mut self, error: ErrorDetails, now: RunNs) {
        self.close(now);
        self.outcome = Outcome::of(Some(error));
    }

    /// Ends a request that the tool does not wait for any more.
    pub(crate) fn cancel(&mut self, now: RunNs) {
        self.close(now);
        self.outcome = Outcome::cancelled();
    }
}
