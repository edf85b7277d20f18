//! A `nats-server` of ours: on this machine alone, at a free port, with a random token and a temporary folder.
//!
//! Between it and this program stands a child of ours (`prony nats-server`), since another program does not notice that its parent
//! is gone: the child ends it then, also where this program was killed.

use std::{
    env,
    fs::{self, File},
    io,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    child::{
        Child,
        frame::{FrameReader, FrameWriter},
        perish,
    },
    clock::{Clock, as_ns},
    explain::Explain,
};

/// The name of the program.
const PROGRAM: &str = "nats-server";

/// The command of ours that stands between.
const COMMAND: [&str; 1] = ["nats-server"];

/// Where distributions keep it besides the folders of `PATH`, which often are not those of a user.
const MORE_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Its configuration, in its folder.
pub(super) const CONFIGURATION: &str = "server.conf";

/// What it prints, in its folder.
const SAID: &str = "said.log";

/// How long it may take until it listens.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Time between two looks whether it listens.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How many of its last lines an error shows.
const LAST_LINES: usize = 5;

/// Why there is no server of ours.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("start a NATS server: there is no program `nats-server` on the PATH")]
    NotInstalled,
    /// It is not where the user says.
    #[error("start a NATS server: there is no program `{}`", .path.display())]
    NotThere { path: PathBuf },
    /// There is no temporary folder, no room in it, or no process.
    #[error("start a NATS server")]
    Io(#[source] io::Error),
    #[error("start a NATS server with `{}`: it ended: {said}", .program.display())]
    Ended { program: PathBuf, said: String },
    /// It does not listen.
    #[error("start a NATS server with `{}`: it did not listen within {} s: {said}", .program.display(), TIMEOUT.as_secs())]
    Deaf { program: PathBuf, said: String },
}

impl Explain for ServerError {
    fn hint(&self) -> String {
        match self {
            Self::NotInstalled | Self::NotThere { .. } => {
                "install it (Debian and Ubuntu: `apt install nats-server`; else from \
                 https://github.com/nats-io/nats-server/releases), name it with `--nats-server PATH`, or name a server that \
                 runs with `--nats URL`"
            }
            Self::Io(_) => {
                "see that the folder for temporary files (`TMPDIR`) is there and has room, and that a process may be \
                 started"
            }
            Self::Ended { .. } | Self::Deaf { .. } => {
                "see what the program says by itself: `nats-server -js`; or name a server that runs with `--nats URL`"
            }
        }
        .to_owned()
    }
}

/// A server that runs. It ends with this value, and with this process, however that ends.
#[derive(Debug)]
pub(crate) struct Server {
    url: String,
    token: String,
    // Ends before its folder is taken away.
    _child: Child,
    /// The child ends when this is closed.
    _socket: UnixStream,
    _folder: TempDir,
}

impl Server {
    /// Starts one and waits until it listens. Without a path, the program is looked for.
    ///
    /// # Errors
    /// There is none, or it does not come to listen.
    pub(crate) fn start(program: Option<&Path>) -> Result<Self, ServerError> {
        let program = find(program)?;
        let token = Uuid::new_v4().simple().to_string();
        let folder = TempDir::with_prefix("prony-nats-").map_err(ServerError::Io)?;
        fs::write(folder.path().join(CONFIGURATION), configuration(&token)).map_err(ServerError::Io)?;
        let (child, socket) = Child::spawn(&COMMAND).map_err(ServerError::Io)?;
        let job = Job { program: program.clone(), folder: folder.path().to_owned() };
        let heard = socket.try_clone().and_then(|socket| FrameWriter::new(socket).write(&job));
        heard.map_err(ServerError::Io)?;
        let url = await_url(&child, folder.path(), program)?;
        Ok(Self { url, token, _child: child, _socket: socket, _folder: folder })
    }

    /// `nats://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The port at which it listens.
    pub(crate) fn port(&self) -> Option<u16> {
        self.url.rsplit(':').next()?.parse().ok()
    }

    /// What it wants of clients that connect.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }
}

/// What the child is to start.
#[derive(Debug, Serialize, Deserialize)]
struct Job {
    program: PathBuf,
    /// With the configuration in it.
    folder: PathBuf,
}

