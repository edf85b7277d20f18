//! The way to the recorder, for those who have something to keep: [`RecorderHandle`].

use std::sync::{
    Arc,
    mpsc::{Receiver, Sender, SyncSender, sync_channel},
};

use prony_plugin_api::PublishError;

use super::{
    CountedTokens, Frame,
    merge::{MergeError, Merged, NodeJournal},
    open::CountingWait,
    waiting::Waiting,
};
use crate::{
    request::{bodies::BodyRoom, exchange::Finished},
    service::allowance::MessagePermit,
};

/// What the recorder is asked to keep.
#[derive(Debug)]
pub(super) enum Input {
    Finished(Box<Finished>),
    Frame(Box<Frame>),
    ServiceMessage {
        service: String,
        message_type: String,
        payload: Vec<u8>,
        permit: MessagePermit,
    },
    /// Tokens of the record with this number, if they could be counted.
    Counted(u64, Option<CountedTokens>),
    /// Take the records of these journals in, and say what became of it.
    Merge(Vec<NodeJournal>, SyncSender<Result<Merged, MergeError>>),
    /// Say when everything before this is announced, or is not waited for any more.
    Settle(SyncSender<()>, CountingWait),
    /// The last one: nothing comes after it.
    End(Box<Frame>),
    /// The run did not begin.
    Abandon,
}

/// A handle for those who have something to keep. Clones go to every worker and service.
#[derive(Clone, Debug)]
pub(crate) struct RecorderHandle {
    pub(super) inputs: Sender<Input>,
    pub(super) waiting: Arc<Waiting>,
    pub(super) bodies: BodyRoom,
    /// Name of the file of bodies.
    pub(super) raw_file: Arc<str>,
}

impl RecorderHandle {
    /// Hands over a request that is over. Never waits: what the recorder cannot keep up with waits in memory, bodies as
    /// far as there is room for them.
    pub(crate) fn finished(&self, mut finished: Finished) {
        self.waiting.come();
        self.bodies.admit(&mut finished.exchange.bodies);
        self.send(Input::Finished(Box::new(finished)));
    }

    /// Keeps a frame of the run's own.
    pub(crate) fn frame(&self, frame: Frame) {
        self.send(Input::Frame(Box::new(frame)));
    }

    /// Keeps a service's message. Its permit bounds how much of one service may wait.
    ///
    /// # Errors
    /// Closed after the end of the run.
    pub(crate) fn service_message(
        &self,
        service: &str,
        message_type: &str,
        payload: &[u8],
        permit: MessagePermit,
    ) -> Result<(), PublishError> {
        let input = Input::ServiceMessage {
            service: service.to_owned(),
            message_type: message_type.to_owned(),
            payload: payload.to_vec(),
            permit,
        };
        self.inputs.send(input).map_err(|_| PublishError::Closed)
    }

    /// What the report should say about how far the recorder was behind, and about what it could not keep.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.waiting.notes(&self.raw_file)
    }

    /// Takes the records of these nodes into the journal of the run, with what is known of the nodes: see [`merge`](super::merge::merge). That is
    /// done on the recorder's thread, behind what was handed over before. A closed channel in place of an answer: the journal
    /// cannot be written any more, and the recorder's end says why.
    pub(crate) fn merge(&self, journals: Vec<NodeJournal>) -> Receiver<Result<Merged, MergeError>> {
        let (answer, merged) = sync_channel(1);
        self.send(Input::Merge(journals, answer));
        merged
    }

    /// Waits until everything handed over so far is in the journal, and the services have been sent its records. Counting is
    /// waited for as long as [`Open::time_left`](super::open::Open::time_left) says.
    pub(crate) fn settle(&self, wait: CountingWait) {
        let (answer, settled) = sync_channel(1);
        self.send(Input::Settle(answer, wait));
        // A thread that has ended answers by closing.
        let _ = settled.recv();
    }

    pub(super) fn send(&self, input: Input) {
        // The thread ends early only when the journal cannot be written, and then the run is ending.
        let _ = self.inputs.send(input);
    }
}
