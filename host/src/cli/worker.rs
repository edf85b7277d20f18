//! `prony worker`: the process of an isolated endpoint. `profile` starts it; it is not for users.

use super::exit::{Exit, Failure};
use crate::{child, node::serve};

/// Does what the parent says, until the parent is gone.
pub(super) fn run() -> Result<Exit, Failure> {
    let (parent, count) = child::parent_and_count().map_err(|error| {
        Failure::new(Exit::Usage, "read what to do from standard input")
            .caused_by(&error)
            .with_hint("`prony profile --isolate ENDPOINT` starts this by itself")
    })?;
    serve::serve(parent, count).map_err(|error| {
        Failure::new(Exit::Failed, "read what the parent process sends").caused_by(&error)
    })?;
    // What a library wants to do at the end of its process could keep it alive.
    child::perish();
    Ok(Exit::Success)
}
