//! Saying something to an agent: [`say`].

use super::{error::AgentError, messages::AgentCommand};
use crate::nats::Outgoing;

/// Says something to an agent, at once.
///
/// # Errors
/// It is no message, or too long for one.
pub(super) fn say(down: &Outgoing, command: &AgentCommand) -> Result<(), AgentError> {
    Ok(down.send_now(rmp_serde::to_vec_named(command)?)?)
}
