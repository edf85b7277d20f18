//! `prony profile`: one benchmark.

use rand::{TryRng, rngs::SysRng};

use prony_plugin_api::metadata::EndpointMetadata;

use super::{
    exit::{Exit, Explain, Failure},
    terminal,
};
use crate::config::{
    flags::ProfileFlags,
    resolve::{ConfigError, Facts, Resolved, resolve},
};

/// The dialect when the user names none.
pub(super) const DEFAULT_ENDPOINT: &str = "chat";

/// Measures a server.
pub(super) fn run(flags: &ProfileFlags) -> Result<Exit, Failure> {
    let name = flags.endpoint_type.as_deref().unwrap_or(DEFAULT_ENDPOINT);
    Err(Failure::new(Exit::Failed, format!("profile with `{name}`: not wired")))
}

/// Turns flags into a configuration and tells the user what is odd about it.
///
/// `name` and `endpoint` are the manifest entry that `--endpoint-type` means.
pub(super) fn plan(
    flags: &ProfileFlags,
    name: &str,
    endpoint: &EndpointMetadata,
) -> Result<Resolved, Failure> {
    let resolved = resolve(flags, endpoint, name, &facts()?)?;
    resolved.warnings.iter().for_each(|warning| terminal::warn(warning));
    Ok(resolved)
}

fn facts() -> Result<Facts, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // 32 bits, so that the seed is short enough to be typed again.
    let seed = SysRng.try_next_u32().map_err(|error| {
        Failure::new(Exit::Failed, "draw a random seed from the system")
            .caused_by(&error)
            .with_hint("name one with `--random-seed`")
    })?;
    Ok(Facts { cores, seed: seed.into() })
}

impl Explain for ConfigError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(ConfigError::hint(self))
    }
}
