//! Who hears of a node.

use super::{early_end::EarlyEnd, fleet::NodeId, progress::Progress};
use crate::{metrics::Sketch, request::worker::Sink};

/// Takes what the workers of a node produce, and is told what becomes of the node itself.
pub(crate) trait Observer: Sink {
    /// A call into the endpoint does not return, or the node's process does not react: which one, in words.
    fn hangs(&self, what: String);
    /// The node's process says nothing any more; perhaps because it sent what makes no sense, and then what.
    fn gone(&self, node: NodeId, nonsense: Option<String>);
    /// So much more has become of requests that are counted where they are sent.
    fn progressed(&self, more: &Progress);
    /// What has ended on a node whose requests are counted there, since it was said last.
    fn sketched(&self, node: NodeId, sketch: Sketch);
    /// Too many requests in a row failed, by the requests of this node alone: the run should end early.
    fn ends_early(&self, early_end: EarlyEnd);
    /// A node has something to say to the user: a sentence without a final stop.
    fn remarked(&self, text: String);
}
