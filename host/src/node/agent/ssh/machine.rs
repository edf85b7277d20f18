//! One machine, from the first word to it until an agent starts there: [`Machine`].

use std::{fmt::Write as _, io::BufWriter, path::PathBuf, thread, time::Duration};

use uuid::Uuid;

use super::{
    bundle::Bundle,
    error::Problem,
    reply::{Need, Refusal, Reply, allocated_port, need, reply},
    script::{self, Program, Start},
    session::{End, Heard, Line, Session},
};
use crate::{
    clock::{Clock, as_ns},
    nats::Access,
    node::agent::messages::BY_SSH,
    plan::SshHost,
};

/// How long a machine may take to say what it is, and to give a port.
const LOOK_TIMEOUT: Duration = Duration::from_secs(60);

/// How long it may take to get a copy.
const COPY_TIMEOUT: Duration = Duration::from_secs(600);

/// How long ssh may take to end when the other side has.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two looks at the clock.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How agents reach NATS.
#[derive(Clone, Copy)]
pub(in crate::node::agent) struct Way<'a> {
    /// The server, and the login there.
    pub(in crate::node::agent) access: &'a Access,
    /// The port of a server of ours, to which the connections of ssh lead. Others are reached by agents themselves.
    pub(in crate::node::agent) port: Option<u16>,
}

/// A machine, and what is to be started there.
pub(super) struct Machine<'a> {
    pub(super) host: &'a SshHost,
    /// The address of the agent.
    pub(super) id: &'a str,
    /// The ssh program with its own flags.
    pub(super) ssh: &'a str,
    pub(super) bundle: &'a Bundle,
    pub(super) way: Way<'a>,
    /// Hears what the user should know: sentences without a final stop.
    pub(super) say: &'a dyn Fn(String),
}

/// An agent that starts.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) session: Session,
    /// Where it keeps its journals.
    pub(super) dir: String,
}

/// What came of asking for an agent.
enum Opened {
    Ready(Ready),
    /// There is no copy.
    Missing {
        system: String,
        installed: String,
    },
}

impl Machine<'_> {
    /// Starts an agent, with a copy of this program, which is sent where it is missing. Where it cannot run there, one that is installed
    /// and of the same version will do.
    pub(super) fn start(&self) -> Result<Ready, Problem> {
        let (system, installed) = match self.open(Program::Copy)? {
            Opened::Ready(ready) => return Ok(ready),
            Opened::Missing { system, installed } => (system, installed),
        };
        match need(&system, &installed, true) {
            Need::Neither => return Err(Problem::Foreign { system, installed }),
            Need::Installed => {}
            Need::Copy => match self.copy() {
                Ok(()) => return self.open_at_last(Program::Copy),
                Err(Problem::NotRunning { .. }) if need(&system, &installed, false) == Need::Installed => {}
                Err(problem) => return Err(problem),
            },
        }
        self.open_at_last(Program::Installed)
    }

    fn open_at_last(&self, program: Program) -> Result<Ready, Problem> {
        match self.open(program)? {
            Opened::Ready(ready) => Ok(ready),
            Opened::Missing { .. } => {
                Err(Problem::NotWhole { said: "it was there, and is not any more".to_owned() })
            }
        }
    }

    fn open(&self, program: Program) -> Result<Opened, Problem> {
        const WHAT: &str = "start an agent";
        let name = self.host.name();
        let start = Start { program, digest: self.bundle.digest(), name: &name, id: self.id, label: BY_SSH };
        let mut session = self.session(self.way.port, &script::start(&start))?;
        let clock = Clock::start();
        let (mut system, mut dir, mut port) = (String::new(), None, None);
        loop {
            match session.next(LOOK_EVERY) {
                Heard::Line(Line::Out(line)) => match reply(&line) {
                    Some(Reply::System(text)) => system = text,
                    Some(Reply::Dir(text)) => dir = Some(text),
                    Some(Reply::Missing(installed)) => return Ok(Opened::Missing { system, installed }),
                    Some(Reply::BySize) | None => {}
                },
                Heard::Line(Line::Err(line)) => {
                    let allocated = self.way.port.and_then(|here| allocated_port(&line, here));
                    port = port.or(allocated);
                }
                Heard::Nothing => {}
                Heard::Over => return Err(self.ended(WHAT, &mut session)),
            }
            let has_way = port.is_some() || self.way.port.is_none();
            if let Some(dir) = dir.take_if(|_| has_way) {
                return match session.write(variables(self.way.access, port).as_bytes()) {
                    Ok(()) => Ok(Opened::Ready(Ready { session, dir })),
                    Err(_) => Err(self.ended(WHAT, &mut session)),
                };
            }
            if clock.now() > as_ns(LOOK_TIMEOUT) {
                return Err(silent(WHAT, LOOK_TIMEOUT, &session));
            }
        }
    }

    /// Sends a copy.
    fn copy(&self) -> Result<(), Problem> {
        const WHAT: &str = "copy prony";
        let host = self.host.address();
        (self.say)(format!(
            "prony is copied to `{host}`, which has no copy of it ({} MB)",
            self.bundle.bytes() / 1_000_000
        ));
        let id = Uuid::new_v4().simple().to_string();
        let mut session = self.session(None, &script::copy(self.bundle.digest(), &id))?;
        let (clock, mut is_by_size) = (Clock::start(), false);
        let (input, bundle) = (session.take_input(), self.bundle);
        let end = thread::scope(|scope| -> Result<End, Problem> {
            // What cannot be read here or written there is not whole there, and the other side says so.
            let write = move || input.map(|input| bundle.write(BufWriter::new(input)));
            thread::Builder::new().name("copy".into()).spawn_scoped(scope, write).map_err(Problem::Start)?;
            loop {
                match session.next(LOOK_EVERY) {
                    Heard::Line(Line::Out(line)) => is_by_size |= reply(&line) == Some(Reply::BySize),
                    Heard::Line(Line::Err(_)) | Heard::Nothing => {}
                    Heard::Over => return Ok(session.end(END_TIMEOUT)),
                }
                if clock.now() > as_ns(COPY_TIMEOUT) {
                    let problem = silent(WHAT, COPY_TIMEOUT, &session);
                    // Else the rest of the copy would be waited for.
                    session.end(Duration::ZERO);
                    return Err(problem);
                }
            }
        })?;
        let said = session.said_in_one();
        match end {
            End::Code(0) if is_by_size => {
                (self.say)(format!(
                    "`{host}` has no `sha256sum`: the copy of prony there was checked by its sizes alone"
                ));
                Ok(())
            }
            End::Code(0) => Ok(()),
            End::Code(script::NOT_WRITTEN) => Err(Problem::NotWritten { said }),
            End::Code(script::NOT_WHOLE) => Err(Problem::NotWhole { said }),
            End::Code(script::NOT_RUNNING) => Err(Problem::NotRunning { said }),
            end => Err(self.problem(WHAT, end, &session)),
        }
    }

    fn session(&self, port: Option<u16>, command: &str) -> Result<Session, Problem> {
        Session::open(self.ssh, self.host.address(), port, command).map_err(Problem::Start)
    }

    fn ended(&self, what: &'static str, session: &mut Session) -> Problem {
        let end = session.end(END_TIMEOUT);
        self.problem(what, end, session)
    }

    fn problem(&self, what: &'static str, end: End, session: &Session) -> Problem {
        let said = session.said_in_one();
        match end {
            End::NoProgram => Problem::NoSsh { program: program_of(self.ssh) },
            End::Ssh => Problem::Refused { refusal: Refusal::of(session.said()), said },
            end => Problem::Ended { what, how: end.to_string(), said },
        }
    }
}

