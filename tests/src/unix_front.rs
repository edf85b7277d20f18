//! A Unix socket in front of a server that listens on a port.

use std::{net::TcpStream, os::unix::net::UnixListener, path::PathBuf, thread};

use tempfile::TempDir;

use crate::pass_on::pass_on;

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
