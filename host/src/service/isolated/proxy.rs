//! The parent's side: starts the child and calls the service in it.

use std::{
    borrow::Cow,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

use tracing::level_filters::LevelFilter;

use super::{
    life::Life,
    reader::{Answer, Reader},
    words::{Creation, Order, Payload, number},
};
use crate::{
    child::{Child, KillHandle, Variables, frame::FrameWriter},
    clock::as_ns,
    plugin::Registry,
    service::{
        failure::{Outcome, ServiceFailure},
        host::ServiceHost,
        mailbox::Line,
        service_handle::ServiceHandle,
        wanted::Wanted,
    },
};

/// A service in a child process. The child does not outlive this value.
pub(in crate::service) struct Isolated {
    orders: FrameWriter,
    answers: Receiver<Answer>,
    subscriptions: Vec<String>,
    life: Arc<Life>,
    kill_handle: KillHandle,
}

impl Isolated {
    /// Starts a child and makes the service in it.
    pub(in crate::service) fn start(
        wanted: &Wanted,
        registry: &Registry,
        host: ServiceHost,
        line: &Line,
    ) -> Result<Self, ServiceFailure> {
        // The rest of what its library does not state, the child has the kernel deny.
        let variables =
            registry.confinement(&wanted.entry).map_or(Variables::Ours, |limits| limits.variables());
        let (child, socket) = Child::spawn_seeing(variables, &["service", "--", &wanted.entry])
            .map_err(|error| no_child(&error))?;
        line.runs_in(child.id());
        let kill_handle = child.kill_handle();
        let in_hand = kill_handle.clone();
        line.on_failure(move || in_hand.kill());
        let creation = Creation {
            entry: wanted.entry.clone(),
            options: wanted.options.clone(),
            facts: host.facts.to_string(),
            clock: host.clock.anchor(),
            search: registry.search().clone(),
            own_level: host.log.finest().map_or(0, number),
            other_level: finest(LevelFilter::current()),
        };
        let (answering, answers) = channel();
        let state = Arc::new(Life::default());
        let reader = Reader { host, answers: answering, life: Arc::clone(&state), line: line.clone() };
        let words = socket.try_clone().map_err(|error| no_child(&error))?;
        thread::Builder::new()
            .name(format!("svc {} in", wanted.name))
            .spawn(move || reader.read(words, child))
            .map_err(|error| no_child(&error))?;
        let orders = FrameWriter::new(socket);
        let mut isolated = Self { orders, answers, subscriptions: Vec::new(), life: state, kill_handle };
        match isolated.ask(&Order::Create(Box::new(creation)), "new")? {
            Answer::Ready { subscriptions, provenance } => {
                registry.add(provenance);
                isolated.subscriptions = subscriptions;
                Ok(isolated)
            }
            Answer::Done(outcome) => Err(outcome.err().unwrap_or_else(|| out_of_turn("new"))),
        }
    }

    /// Gives an order and waits for its answer, without a limit: the mailbox has one, and ends the child.
    fn ask(&mut self, order: &Order<'_>, call: &str) -> Result<Answer, ServiceFailure> {
        match self.orders.write(order) {
            // It is too large, or the child is gone: then there is no answer either, and a better reason.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(ServiceFailure::new(
                    "frame",
                    format!("`{call}` cannot be sent to its process: {error}"),
                    "",
                ));
            }
            _ => {}
        }
        self.answers.recv().map_err(|_| self.life.failure(&format!(" in `{call}`")))
    }

    fn call(&mut self, order: &Order<'_>, call: &str) -> Outcome {
        match self.ask(order, call)? {
            Answer::Done(outcome) => outcome,
            Answer::Ready { .. } => Err(out_of_turn(call)),
        }
    }
}

fn no_child(error: &io::Error) -> ServiceFailure {
    let message = format!("there is no process for it: {error}");
    ServiceFailure::new(
        "process",
        message,
        "raise the limits on processes and open files (`ulimit -u`, `ulimit -n`)",
    )
}

fn out_of_turn(call: &str) -> ServiceFailure {
    ServiceFailure::new("frame", format!("its process answered `{call}` with something else"), "")
}

fn finest(filter: LevelFilter) -> u8 {
    [LevelFilter::OFF, LevelFilter::ERROR, LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG]
        .iter()
        .position(|each| *each == filter)
        .and_then(|number| u8::try_from(number).ok())
        .unwrap_or(5)
}

impl ServiceHandle for Isolated {
    fn subscriptions(&self) -> Vec<String> {
        self.subscriptions.clone()
    }

    fn init(&mut self) -> Outcome {
        self.call(&Order::Init, "init")
    }

    fn start(&mut self) -> Outcome {
        self.call(&Order::Start, "start")
    }

    fn on_message(&mut self, message_type: &str, payload: &[u8]) -> Outcome {
        let (message_type, payload) = (Cow::Borrowed(message_type), Payload(Cow::Borrowed(payload)));
        self.call(&Order::Message { message_type, payload }, "on_message")
    }

    fn stop(&mut self, deadline: Duration) -> Outcome {
        self.life.end();
        self.call(&Order::Stop { deadline_ns: as_ns(deadline) }, "stop")
    }

    /// Waits for the child's end, which is the end of its answers.
    fn destroy(self: Box<Self>) -> Outcome {
        while self.answers.recv().is_ok() {}
        if self.life.ended_cleanly() { Ok(()) } else { Err(self.life.failure(" after `stop`")) }
    }
}

impl Drop for Isolated {
    fn drop(&mut self) {
        self.kill_handle.kill();
    }
}