/// What a text for the shell starts. What stands behind it may be a password, as may the value of a variable in front of it.
fn program_of(ssh: &str) -> String {
    let first = ssh.split_whitespace().next().unwrap_or_default();
    first.split('=').next().unwrap_or_default().to_owned()
}

fn silent(what: &'static str, within: Duration, session: &Session) -> Problem {
    Problem::Silent { what, within_s: within.as_secs(), said: session.said_in_one() }
}

/// What the agent is to find in its environment, where no list of processes shows it to others, and an empty line. What the machine's
/// own environment says of NATS is of other agents. Files are at the same path on each machine.
fn variables(access: &Access, port: Option<u16>) -> String {
    let url = port.map_or_else(|| access.url.clone(), |port| format!("nats://127.0.0.1:{port}"));
    let path = |path: Option<&PathBuf>| {
        let path = path.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
        path.map(|path| path.display().to_string()).unwrap_or_default()
    };
    let variables = [
        ("PRONY_NATS", url),
        ("PRONY_NATS_TOKEN", access.token.clone().unwrap_or_default()),
        ("PRONY_NATS_CREDS", path(access.creds.as_ref())),
        ("PRONY_NATS_TLS_CA", path(access.tls.ca.as_ref())),
        ("PRONY_NATS_TLS_CERT", path(access.tls.cert.as_ref())),
        ("PRONY_NATS_TLS_KEY", path(access.tls.key.as_ref())),
    ];
    let mut text = String::new();
    for (name, value) in variables {
        let _ = writeln!(text, "{name}={value}");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_without_what_may_be_a_password() {
        assert_eq!(program_of("sshpass -p secret ssh"), "sshpass");
        assert_eq!(program_of(" PASSWORD=secret sshpass"), "PASSWORD");
    }

    #[test]
    fn an_agent_gets_its_login_by_way_of_its_environment() {
        let access = Access {
            url: "tls://h:4222".to_owned(),
            token: Some("a-token-1".to_owned()),
            ..Access::default()
        };
        let own = variables(&access, Some(4711));
        assert!(own.starts_with(
            "PRONY_NATS=nats://127.0.0.1:4711\nPRONY_NATS_TOKEN=a-token-1\nPRONY_NATS_CREDS=\n"
        ));
        assert!(own.ends_with("\n\n"));
        assert!(variables(&access, None).starts_with("PRONY_NATS=tls://h:4222\n"));
    }
}
