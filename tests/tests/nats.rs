//! The process between a controller and the `nats-server` that it has started.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::Write,
    net::TcpStream,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::Path,
    process::{Command, Stdio},
};

use prony_tests::{NatsServer, Tool, eventually, program};
use serde_json::Value;
use tempfile::TempDir;

/// What a parent says to it: a frame with a map of texts, as MessagePack.
fn frame(texts: [(&str, &Path); 2]) -> Vec<u8> {
    let text = |text: &str| [[0xd9, u8::try_from(text.len()).unwrap()].as_slice(), text.as_bytes()].concat();
    let pairs = texts.iter().flat_map(|(name, path)| [text(name), text(path.to_str().unwrap())].concat());
    let map: Vec<u8> = [0x82].into_iter().chain(pairs).collect();
    [u32::try_from(map.len()).unwrap().to_le_bytes().as_slice(), map.as_slice()].concat()
}

/// Where the server in this folder listens, once it does.
fn address(folder: &Path) -> Option<String> {
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let ports = files.find(|path| path.extension().is_some_and(|end| end == "ports"))?;
    let ports: Value = serde_json::from_slice(&fs::read(ports).ok()?).ok()?;
    Some(ports["nats"][0].as_str()?.replace("nats://", ""))
}

#[test]
fn a_server_ends_when_the_program_that_started_it_is_gone() {
    let Some(server) = NatsServer::program() else {
        eprintln!("not tested: nats-server is not installed");
        return;
    };
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("server.conf"), "listen: \"127.0.0.1:-1\"\nports_file_dir: \".\"\n")
        .unwrap();
    let (mut parent, socket) = UnixStream::pair().unwrap();
    let mut command = Command::new(program());
    command.arg("nats-server").process_group(0).stdin(Stdio::from(OwnedFd::from(socket)));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // The command holds an end of the socket, too.
    drop(command);
    parent.write_all(&frame([("program", &server), ("folder", folder.path())])).unwrap();
    let address = eventually("the server listens", || address(folder.path()));
    TcpStream::connect(&address).unwrap();

    // What the system does when a program is killed.
    drop(parent);
    eventually("the server is gone", || TcpStream::connect(&address).is_err().then_some(()));
    eventually("the process between is gone", || child.try_wait().unwrap());
}

#[test]
fn typed_by_hand_it_says_who_starts_it() {
    let run = Tool::new(["nats-server"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("failed to read what to start from standard input"), "{}", run.stderr);
}
