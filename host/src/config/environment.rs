//! What a configuration takes from the machine and the environment.

use super::proxy::ProxyEnvironment;

/// What the machine contributes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// Processor cores that this process may use.
    pub(crate) cores: usize,
    /// The seed when the user names none: random, drawn once.
    pub(crate) seed: u64,
    /// What the environment says about proxies.
    pub(crate) proxies: ProxyEnvironment,
    /// Names of the variables that are set and that AIPerf reads, in order.
    pub(crate) aiperf_variables: Vec<String>,
}
