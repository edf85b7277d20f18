//! Conformance: everything that a host and a server may do to a plugin, in one seeded suite.
//!
//! A vendor's `cargo test` runs it on a type; `prony plugins check` runs the same on a library, in a child process.
//! The noun is the [`Report`]: a list of [`Check`]s. The same suite on the same plugin always does the same.
//!
//! What it demands of every plugin: no panic, no call without an end, an error with a text. What it demands beyond that
//! is what the contract says, and nothing about an API format, which it does not know: give it recorded answers
//! ([`Suite::replay`]), and it cuts, splits, mixes and corrupts those.
//!
//! ```no_run
//! # use prony_plugin_api::{Endpoint, EventSink, Parser, RequestWriter, Result, TurnContext};
//! # struct AcmeChat;
//! # impl Endpoint for AcmeChat {
//! #     type Parser = Self;
//! #     fn new(_: &str) -> Result<Self> { Ok(Self) }
//! #     fn format(&self, _: &TurnContext<'_>, _: &mut RequestWriter<'_>) -> Result<()> { Ok(()) }
//! #     fn parser(&self) -> Self { Self }
//! # }
//! # impl Parser for AcmeChat {
//! #     fn event(&mut self, _: &str, _: &[u8], _: &mut EventSink<'_>) -> Result<()> { Ok(()) }
//! #     fn body(&mut self, _: u32, _: &[u8], _: &mut EventSink<'_>) -> Result<()> { Ok(()) }
//! # }
//! use prony_plugin_api::{conformance::Suite, testing::Recording};
//!
//! let stream = Recording::stream(*b"data: {\"text\": \"Hi\"}\n\n");
//! let report = Suite::new().replay("stream.sse", stream).endpoint::<AcmeChat>();
//! assert!(report.conforms(), "{report}");
//! ```

mod bench;
mod cases;
mod catalogue;
mod chunks;
mod construct;
mod corruption;
mod format;
mod fuzz;
mod garbage;
mod parser;
mod piece;
mod replay;
mod report;
mod samples;
mod selection;
mod service;
mod watch;

pub use cases::{CaseName, CALLS_RETURN, CASES, OPTIONS_TAKEN, PROCESS_LIVES, SOMETHING_TRIED, SPEED};
pub use piece::Piece;
pub use report::{Check, Finding, Report, Verdict};
pub use selection::Selection;

use std::time::Duration;

use crate::{
    abi::{
        author::{endpoint_table, service_table},
        EndpointVt_Ref, ServiceVt_Ref,
    },
    endpoint::Endpoint,
    service::Service,
    testing::{Recording, TestEndpoint},
};

/// Seed of everything that is random, unless told otherwise.
pub const SEED: u64 = 42;

/// How many corrupted events are tried, unless told otherwise; and a quarter as many corrupted streams and random responses.
pub const MUTATIONS: u32 = 4000;

/// How long one call may take before it counts as a hang, unless told otherwise: debug builds on busy machines are slow.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Runs the suite on an endpoint that needs no options and of which no answers are recorded.
pub fn check_endpoint<E: Endpoint>() -> Report {
    Suite::new().endpoint::<E>()
}

/// Runs the suite on a service that needs no options.
pub fn check_service<S: Service>() -> Report {
    Suite::new().service::<S>()
}

/// Hears what a suite is doing. What it heard last is what a plugin was doing when it took its process down.
pub trait Witness {
    /// A call into the plugin is about to be made. The text fits after "while checking".
    fn begins(&mut self, step: &str);

    /// A check is over.
    fn checked(&mut self, check: Check);

    /// The steps from now on are those of this case.
    fn opens(&mut self, _case: CaseName) {}

    /// Whether it wants to hear what goes in and out. Making that known takes time.
    fn traces(&self) -> bool {
        false
    }

    /// What goes into the call that has just begun.
    fn gives(&mut self, _pieces: Vec<Piece>) {}

