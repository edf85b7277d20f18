//! The tests' harness: the real binary, the real libraries, a server that knows its own truth.
//!
//! A test reads like this:
//!
//! ```no_run
//! use prony_tests::{MockServer, Tool};
//!
//! let server = MockServer::start(["--tokens", "8"]);
//! let run = Tool::profile(&server).args(["--request-count", "3"]).run();
//! run.succeeds();
//! assert_eq!(run.summary()["request_count"]["avg"], 3.0);
//! assert_eq!(server.truth()["requests_ok"], 3);
//! ```
#![expect(clippy::expect_used, clippy::panic, reason = "a harness fails a test by panicking")]

mod digest;
mod h2_server;
mod install;
pub mod journal;
pub mod languages;
mod laws;
mod mock_plugin;
mod mock_server;
mod nats;
pub mod pages;
mod pass_on;
mod process;
mod proxy;
mod relay;
mod run;
mod scripted;
mod side_by_side;
mod sshd;
mod surroundings;
mod terminal;
mod tls_front;
mod tool;
mod typed;
mod unix_front;
pub mod wire;

pub use digest::{hex, sha256};
pub use h2_server::H2Server;
pub use laws::follows_gamma_law;
pub use mock_plugin::{MockPlugin, mock_plugin};
pub use mock_server::MockServer;
pub use nats::NatsServer;
pub use process::{eventually, finish, finish_within, finished_within, kill};
pub use proxy::{Manner, Proxy};
pub use relay::Relay;
pub use run::Run;
pub use scripted::{Script, ScriptedServer, SeenRequest, ask_once};
pub use side_by_side::side_by_side;
pub use sshd::SshServer;
pub use surroundings::shell;
pub use terminal::Terminal;
pub use tls_front::{Identity, TlsFront};
pub use tool::{NO_FLAG, Running, Tool};
pub use typed::commands_of;
pub use unix_front::UnixFront;

use std::path::PathBuf;

pub use install::{library, program};

/// The tests' own data.
pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}
