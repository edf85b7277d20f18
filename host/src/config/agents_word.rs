//! One word of the list of `--agents`: a number of agents that are there, agents with a label, or a machine on which an agent is started
//! by ssh. What a word means behind others is decided in [`agents_list`](super::agents_list).

use std::net::Ipv6Addr;

use super::units::{self, UnitError};
use crate::plan::{SshHost, WantedAgents};

/// One word of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AgentsWord {
    /// Agents that somebody else has started.
    There(WantedAgents),
    /// A machine behind `ssh:`.
    Ssh(SshHost),
    /// A machine, if `ssh:` stands in front of it.
    Host(SshHost),
}

/// Reads one word of the list.
///
/// # Errors
/// It is nothing of all that.
pub(crate) fn agents_word(text: &str) -> Result<AgentsWord, UnitError> {
    const SSH: &str = "`ssh:` and a machine, such as `ssh:host1` or `ssh:user@host1`; a port stands in ssh's own configuration, or in \
                       `--ssh 'ssh -p 2222'`";
    let text = text.trim();
    if let Some(host) = text.strip_prefix("ssh:") {
        return host_of(host).map(AgentsWord::Ssh).ok_or(UnitError::Number { expected: SSH });
    }
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match host_of(text).filter(|_| !is_number) {
        Some(host) => Ok(AgentsWord::Host(host)),
        None => units::wanted_agents(text).map(AgentsWord::There),
    }
}

/// A machine as ssh takes it. What begins with `-` would be a flag, and a URL or a port is none.
fn host_of(text: &str) -> Option<SshHost> {
    let (user, host) = text.rsplit_once('@').map_or((None, text), |(user, host)| (Some(user), host));
    let is_user = |user: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.+@".contains(c);
        user.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && user.chars().all(is_plain)
    };
    let is_name = host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let (address, zone) = host.split_once('%').unwrap_or((host, "eth0"));
    let is_zone = !zone.is_empty() && zone.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let is_address = is_zone && address.parse::<Ipv6Addr>().is_ok();
    let is_good = user.is_none_or(is_user) && (is_name || is_address);
    is_good.then(|| SshHost::new(text.to_owned()))
}

/// Whether the run starts all of them by itself.
pub(crate) fn are_all_by_ssh(words: &[AgentsWord]) -> bool {
    !words.iter().any(|word| matches!(word, AgentsWord::There(_)))
}

/// The ssh program with words of its own.
///
/// # Errors
/// There is none.
pub(crate) fn ssh_command(text: &str) -> Result<String, UnitError> {
    let expected = "the ssh program with its own flags, such as `ssh -p 2222`";
    let command = text.trim();
    if command.is_empty() { Err(UnitError::Number { expected }) } else { Ok(command.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ssh_program_has_a_name() {
        assert_eq!(ssh_command(" ssh -p 2222 ").as_deref(), Ok("ssh -p 2222"));
        assert!(ssh_command(" ").is_err());
    }

    #[test]
    fn agents_that_the_run_starts_need_no_server_that_stays() {
        let words = |list: &str| -> Vec<AgentsWord> {
            list.split(',').map(|word| agents_word(word).unwrap()).collect()
        };
        assert!(are_all_by_ssh(&words("ssh:a,b")) && are_all_by_ssh(&[]));
        assert!(!are_all_by_ssh(&words("ssh:a,2")));
    }
}
