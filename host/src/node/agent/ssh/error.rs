//! Why agents are not started by ssh, machine by machine.

use std::{fmt, io, path::PathBuf};

use super::reply::{Refusal, own_system};
use crate::{explain::Explain, node::remote_error::Class};

/// What was wrong, of all machines on which something was.
#[derive(Debug, thiserror::Error)]
pub(crate) struct SshError(pub(super) Vec<OnHost>);

/// What was wrong with one machine.
#[derive(Debug)]
pub(super) struct OnHost {
    /// As it is typed.
    pub(super) host: String,
    pub(super) problem: Problem,
}

/// Why there is no agent on a machine.
#[derive(Debug)]
pub(super) enum Problem {
    /// There is no such program as ssh here.
    NoSsh { program: String },
    /// It cannot be started here.
    Start(io::Error),
    /// A file of this program cannot be read here.
    Read { path: PathBuf, source: io::Error },
    /// It has given up.
    Refused { refusal: Refusal, said: String },
    /// It does not come to an end.
    Silent { what: &'static str, within_s: u64, said: String },
    /// The machine is of another kind, and has no program of this version.
    Foreign { system: String, installed: String },
    /// The copy cannot be written there.
    NotWritten { said: String },
    /// It is not what was sent.
    NotWhole { said: String },
    /// It cannot be run there.
    NotRunning { said: String },
    /// What was begun there has ended.
    Ended { what: &'static str, how: String, said: String },
}

impl fmt::Display for SshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, on_host) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{on_host}")?;
        }
        Ok(())
    }
}

impl fmt::Display for OnHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match &self.problem {
            Problem::NoSsh { program } => {
                write!(f, "start an agent on `{host}`: there is no program for `{program}` on this machine")
            }
            Problem::Start(source) => write!(f, "start ssh to `{host}`: {source}"),
            Problem::Read { path, source } => {
                write!(f, "read `{}`, which is to be copied to `{host}`: {source}", path.display())
            }
            Problem::Refused { refusal, said } => {
                let what = match refusal {
                    Refusal::UnknownName => "its name is not known",
                    Refusal::Unreachable => "it cannot be reached",
                    Refusal::UnknownKey => "its key is not known, or is another one than before",
                    Refusal::Login => "it refuses the login",
                    Refusal::NoPort => "it gives no port that leads to the NATS server here",
                    Refusal::LocalPort => "a port of this machine that ssh is to forward is in use",
                    Refusal::Other => "ssh ended with an error",
                };
                write!(f, "start an agent on `{host}`: {what}: {said}")
            }
            Problem::Silent { what, within_s, said } => {
                write!(f, "{what} on `{host}`: it was not over within {within_s} s: {said}")
            }
            Problem::Foreign { system, installed } => {
                let installed = if installed.is_empty() { "no prony" } else { installed.as_str() };
                write!(
                    f,
                    "start an agent on `{host}`: it is a machine of another kind ({system}, and this is {}), or this program does not \
                     run there; it has {installed}, and this is prony {}",
                    own_system().join(" "),
                    env!("CARGO_PKG_VERSION")
                )
            }
            Problem::NotWritten { said } => write!(f, "copy prony to `{host}`: {said}"),
            Problem::NotWhole { said } => {
                write!(f, "copy prony to `{host}`: what arrived there is not what was sent: {said}")
            }
            Problem::NotRunning { said } => write!(f, "run the copy of prony on `{host}`: {said}"),
            Problem::Ended { what, how, said } => write!(f, "{what} on `{host}`: it {how}: {said}"),
        }
    }
}

impl SshError {
    /// What it says about the end of the run.
    pub(in crate::node::agent) fn class(&self) -> Class {
        let is_ours = |on_host: &OnHost| matches!(on_host.problem, Problem::Read { .. } | Problem::Start(_));
        if self.0.iter().all(is_ours) { Class::Failed } else { Class::Unreachable }
    }
}

