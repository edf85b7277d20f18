//! The child's side: makes the service and does what the parent orders.

use std::{
    io,
    os::unix::net::UnixStream,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use prony_plugin_api::{
    LogLevel, PublishError,
    abi::host::{HostServices, HostTable, ServiceInstance},
};

use super::{
    forward::Forward,
    outbox::Outbox,
    words::{Creation, Order, Word, number},
};
use crate::{
    child::{self, frame::FrameReader},
    clock::Clock,
    plugin::{Enforcement, Provenance, Registry},
    service::{
        failure::{Outcome, ServiceFailure},
        service_handle::ServiceHandle,
    },
    stderr,
};

/// Why a child could not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The socket, or a thread.
    #[error("talk to the process that started this one")]
    Socket(#[from] io::Error),
    /// Whoever holds the other end is no prony, or none of this version.
    #[error("understand the process that started this one")]
    OutOfTurn,
}

/// Runs one service for the parent at the other end of `socket`, until it is told to stop. When the parent is gone, this
/// process ends at once.
///
/// # Errors
/// There is nobody to run a service for.
pub(crate) fn serve(socket: UnixStream) -> Result<(), ServeError> {
    let mut orders = FrameReader::new(socket.try_clone()?);
    let Some(Order::Create(creation)) = orders.read()? else { return Err(ServeError::OutOfTurn) };
    let found = Found::confine(&creation);
    stderr::start();
    let outbox = Outbox::start(socket)?;
    // Fails only where a log already runs, as in a test.
    let _ = tracing::subscriber::set_global_default(Forward::new(outbox.clone(), creation.other_level));
    let (order, ordered) = channel();
    thread::Builder::new().name("from parent".into()).spawn(move || {
        // While the service is in a call, and even if it hangs, somebody must hear that the parent is gone.
        while let Ok(Some(next)) = orders.read::<Order<'static>>() {
            if order.send(next).is_err() {
                return;
            }
        }
        child::perish();
    })?;
    match create(*creation, found, &outbox) {
        Ok((service, subscriptions, provenance)) => {
            outbox.say(Word::Ready { subscriptions, provenance });
            obey(service, &ordered, &outbox);
        }
        Err(failure) => outbox.say(Word::Done(Err(failure))),
    }
    outbox.flush();
    Ok(())
}

/// The plugins that there are, and what is denied to this process.
struct Found {
    registry: Result<Registry, ServiceFailure>,
    /// What came of it, unless nothing is to be denied.
    enforcement: Option<Enforcement>,
}

impl Found {
    /// Looks for the plugins, and has the kernel deny what the service's library does not state. To be called before there are other
    /// threads: what is denied to this one is denied to all that it starts, and to the initialisers of the library.
    fn confine(creation: &Creation) -> Self {
        let registry = Registry::discover(&creation.search).map_err(ServiceFailure::of_load);
        let limits = registry.as_ref().ok().and_then(|registry| registry.confinement(&creation.entry));
        Self { registry, enforcement: limits.map(|limits| limits.enforce(&creation.entry)) }
    }
}

type Made = (ServiceInstance, Vec<String>, Provenance);

/// Makes the service. Also returns what it wants to hear, and what is to be said about how it was loaded.
fn create(creation: Creation, found: Found, outbox: &Outbox) -> Result<Made, ServiceFailure> {
    let registry = found.registry?;
    match found.enforcement {
        Some(Enforcement::Whole(text)) => registry.mention(text),
        Some(Enforcement::Partial(text)) => registry.remark(text),
        None => {}
    }
    let host = HostInChild {
        outbox: outbox.clone(),
        clock: Clock::at(creation.clock),
        facts: creation.facts,
        finest: creation.own_level,
    };
    let host = HostTable::leak(host);
    let service =
        registry.load_service(&creation.entry, &creation.options, host).map_err(ServiceFailure::of_load)?;
    let subscriptions = service.subscriptions();
    Ok((service, subscriptions, registry.provenance()))
}

/// Does what is ordered until the service has stopped or failed.
fn obey(mut service: ServiceInstance, orders: &Receiver<Order<'static>>, outbox: &Outbox) {
    while let Ok(order) = orders.recv() {
        let is_last = matches!(order, Order::Stop { .. });
        let outcome = carry_out(&mut service, order);
        let failed = outcome.is_err();
        outbox.say(Word::Done(outcome));
        if is_last || failed {
            outbox.close();
            // A crash in the destructor must not take the answer along.
            outbox.flush();
            return;
        }
    }
}

fn carry_out(service: &mut ServiceInstance, order: Order<'_>) -> Outcome {
    // Named as the trait, because the instance has methods of the same names.
    match order {
        Order::Init => ServiceHandle::init(service),
        Order::Start => ServiceHandle::start(service),
        Order::Message { message_type, payload } => {
            ServiceHandle::on_message(service, &message_type, &payload.0)
        }
        Order::Stop { deadline_ns } => ServiceHandle::stop(service, Duration::from_nanos(deadline_ns)),
        Order::Create(_) => {
            Err(ServiceFailure::new("frame", "its process was told to make a second service", ""))
        }
    }
}

/// What a service in a child sees of the host.
struct HostInChild {
    outbox: Outbox,
    clock: Clock,
    facts: String,
    /// The finest level that anyone listens to.
    finest: u8,
}

impl HostServices for HostInChild {
    fn log_enabled(&self, level: LogLevel, _target: &str) -> bool {
        number(level) <= self.finest
    }

    fn log(&self, level: LogLevel, target: &str, text: &str) {
        if self.log_enabled(level, target) {
            self.outbox.log(None, number(level), target, text);
        }
    }

    fn publish(&self, message_type: &str, payload: &[u8]) -> Result<(), PublishError> {
        self.outbox.publish(message_type, payload, self.clock.now())
    }

    fn now_ns(&self) -> u64 {
        self.clock.now()
    }

    fn run_facts(&self) -> String {
        self.facts.clone()
    }

    fn request_stop(&self, reason: &str) {
        self.outbox.request_stop(reason);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::child::frame::FrameWriter;

    #[test]
    fn a_child_without_a_parent_has_nothing_to_do() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(ours);
        assert!(matches!(serve(theirs), Err(ServeError::OutOfTurn)));
    }

    #[test]
    fn a_parent_that_begins_with_something_else_is_no_parent() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        FrameWriter::new(ours).write(&Order::Start).unwrap();
        assert!(matches!(serve(theirs), Err(ServeError::OutOfTurn)));
    }

    #[test]
    fn garbage_is_an_error_of_the_socket() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(&[0xff; 8]).unwrap();
        assert!(matches!(serve(theirs), Err(ServeError::Socket(_))));
    }
}
