//! Who hears of a node.

use super::fleet::NodeId;
use crate::request::worker::Sink;

/// Takes what the workers of a node produce, and is told what becomes of the node itself.
pub(crate) trait Observer: Sink {
    /// A call into the endpoint does not return, or the node's process does not react: which one, in words.
    fn hangs(&self, what: String);
    /// The node's process says nothing any more; perhaps because it sent what makes no sense, and then what.
    fn gone(&self, node: NodeId, nonsense: Option<String>);
}
