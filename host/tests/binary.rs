//! The binary starts. Everything else about it is tested in the workspace's `tests` package, which relies on this test
//! for the binary to be built.

use std::process::Command;

#[test]
fn the_version_is_the_packages() {
    let output = Command::new(env!("CARGO_BIN_EXE_prony")).arg("--version").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("prony {}\n", env!("CARGO_PKG_VERSION")));
}
