//! `prony nats-server`: the process between a controller and the server of NATS that it has started. It is not for users.

use super::exit::{Exit, Failure};
use crate::{child, nats};

/// Starts the server that the parent names, and ends it when the parent is gone.
pub(super) fn run() -> Result<Exit, Failure> {
    let parent = child::parent().map_err(|error| {
        Failure::new(Exit::Usage, "read what to start from standard input")
            .caused_by(&error)
            .with_hint("`prony profile --agents 3` starts this by itself")
    })?;
    nats::hold(parent)
        .map_err(|error| Failure::new(Exit::Failed, "start a NATS server").caused_by(&error))?;
    // Whatever the server has left behind ends with it.
    child::perish();
    Ok(Exit::Success)
}
