//! A service under test, and the host beside it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    abi::{
        author::service_table,
        host::{HostServices, HostTable, ServiceInstance},
        ServiceVt_Ref,
    },
    error::Result,
    message::Message,
    service::{LogLevel, PublishError, Service},
};

/// A host that does what a test tells it, and remembers what a service tells it. Clones are the same host.
#[derive(Clone, Debug)]
pub struct ScriptedHost {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    now_ns: u64,
    run_facts: String,
    log_level: LogLevel,
    room: usize,
    is_over: bool,
    published: Vec<Published>,
    refused: usize,
    logs: Vec<LogLine>,
    stop_requests: Vec<String>,
}

/// A message that a service published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its type.
    pub message_type: String,
    /// Its MessagePack.
    pub payload: Vec<u8>,
}

/// A line that a service logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its level.
    pub level: LogLevel,
    /// Its target.
    pub target: String,
    /// Its text.
    pub text: String,
}

impl Default for ScriptedHost {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedHost {
    /// A host at the start of its run, with empty facts, that takes every message and listens to every log line.
    pub fn new() -> Self {
        let state = State {
            now_ns: 0,
            run_facts: "{}".to_owned(),
            log_level: LogLevel::Trace,
            room: usize::MAX,
            is_over: false,
            published: Vec::new(),
            refused: 0,
            logs: Vec::new(),
            stop_requests: Vec::new(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Sets its clock.
    pub fn set_now(&self, now_ns: u64) {
        self.lock().now_ns = now_ns;
    }

    /// Sets what it says about the run: the text of a JSON object.
    pub fn set_run_facts(&self, json: &str) {
        json.clone_into(&mut self.lock().run_facts);
    }

    /// Listens to this level and those above it only.
    pub fn set_log_level(&self, level: LogLevel) {
        self.lock().log_level = level;
    }

    /// Takes so many more messages; then its bus is full.
    pub fn set_room(&self, messages: usize) {
        self.lock().room = messages;
    }

    /// Ends the run: its bus is closed.
    pub fn end_run(&self) {
        self.lock().is_over = true;
    }

    /// Everything that was published and taken.
    pub fn published(&self) -> Vec<Published> {
        self.lock().published.clone()
    }

    /// What was published of one type.
    ///
    /// # Errors
    /// `malformed` when one of them is not an `M`.
    pub fn published_as<M: Message>(&self) -> Result<Vec<M>> {
        let state = self.lock();
        let of_type = state.published.iter().filter(|published| published.message_type == M::TYPE);
        of_type.map(|published| M::decode(&published.payload)).collect()
    }

    /// How many messages found its bus full.
    pub fn refused(&self) -> usize {
        self.lock().refused
    }

    /// Everything that was logged.
    pub fn logs(&self) -> Vec<LogLine> {
        self.lock().logs.clone()
    }

    /// The reasons for which it was asked to end the run.
    pub fn stop_requests(&self) -> Vec<String> {
        self.lock().stop_requests.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HostServices for ScriptedHost {
    fn log_enabled(&self, level: LogLevel, _target: &str) -> bool {
        level <= self.lock().log_level
    }

    fn log(&self, level: LogLevel, target: &str, text: &str) {
        self.lock().logs.push(LogLine { level, target: target.to_owned(), text: text.to_owned() });
    }

    fn publish(&self, message_type: &str, payload: &[u8]) -> Result<(), PublishError> {
        let mut state = self.lock();
        if state.is_over {
            return Err(PublishError::Closed);
        }
        if state.room == 0 {
            state.refused += 1;
            return Err(PublishError::Full);
        }
        state.room -= 1;
        state.published.push(Published { message_type: message_type.to_owned(), payload: payload.to_vec() });
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        self.lock().now_ns
    }

    fn run_facts(&self) -> String {
        self.lock().run_facts.clone()
    }

    fn request_stop(&self, reason: &str) {
        self.lock().stop_requests.push(reason.to_owned());
    }
}

/// A service as a host would hold it. Its host stays in memory for ever, because a service's threads may.
pub struct TestService {
    instance: ServiceInstance,
}

impl TestService {
    /// Makes one from its options, the text of a JSON object, beside a host.
    ///
    /// # Errors
    /// What the author's `new` returned, or its panic.
    pub fn new<S: Service>(options: &str, host: &ScriptedHost) -> Result<Self> {
        Self::from_table(service_table::<S>(std::any::type_name::<S>()), options, host)
    }

    /// Makes one from its function table.
    ///
    /// # Errors
    /// What the author's `new` returned, or its panic.
    pub fn from_table(table: ServiceVt_Ref, options: &str, host: &ScriptedHost) -> Result<Self> {
        let host = HostTable::leak(host.clone());
        ServiceInstance::create(table, options, host).map(|instance| Self { instance })
    }

    /// The message types that it wants to hear.
    pub fn subscriptions(&self) -> Vec<String> {
        self.instance.subscriptions()
    }

    /// Prepares it.
    ///
    /// # Errors
    /// What the author's `init` returned, or its panic.
    pub fn init(&mut self) -> Result<()> {
        self.instance.init()
    }

    /// Begins its work.
    ///
    /// # Errors
    /// What the author's `start` returned, or its panic.
    pub fn start(&mut self) -> Result<()> {
        self.instance.start()
    }

    /// Hands it a message, whether it has subscribed to it or not.
    ///
    /// # Errors
    /// What the author's `on_message` returned, or its panic.
    pub fn send<M: Message>(&mut self, message: &M) -> Result<()> {
        self.send_raw(M::TYPE, &message.encode()?)
    }

    /// Hands it any bytes as a message.
    ///
    /// # Errors
    /// What the author's `on_message` returned, or its panic.
    pub fn send_raw(&mut self, message_type: &str, payload: &[u8]) -> Result<()> {
        self.instance.on_message(message_type, payload)
    }

    /// Ends it.
    ///
    /// # Errors
    /// What the author's `stop` returned, or its panic.
    pub fn stop(&mut self, deadline: Duration) -> Result<()> {
        self.instance.stop(deadline)
    }
}

impl fmt::Debug for TestService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestService").field(&self.instance).finish()
    }
}
