//! The flags about what is done around a run and its phases: commands, and calls to the server.

use clap::Args;

use super::choice::HOOKS;
use crate::config::units;

/// Commands for the shell and calls to the server, around the load.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct HookFlags {
    /// Command for the shell before the run. If it fails, nothing is measured.
    ///
    /// It comes before prony looks whether the server is there, so that it may start it. Commands find the run's folder in
    /// `PRONY_RUN_DIR`, and more in variables that begin with `PRONY_RUN_`. What they say is kept in the folder `hooks`.
    #[arg(long, value_name = "COMMAND", help_heading = HOOKS)]
    pub(crate) before_run: Option<String>,

    /// Command for the shell when the load is over, also after Ctrl-C. If it fails, the results stay, with a warning.
    #[arg(long, value_name = "COMMAND", help_heading = HOOKS)]
    pub(crate) after_run: Option<String>,

    /// Command for the shell before each phase, or before the phase of this name; may be repeated. If it fails, the run ends.
    ///
    /// The time of the phase begins after it. The phases are called `warm-up` and `profiling`, unless they have names of their
    /// own.
    #[arg(long, value_name = "[NAME: ]COMMAND", help_heading = HOOKS)]
    pub(crate) before_phase: Vec<String>,

    /// Command for the shell after each phase, or after the phase of this name; may be repeated. If it fails, the run goes on,
    /// with a warning.
    #[arg(long, value_name = "[NAME: ]COMMAND", help_heading = HOOKS)]
    pub(crate) after_phase: Vec<String>,

    /// Maximum time for each of these commands; one that takes longer is ended, and has failed [default: no limit].
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = HOOKS)]
    pub(crate) hook_timeout: Option<f64>,

    /// Empty the prefix cache of each server once before the run, by a POST; in an experiment or a search, before each run.
    ///
    /// If a server refuses it, nothing is measured. vLLM takes it when it was started with `VLLM_SERVER_DEV_MODE=1`.
    #[arg(long, help_heading = HOOKS)]
    pub(crate) reset_kv_cache: bool,

    /// Path of that call on the server [default: `/reset_prefix_cache`, as vLLM has it; in `SGLang` `/flush_cache`].
    #[arg(long, value_name = "PATH", value_parser = units::absolute_path, help_heading = HOOKS)]
    pub(crate) reset_kv_cache_path: Option<String>,

    /// Maximum time for that call, and for repeating it while the server is busy [default: 30].
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = HOOKS)]
    pub(crate) reset_kv_cache_timeout_seconds: Option<f64>,

    /// Have each server profile itself while a phase is measured, by a POST before and after it.
    ///
    /// It slows the server down: the numbers of such a run are for its profile. If the profiler does not start, the run ends.
    #[arg(long, help_heading = HOOKS)]
    pub(crate) server_profiler: bool,

    /// Path of the call that starts the profiler [default: `/start_profile`].
    #[arg(long, value_name = "PATH", value_parser = units::absolute_path, help_heading = HOOKS)]
    pub(crate) server_profiler_start_path: Option<String>,

    /// Path of the call that stops it [default: `/stop_profile`].
    #[arg(long, value_name = "PATH", value_parser = units::absolute_path, help_heading = HOOKS)]
    pub(crate) server_profiler_stop_path: Option<String>,

    /// Maximum time for each of these calls; to write a profile takes some servers minutes [default: 900].
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = HOOKS)]
    pub(crate) server_profiler_timeout_seconds: Option<f64>,
}
