//! The bus over a real `nats-server`, where there is one. What can be decided without a server is tested beside the code.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::{
    access::Access,
    blobs::BlobError,
    bus::Bus,
    delivery::{Outgoing, receive},
    error::BusError,
    server::{CONFIGURATION, configuration, find, url_in},
};
use crate::{
    clock::{Clock, as_ns},
    explain::Explain,
};

/// How long anything may take before a test gives up.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How often is looked whether something has happened.
const PAUSE: Duration = Duration::from_millis(5);

const TOKEN: &str = "a-token-of-a-test";

/// A server that is a child of the test itself.
struct Real {
    program: PathBuf,
    folder: TempDir,
    process: Child,
    url: String,
}

impl Real {
    /// Nothing where the program is not installed.
    fn start(settings: &str) -> Option<Self> {
        let Ok(program) = find(None) else {
            eprintln!("not tested: nats-server is not installed");
            return None;
        };
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(CONFIGURATION), settings).unwrap();
        let (process, url) = run(&program, &folder);
        Some(Self { program, folder, process, url })
    }

    /// Kills it and starts it again at the same port.
    fn restart(&mut self) {
        self.stop();
        let (_, port) = self.url.rsplit_once(':').unwrap();
        let settings = configuration(TOKEN).replace("port: -1", &format!("port: {port}"));
        fs::write(self.folder.path().join(CONFIGURATION), settings).unwrap();
        (self.process, self.url) = run(&self.program, &self.folder);
    }

    fn stop(&mut self) {
        self.process.kill().unwrap();
        eventually(|| self.process.try_wait().unwrap());
        // A server that is killed leaves it behind.
        let files = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|end| end == "ports")).for_each(|path| {
            fs::remove_file(path).unwrap();
        });
    }

    fn access(&self) -> Access {
        Access { url: self.url.clone(), token: Some(TOKEN.to_owned()), ..Access::default() }
    }

    fn bus(&self, name: &str) -> Bus {
        Bus::connect(&self.access(), name, TIMEOUT).unwrap()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        // It may have ended by itself. A test that fails already would end all tests if this panicked.
        let _ = self.process.kill();
        let clock = Clock::start();
        while matches!(self.process.try_wait(), Ok(None)) && clock.now() < as_ns(TIMEOUT) {
            thread::sleep(PAUSE);
        }
    }
}

fn run(program: &Path, folder: &TempDir) -> (Child, String) {
    let mut command = Command::new(program);
    command.args(["--config", CONFIGURATION]).current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = command.spawn().unwrap();
    let url = eventually(|| url_in(folder.path()));
    (process, url)
}

fn eventually<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let clock = Clock::start();
    loop {
        if let Some(answer) = found() {
            return answer;
        }
        assert!(clock.now() < as_ns(TIMEOUT), "it did not happen");
        thread::sleep(PAUSE);
    }
}

#[test]
fn where_nobody_listens_a_connection_fails_with_its_cause_and_what_to_do() {
    // Nobody may listen at port 1 but root, and nobody does.
    let access = Access { url: "nats://me:secret@127.0.0.1:1".to_owned(), ..Access::default() };
    let error = Bus::connect(&access, "test", TIMEOUT).unwrap_err();
    assert_eq!(error.to_string(), "connect to the NATS server `nats://127.0.0.1:1`");
    assert!(!error.hint().is_empty());
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("refused"), "{cause}");
}

#[test]
fn one_is_asked_and_all_are_asked() {
    let Some(server) = Real::start(&configuration(TOKEN)) else { return };
    let (asking, one, other) = (server.bus("asking"), server.bus("one"), server.bus("other"));
    let nobody = asking.request("a.b", vec![], TIMEOUT).unwrap_err();
    assert!(matches!(nobody, BusError::NoListener { .. }), "{nobody}");

    let _one = one.serve("a.b", |asked| Some([asked, b" one"].concat())).unwrap();
    let answer = eventually(|| asking.request("a.b", b"who?".to_vec(), TIMEOUT).ok());
    assert_eq!(answer, b"who? one");

    let second = other.serve("a.b", |_| Some(b"other".to_vec())).unwrap();
    let all = eventually(|| {
        let mut all = asking.gather("a.b", b"who?".to_vec(), Duration::from_millis(300)).unwrap();
        all.sort();
        (all.len() == 2).then_some(all)
    });
    assert_eq!(all, [b"other".to_vec(), b"who? one".to_vec()]);

    drop(second);
    eventually(|| {
        let all = asking.gather("a.b", vec![], Duration::from_millis(300)).unwrap();
        (all == [b" one".to_vec()]).then_some(())
    });
}

