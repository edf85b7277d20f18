//! Agents: programs on other machines that have the workers of a run, and the NATS server through which they are reached.

use std::{fmt, num::NonZeroU32, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{lossy, secret::Secret};

/// Most agents of one run.
pub(crate) const MOST_AGENTS: u32 = 1000;

/// Which agents a run has, and how it reaches them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AgentsPlan {
    /// Who is waited for; with those of `ssh` at least one agent, and [`MOST_AGENTS`] at most.
    pub(crate) wanted: Vec<WantedAgents>,
    /// Those that the run starts by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ssh: Option<SshPlan>,
    /// How long they are waited for, in seconds.
    pub(crate) timeout_s: f64,
    /// What becomes of the run when one of them is lost.
    pub(crate) on_loss: OnLoss,
    /// The way to them.
    pub(crate) nats: NatsPlan,
}

impl AgentsPlan {
    /// How many they are together.
    pub(crate) fn count(&self) -> u32 {
        let started = self.ssh.as_ref().map_or(0, |ssh| ssh.hosts.len());
        let started = u32::try_from(started).unwrap_or(u32::MAX);
        self.wanted.iter().fold(started, |sum: u32, wanted| sum.saturating_add(wanted.count.get()))
    }
}

/// Machines on which a run starts agents of its own, by ssh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SshPlan {
    /// The machines, with one agent each; never empty, and no two of one name.
    pub(crate) hosts: Vec<SshHost>,
    /// The ssh program and its first words, as a shell reads them.
    pub(crate) command: String,
}

/// A machine as ssh is given it: `host`, an alias of ssh's configuration, or `user@host`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SshHost(String);

impl SshHost {
    /// One that does not begin with `-`, which ssh would take for a flag: the code that makes it has checked that.
    pub(crate) fn new(address: String) -> Self {
        Self(address)
    }

    /// For ssh.
    pub(crate) fn address(&self) -> &str {
        &self.0
    }

    /// What its agent is called: the machine without the user, with `-` for what a name does not have.
    pub(crate) fn name(&self) -> String {
        let host = self.0.rsplit('@').next().unwrap_or_default();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let name: String = host.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
        let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        if name.is_empty() { "host".to_owned() } else { name.chars().take(MOST_NAME).collect() }
    }
}

/// Longest name of an agent, in characters.
const MOST_NAME: usize = 64;

/// A number of agents that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WantedAgents {
    /// What each of them has among its labels; any agent will do where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// How many of them.
    pub(crate) count: NonZeroU32,
}

/// As it is typed: `3`, `label=site-a:2`.
impl fmt::Display for WantedAgents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.label {
            Some(label) => write!(f, "label={label}:{}", self.count),
            None => self.count.fmt(f),
        }
    }
}

/// What becomes of a run when an agent is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnLoss {
    /// It ends, with what was measured.
    #[default]
    Abort,
    /// It goes on with the others. Nobody takes the place of the lost one.
    Continue,
}

/// A NATS server, and what a client shows to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NatsPlan {
    /// Its address, perhaps with a login, which is not journalled. Without one, the run starts a server of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// The program of a server that the run starts; looked for on the `PATH` where there is none.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "lossy::optional")]
    pub(crate) server: Option<PathBuf>,
    /// A token that it asks for. It stands in no file and in no message.
    #[serde(skip)]
    pub(crate) token: Option<Secret<String>>,
    /// A file with credentials, as `nsc` writes it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "lossy::optional")]
    pub(crate) creds: Option<PathBuf>,
    /// Authorities to trust as well as the system's, a PEM file.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "lossy::optional")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// A certificate to show to it, a PEM file.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "lossy::optional")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of that, a PEM file.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "lossy::optional")]
    pub(crate) tls_key: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(label: Option<&str>, count: u32) -> WantedAgents {
        WantedAgents { label: label.map(str::to_owned), count: NonZeroU32::new(count).unwrap() }
    }

    #[test]
    fn a_plan_is_read_as_it_was_written_but_for_its_token() {
        let nats = NatsPlan {
            url: Some("nats://h:4222".to_owned()),
            token: Some(Secret::new("a-token-1".to_owned())),
            creds: Some("a.creds".into()),
            ..NatsPlan::default()
        };
        let wanted = vec![wanted(None, 3), wanted(Some("site-a"), 2)];
        let hosts = vec![SshHost::new("me@h".to_owned())];
        let ssh = Some(SshPlan { hosts, command: "ssh -p 2222".to_owned() });
        let plan = AgentsPlan { wanted, ssh, timeout_s: 60.0, on_loss: OnLoss::Continue, nats };
        let text = serde_json::to_string(&plan).unwrap();
        assert!(!text.contains("token"), "{text}");
        let read: AgentsPlan = serde_json::from_str(&text).unwrap();
        assert_eq!(read.count(), 6);
        assert_eq!(read.nats.token, None);
        let nats = NatsPlan { token: None, ..plan.nats.clone() };
        assert_eq!(read, AgentsPlan { nats, ..plan });
    }

    #[test]
    fn a_machine_gives_its_agent_a_name_that_is_good_for_a_folder() {
        let name = |address: &str| SshHost::new(address.to_owned()).name();
        assert_eq!(name("gpu-1.lan"), "gpu-1.lan");
        assert_eq!(name("me@gpu_2"), "gpu_2");
        assert_eq!(name("fe80::1%eth0"), "fe80--1-eth0");
        assert_eq!(name("::1"), "1");
        assert_eq!(name(&"a".repeat(80)).len(), 64);
    }

    #[test]
    fn who_is_wanted_is_shown_as_it_is_typed() {
        assert_eq!(wanted(None, 3).to_string(), "3");
        assert_eq!(wanted(Some("site-a"), 1).to_string(), "label=site-a:1");
    }
}