    /// What came out of it.
    fn gets(&mut self, _pieces: Vec<Piece>) {}
}

/// The suite, with what it needs to know about a plugin.
#[derive(Clone, Debug)]
pub struct Suite {
    options: String,
    recordings: Vec<(String, Recording)>,
    seed: u64,
    mutations: u32,
    deadline: Duration,
    selection: Selection,
}

impl Default for Suite {
    fn default() -> Self {
        Self::new()
    }
}

impl Suite {
    /// Without options and recordings.
    pub fn new() -> Self {
        Self {
            options: "{}".to_owned(),
            recordings: Vec::new(),
            seed: SEED,
            mutations: MUTATIONS,
            deadline: DEADLINE,
            selection: Selection::default(),
        }
    }

    /// The options that the plugin needs: the text of a JSON object.
    #[must_use]
    pub fn options(self, json: &str) -> Self {
        Self { options: json.to_owned(), ..self }
    }

    /// Adds a recorded answer under the name of its file.
    #[must_use]
    pub fn replay(mut self, name: &str, recording: Recording) -> Self {
        self.recordings.push((name.to_owned(), recording));
        self
    }

    /// Another seed.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Only these cases. One that the others cannot do without is made all the same, and told if something is found.
    #[must_use]
    pub fn choose(self, selection: Selection) -> Self {
        Self { selection, ..self }
    }

    /// Another number of corrupted events.
    #[must_use]
    pub fn mutations(self, mutations: u32) -> Self {
        Self { mutations, ..self }
    }

    /// Another limit of the time of one call.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Runs it on an endpoint, in this process. A call that never returns is left behind in its thread.
    pub fn endpoint<E: Endpoint>(&self) -> Report {
        let suite = self.clone();
        watch::watched(&short_name::<E>(), self.deadline, move |witness| {
            suite.endpoint_table(endpoint_table::<E>("endpoint"), E::OPTIONS, witness);
        })
    }

    /// Runs it on a service, in this process. A call that never returns is left behind in its thread.
    pub fn service<S: Service>(&self) -> Report {
        let suite = self.clone();
        watch::watched(&short_name::<S>(), self.deadline, move |witness| {
            suite.service_table(service_table::<S>("service"), S::OPTIONS, witness);
        })
    }

    /// Runs it on an endpoint's function table; nobody watches for calls that do not return. `schema` is the type's
    /// `OPTIONS`.
    pub fn endpoint_table(&self, table: EndpointVt_Ref, schema: &str, witness: &mut dyn Witness) {
        let mut bench = bench::Bench::new(witness, &self.selection);
        construct::schema(schema, &mut bench);
        let create = |options: &str| TestEndpoint::from_table(table, options);
        let Some(endpoint) = construct::instance(&create, &self.options, &mut bench) else { return };
        format::check(&endpoint, &mut bench);
        let known = samples::understood(&endpoint, &self.recordings, &mut bench);
        replay::check(&endpoint, &known, self.seed, &mut bench);
        parser::check(&endpoint, &mut bench);
        corruption::check(&endpoint, &known, self.seed, self.mutations, &mut bench);
        fuzz::check(&endpoint, &known, self.seed, self.mutations / 4, &mut bench);
    }

    /// Runs it on a service's function table; nobody watches for calls that do not return. `schema` is the type's
    /// `OPTIONS`.
    pub fn service_table(&self, table: ServiceVt_Ref, schema: &str, witness: &mut dyn Witness) {
        let mut bench = bench::Bench::new(witness, &self.selection);
        construct::schema(schema, &mut bench);
        service::check(table, &self.options, &mut bench);
    }

    /// The recorded answers that the endpoint can read, or else those of common API formats that it can: what its speed is
    /// measured with.
    pub fn readable(&self, endpoint: &TestEndpoint) -> Vec<(String, Recording)> {
        samples::readable(endpoint, &self.recordings, |_| {})
    }
}

fn short_name<T>() -> String {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name).to_owned()
}
