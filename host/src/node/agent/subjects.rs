//! The subjects of NATS under which controllers and agents talk.

/// A controller asks all agents who they are.
pub(crate) const WHO: &str = "prony.v1.who";

/// A controller takes the agent with this id.
pub(crate) fn take(id: &str) -> String {
    format!("prony.v1.agent.{id}.take")
}

/// A controller asks what the clock of the agent with this id says.
pub(crate) fn ping(id: &str) -> String {
    format!("prony.v1.agent.{id}.ping")
}

/// A controller asks for a piece of what the agent with this id has kept.
pub(crate) fn piece(id: &str) -> String {
    format!("prony.v1.agent.{id}.piece")
}

/// Somebody asks all agents of which runs they still keep something.
pub(crate) const KEEPS: &str = "prony.v1.keeps";

/// Somebody asks for a piece of what the agent with this id keeps of a run that is over for it.
pub(crate) fn kept_piece(id: &str) -> String {
    format!("prony.v1.agent.{id}.kept")
}

/// Commands to a node of a run.
pub(crate) fn down(run: &str, node: u32) -> String {
    format!("prony.v1.run.{run}.{node}.down")
}

/// Events of a node of a run.
pub(crate) fn up(run: &str, node: u32) -> String {
    format!("prony.v1.run.{run}.{node}.up")
}
