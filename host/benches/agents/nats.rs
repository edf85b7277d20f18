//! A `nats-server` as a process, and what it counts.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// Where it is: in a folder of `PATH`, or where distributions keep it besides.
const PROGRAMS: [&str; 3] = ["nats-server", "/usr/local/sbin/nats-server", "/usr/sbin/nats-server"];

/// Looks whether it listens, and the time between two of them.
const LOOKS: u32 = 1000;
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A server on this machine alone. It ends with its owner.
pub(crate) struct Nats {
    process: Child,
    address: String,
    monitor: String,
    _folder: TempDir,
}

impl Nats {
    /// Starts one and waits until it listens.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = "listen: \"127.0.0.1:-1\"\nhttp: \"127.0.0.1:-1\"\nports_file_dir: \".\"\njetstream { store_dir: \"jetstream\" }\n";
        fs::write(folder.path().join("server.conf"), text).expect("room for its configuration");
        let started = PROGRAMS.into_iter().find_map(|program| {
            let mut command = Command::new(program);
            command.args(["--config", "server.conf"]).current_dir(folder.path());
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
        });
        let process = started.expect("`nats-server` is installed");
        let ports = ports(folder.path(), process.id());
        let listens = |kind: &str| {
            let url = ports[kind][0].as_str().expect("an address");
            url.split_once("://").expect("a URL").1.to_owned()
        };
        let (address, monitor) = (listens("nats"), listens("monitoring"));
        Self { process, address, monitor, _folder: folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Bytes of messages that it has taken in and given out, by its own count.
    pub(crate) fn bytes(&self) -> u64 {
        let mut stream = TcpStream::connect(&self.monitor).expect("it listens");
        // Of an older client's request the answer comes in one piece.
        stream.write_all(b"GET /varz HTTP/1.0\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let counts: Value = serde_json::from_str(body).expect("it answers with JSON");
        ["in_bytes", "out_bytes"].map(|name| counts[name].as_u64().expect("a count")).iter().sum()
    }
}

/// Where it listens: it writes that down once it does.
fn ports(folder: &Path, process: u32) -> Value {
    let file = folder.join(format!("nats-server_{process}.ports"));
    for _ in 0..LOOKS {
        let written = fs::read(&file).ok();
        if let Some(ports) = written.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return ports;
        }
        thread::sleep(LOOK_EVERY);
    }
    panic!("the NATS server does not listen");
}

impl Drop for Nats {
    fn drop(&mut self) {
        // Whether it was still there or not: it is gone then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
