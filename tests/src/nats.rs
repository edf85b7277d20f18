//! A server of NATS of its own process: the real one, where it is installed.

use std::{
    env, fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Process, SHORT_TIMEOUT, eventually, kill};

/// Where distributions keep it besides the folders of `PATH`.
const MORE_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// JetStream in the server's own folder.
const JETSTREAM: &str = "jetstream { store_dir: \"jetstream\" }\n";

/// A `nats-server` on this machine alone, at a free port. It ends with this value, and its folder with it.
///
/// A test that needs it begins like this:
///
/// ```no_run
/// use prony_tests::NatsServer;
///
/// let Some(nats) = NatsServer::if_here() else { return };
/// ```
#[derive(Debug)]
pub struct NatsServer {
    process: Option<Process>,
    /// What its configuration says besides its ports.
    settings: String,
    address: String,
    monitor: String,
    folder: TempDir,
}

impl NatsServer {
    /// Whether it is installed. Where it is not, a test says so and ends.
    pub fn is_here() -> bool {
        Self::program().is_some()
    }

    /// Starts one as [`NatsServer::start`] does. Where it is not installed, says that the test is not made.
    ///
    /// # Panics
    /// When it does not come up.
    #[expect(clippy::print_stderr, reason = "a test that cannot be made says why")]
    pub fn if_here() -> Option<Self> {
        if Self::is_here() {
            return Some(Self::start());
        }
        eprintln!("not tested: nats-server is not installed");
        None
    }

    /// The program, where it is installed.
    pub fn program() -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&path).chain(MORE_FOLDERS.map(PathBuf::from));
        folders.map(|folder| folder.join("nats-server")).find(|program| program.is_file())
    }

    /// Starts one that lets everybody in and has a JetStream.
    ///
    /// # Panics
    /// When it is not installed, or does not come up.
    pub fn start() -> Self {
        Self::start_with(JETSTREAM)
    }

    /// Starts one with these lines of configuration besides its ports: without `jetstream`, it keeps no files.
    ///
    /// # Panics
    /// When it is not installed, or does not come up.
    pub fn start_with(settings: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let (address, monitor) = ("127.0.0.1:-1".to_owned(), "127.0.0.1:-1".to_owned());
        let mut server = Self { process: None, settings: settings.to_owned(), address, monitor, folder };
        server.restart();
        server
    }

    /// `nats://127.0.0.1:PORT`. It stays the same over restarts.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Its folder, with its configuration and its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it as its operator would, and waits until it has ended.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            kill("TERM", process.id());
            process.wait(SHORT_TIMEOUT);
        }
    }

    /// Starts it again, with the same ports and the same files. One that runs is ended before.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&mut self) {
        self.stop();
        let Self { settings, address, monitor, .. } = self;
        let text = format!("listen: \"{address}\"\nhttp: \"{monitor}\"\nports_file_dir: \".\"\n{settings}");
        fs::write(self.folder().join("server.conf"), text).expect("room for its configuration");
        let program = Self::program().expect("`nats-server` is installed");
        let mut command = Command::new(program);
        command.args(["--config", "server.conf"]).current_dir(self.folder()).stdin(Stdio::null());
        let mut process = Process::start(&mut command);
        let ports = eventually("the NATS server says where it listens", || {
            assert!(!process.has_ended(), "the NATS server does not come up: {}", process.stderr());
            self.ports(process.id())
        });
        let listens = |kind: &str| {
            let (_, address) = ports[kind][0].as_str()?.split_once("://")?;
            Some(address.to_owned())
        };
        self.address = listens("nats").expect("an address");
        self.monitor = listens("monitoring").expect("an address");
        self.process = Some(process);
    }

    /// What it writes once it listens. It takes the file away when it ends; one that was killed does not.
    fn ports(&self, process: u32) -> Option<Value> {
        let file = self.folder().join(format!("nats-server_{process}.ports"));
        serde_json::from_slice(&fs::read(file).ok()?).ok()
    }

    /// Sends it a signal: `STOP`, `CONT`, `KILL`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, name: &str) {
        kill(name, self.process.as_ref().expect("it runs").id());
    }

    /// How many bytes of messages it has taken in and given out, by its own count.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn bytes(&self) -> u64 {
        let seen = self.monitored("varz");
        ["in_bytes", "out_bytes"].map(|name| seen[name].as_u64().expect("a count")).iter().sum()
    }

    /// Who is connected, by the names that they gave.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn clients(&self) -> Vec<String> {
        let seen = self.monitored("connz");
        let connections = seen["connections"].as_array().expect("a list");
        connections.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect()
    }

    /// A page of what it says of itself.
    fn monitored(&self, page: &str) -> Value {
        let address = &self.monitor;
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(SHORT_TIMEOUT)).expect("a time-out");
        write!(stream, "GET /{page} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
            .expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        serde_json::from_slice(&crate::wire::Response::parse(&answer).body).expect("it answers with JSON")
    }
}
