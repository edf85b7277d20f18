//! The binary starts. Everything else about it is tested in the workspace's `tests` package, which relies on this test
//! for the binary to be built.

#[path = "../../tests/src/process.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "the harness has more uses for it; to depend on it builds all plugins"
)]
#[expect(clippy::expect_used, clippy::panic, reason = "a harness fails a test by panicking")]
mod process;

use std::process::Command;

#[test]
fn the_version_is_the_packages() {
    let output = process::finish(Command::new(env!("CARGO_BIN_EXE_prony")).arg("--version"));
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("prony {}\n", env!("CARGO_PKG_VERSION")));
}
