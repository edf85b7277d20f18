//! The list of `--agents`: agents that are there, and machines on which others are started.
//!
//! `ssh:` stands in front of the first machine and holds for those behind it, so that `2,ssh:a,b,label=x` is two agents, one on each of
//! `a` and `b`, and one with a label.

use super::{agents_word::AgentsWord, machines_error::MachinesError, spec::Origin};
use crate::plan::{SshHost, WantedAgents};

/// The agents that are there, and the machines on which others are started.
///
/// # Errors
/// A machine stands there without `ssh:`, or two machines would give their agents one name.
pub(super) fn wanted(
    words: &[AgentsWord],
    by: Origin,
) -> Result<(Vec<WantedAgents>, Vec<SshHost>), MachinesError> {
    let (mut there, mut hosts) = (Vec::new(), Vec::<SshHost>::new());
    let mut is_behind_ssh = false;
    for word in words {
        let (host, is_marked) = match word {
            AgentsWord::There(wanted) => {
                there.push(wanted.clone());
                is_behind_ssh = false;
                continue;
            }
            AgentsWord::Ssh(host) => (host, true),
            AgentsWord::Host(host) => (host, is_behind_ssh),
        };
        if !is_marked {
            return Err(MachinesError::NoSsh { by, word: host.address().to_owned() });
        }
        if let Some(other) = hosts.iter().find(|other| other.name() == host.name()) {
            let (first, second) = (other.address().to_owned(), host.address().to_owned());
            return Err(MachinesError::SameHost { by, first, second, name: host.name() });
        }
        is_behind_ssh = true;
        hosts.push(host.clone());
    }
    Ok((there, hosts))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{
        super::{agents_word::agents_word, units::UnitError},
        *,
    };

    /// What a list means: how many are there, and the machines.
    fn read(list: &str) -> Result<(Vec<String>, Vec<String>), String> {
        let words: Result<Vec<AgentsWord>, UnitError> = list.split(',').map(agents_word).collect();
        let words = words.map_err(|error| error.to_string())?;
        let (there, hosts) = wanted(&words, Origin::Variable("A")).map_err(|error| error.to_string())?;
        let hosts = hosts.iter().map(|host| host.address().to_owned()).collect();
        Ok((there.iter().map(ToString::to_string).collect(), hosts))
    }

    #[rstest]
    #[case("3", &["3"], &[])]
    #[case("ssh:a", &[], &["a"])]
    #[case("ssh:me@a,b.lan,c-1", &[], &["me@a", "b.lan", "c-1"])]
    #[case("2,ssh:a,b,label=x:2,ssh:c", &["2", "label=x:2"], &["a", "b", "c"])]
    #[case("ssh:a,4", &["4"], &["a"])]
    #[case("ssh:10.0.0.1,me@fe80::1%eth0", &[], &["10.0.0.1", "me@fe80::1%eth0"])]
    fn a_list_is_agents_that_are_there_and_machines(
        #[case] list: &str,
        #[case] there: &[&str],
        #[case] hosts: &[&str],
    ) {
        let (found, machines) = read(list).unwrap();
        assert_eq!(found, there);
        assert_eq!(machines, hosts);
    }

    #[rstest]
    #[case("0", "it must be a number of agents from 1 to 1000")]
    #[case("ssh:", "it must be `ssh:` and a machine")]
    #[case("ssh:-oProxyCommand=x", "it must be `ssh:` and a machine")]
    #[case("ssh:me@-h", "it must be `ssh:` and a machine")]
    #[case("ssh:a:2222", "it must be `ssh:` and a machine")]
    #[case("ssh:a b", "it must be `ssh:` and a machine")]
    #[case("label=../a", "it must be `label=` and a word")]
    #[case("abc", "use `abc` of `A`: no `ssh:` stands in front of it")]
    #[case("ssh:a,2,b", "use `b` of `A`: no `ssh:` stands in front of it")]
    #[case(
        "ssh:a,me@a",
        "tell the agents of `a` and `me@a` apart, which `A` asks for: both would be named `a`"
    )]
    fn what_is_no_list_is_refused(#[case] list: &str, #[case] text: &str) {
        let error = read(list).unwrap_err();
        assert!(error.starts_with(text), "{error}");
    }
}
