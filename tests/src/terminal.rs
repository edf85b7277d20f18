//! A terminal of a test's own: the program runs on it, and the test sees what a person would see, and presses keys.

use std::{
    fs::File,
    io::{Read, Write},
    num::NonZeroU16,
    os::fd::OwnedFd,
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};
use tempfile::TempDir;

use crate::{
    Run, kill,
    process::{Process, SHORT_TIMEOUT, eventually},
};

/// A program on a terminal.
#[derive(Debug)]
pub struct Terminal {
    process: Process,
    controller: File,
    /// The program's end, open as long as this is: what is set on it can be asked for when the program is over.
    program_end: File,
    seen: Arc<Mutex<Seen>>,
    dir: TempDir,
}

struct Seen {
    screen: vt100::Parser,
    /// Everything that was written, control sequences included.
    written: Vec<u8>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.screen.screen().contents())
    }
}

fn at_least_one(size: u16) -> NonZeroU16 {
    NonZeroU16::new(size).expect("a terminal has rows and columns")
}

impl Terminal {
    /// Starts a program whose standard input and standard error are a terminal of this size, which it controls. Its standard
    /// output is for the test.
    pub(crate) fn start(command: &mut Command, dir: TempDir, columns: u16, rows: u16) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&controller).and_then(|()| unlockpt(&controller)).expect("a terminal that can be opened");
        let name = ptsname(&controller, Vec::new()).expect("a terminal with a name");
        // It is to control the program, and not the tests.
        let program_end = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other end");
        let program_end = File::from(program_end);
        resize(&program_end, columns, rows);
        let controller = File::from(controller);
        let seen = Seen {
            screen: vt100::Parser::new(at_least_one(rows), at_least_one(columns), 200),
            written: Vec::new(),
        };
        let seen = Arc::new(Mutex::new(seen));
        let (reader, shared) = (controller.try_clone().expect("a descriptor"), Arc::clone(&seen));
        thread::spawn(move || read(reader, &shared));
        let own = || OwnedFd::from(program_end.try_clone().expect("a descriptor"));
        command.stdin(own()).env("TERM", "xterm-256color");
        let process = Process::start_with_errors(command, own().into());
        Self { process, controller, program_end, seen, dir }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        self.seen().screen.screen().contents()
    }

    /// Everything that was ever written to it, control sequences included.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.seen().written).into_owned()
    }

    /// Whether the program draws on the other screen.
    pub fn is_drawn_on(&self) -> bool {
        self.seen().screen.screen().alternate_screen()
    }

    /// Whether the terminal is as a shell wants it: the first screen, a cursor, and an echo of lines.
    ///
    /// # Panics
    /// When the system has lost track of it.
    pub fn is_as_before(&self) -> bool {
        let modes = tcgetattr(&self.program_end).expect("a terminal has modes").local_modes;
        let seen = self.seen();
        let screen = seen.screen.screen();
        let has_lines = modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        !screen.alternate_screen() && !screen.hide_cursor() && has_lines
    }

    /// Waits until this is on the screen.
    ///
    /// # Panics
    /// When it never is: with what is.
    pub fn shows(&self, text: &str) {
        self.until(&format!("`{text}` on the screen"), |screen| screen.contains(text));
    }

    /// Waits until the screen is so.
    ///
    /// # Panics
    /// When it never is: with what is.
    pub fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        eventually(what, || {
            let screen = self.screen();
            let is_over = self.process.is_heard();
            let found = is_so(&screen);
            assert!(found || !is_over, "{what}: did not happen before the end; the screen:\n{screen}");
            found.then_some(())
        });
    }

    /// Presses keys.
    ///
    /// # Panics
    /// When the terminal does not take them.
    pub fn press(&self, keys: &str) {
        (&self.controller).write_all(keys.as_bytes()).expect("a terminal takes keys");
    }

    /// Gives it another size.
    ///
    /// # Panics
    /// When it cannot have it.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.seen().screen.screen_mut().set_size(at_least_one(rows), at_least_one(columns));
        resize(&self.program_end, columns, rows);
    }

    /// Sends a signal to the program: `TERM`, `KILL`.
    pub fn signal(&self, name: &str) {
        kill(name, self.process.id());
    }

    /// Waits for its end. What was on the terminal is `stderr` of the run, control sequences included.
    ///
    /// # Panics
    /// When it does not end.
    pub fn wait(&mut self) -> Run {
        let mut output = self.process.wait(SHORT_TIMEOUT);
        output.stderr.clone_from(&self.seen().written);
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().expect("a temporary folder"));
        Run::new(&output, dir)
    }
}

fn resize(end: &File, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(end, size).expect("a terminal has a size");
}

/// Reads until the terminal has gone.
fn read(mut controller: File, seen: &Mutex<Seen>) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = controller.read(&mut buffer) {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.screen.process(&buffer[..count]);
        seen.written.extend_from_slice(&buffer[..count]);
    }
}
