//! Finding agents for a run: who answers, who of them is free, and who is taken.

use std::time::Duration;

use uuid::Uuid;

use super::{
    command::release,
    error::AgentError,
    messages::{BY_SSH, Presence, Take, Taken, is_id},
    ssh::SshAgents,
    subjects,
};
use crate::{
    clock::{Clock, as_ns},
    config::units::is_agent_word,
    nats::{Bus, Outgoing},
    plan::{AgentsPlan, WantedAgents},
};

/// How long answers are waited for at first; each time that there are too few, twice as long, up to the second.
const ANSWERS: Duration = Duration::from_millis(150);
const MOST_ANSWERS: Duration = Duration::from_secs(2);

/// What can wait goes so often: the one word to an agent that was taken in vain goes at once.
const PACE: Duration = Duration::from_millis(500);

/// How long one agent may take to say that it is taken.
const TAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// This program's version, which agents must have as well.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Takes the agents that a run asks for, by their names, and those of its own that it has started; with the id under which the two
/// sides talk.
///
/// # Errors
/// There are too few of them, or they cannot work together.
pub(super) fn call(
    bus: &Bus,
    plan: &AgentsPlan,
    own: &SshAgents,
) -> Result<(String, Vec<Presence>), AgentError> {
    let clock = Clock::start();
    let timeout = as_ns(Duration::try_from_secs_f64(plan.timeout_s).unwrap_or(Duration::MAX));
    let mut answer_timeout = ANSWERS;
    loop {
        let there = who(bus, answer_timeout)?;
        own.check()?;
        if let Some(mut chosen) = choose(&plan.wanted, &own.ids(), &there) {
            check(&chosen)?;
            chosen.sort_by(|a, b| a.name.cmp(&b.name));
            // Who was taken in vain by another try must not hear what this one says.
            let run = Uuid::new_v4().simple().to_string();
            if take(bus, &chosen, &run)? {
                return Ok((run, chosen));
            }
        }
        answer_timeout = (2 * answer_timeout).min(MOST_ANSWERS);
        if clock.now() >= timeout {
            return Err(AgentError::TooFew {
                wanted: in_words(&plan.wanted, &own.hosts()),
                timeout_s: plan.timeout_s,
                found: found(&there),
            });
        }
    }
}

/// Who is there.
fn who(bus: &Bus, timeout: Duration) -> Result<Vec<Presence>, AgentError> {
    let answers = bus.gather(subjects::WHO, Vec::new(), timeout)?;
    // One that cannot be read is no agent of this program; nor is one whose name is that of no folder.
    let agents = answers.iter().filter_map(|answer| rmp_serde::from_slice::<Presence>(answer).ok());
    Ok(agents.filter(|agent| is_id(&agent.id) && is_agent_word(&agent.name)).collect())
}

/// Takes all of these. False where one is not to be had any more: those that were taken are let go.
fn take(bus: &Bus, chosen: &[Presence], run: &str) -> Result<bool, AgentError> {
    for (node, agent) in (0..).zip(chosen) {
        let question = rmp_serde::to_vec_named(&Take { run: run.to_owned(), node })?;
        let answer = bus.request(&subjects::take(&agent.id), question, TAKE_TIMEOUT);
        let answer = answer.inspect_err(|error| tracing::debug!(agent = agent.name, %error, "it is gone"));
        let taken = answer.ok().and_then(|answer| rmp_serde::from_slice(&answer).ok());
        if taken != Some(Taken::Yes) {
            (0..node).for_each(|node| release(&Outgoing::start(bus, subjects::down(run, node), PACE)));
            return Ok(false);
        }
    }
    Ok(true)
}

/// Those that are asked for, if enough are free: first those with the addresses of `own`, then by their labels, then any other that is free,
/// each time in the order of their names. An agent that another controller has started is taken by that one only.
fn choose(wanted: &[WantedAgents], own: &[&str], there: &[Presence]) -> Option<Vec<Presence>> {
    let free = there.iter().filter(|agent| !agent.is_busy);
    let (started, mut free): (Vec<&Presence>, Vec<&Presence>) =
        free.partition(|agent| own.contains(&agent.id.as_str()));
    if started.len() < own.len() {
        return None;
    }
    free.retain(|agent| !agent.labels.iter().any(|label| label == BY_SSH));
    free.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let mut chosen: Vec<Presence> = started.into_iter().cloned().collect();
    let (labelled, any): (Vec<&WantedAgents>, Vec<&WantedAgents>) =
        wanted.iter().partition(|wanted| wanted.label.is_some());
    for wanted in labelled.into_iter().chain(any) {
        for _ in 0..wanted.count.get() {
            let fits =
                |agent: &&Presence| wanted.label.as_ref().is_none_or(|label| agent.labels.contains(label));
            let at = free.iter().position(fits)?;
            chosen.push(free.remove(at).clone());
        }
    }
    Some(chosen)
}

