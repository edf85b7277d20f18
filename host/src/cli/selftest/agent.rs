//! A run whose load an agent sends, over a server of NATS of its own.

use std::path::Path;

use super::{
    measured::{self, Trial},
    outcome::{Fault, Outcome},
    program,
};
use crate::{
    explain::Explain,
    nats::{self, Server},
    plugin::chain,
};

/// Starts server and agent, and makes the run. All three end with it.
pub(super) fn check(folder: &Path) -> Outcome {
    if nats::installed().is_err() {
        return Outcome::Skipped(
            "`nats-server` is not installed, and only runs with `--agents` need it".to_owned(),
        );
    }
    match run(folder) {
        Ok(outcome) => outcome,
        Err(fault) => Outcome::Failed(fault),
    }
}

fn run(folder: &Path) -> Result<Outcome, Fault> {
    let server = Server::start(None)
        .map_err(|error| Fault::new(format!("failed to {}", chain(&error)), error.hint()))?;
    // By the environment: what is typed, every user of the machine sees.
    let variables = [("PRONY_NATS", server.url()), ("PRONY_NATS_TOKEN", server.token())];
    let words = ["agent", "--name", "selftest", "--dir", "agent", "--plugin-policy", "builtin"];
    let agent = program::start(folder, "agent", &words, &variables);
    let agent = agent.map_err(|error| Fault::new(format!("failed to start an agent: {error}"), ""))?;
    let outcome = measured::check(Trial {
        name: "by-agent",
        endpoint: "chat",
        words: &["--agents", "1", "--agents-timeout", "10s"],
        variables: &variables,
        folder,
    });
    drop(agent);
    Ok(outcome)
}
