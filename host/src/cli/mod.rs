//! Placeholder: `cli`.

mod mock_server;

/// Placeholder.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
