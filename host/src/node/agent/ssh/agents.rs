//! All agents that a run has started by ssh: [`SshAgents`].

use std::{io, sync::mpsc::channel, thread, time::Duration};

use uuid::Uuid;

pub(in crate::node::agent) use super::machine::Way;
use super::{
    attendant::Attended,
    bundle::Bundle,
    error::{OnHost, Problem, SshError},
    machine::{Machine, Ready},
    script::quoted,
};
use crate::{
    clock::Clock,
    plan::{SshHost, SshPlan},
    plugin::Registry,
};

/// How long an agent may take to end by itself when its run is over, and then by the end of its input. What it does later it does
/// alone: it ends also where nobody waits for it.
const ENDS_BY_ITSELF: Duration = Duration::from_secs(3);
const ENDS_WITH_INPUT: Duration = Duration::from_secs(5);

/// Agents that a run has started. They end with this value.
#[derive(Debug, Default)]
pub(in crate::node::agent) struct SshAgents(Vec<SshAgent>);

#[derive(Debug)]
struct SshAgent {
    host: SshHost,
    /// Its address on NATS.
    id: String,
    /// Where it keeps its journals.
    dir: String,
    attended: Attended,
}

impl SshAgents {
    /// Starts one on each machine of a plan, all at the same time. `notice` hears what the user should know meanwhile.
    ///
    /// # Errors
    /// On one of them none can be started; those of the others end again.
    pub(in crate::node::agent) fn start(
        plan: Option<&SshPlan>,
        way: Way<'_>,
        registry: &Registry,
        notice: &mut dyn FnMut(&str),
    ) -> Result<Self, SshError> {
        let Some(SshPlan { hosts, command }) = plan else { return Ok(Self::default()) };
        let on_all = |problem| {
            let hosts: Vec<&str> = hosts.iter().map(SshHost::address).collect();
            SshError(vec![OnHost { host: hosts.join(", "), problem }])
        };
        let bundle = &Bundle::of(registry).map_err(on_all)?;
        let (say, said) = channel::<String>();
        let started: Vec<Result<SshAgent, OnHost>> = thread::scope(|scope| {
            let start = |host| {
                let say = say.clone();
                let start = move || SshAgent::start(host, command, bundle, way, &|text| drop(say.send(text)));
                thread::Builder::new().name("ssh start".into()).spawn_scoped(scope, start)
            };
            let starts: Vec<_> = hosts.iter().map(|host| (host, start(host))).collect();
            drop(say);
            for text in &said {
                notice(&text);
            }
            let failed = |host, error| Err(on_host(host, Problem::Start(error)));
            let started = starts.into_iter().map(|(host, start)| match start {
                Ok(start) => {
                    start.join().unwrap_or_else(|_| failed(host, io::Error::other("a thread panicked")))
                }
                Err(error) => failed(host, error),
            });
            started.collect()
        });
        let (mut agents, mut problems) = (Self::default(), Vec::new());
        for started in started {
            match started {
                Ok(agent) => agents.0.push(agent),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(agents) } else { Err(SshError(problems)) }
    }

    /// Their addresses on NATS.
    pub(in crate::node::agent) fn ids(&self) -> Vec<&str> {
        self.0.iter().map(|agent| agent.id.as_str()).collect()
    }

    /// Their machines, as they are typed.
    pub(in crate::node::agent) fn hosts(&self) -> Vec<&str> {
        self.0.iter().map(|agent| agent.host.address()).collect()
    }

    /// Whether all are still there, while nobody has taken them.
    ///
    /// # Errors
    /// One has ended.
    pub(in crate::node::agent) fn check(&self) -> Result<(), SshError> {
        let ended = self.0.iter().filter_map(|agent| {
            let ended = agent.attended.ended()?;
            let problem = Problem::Ended { what: "run an agent", how: ended.how, said: ended.said };
            Some(on_host(&agent.host, problem))
        });
        let ended: Vec<OnHost> = ended.collect();
        if ended.is_empty() { Ok(()) } else { Err(SshError(ended)) }
    }

    /// The command that fetches a folder of the runs that an agent has kept, if it is one of these.
    pub(in crate::node::agent) fn fetching(&self, id: &str, folder: &str) -> Option<String> {
        let agent = self.0.iter().find(|agent| agent.id == id)?;
        let from = format!("{}:{}/runs/{folder}", before_path(agent.host.address()), agent.dir);
        Some(format!("scp -r {} {}", quoted(&from), agent.host.name()))
    }

    /// Waits until one has ended whose run is over, if it is one of these: for a while by itself, and then by the end of its input.
    pub(in crate::node::agent) fn finish(&self, id: &str) {
        if let Some(agent) = self.0.iter().find(|agent| agent.id == id)
            && !agent.attended.wait(ENDS_BY_ITSELF)
        {
            agent.attended.close();
            agent.attended.wait(ENDS_WITH_INPUT);
        }
    }
}

impl Drop for SshAgents {
    fn drop(&mut self) {
        self.0.iter().for_each(|agent| agent.attended.close());
        // All of them together have this time.
        let clock = Clock::start();
        for agent in &self.0 {
            agent.attended.wait(ENDS_WITH_INPUT.saturating_sub(Duration::from_nanos(clock.now())));
        }
    }
}

impl SshAgent {
    fn start(
        host: &SshHost,
        ssh: &str,
        bundle: &Bundle,
        way: Way<'_>,
        say: &dyn Fn(String),
    ) -> Result<Self, OnHost> {
        let id = Uuid::new_v4().simple().to_string();
        let machine = Machine { host, id: &id, ssh, bundle, way, say };
        let Ready { session, dir } = machine.start().map_err(|problem| on_host(host, problem))?;
        let attended =
            Attended::start(host.name(), session).map_err(|error| on_host(host, Problem::Start(error)))?;
        Ok(Self { host: host.clone(), id, dir, attended })
    }
}

/// A machine as it stands in front of a path: the colons of an IPv6 address are in brackets.
fn before_path(address: &str) -> String {
    let (user, machine) = address.rsplit_once('@').unwrap_or(("", address));
    let at = if user.is_empty() { "" } else { "@" };
    if machine.contains(':') && !machine.starts_with('[') {
        format!("{user}{at}[{machine}]")
    } else {
        address.to_owned()
    }
}

fn on_host(host: &SshHost, problem: Problem) -> OnHost {
    OnHost { host: host.address().to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_in_brackets_in_front_of_a_path() {
        assert_eq!(before_path("me@host"), "me@host");
        assert_eq!(before_path("fe80::1"), "[fe80::1]");
        assert_eq!(before_path("me@fe80::1"), "me@[fe80::1]");
        assert_eq!(before_path("[fe80::1]"), "[fe80::1]");
    }
}
