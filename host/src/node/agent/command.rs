//! Saying something to an agent: [`say`], and letting it go: [`release`].

use std::time::Duration;

use super::{error::AgentError, messages::AgentCommand};
use crate::nats::Outgoing;

/// How long the last word to an agent may take.
const RELEASE_TIMEOUT: Duration = Duration::from_millis(500);

/// Lets an agent go. One that does not hear it is free by itself after a while.
pub(super) fn release(down: &Outgoing) {
    if say(down, &AgentCommand::Release).is_ok() {
        down.settle(RELEASE_TIMEOUT);
    }
}

/// Says something to an agent, at once.
///
/// # Errors
/// It is no message, or too long for one.
pub(super) fn say(down: &Outgoing, command: &AgentCommand) -> Result<(), AgentError> {
    Ok(down.send_now(rmp_serde::to_vec_named(command)?)?)
}
