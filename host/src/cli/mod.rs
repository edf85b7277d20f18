//! Placeholder: `cli`.

mod plugins;

/// Placeholder.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
