//! The thread that draws, and reads keys: exports [`Drawer`].

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, PipeReader, PipeWriter},
    os::fd::AsFd,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use ratatui::{Terminal, backend::CrosstermBackend};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Signal, getpid, kill_process},
};

use super::{
    frame,
    keys::{self, Key},
    model::{Model, lock},
    screen::{Drawing, Screen},
};
use crate::stderr;

/// From one frame to the next.
const EVERY: Duration = Duration::from_millis(200);

/// Draws until it is dropped, and gives the terminal back then.
#[derive(Debug)]
pub(super) struct Drawer {
    /// Closed when it is over, which the thread hears.
    over: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Drawer {
    /// Takes the terminal and begins to draw.
    ///
    /// # Errors
    /// The terminal cannot be changed, or there is no thread or descriptor left.
    pub(super) fn start(model: Arc<Mutex<Model>>) -> io::Result<Self> {
        let (hears, over) = io::pipe()?;
        let terminal = Terminal::new(CrosstermBackend::new(Drawing::default()))?;
        tell_of_panics();
        let screen = Screen::enter()?;
        let drawing = Loop { terminal, model, hears, shown: Model::default(), has_keys: true };
        let thread = thread::Builder::new().name("dashboard".into()).spawn(move || {
            // Given back by the thread: also where it panics.
            let _screen = screen;
            drawing.run();
        })?;
        Ok(Self { over: Some(over), thread: Some(thread) })
    }
}

impl Drop for Drawer {
    fn drop(&mut self) {
        self.over = None;
        if let Some(thread) = self.thread.take() {
            // A panic of its own has been printed.
            let _ = thread.join();
        }
    }
}

/// What is said of a panic waits with everything else until the terminal can show it. Stays for the rest of the process.
fn tell_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let trace = Backtrace::capture();
        let thread = thread::current();
        let name = thread.name().unwrap_or("a thread");
        // Else nobody has asked for one.
        let is_wanted = trace.status() == BacktraceStatus::Captured;
        let trace = if is_wanted { format!("{trace}\n") } else { String::new() };
        stderr::write(format!("{name}: {panic}\n{trace}"));
    }));
}

struct Loop {
    terminal: Terminal<CrosstermBackend<Drawing>>,
    model: Arc<Mutex<Model>>,
    hears: PipeReader,
    /// What is on the screen, which stays as it is while the drawing is paused.
    shown: Model,
    /// The terminal can be read.
    has_keys: bool,
}

/// What the thread was woken by.
enum Woken {
    Time,
    Keys,
    Over,
}

impl Loop {
    fn run(mut self) {
        loop {
            self.draw();
            match self.wait() {
                Woken::Time => {}
                Woken::Keys => self.read_keys(),
                Woken::Over => return,
            }
        }
    }

    fn draw(&mut self) {
        if !self.shown.is_paused {
            let (is_paused, shows_help) = (self.shown.is_paused, self.shown.shows_help);
            self.shown = Model { is_paused, shows_help, ..lock(&self.model).clone() };
        }
        // A frame is what has changed since the last one: none may be left out, and so none is made that would wait.
        if stderr::is_idle() {
            let shown = &self.shown;
            // A terminal that has gone ends the run by a signal, or is not missed.
            let _ = self.terminal.draw(|frame| frame::draw(frame, shown));
        }
    }

    fn wait(&mut self) -> Woken {
        let stream = io::stderr();
        let over = PollFd::new(&self.hears, PollFlags::IN);
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(EVERY.subsec_nanos()) };
        let mut heard = vec![over];
        if self.has_keys {
            heard.push(PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::IN));
        }
        let polled = poll(&mut heard, Some(&timeout));
        let heard: Vec<PollFlags> = heard.iter().map(PollFd::revents).collect();
        match (polled, heard.as_slice()) {
            // A signal interrupts the wait, and says nothing here.
            (Ok(0) | Err(_), _) => Woken::Time,
            (Ok(_), [over, ..]) if !over.is_empty() => Woken::Over,
            (Ok(_), [_, typed]) if typed.contains(PollFlags::IN) => Woken::Keys,
            // The terminal has gone, or is one that cannot be read.
            (Ok(_), _) => {
                self.has_keys = false;
                Woken::Time
            }
        }
    }

    fn read_keys(&mut self) {
        let mut typed = [0; 64];
        match rustix::io::read(io::stderr(), &mut typed) {
            Ok(0) | Err(_) => self.has_keys = false,
            Ok(count) => keys::read(&typed[..count]).for_each(|key| self.press(key)),
        }
    }

    fn press(&mut self, key: Key) {
        match key {
            Key::Pause => self.shown.is_paused = !self.shown.is_paused,
            Key::Help => self.shown.shows_help = !self.shown.shows_help,
            Key::Redraw => {
                // A terminal that cannot be cleared shows the next frame as it can.
                let _ = self.terminal.clear();
            }
            Key::End => {
                // The same as Ctrl-C, and heard where that is heard.
                let _ = kill_process(getpid(), Signal::INT);
            }
        }
    }
}
