//! The steps that a run asks for: [`PlannedHooks`].

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use prony_plugin_api::ErrorDetails;

use super::{
    call::Calls,
    limit::Limit,
    step::{FOLDER, PlannedCommand, Step, What},
};
use crate::{
    config::{redact, url},
    plan::{CacheReset, Hooks, Phase, PhaseCommand, Plan, ProfilerCalls, Role},
    record::RESET_KV_CACHE,
};

/// What the mark of a call is called that starts a profiler.
pub(crate) const START_PROFILE: &str = "start_profile";

/// What to do where a server has no page that empties its cache.
const NO_RESET: &str = "vLLM has it when it was started with `VLLM_SERVER_DEV_MODE=1` and prefix caching; for SGLang add \
     `--reset-kv-cache-path /flush_cache`; or leave out `--reset-kv-cache`";

/// The same for the profiler.
const NO_PROFILER: &str = "vLLM has it when it was started with a profiler (`--profiler-config`, in older versions \
     `VLLM_TORCH_PROFILER_DIR`); other paths are given with `--server-profiler-start-path` and `--server-profiler-stop-path`";

/// The time of what has none.
const NO_LIMIT: Duration = Duration::MAX;

/// All that is done around a run.
#[derive(Debug)]
pub(crate) struct PlannedHooks {
    hooks: Hooks,
    variables: Vec<(&'static str, String)>,
    dir: PathBuf,
    reset: Option<(Calls, Duration)>,
    profiler: Option<(Calls, Calls, Duration)>,
    /// Commands so far: each has a file of its own.
    commands: AtomicUsize,
}

impl PlannedHooks {
    /// Those of a plan whose target is known.
    ///
    /// # Errors
    /// An address of a call is none.
    pub(crate) fn of(plan: &Plan) -> Result<Self, ErrorDetails> {
        let (hooks, target) = (plan.hooks.clone(), &plan.target);
        let reset = hooks.reset_kv_cache.as_ref().map(|CacheReset { path, timeout_s }| {
            Calls::of(target, path, NO_RESET).map(|calls| (calls, duration(*timeout_s)))
        });
        let profiler =
            hooks.server_profiler.as_ref().map(|ProfilerCalls { start_path, stop_path, timeout_s }| {
                let start = Calls::of(target, start_path, NO_PROFILER)?;
                let stop = Calls::of(target, stop_path, NO_PROFILER)?;
                Ok::<_, ErrorDetails>((start, stop, duration(*timeout_s)))
            });
        let urls: Vec<String> = target.urls.iter().map(|base| redact::url(&url::typed(base))).collect();
        let variables = vec![
            ("PRONY_RUN_URL", urls.join(",")),
            ("PRONY_RUN_MODEL", redact::shown(&target.model).into_owned()),
            ("PRONY_RUN_ENDPOINT", target.endpoint_type.clone()),
        ];
        Ok(Self {
            reset: reset.transpose()?,
            profiler: profiler.transpose()?,
            variables,
            hooks,
            dir: PathBuf::new(),
            commands: AtomicUsize::new(0),
        })
    }

    /// The same for a run with this folder, by its absolute path.
    pub(crate) fn in_folder(self, dir: &Path) -> Self {
        Self { dir: dir.to_owned(), ..self }
    }

    /// Whether the run's folder is of use before the server is there.
    pub(crate) fn begin_early(&self) -> bool {
        self.hooks.before_run.is_some()
    }

    /// The command before the run.
    pub(crate) fn before_run(&self) -> Option<Step> {
        let command = self.hooks.before_run.as_ref()?;
        Some(self.command("before_run", "--before-run", command, None))
    }

    /// The command after it. `incomplete` is why the run did not come to its end, if so.
    pub(crate) fn after_run(&self, incomplete: Option<&str>) -> Option<Step> {
        let command = self.hooks.after_run.as_ref()?;
        let mut step = self.command("after_run", "--after-run", command, None);
        if let What::Command(planned) = &mut step.what {
            planned
                .variables
                .push(("PRONY_RUN_INCOMPLETE", redact::shown(incomplete.unwrap_or_default()).into_owned()));
        }
        Some(step)
    }

    /// The calls that empty the servers' caches.
    pub(crate) fn reset(&self) -> Vec<Step> {
        let calls = |(calls, timeout): &(Calls, Duration)| steps(RESET_KV_CACHE, None, calls, *timeout);
        self.reset.as_ref().map(calls).unwrap_or_default()
    }

    /// What comes before phases of which each hands over to the next one: the profiler starts last.
    pub(crate) fn before_phases(&self, phases: &[Phase]) -> Vec<Step> {
        let first = phases.first().into_iter();
        let commands = &self.hooks.before_phase;
        let mut steps: Vec<Step> = first
            .flat_map(|phase| self.of_phase("before_phase", "--before-phase", commands, phase))
            .collect();
        let measured = phases.iter().find(|phase| phase.role == Role::Measured);
        if let (Some((start, _, timeout)), Some(phase)) = (&self.profiler, measured) {
            steps.extend(self::steps(START_PROFILE, Some(phase.id), start, *timeout));
        }
        steps
    }

