//! What the agents of a run say of its current phase, for those who look on: exports [`AgentsSeen`].
//!
//! Each says once a second what has ended there. What did not come is not known, and never counted as nothing.

use prony_plugin_api::live::{AgentNow, ClientNow, FailuresNow, Recent};

use crate::{
    clock::RunNs,
    metrics::{FailureKinds, LastSeconds, Sketch, Sketches},
    node::NodeId,
};

/// All agents of a run, by their ids; none, where its requests are recorded here.
#[derive(Debug, Default)]
pub(super) struct AgentsSeen(Vec<AgentSeen>);

#[derive(Debug, Default)]
struct AgentSeen {
    name: String,
    is_lost: bool,
    /// When it said last how the phase is, and how many requests were not over then.
    heard: Option<(RunNs, u64)>,
    sketches: Sketches,
    failures: FailureKinds,
}

/// What is known of all of them together, and of each.
#[derive(Debug)]
pub(super) struct Together {
    pub(super) recent: Recent,
    pub(super) client: ClientNow,
    pub(super) failures: Vec<FailuresNow>,
    pub(super) agents: Vec<AgentNow>,
}

impl AgentsSeen {
    /// Those with these names, of which nothing was heard.
    pub(super) fn of(names: Vec<String>) -> Self {
        Self(names.into_iter().map(|name| AgentSeen { name, ..AgentSeen::default() }).collect())
    }

    /// A phase begins: what was said of another one is no part of it.
    pub(super) fn begin(&mut self) {
        for agent in &mut self.0 {
            agent.heard = None;
            agent.sketches.clear();
            agent.failures.clear();
        }
    }

    /// An agent says something of the phase.
    pub(super) fn take(&mut self, node: NodeId, mut sketch: Sketch, now: RunNs) {
        let Some(agent) = self.0.get_mut(node as usize) else { return };
        agent.heard = Some((now, sketch.in_flight));
        agent.failures.take(std::mem::take(&mut sketch.failures));
        agent.sketches.take(sketch);
    }

    /// An agent is lost.
    pub(super) fn lose(&mut self, node: NodeId) {
        if let Some(agent) = self.0.get_mut(node as usize) {
            agent.is_lost = true;
        }
    }

    /// What is known by now; nothing where there are no agents.
    pub(super) fn look(&self, now: RunNs) -> Option<Together> {
        if self.0.is_empty() {
            return None;
        }
        let looks = self.0.iter().map(|agent| agent.look(now));
        let (agents, last): (Vec<AgentNow>, Vec<Option<LastSeconds>>) = looks.unzip();
        let last: Vec<LastSeconds> = last.into_iter().flatten().collect();
        let mut client = ClientNow::default();
        Some(Together {
            recent: LastSeconds::together(&last, &mut client),
            client,
            failures: FailureKinds::together(self.0.iter().map(|agent| &agent.failures)),
            agents,
        })
    }
}

impl AgentSeen {
    fn look(&self, now: RunNs) -> (AgentNow, Option<LastSeconds>) {
        let mut agent = AgentNow {
            name: self.name.clone(),
            is_lost: self.is_lost,
            heard_s_ago: self.heard.map(|(at, _)| now.saturating_sub(at) as f64 / 1e9),
            in_flight: self.heard.map(|(_, in_flight)| in_flight),
            ..AgentNow::default()
        };
        let last = self.sketches.look_back(now);
        if let Some(last) = &last {
            last.tell(&mut agent);
        }
        (agent, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: RunNs = 1_000_000_000;

    /// A second of the phase, in which nothing ended.
    fn sketch(second: u64) -> Sketch {
        let failures = vec![FailuresNow { kind: "timeout".into(), count: second, ..FailuresNow::default() }];
        let (from_ns, to_ns) = ((second - 1) * SECOND, second * SECOND);
        Sketch { from_ns, to_ns, in_flight: 4, failures, ..Sketch::default() }
    }

    #[test]
    fn an_agent_that_said_nothing_yet_has_no_numbers_and_one_that_did_has() {
        let mut seen = AgentsSeen::of(vec!["a".into(), "b".into()]);
        seen.take(1, sketch(1), SECOND);
        seen.take(1, sketch(2), 2 * SECOND);
        seen.take(7, sketch(1), SECOND);
        let together = seen.look(5 * SECOND).unwrap();
        let [a, b] = &together.agents[..] else { panic!("{together:?}") };
        assert_eq!((a.name.as_str(), a.heard_s_ago, a.in_flight, a.requests_per_s), ("a", None, None, None));
        assert_eq!(
            (b.name.as_str(), b.heard_s_ago, b.in_flight, b.requests_per_s),
            ("b", Some(3.0), Some(4), Some(0.0))
        );
        assert_eq!((together.failures[0].count, together.recent.seconds), (2, 2.0));
        assert!(AgentsSeen::default().look(SECOND).is_none(), "a run on one machine has no agents");
    }

    #[test]
    fn a_new_phase_begins_with_nothing_and_who_is_lost_stays_lost() {
        let mut seen = AgentsSeen::of(vec!["a".into()]);
        seen.take(0, sketch(1), SECOND);
        seen.lose(0);
        seen.begin();
        let together = seen.look(2 * SECOND).unwrap();
        assert_eq!((together.agents[0].heard_s_ago, together.agents[0].is_lost), (None, true));
        assert!(together.failures.is_empty());
    }
}
