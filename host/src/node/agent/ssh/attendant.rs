//! Who is with a session while an agent works: passes on what it says, lets it know that this process is there, and sees to its end.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use super::{
    reply::is_noise,
    session::{Heard, Line, Session},
};
use crate::{
    clock::{Clock, RunNs, as_ns},
    config::redact,
    stderr,
};

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Time between two signs of life. An agent that has none for a minute ends: its network is gone.
const BEAT_EVERY: Duration = Duration::from_secs(10);

/// How long an agent may take to end when its input has. It waits for requests in flight, and writes down what it has measured.
const GRACE: Duration = Duration::from_secs(30);

/// How long ssh may take to end when nobody has its output any more.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// A session that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// A half-sentence that goes on from "it".
    pub(super) how: String,
    /// What it said last.
    pub(super) said: String,
}

/// A session with somebody who is with it.
#[derive(Debug)]
pub(super) struct Attended(Arc<State>);

#[derive(Debug, Default)]
struct State {
    known: Mutex<Known>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Known {
    /// Its input is to end.
    closes: bool,
    ended: Option<Ended>,
}

impl Attended {
    /// Stays with a session, on a thread of its own. What the other side says as errors is passed on with this name in front.
    pub(super) fn start(name: String, session: Session) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::Builder::new().name("ssh agent".into()).spawn(move || attend(&name, session, &shared))?;
        Ok(Self(state))
    }

    /// How it ended, if it has.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.0.look(|known| known.ended.clone())
    }

    /// Lets its input end, by which the agent ends.
    pub(super) fn close(&self) {
        self.0.look(|known| known.closes = true);
    }

    /// Waits for its end. Says whether it has come.
    pub(super) fn wait(&self, within: Duration) -> bool {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |known: &mut Known| known.ended.is_none();
        let waited = self.0.changed.wait_timeout_while(known, within, waits);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl State {
    fn look<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn attend(name: &str, mut session: Session, state: &State) {
    let clock = Clock::start();
    let (mut beat, mut closed): (RunNs, Option<RunNs>) = (0, None);
    loop {
        match session.next(LOOK_EVERY) {
            Heard::Line(Line::Err(line)) if !is_noise(&line) => {
                stderr::write(format!("{}\n", redact::shown(&format!("{name}: {line}"))));
            }
            Heard::Line(_) | Heard::Nothing => {}
            Heard::Over => break,
        }
        let now = clock.now();
        match closed {
            None if state.look(|known| known.closes) => {
                session.close_input();
                closed = Some(now);
            }
            None if now.saturating_sub(beat) >= as_ns(BEAT_EVERY) => {
                beat = now;
                // One that reads nothing any more has ended, which is heard next.
                let _ = session.write(b"\n");
            }
            Some(at) if now.saturating_sub(at) > as_ns(GRACE) => break,
            _ => {}
        }
    }
    let end = session.end(END_TIMEOUT);
    let ended = Ended { how: end.to_string(), said: session.said_in_one() };
    state.look(|known| known.ended = Some(ended));
    state.changed.notify_all();
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(60);

    #[test]
    fn it_is_known_how_a_session_ended() {
        let session = Session::open("sh -c 'echo why >&2; exit 4' --", "h", None, "command").unwrap();
        let attended = Attended::start("h".to_owned(), session).unwrap();
        assert!(attended.wait(TIMEOUT));
        let ended = Ended { how: "ended with code 4".to_owned(), said: "why".to_owned() };
        assert_eq!(attended.ended(), Some(ended));
    }

    #[test]
    fn a_session_ends_by_the_end_of_its_input() {
        let session = Session::open("sh -c 'cat > /dev/null' --", "h", None, "command").unwrap();
        let attended = Attended::start("h".to_owned(), session).unwrap();
        assert_eq!(attended.ended(), None);
        attended.close();
        assert!(attended.wait(TIMEOUT));
        assert_eq!(attended.ended().unwrap().how, "ended with code 0");
    }
}