/// Whether these can work together.
fn check(chosen: &[Presence]) -> Result<(), AgentError> {
    if let Some(other) = chosen.iter().find(|agent| agent.version != VERSION) {
        let (name, theirs) = (other.name.clone(), other.version.clone());
        return Err(AgentError::Version { name, theirs, ours: VERSION });
    }
    let mut names: Vec<&str> = chosen.iter().map(|agent| agent.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(AgentError::SameName(pair[0].to_owned())),
        None => Ok(()),
    }
}

fn in_words(wanted: &[WantedAgents], hosts: &[&str]) -> String {
    let by_ssh = (!hosts.is_empty()).then(|| {
        let agents = if hosts.len() == 1 { "the agent" } else { "the agents" };
        format!("{agents} on `{}`", hosts.join("`, `"))
    });
    let words = wanted.iter().map(|wanted| {
        let agents = if wanted.count.get() == 1 { "agent" } else { "agents" };
        let count = wanted.count;
        wanted.label.as_ref().map_or_else(
            || format!("{count} {agents}"),
            |label| format!("{count} {agents} with the label `{label}`"),
        )
    });
    words.chain(by_ssh).collect::<Vec<_>>().join(" and ")
}

fn found(there: &[Presence]) -> String {
    let free = there.iter().filter(|agent| !agent.is_busy).count();
    match (there.len(), free) {
        (0, _) => "none answered".to_owned(),
        (all, free) if all == free => format!("{all} answered"),
        (all, free) => format!("{all} answered, and {} of them work for another run", all - free),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn agent(name: &str, labels: &[&str]) -> Presence {
        Presence {
            id: format!("id-{name}"),
            name: name.to_owned(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            version: VERSION.to_owned(),
            host: crate::record::HostFacts::default(),
            workers: 2,
            is_busy: false,
        }
    }

    fn wanted(count: u32, label: Option<&str>) -> WantedAgents {
        WantedAgents { label: label.map(str::to_owned), count: NonZeroU32::new(count).unwrap() }
    }

    fn names(chosen: Option<Vec<Presence>>) -> Option<Vec<String>> {
        chosen.map(|chosen| chosen.into_iter().map(|agent| agent.name).collect())
    }

    #[test]
    fn labels_come_first_and_nobody_is_chosen_twice() {
        let there = [agent("a", &["east"]), agent("b", &[]), agent("c", &["east"])];
        let both = [wanted(1, None), wanted(2, Some("east"))];
        assert_eq!(names(choose(&both, &[], &there)).unwrap(), ["a", "c", "b"]);
        assert_eq!(names(choose(&[wanted(3, Some("east"))], &[], &there)), None);
    }

    #[test]
    fn who_works_for_another_run_is_not_chosen() {
        let there = [Presence { is_busy: true, ..agent("a", &[]) }, agent("b", &[])];
        assert_eq!(names(choose(&[wanted(1, None)], &[], &there)).unwrap(), ["b"]);
        assert_eq!(found(&there), "2 answered, and 1 of them work for another run");
    }

    #[test]
    fn agents_that_a_run_has_started_are_its_own() {
        let there = [agent("a", &["ssh", "a"]), agent("b", &[]), agent("c", &["ssh", "c"])];
        assert_eq!(names(choose(&[wanted(1, None)], &["id-c"], &there)).unwrap(), ["c", "b"]);
        assert_eq!(names(choose(&[], &["id-c", "id-a"], &there)).unwrap(), ["a", "c"]);
        assert_eq!(names(choose(&[], &["id-d"], &there)), None, "it has not announced itself yet");
        assert_eq!(names(choose(&[wanted(2, None)], &[], &there)), None);
    }

    #[test]
    fn agents_that_cannot_work_together_are_refused() {
        let same = [agent("a", &[]), agent("a", &[])];
        assert!(matches!(check(&same), Err(AgentError::SameName(name)) if name == "a"));
        let other = [Presence { version: "0.0.1".to_owned(), ..agent("a", &[]) }];
        assert!(matches!(check(&other), Err(AgentError::Version { .. })));
    }

    #[test]
    fn what_is_asked_for_is_said_in_words() {
        assert_eq!(
            in_words(&[wanted(3, None), wanted(1, Some("x"))], &[]),
            "3 agents and 1 agent with the label `x`"
        );
        assert_eq!(in_words(&[wanted(1, None)], &["a", "b"]), "1 agent and the agents on `a`, `b`");
    }
}
