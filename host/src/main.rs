//! The `prony` binary.
fn main() -> std::process::ExitCode {
    prony::cli::main()
}
