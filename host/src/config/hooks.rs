//! What is to be done around a run and its phases.

use super::{
    error::ConfigError,
    hook_error::HookError,
    problems::Problems,
    spec::{Origin, RunSpec, Setting},
};
use crate::plan::{CacheReset, Hooks, Phase, PhaseCommand, ProfilerCalls};

/// Where vLLM empties its prefix cache, when it runs in its mode for developers.
/// Source: <https://docs.vllm.ai/en/latest/usage/security.html>, "Development endpoints".
const RESET_PATH: &str = "/reset_prefix_cache";

/// Where vLLM and `SGLang` start and stop their profilers.
/// Source: <https://docs.vllm.ai/en/latest/contributing/profiling.html>.
const START_PATH: &str = "/start_profile";
const STOP_PATH: &str = "/stop_profile";

/// How long a reset may take, in seconds: AIPerf's time.
const RESET_TIMEOUT_S: f64 = 30.0;

/// The same for a call to the profiler. To write what it has seen takes some servers ten minutes, where AIPerf gives up after 30 s.
const PROFILER_TIMEOUT_S: f64 = 900.0;

/// All that is asked for, around these phases.
pub(super) fn hooks(spec: &RunSpec, phases: &[Phase], problems: &mut Problems) -> Hooks {
    problems.require(&spec.reset_kv_cache_path, &spec.reset_kv_cache);
    problems.require(&spec.reset_kv_cache_timeout_seconds, &spec.reset_kv_cache);
    problems.require(&spec.server_profiler_start_path, &spec.server_profiler);
    problems.require(&spec.server_profiler_stop_path, &spec.server_profiler);
    problems.require(&spec.server_profiler_timeout_seconds, &spec.server_profiler);
    let reset_kv_cache = spec.reset_kv_cache.is_given().then(|| CacheReset {
        path: path(&spec.reset_kv_cache_path, RESET_PATH),
        timeout_s: spec.reset_kv_cache_timeout_seconds.value().unwrap_or(RESET_TIMEOUT_S),
    });
    let server_profiler = spec.server_profiler.is_given().then(|| ProfilerCalls {
        start_path: path(&spec.server_profiler_start_path, START_PATH),
        stop_path: path(&spec.server_profiler_stop_path, STOP_PATH),
        timeout_s: spec.server_profiler_timeout_seconds.value().unwrap_or(PROFILER_TIMEOUT_S),
    });
    Hooks {
        before_run: of_run(&spec.before_run, problems),
        after_run: of_run(&spec.after_run, problems),
        before_phase: of_phases(&spec.before_phase, phases, Gap::Before, problems),
        after_phase: of_phases(&spec.after_phase, phases, Gap::After, problems),
        timeout_s: spec.hook_timeout.value(),
        reset_kv_cache,
        server_profiler,
    }
}

fn path(typed: &Setting<String>, usual: &str) -> String {
    typed.get().map_or(usual, String::as_str).to_owned()
}

fn of_run(typed: &Setting<String>, problems: &mut Problems) -> Option<String> {
    let (command, by) = typed.given()?;
    problems.note(whole(command, by))
}

/// Where a command of a phase stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    Before,
    After,
}

impl Gap {
    /// The phase that goes on meanwhile, if there is no gap.
    fn other(self, phases: &[Phase], at: usize) -> Option<&Phase> {
        let (first, other) = match self {
            Self::Before => (at.checked_sub(1)?, at.checked_sub(1)?),
            Self::After => (at, at + 1),
        };
        phases.get(first).filter(|first| first.hands_over).and_then(|_| phases.get(other))
    }
}

fn of_phases(
    typed: &Setting<Vec<String>>,
    phases: &[Phase],
    gap: Gap,
    problems: &mut Problems,
) -> Vec<PhaseCommand> {
    let Some((texts, by)) = typed.given() else { return Vec::new() };
    texts.iter().filter_map(|text| problems.note(of_phase(text, by, phases, gap))).collect()
}