/// In the child: starts the server, and ends with it and with the parent, whichever is first.
///
/// # Errors
/// The parent does not say what to start, or there is no room for what the server says.
pub(crate) fn hold(parent: UnixStream) -> io::Result<()> {
    let mut parent = FrameReader::new(parent);
    let Some(job) = parent.read::<Job>()? else { return Ok(()) };
    let said = File::create(job.folder.join(SAID))?;
    let mut command = Command::new(&job.program);
    // Its configuration names what is in its folder, so that no path needs to be written into it.
    command.args(["--config", CONFIGURATION]).current_dir(&job.folder).stdin(Stdio::null());
    let mut server = match command.stdout(said.try_clone()?).stderr(said).spawn() {
        Ok(server) => server,
        // The parent reads it there, and says it.
        Err(error) => return fs::write(job.folder.join(SAID), error.to_string()),
    };
    thread::Builder::new().name("parent".into()).spawn(move || {
        // Nothing more is sent: what ends the wait is the parent's end.
        let _ = parent.read::<Job>();
        perish();
    })?;
    server.wait().map(drop)
}

/// A configuration for this machine alone. Secrets stand in a file, since everybody sees the words of a command line.
pub(super) fn configuration(token: &str) -> String {
    format!(
        "host: \"127.0.0.1\"\n\
         port: -1\n\
         ports_file_dir: \".\"\n\
         ping_interval: \"10s\"\n\
         authorization {{ token: \"{token}\" }}\n\
         jetstream {{ store_dir: \"jetstream\" }}\n"
    )
}

/// The program that [`Server::start`] takes without a path.
///
/// # Errors
/// There is none.
pub(crate) fn installed() -> Result<PathBuf, ServerError> {
    find(None)
}

/// The program, as a path that holds in any folder.
pub(super) fn find(given: Option<&Path>) -> Result<PathBuf, ServerError> {
    if let Some(path) = given {
        let found = std::path::absolute(path).ok().filter(|path| is_program(path));
        return found.ok_or_else(|| ServerError::NotThere { path: path.to_owned() });
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(MORE_FOLDERS.map(PathBuf::from));
    let mut programs = folders.filter_map(|folder| std::path::absolute(folder.join(PROGRAM)).ok());
    programs.find(|path| is_program(path)).ok_or(ServerError::NotInstalled)
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Waits until it listens, and says where.
fn await_url(child: &Child, folder: &Path, program: PathBuf) -> Result<String, ServerError> {
    let clock = Clock::start();
    loop {
        // It may have written the file as the last thing.
        let has_ended = child.has_ended();
        match url_in(folder) {
            Some(url) if !has_ended => return Ok(url),
            _ if has_ended => return Err(ServerError::Ended { program, said: said(folder) }),
            _ if clock.now() > as_ns(TIMEOUT) => {
                return Err(ServerError::Deaf { program, said: said(folder) });
            }
            _ => thread::sleep(LOOK_EVERY),
        }
    }
}

/// Its address, from the file that it writes once it listens.
pub(super) fn url_in(folder: &Path) -> Option<String> {
    let files = fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut ports = files.filter(|path| path.extension().is_some_and(|extension| extension == "ports"));
    address(&fs::read_to_string(ports.next()?).ok()?)
}

/// The first address for clients. Nothing while the file is not written to its end.
fn address(ports: &str) -> Option<String> {
    let ports: Value = serde_json::from_str(ports).ok()?;
    ports.pointer("/nats/0")?.as_str().map(str::to_owned)
}

/// The end of what it has printed, in one line.
fn said(folder: &Path) -> String {
    let text = fs::read(folder.join(SAID)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    match lines.len() {
        0 => "it said nothing".to_owned(),
        count => lines[count.saturating_sub(LAST_LINES)..].join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_told_with_a_way_to_get_it() {
        let error = find(Some(Path::new("/nowhere/nats-server"))).unwrap_err();
        assert_eq!(error.to_string(), "start a NATS server: there is no program `/nowhere/nats-server`");
        assert!(error.hint().contains("apt install nats-server"));
    }

    #[test]
    fn a_file_that_is_no_program_is_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(find(Some(file.path())).is_err());
    }

    #[test]
    fn its_address_is_read_once_it_is_written() {
        let written = r#"{"nats":["nats://127.0.0.1:36255"],"monitoring":["http://127.0.0.1:1"]}"#;
        assert_eq!(address(written).as_deref(), Some("nats://127.0.0.1:36255"));
        assert_eq!(address(&written[..20]), None);
        assert_eq!(address("{}"), None);
    }

    #[test]
    fn only_the_last_lines_of_what_it_said_are_shown() {
        let folder = TempDir::new().unwrap();
        assert_eq!(said(folder.path()), "it said nothing");
        fs::write(folder.path().join(SAID), "1\n2\n\n3\n4\n5\n6\n").unwrap();
        assert_eq!(said(folder.path()), "2; 3; 4; 5; 6");
    }
}
