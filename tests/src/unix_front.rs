//! A Unix socket in front of a server that listens on a port.

use std::{
    io,
    net::{Shutdown, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    thread,
};

use tempfile::TempDir;

/// Takes connections at a Unix socket and passes their bytes on. Its socket is gone with this value.
#[derive(Debug)]
pub struct UnixFront {
    dir: TempDir,
}

impl UnixFront {
    /// Starts one in front of `http://` something.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn before(url: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let front = Self { dir };
        let target = url.strip_prefix("http://").expect("a plain URL").to_owned();
        let listener = UnixListener::bind(front.path()).expect("a socket");
        thread::spawn(move || {
            while let Ok((inside, _)) = listener.accept() {
                let outside = TcpStream::connect(&target).expect("the server listens");
                pass_on(inside, outside);
            }
        });
        front
    }

    /// Its socket.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("front.sock")
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("unix://{}", self.path().display())
    }
}

/// Passes bytes on in both directions, on threads of their own. An end is passed on as well.
fn pass_on(inside: UnixStream, outside: TcpStream) {
    let (mut from_client, mut to_server) =
        (inside.try_clone().expect("a handle"), outside.try_clone().expect("a handle"));
    thread::spawn(move || {
        // A client that is gone is what some tests are about.
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (outside, inside);
    thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
}