#[test]
fn an_answer_that_is_made_in_the_background_holds_no_other_one_up() {
    let Some(server) = Real::start(&configuration(TOKEN)) else { return };
    let (asking, answering) = (server.bus("asking"), server.bus("answering"));
    let (begin, has_begun) = mpsc::channel::<()>();
    let (end, ended) = mpsc::channel::<()>();
    let ended = Mutex::new(ended);
    let slow = move |_: &[u8]| {
        begin.send(()).ok()?;
        ended.lock().ok()?.recv_timeout(TIMEOUT).ok()?;
        Some(b"slow".to_vec())
    };
    let _slow = answering.serve_in_background("slow", slow).unwrap();
    let _quick = answering.serve("quick", |_| Some(b"quick".to_vec())).unwrap();
    eventually(|| asking.request("quick", vec![], TIMEOUT).ok());
    thread::scope(|scope| {
        let slow = scope.spawn(|| asking.request("slow", vec![], TIMEOUT));
        has_begun.recv_timeout(TIMEOUT).unwrap();
        assert_eq!(asking.request("quick", vec![], TIMEOUT).unwrap(), b"quick");
        end.send(()).unwrap();
        assert_eq!(slow.join().unwrap().unwrap(), b"slow");
    });
}

#[test]
fn a_server_that_does_not_know_the_token_lets_nobody_in() {
    let Some(server) = Real::start(&configuration(TOKEN)) else { return };
    let access = Access { token: Some("another".to_owned()), ..server.access() };
    let error = Bus::connect(&access, "test", TIMEOUT).unwrap_err();
    assert!(matches!(error, BusError::Login { .. }), "{error}");
    // In the URL it is as good.
    let url = server.url.replace("nats://", &format!("nats://{TOKEN}@"));
    let access = Access { url, ..Access::default() };
    assert_eq!(Bus::connect(&access, "test", TIMEOUT).unwrap().url(), server.url);
}

#[test]
fn messages_outlive_a_server_that_is_killed() {
    let Some(mut server) = Real::start(&configuration(TOKEN)) else { return };
    let (from, to) = (server.bus("from"), server.bus("to"));
    let (arrived, arrivals) = mpsc::channel();
    let _receiving = receive(&to, "up", move |message| arrived.send(message).unwrap()).unwrap();
    let outgoing = Outgoing::start(&from, "up".to_owned(), Duration::from_millis(20));
    let send = |number: u32| outgoing.send(number.to_le_bytes().to_vec()).unwrap();

    (0..100).for_each(send);
    assert!(outgoing.settle(TIMEOUT));
    (100..200).for_each(send);
    server.stop();
    (200..300).for_each(send);
    eventually(|| (!from.is_connected()).then_some(()));
    assert!(outgoing.unacknowledged() >= 100);
    server.restart();
    assert!(outgoing.settle(TIMEOUT), "{} wait", outgoing.unacknowledged());
    assert_eq!(outgoing.silent_for(), Duration::ZERO);

    let numbers = arrivals.try_iter().map(|message| u32::from_le_bytes(message.try_into().unwrap()));
    assert_eq!(numbers.collect::<Vec<_>>(), (0..300).collect::<Vec<_>>());
}

#[test]
fn files_are_fetched_by_what_is_in_them() {
    let Some(server) = Real::start(&configuration(TOKEN)) else { return };
    let (from, to, folder) = (server.bus("from").blobs(), server.bus("to").blobs(), TempDir::new().unwrap());
    let (sent, fetched) = (folder.path().join("sent"), folder.path().join("fetched"));
    let bytes: Vec<u8> = (0..700_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(&sent, &bytes).unwrap();
    let name = from.put_file(&sent).unwrap();
    assert_eq!(from.put(&bytes).unwrap(), name, "the same bytes have the same name");
    to.get(&name, &fetched).unwrap();
    assert!(fs::read(&fetched).unwrap() == bytes, "it is another file");

    let nothing = from.put(b"").unwrap();
    to.get(&nothing, &fetched).unwrap();
    assert_eq!(fs::read(&fetched).unwrap(), b"");

    let missing = to.get(&"0".repeat(64), &folder.path().join("missing")).unwrap_err();
    assert!(matches!(missing, BlobError::Missing { .. }), "{missing}");
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 2, "a file that did not come leaves nothing behind");
}

#[test]
fn a_server_that_keeps_no_files_says_so() {
    let settings = configuration(TOKEN).replace("jetstream {", "# {");
    let Some(server) = Real::start(&settings) else { return };
    let error = server.bus("test").blobs().put(b"a").unwrap_err();
    assert!(matches!(error, BlobError::NoJetStream { .. }), "{error}");
    assert!(error.hint().contains("-js"));
}