    /// What comes after a phase: the profiler stops first. Where the phase did not begin, only the profiler may have.
    pub(crate) fn after_phase(&self, phase: &Phase, has_begun: bool, is_profiled: bool) -> Vec<Step> {
        let mut all = match &self.profiler {
            Some((_, stop, timeout)) if is_profiled => steps("stop_profile", Some(phase.id), stop, *timeout),
            _ => Vec::new(),
        };
        if has_begun {
            all.extend(self.of_phase("after_phase", "--after-phase", &self.hooks.after_phase, phase));
        }
        all
    }

    fn of_phase(
        &self,
        name: &'static str,
        flag: &'static str,
        commands: &[PhaseCommand],
        phase: &Phase,
    ) -> Vec<Step> {
        let of_this = commands.iter().filter(|hook| hook.phase.is_none_or(|number| number == phase.id));
        of_this.map(|hook| self.command(name, flag, &hook.command, Some(phase))).collect()
    }

    fn command(&self, name: &'static str, flag: &'static str, command: &str, phase: Option<&Phase>) -> Step {
        let number = self.commands.fetch_add(1, Ordering::Relaxed) + 1;
        let of = phase.map(|phase| format!("-{}", file_name(&phase.name))).unwrap_or_default();
        let mut variables = self.variables.clone();
        variables.push(("PRONY_RUN_HOOK", name.to_owned()));
        variables.push(("PRONY_RUN_DIR", self.dir.to_string_lossy().into_owned()));
        if let Some(phase) = phase {
            variables.push(("PRONY_RUN_PHASE", phase.name.clone()));
            variables.push(("PRONY_RUN_PHASE_KIND", kind(phase.role).to_owned()));
        }
        let planned = PlannedCommand {
            flag,
            command: command.to_owned(),
            variables,
            dir: self.dir.clone(),
            output: format!("{FOLDER}/{number}-{name}{of}.txt"),
        };
        let limit = Limit::own(self.hooks.timeout_s.map_or(NO_LIMIT, duration));
        Step { name, phase: phase.map(|phase| phase.id), what: What::Command(planned), limit }
    }
}

fn steps(name: &'static str, phase: Option<u32>, calls: &Calls, timeout: Duration) -> Vec<Step> {
    let limit = Limit::own(timeout);
    calls.each().map(|call| Step { name, phase, what: What::Call(call), limit }).collect()
}

/// What reports call it.
fn kind(role: Role) -> &'static str {
    match role {
        Role::Warmup => "warmup",
        Role::Measured => "profiling",
    }
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(NO_LIMIT)
}

/// A name of a phase as a part of a file's.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    name.chars().take(40).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::sample;

    fn planned(hooks: Hooks) -> PlannedHooks {
        let plan = Plan { hooks, ..sample::config() };
        PlannedHooks::of(&plan).unwrap().in_folder(Path::new("/run"))
    }

    fn names(steps: &[Step]) -> Vec<&'static str> {
        steps.iter().map(|step| step.name).collect()
    }

    fn command(step: &Step) -> &PlannedCommand {
        let What::Command(planned) = &step.what else { panic!("a command") };
        planned
    }

    fn on_phase(phase: Option<u32>) -> Vec<PhaseCommand> {
        vec![PhaseCommand { phase, command: "ls".to_owned() }]
    }

    #[test]
    fn the_profiler_sees_the_measured_phase_and_no_command() {
        let profiler = ProfilerCalls {
            start_path: "/start_profile".to_owned(),
            stop_path: "/stop_profile".to_owned(),
            timeout_s: 5.0,
        };
        let hooks = planned(Hooks {
            before_phase: on_phase(None),
            after_phase: on_phase(None),
            server_profiler: Some(profiler),
            ..Hooks::default()
        });
        let plan = sample::config();
        let [warmup, measured] = plan.phases.as_slice() else { panic!("two phases") };
        assert_eq!(names(&hooks.before_phases(std::slice::from_ref(warmup))), ["before_phase"]);
        assert_eq!(
            names(&hooks.before_phases(std::slice::from_ref(measured))),
            ["before_phase", "start_profile"]
        );
        assert_eq!(names(&hooks.after_phase(measured, true, true)), ["stop_profile", "after_phase"]);
        // A command before the phase failed, or the second server's profiler did not start.
        assert_eq!(names(&hooks.after_phase(measured, false, false)), [""; 0]);
        assert_eq!(names(&hooks.after_phase(measured, false, true)), ["stop_profile"]);
    }

    #[test]
    fn a_command_is_for_its_phase_and_hears_of_it() {
        let hooks = planned(Hooks { after_phase: on_phase(Some(1)), ..Hooks::default() });
        let plan = sample::config();
        assert!(hooks.after_phase(&plan.phases[0], true, false).is_empty());
        let steps = hooks.after_phase(&plan.phases[1], true, false);
        let command = command(&steps[0]);
        assert_eq!(command.output, "hooks/1-after_phase-profiling.txt");
        let of = |name| {
            command.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
        };
        assert_eq!(of("PRONY_RUN_PHASE"), Some("profiling"));
        assert_eq!((of("PRONY_RUN_HOOK"), of("PRONY_RUN_DIR")), (Some("after_phase"), Some("/run")));
    }

    #[test]
    fn a_command_after_the_run_hears_why_it_is_incomplete() {
        let hooks = planned(Hooks { after_run: Some("ls".to_owned()), ..Hooks::default() });
        let step = hooks.after_run(Some("it broke")).unwrap();
        assert_eq!(
            command(&step).variables.last().unwrap(),
            &("PRONY_RUN_INCOMPLETE", "it broke".to_owned())
        );
    }
}
