//! Reads what a child says, and waits for its end.

use std::{
    collections::HashMap,
    io,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{Arc, atomic::Ordering, mpsc::Sender},
    thread,
};

use prony_plugin_api::abi::host::HostServices;

use super::{
    life::Life,
    words::{Word, level},
};
use crate::{
    child::{Child, frame::FrameReader},
    plugin::{PluginLog, Provenance},
    service::{
        failure::{Outcome, ServiceFailure},
        host::ServiceHost,
        mailbox::Line,
    },
};

/// Libraries whose log lines are told apart, each of which leaks a little. A service has one, and those it brings.
const MOST_LOGS: usize = 64;

/// The answer to an order.
#[derive(Debug)]
pub(super) enum Answer {
    /// To the first one.
    Ready { subscriptions: Vec<String>, provenance: Provenance },
    /// To all others.
    Done(Outcome),
}

/// The thread that hears a child out.
pub(super) struct Reader {
    pub(super) host: ServiceHost,
    pub(super) answers: Sender<Answer>,
    pub(super) life: Arc<Life>,
    pub(super) line: Line,
}

/// Sees to it that the child's words end with the child. A program that it has started may hold its socket open; what
/// the child itself has said is there before it is dead.
fn until_death(words: &UnixStream, child: &Child) -> io::Result<()> {
    let (words, kill_handle) = (words.try_clone()?, child.kill_handle());
    let waiting = move || {
        kill_handle.await_end();
        // It may have been closed already.
        let _ = words.shutdown(Shutdown::Both);
    };
    thread::Builder::new().name("svc end".into()).spawn(waiting).map(drop)
}

impl Reader {
    /// Passes on what the child says until it has nothing more to say, then waits for its end. A child that ends without
    /// having been told to is a failed service.
    pub(super) fn read(self, words: UnixStream, mut child: Child) {
        // One that is cut off in the middle has died, which is told below.
        if let Err(error) = until_death(&words, &child).and_then(|()| self.pass_on(words))
            && error.kind() == io::ErrorKind::InvalidData
        {
            let message = format!("its process says what nobody understands: {error}");
            self.line.fail(ServiceFailure::new(
                "frame",
                message,
                "its library writes to descriptors that are not its own",
            ));
        }
        // One that closes its socket and goes on has left us, too.
        self.life.is_over(child.end());
        if !self.life.is_ending() {
            let place = self.line.under_way().map(|call| format!(" in `{call}`"));
            self.line.fail(self.life.failure(&place.unwrap_or_default()));
        }
        // Here, at last, the answers end.
        drop(self.answers);
    }

    fn pass_on(&self, words: UnixStream) -> io::Result<()> {
        let mut words = FrameReader::new(words);
        let mut logs = HashMap::new();
        while let Some(word) = words.read::<Word<'static>>()? {
            match word {
                Word::Ready { subscriptions, provenance } => {
                    self.answer(Answer::Ready { subscriptions, provenance });
                }
                Word::Done(outcome) => {
                    if outcome.is_err() {
                        // The child ends by itself now, and that is not what is wrong with it.
                        self.life.end();
                    }
                    self.answer(Answer::Done(outcome));
                }
                Word::Publish { message_type, payload } => {
                    // What is not taken is counted there.
                    let _ = self.host.publish(&message_type, &payload.0);
                }
                Word::Lost(messages) => {
                    self.host.traffic.lost.fetch_add(messages, Ordering::Relaxed);
                }
                Word::Log { plugin: None, level: number, source, text } => {
                    self.host.log(level(number), &source, &text);
                }
                Word::Log { plugin: Some(plugin), level: number, source, text } => {
                    let is_known = logs.contains_key(&plugin);
                    if is_known || logs.len() < MOST_LOGS {
                        let log = logs.entry(plugin).or_insert_with_key(|plugin| PluginLog::new(plugin));
                        log.write(level(number), &source, &text);
                    }
                }
                Word::RequestStop { reason } => self.host.request_stop(&reason),
            }
        }
        Ok(())
    }

    fn answer(&self, answer: Answer) {
        // Nobody waits for the answer of a service that has failed.
        let _ = self.answers.send(answer);
    }
}
