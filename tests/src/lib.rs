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

mod mock_plugin;
mod mock_server;
mod run;
mod tool;
pub mod wire;

pub use mock_plugin::{MockPlugin, mock_plugin};
pub use mock_server::MockServer;
pub use run::Run;
pub use tool::{Running, Tool, eventually};

use std::path::PathBuf;

/// The folder of the binary and the libraries under test: the one this test was built into.
///
/// # Panics
/// When the test does not run from a build folder.
pub fn build_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let deps = test.parent().expect("a test stands in a folder");
    deps.parent().expect("`deps` stands in the build folder").to_owned()
}

/// The tests' own data.
pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The library that a package builds.
///
/// # Panics
/// When it was not built.
pub fn library(package: &str) -> PathBuf {
    let path = build_dir().join(format!("lib{}.so", package.replace('-', "_")));
    assert!(path.exists(), "`{}` is not built: run `cargo test --workspace`", path.display());
    path
}
