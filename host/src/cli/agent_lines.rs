//! What is shown of the agents of a run in lines: who takes part, which is late with its messages, and which sends again.
//! The run itself reports a lost agent.

use std::collections::BTreeSet;

use prony_plugin_api::live::{AgentNow, RunNow};

use crate::screen::counted;

/// Most agents that a line names.
const MOST_NAMED: usize = 8;

/// Which agents of a run are late.
#[derive(Debug, Default)]
pub(super) struct AgentLines {
    /// There are agents, and the user wants to hear of them.
    is_wanted: bool,
    late: BTreeSet<String>,
}

impl AgentLines {
    /// These agents take part, and are looked at from now on: what is said of that.
    pub(super) fn begin(&mut self, names: &[String]) -> String {
        self.begin_silently();
        let listed: Vec<String> = names.iter().take(MOST_NAMED).map(|name| format!("`{name}`")).collect();
        let more = match names.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let take = if names.len() == 1 { "takes" } else { "take" };
        format!("{} {take} part: {}{more}", counted(names.len(), "agent"), listed.join(", "))
    }

    /// Agents that were told of before are looked at from now on.
    pub(super) fn begin_silently(&mut self) {
        self.is_wanted = true;
    }

    /// Whether they are looked at.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// What has changed since this was asked last, a sentence for each agent.
    pub(super) fn changes(&mut self, now: &RunNow) -> Vec<String> {
        if !self.is_wanted || now.phase.is_over {
            return Vec::new();
        }
        now.agents.iter().filter_map(|agent| self.change(agent, now.phase.elapsed_s)).collect()
    }

    fn change(&mut self, agent: &AgentNow, elapsed_s: f64) -> Option<String> {
        let name = &agent.name;
        // Who has said nothing of a phase is silent since its beginning.
        let silent_s = agent.heard_s_ago.unwrap_or(elapsed_s);
        if agent.is_lost {
            self.late.remove(name);
            return None;
        }
        if silent_s > AgentNow::LATE_S {
            let is_new = self.late.insert(name.clone());
            return is_new.then(|| format!("the agent `{name}` has said nothing for {silent_s:.0} s"));
        }
        let is_back = agent.heard_s_ago.is_some() && self.late.remove(name);
        is_back.then(|| format!("the agent `{name}` is heard again"))
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::live::PhaseNow;

    use super::*;

    fn now(elapsed_s: f64, heard_s_ago: Option<f64>, is_lost: bool) -> RunNow {
        let agent = AgentNow { name: "b".to_owned(), heard_s_ago, is_lost, ..AgentNow::default() };
        RunNow {
            phase: PhaseNow { elapsed_s, ..PhaseNow::default() },
            agents: vec![agent],
            ..RunNow::default()
        }
    }

    #[test]
    fn who_takes_part_is_one_line() {
        let names = |count: usize| (0..count).map(|number| format!("a{number}")).collect::<Vec<_>>();
        let mut lines = AgentLines::default();
        assert_eq!(lines.begin(&names(1)), "1 agent takes part: `a0`");
        assert_eq!(lines.begin(&names(2)), "2 agents take part: `a0`, `a1`");
        assert!(lines.begin(&names(10)).ends_with(", `a7` and 2 more"));
    }

    #[test]
    fn who_is_late_is_told_once_and_so_is_the_return() {
        let mut lines = AgentLines::default();
        lines.begin(&["b".to_owned()]);
        let mut said = |now: &RunNow| lines.changes(now).join("; ");
        assert_eq!(said(&now(2.0, None, false)), "");
        assert_eq!(said(&now(5.0, Some(1.0), false)), "");
        assert_eq!(said(&now(9.0, Some(4.2), false)), "the agent `b` has said nothing for 4 s");
        assert_eq!(said(&now(10.0, Some(5.2), false)), "");
        // Nothing is known of it in a new phase.
        assert_eq!(said(&now(0.5, None, false)), "");
        assert_eq!(said(&now(1.0, Some(0.3), false)), "the agent `b` is heard again");
        assert_eq!(said(&now(20.0, None, false)), "the agent `b` has said nothing for 20 s");
        assert_eq!(said(&now(21.0, None, true)), "", "the run tells a loss");
    }

    #[test]
    fn who_was_told_of_before_is_looked_at_as_well() {
        let mut lines = AgentLines::default();
        lines.begin_silently();
        assert!(lines.is_wanted());
        assert_eq!(lines.changes(&now(9.0, Some(4.2), false)).len(), 1);
    }

    #[test]
    fn nobody_is_told_of_agents_who_does_not_want_to_know() {
        assert!(AgentLines::default().changes(&now(9.0, Some(9.0), false)).is_empty());
    }
}
