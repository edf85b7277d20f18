//! `prony service NAME`: one service in a process of its own.

use clap::Args;

use super::exit::{Exit, Failure};

/// What to run.
#[derive(Args, Debug)]
pub(super) struct ServiceArgs {
    /// Name of the service, as `prony plugins` lists it.
    #[arg(value_name = "NAME")]
    name: String,
}

/// Refuses: a service needs a host beside it, which is only there inside `profile`.
pub(super) fn run(args: &ServiceArgs) -> Result<Exit, Failure> {
    let message = format!("run the service `{}` by itself: prony does not have this yet", args.name);
    Err(Failure::new(Exit::Usage, message)
        .with_hint("`prony profile` runs services inside its own process, beside the load"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_alone_is_a_usage_error_that_names_it() {
        let failure = run(&ServiceArgs { name: "server_metrics".to_owned() }).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("`server_metrics`"));
    }
}
