//! Bytes from one connection to another and back.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::net::UnixStream,
    thread,
};

/// A connection of whatever kind.
pub(crate) trait Line: Read + Write + Send + Sized + 'static {
    /// The same one, for another thread.
    fn twin(&self) -> Self;
    /// Says that nothing more comes.
    fn end(&self);
}

impl Line for TcpStream {
    fn twin(&self) -> Self {
        self.try_clone().expect("a handle")
    }

    fn end(&self) {
        // The other side may have gone.
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Line for UnixStream {
    fn twin(&self) -> Self {
        self.try_clone().expect("a handle")
    }

    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

/// Passes bytes on in both directions, on threads of their own. An end is passed on as well.
pub(crate) fn pass_on(inside: impl Line, outside: impl Line) {
    one_way(inside.twin(), outside.twin());
    one_way(outside, inside);
}

fn one_way(mut from: impl Line, mut to: impl Line) {
    thread::spawn(move || {
        // Someone who is gone is what some tests are about.
        let _ = io::copy(&mut from, &mut to);
        to.end();
    });
}