fn of_phase(text: &str, by: Origin, phases: &[Phase], gap: Gap) -> Result<PhaseCommand, ConfigError> {
    let Some((name, command)) = named(text) else {
        return Ok(PhaseCommand { phase: None, command: whole(text, by)? });
    };
    let Some(at) = phases.iter().position(|phase| phase.name == name) else {
        let phases = phases.iter().map(|phase| format!("`{}`", phase.name)).collect::<Vec<_>>().join(", ");
        return Err(HookError::NoPhase { by, name: name.to_owned(), phases }.into());
    };
    if let Some(other) = gap.other(phases, at) {
        return Err(HookError::NoGap { by, name: name.to_owned(), other: other.name.clone() }.into());
    }
    Ok(PhaseCommand { phase: Some(phases[at].id), command: whole(command, by)? })
}

/// The name in front of a command, and the command: one word, a `:` and a space, with which no command begins.
fn named(text: &str) -> Option<(&str, &str)> {
    let (name, command) = text.trim_start().split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    let is_apart = command.is_empty() || command.starts_with(char::is_whitespace);
    (is_name && is_apart).then_some((name, command))
}

fn whole(command: &str, by: Origin) -> Result<String, ConfigError> {
    match command.trim() {
        "" => Err(HookError::Empty { by }.into()),
        command => Ok(command.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{load, spec::tests::spec_of};

    fn read(words: &[&str]) -> Result<Hooks, String> {
        let spec = spec_of(words);
        let mut problems = Problems::default();
        let phases = load::phases(&spec, &mut problems);
        let hooks = hooks(&spec, &phases, &mut problems);
        problems.finish().map(|()| hooks).map_err(|errors| errors.to_string())
    }

    #[test]
    fn there_is_no_gap_between_a_seamless_phase_and_the_next_one() {
        let spec = spec_of(&["--warmup-request-count", "5", "--request-count", "9"]);
        let mut phases = load::phases(&spec, &mut Problems::default());
        let others = |phases: &[Phase]| {
            let gaps = [(Gap::Before, 0), (Gap::After, 0), (Gap::Before, 1), (Gap::After, 1)];
            gaps.map(|(gap, at)| gap.other(phases, at).map(|phase| phase.name.clone()))
        };
        assert_eq!(others(&phases), [const { None }; 4]);
        phases[0].hands_over = true;
        let (warmup, profiling) = (Some("warm-up".to_owned()), Some("profiling".to_owned()));
        assert_eq!(others(&phases), [None, profiling, warmup, None]);
    }

    #[test]
    fn a_run_without_any_has_none() {
        assert!(read(&[]).unwrap().are_none());
    }

    #[test]
    fn calls_have_the_paths_of_vllm_unless_others_are_named() {
        let hooks =
            read(&["--reset-kv-cache", "--server-profiler", "--server-profiler-stop-path", "/stop"]).unwrap();
        let reset = hooks.reset_kv_cache.unwrap();
        assert_eq!((reset.path.as_str(), reset.timeout_s), ("/reset_prefix_cache", 30.0));
        let profiler = hooks.server_profiler.unwrap();
        assert_eq!((profiler.start_path.as_str(), profiler.stop_path.as_str()), ("/start_profile", "/stop"));
    }

    #[rstest]
    #[case::each("sync; echo a: b", None, "sync; echo a: b")]
    #[case::one("profiling: echo b", Some(1), "echo b")]
    #[case::another("warm-up:  echo w ", Some(0), "echo w")]
    #[case::address("http://h/a", None, "http://h/a")]
    #[case::nothing_done(": ; echo a", None, ": ; echo a")]
    fn a_command_is_for_each_phase_or_for_one(
        #[case] text: &str,
        #[case] phase: Option<u32>,
        #[case] command: &str,
    ) {
        let hooks = read(&["--warmup-request-count", "1", "--before-phase", text]).unwrap();
        assert_eq!(hooks.before_phase, [PhaseCommand { phase, command: command.to_owned() }]);
    }

    #[rstest]
    #[case(&["--before-run", " "], "`--before-run` has an empty command")]
    #[case(&["--after-phase", "profiling:"], "`--after-phase` has an empty command")]
    #[case(&["--before-phase", "warm-up: a"], "`--before-phase` names the phase `warm-up`, and there is none of this name")]
    #[case(&["--reset-kv-cache-path", "/a"], "`--reset-kv-cache-path` requires `--reset-kv-cache`")]
    #[case(
        &["--server-profiler-timeout-seconds", "5"],
        "`--server-profiler-timeout-seconds` requires `--server-profiler`"
    )]
    fn what_says_nothing_is_refused(#[case] words: &[&str], #[case] reason: &str) {
        assert_eq!(read(words).unwrap_err(), reason);
    }
}