impl Explain for SshError {
    fn hint(&self) -> String {
        let mut hints: Vec<String> = self.0.iter().map(OnHost::hint).collect();
        hints.dedup();
        hints.join("; ")
    }
}

impl OnHost {
    fn hint(&self) -> String {
        let host = &self.host;
        match &self.problem {
            Problem::NoSsh { .. } => {
                "install it (Debian and Ubuntu: `apt install openssh-client`), or name it with `--ssh COMMAND`".to_owned()
            }
            Problem::Start(_) => {
                "raise the limits on processes, threads and open files (`ulimit -u`, `ulimit -n`)".to_owned()
            }
            Problem::Read { .. } => "install prony again: its files must be readable to its users".to_owned(),
            Problem::Refused { refusal, .. } => match refusal {
                Refusal::UnknownName => {
                    format!("correct the name `{host}`, or give ssh an entry for it in `~/.ssh/config`")
                }
                Refusal::Unreachable => format!(
                    "see that `ssh {host}` works; a port of its own stands in `~/.ssh/config` or in `--ssh 'ssh -p 2222'`"
                ),
                Refusal::UnknownKey => {
                    format!("connect once by hand with `ssh {host}`, and look whether the key is the machine's")
                }
                Refusal::Login => format!(
                    "see that `ssh -o BatchMode=yes {host}` logs in without asking: give the machine your key with `ssh-copy-id {host}`, \
                     or name a key with `--ssh 'ssh -i FILE'`"
                ),
                Refusal::NoPort => format!(
                    "allow it in the sshd of `{host}` (`AllowTcpForwarding yes`), or name a NATS server that it reaches by itself with \
                     `--nats URL`"
                ),
                Refusal::LocalPort => format!(
                    "a `LocalForward` of your `~/.ssh/config` whose port is in use ends ssh here (`ExitOnForwardFailure`): end the \
                     other ssh to `{host}` that has the port, or name the machine by an alias without it"
                ),
                Refusal::Other => format!("see what `ssh {host} true` says"),
            },
            Problem::Silent { .. } => format!(
                "see that `ssh {host} true` ends soon, without a question; `ssh -q` hides what prony needs to hear"
            ),
            Problem::Foreign { .. } => format!("install prony {} there, on the `PATH`", env!("CARGO_PKG_VERSION")),
            Problem::NotWritten { .. } | Problem::NotWhole { .. } => format!(
                "look at the space on the disk of `{host}`, at the permissions of `~/.cache/prony` there, and whether it has `tar`, and try again"
            ),
            Problem::NotRunning { .. } => format!(
                "build prony for the system of `{host}`, and install it there, on the `PATH`; a folder from which nothing may be run is \
                 avoided with another `XDG_CACHE_HOME` there"
            ),
            Problem::Ended { .. } => {
                // Lines of a machine have its name in front, without the user.
                let name = host.rsplit('@').next().unwrap_or(host);
                format!("read the last lines above that begin with `{name}:`, and try again")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(host: &str, refusal: Refusal) -> OnHost {
        let problem = Problem::Refused { refusal, said: "Permission denied".to_owned() };
        OnHost { host: host.to_owned(), problem }
    }

    #[test]
    fn every_machine_is_named_with_what_was_wrong() {
        let error = SshError(vec![refused("a", Refusal::Login), refused("b", Refusal::NoPort)]);
        assert_eq!(
            error.to_string(),
            "start an agent on `a`: it refuses the login: Permission denied; start an agent on `b`: it gives no port that leads to \
             the NATS server here: Permission denied"
        );
        assert!(error.hint().contains("ssh-copy-id a") && error.hint().contains("AllowTcpForwarding"));
        assert_eq!(error.class(), Class::Unreachable);
    }

    #[test]
    fn a_file_that_cannot_be_read_here_is_not_the_fault_of_a_machine() {
        let source = io::Error::from(io::ErrorKind::PermissionDenied);
        let problem = Problem::Read { path: "/p".into(), source };
        let error = SshError(vec![OnHost { host: "a".to_owned(), problem }]);
        assert_eq!(error.class(), Class::Failed);
    }
}
