//! A host that offers nothing, for libraries that are not opened by one.

use prony_plugin_api::{
    LogLevel, PublishError,
    abi::{
        PluginModule_Ref,
        host::{HostServices, HostTable, PluginRoot},
    },
};

/// The root of a library that is linked into this program, ready to be asked for its endpoints.
pub fn root(module: PluginModule_Ref) -> PluginRoot {
    PluginRoot::new(module, HostTable::leak(NoHost))
}

/// Takes nothing, and tells of panics.
#[derive(Clone, Copy, Debug)]
pub struct NoHost;

impl HostServices for NoHost {
    fn log_enabled(&self, _level: LogLevel, target: &str) -> bool {
        target == "panic"
    }
    #[expect(clippy::print_stderr, reason = "a fuzzer's log is its standard error")]
    fn log(&self, _level: LogLevel, target: &str, text: &str) {
        eprintln!("{target}: {text}");
    }
    fn publish(&self, _message_type: &str, _payload: &[u8]) -> Result<(), PublishError> {
        Err(PublishError::Closed)
    }
    fn now_ns(&self) -> u64 {
        0
    }
    fn run_facts(&self) -> String {
        "{}".to_owned()
    }
    fn request_stop(&self, _reason: &str) {}
}
