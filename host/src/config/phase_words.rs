//! The phases of a file among the words of a command line: one word for each, which holds the settings that are its own.

use super::{
    flags::{PHASE_SETTINGS, PHASES, PhaseRole, PhaseText},
    keys::{Key, Keys, flag_name, in_file},
    words::{Said, Words},
};
use crate::plan::{Law, Load, Phase};

impl PhaseText {
    /// The settings that are its own, as words.
    pub(crate) fn words(&self) -> Words {
        let said =
            |(key, value): (&String, &String)| Said { name: flag_name(key), values: vec![value.into()] };
        Words::of(self.settings.iter().map(said))
    }

    /// The same phase with these settings of its own.
    pub(crate) fn with_words(self, words: &Words) -> Self {
        let setting = |said: &Said| {
            let value = said.values.first()?.to_string_lossy().into_owned();
            Some((in_file(&said.name), value))
        };
        Self { settings: words.iter().filter_map(setting).collect(), ..self }
    }

    /// Whether this is its name, in any spelling.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        flag_name(&self.name) == flag_name(name)
    }
}

impl Words {
    /// The phases that are described, in their order.
    pub(crate) fn phases(&self) -> Vec<PhaseText> {
        let texts = self.get(PHASES).unwrap_or_default().iter();
        texts.filter_map(|text| text.to_str()?.parse().ok()).collect()
    }

    /// Puts these phases in the place of those that are described.
    pub(crate) fn set_phases(&mut self, phases: &[PhaseText]) {
        if phases.is_empty() {
            self.remove(PHASES);
        } else {
            let values = phases.iter().map(|phase| phase.to_string().into()).collect();
            self.set(Said { name: PHASES.to_owned(), values });
        }
    }

    /// The same without the phases that warm up.
    pub(crate) fn without_described_warmups(mut self) -> Self {
        let phases = self.phases();
        if !phases.is_empty() {
            let measured: Vec<PhaseText> =
                phases.into_iter().filter(|phase| phase.role == PhaseRole::Measure).collect();
            self.set_phases(&measured);
        }
        self
    }
}

/// A setting of one phase, as it is swept: `phases.NAME.KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PhasePath<'a> {
    /// The phase's name in some spelling.
    pub(crate) phase: &'a str,
    pub(crate) key: &'a str,
}

impl<'a> PhasePath<'a> {
    /// A text that is one, perhaps below the `benchmark` of AIPerf's files.
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        let below = text.strip_prefix("benchmark.").unwrap_or(text);
        let (phase, key) = below.strip_prefix(PHASES)?.strip_prefix('.')?.split_once('.')?;
        Some(Self { phase, key })
    }

    /// Sets the setting of its phase, if there is one.
    pub(crate) fn set(&self, words: &mut Words, value: &str) {
        let mut phases = words.phases();
        if let Some(phase) = phases.iter_mut().find(|phase| phase.is_called(self.phase)) {
            phase.settings.insert(in_file(&flag_name(self.key)), value.to_owned());
            words.set_phases(&phases);
        }
    }
}

/// The setting that a phase may have of its own under this key.
pub(crate) fn setting_of_phase<'a>(keys: &'a Keys, key: &str) -> Option<&'a Key> {
    keys.find(key).filter(|key| PHASE_SETTINGS.contains(&key.name.as_str()))
}

/// In a run whose phases are described, where the default of a setting holds, in words; nothing where it holds nowhere. `phases` are
/// what the described ones have become.
pub(crate) fn default_beside_phases(name: &str, described: &[PhaseText], phases: &[Phase]) -> Option<String> {
    // A warm-up is one of the phases then.
    const OF_A_WARMUP: [&str; 2] = ["warmup-", "agentic-"];
    if OF_A_WARMUP.iter().any(|start| name.starts_with(start)) {
        return None;
    }
    if !PHASE_SETTINGS.contains(&name) {
        return Some("default".to_owned());
    }
    let key = in_file(name);
    let says_it = |phase: &Phase| {
        described.iter().any(|text| text.name == phase.name && text.settings.contains_key(&key))
    };
    let of = phases.iter().filter(|phase| has_use_for(phase, name) && !says_it(phase));
    let of: Vec<String> = of.map(|phase| format!("`{}`", phase.name)).collect();
    let noun = if of.len() == 1 { "phase" } else { "phases" };
    (!of.is_empty()).then(|| format!("default of the {noun} {}", of.join(", ")))
}

/// Whether something holds of a phase.
type Holds = fn(&Phase) -> bool;

/// Settings that have a default and mean nothing in some phases, and in which ones they mean something.
const OF_SOME_PHASES: [(&str, Holds); 6] = [
    ("concurrency", |phase| matches!(phase.load, Load::Closed { .. })),
    ("arrival-pattern", |phase| matches!(phase.load, Load::Open { .. })),
    ("arrival-smoothness", |phase| matches!(phase.load, Load::Open { law: Law::Gamma { .. }, .. })),
    ("request-cancellation-delay", |phase| phase.rules.cancellation.is_some()),
    ("request-count", |phase| phase.stop.requests().is_some()),
    ("benchmark-grace-period", |phase| phase.stop.time().is_some()),
];

/// Whether a setting that has a default means something in a phase.
fn has_use_for(phase: &Phase, name: &str) -> bool {
    let of_some = OF_SOME_PHASES.into_iter().find(|(known, _)| *known == name);
    of_some.is_none_or(|(_, means_something)| means_something(phase))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::plan::{Grace, Limit, Ramp, StopRule, TimeLimit};

    fn words() -> Words {
        let mut words = Words::default();
        let phase = |name: &str, role, settings: &[(&str, &str)]| PhaseText {
            name: name.to_owned(),
            role,
            settings: settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..PhaseText::default()
        };
        words.set_phases(&[
            phase("fill", PhaseRole::Warmup, &[("request_count", "5")]),
            phase("my_peak", PhaseRole::Measure, &[("concurrency", "8")]),
        ]);
        words
    }

    #[test]
    fn phases_are_read_as_they_were_set() {
        let phases = words().phases();
        assert_eq!(phases.len(), 2);
        assert_eq!(phases[0].words().line(), ["--request-count=5"]);
        let other = Words::of([Said { name: "request-rate".into(), values: vec!["5".into()] }]);
        assert_eq!(phases[0].clone().with_words(&other).settings["request_rate"], "5");
        let measured = words().without_described_warmups().phases();
        assert_eq!(measured, phases[1..]);
    }

    #[test]
    fn what_means_nothing_in_some_phases_is_a_setting_of_phases() {
        let unknown = OF_SOME_PHASES.into_iter().find(|(name, _)| !PHASE_SETTINGS.contains(name));
        assert!(unknown.is_none(), "{unknown:?}");
    }

    #[test]
    fn a_default_holds_in_the_phases_that_have_a_use_for_it_and_do_not_say_it() {
        let phase = |name: &str, load: Load, stop: StopRule| Phase {
            name: name.to_owned(),
            ..Phase::measured(load, stop)
        };
        let closed = Load::Closed { sessions: Ramp::constant(1).unwrap() };
        let open =
            Load::Open { rate: Ramp::constant(8.0).unwrap(), law: Law::Poisson, limit: Limit::default() };
        let requests = StopRule::after_requests(NonZeroU64::MIN);
        let time = TimeLimit { duration_s: 5.0, grace: Grace::Infinite };
        let time = StopRule::of(None, None, Some(time)).unwrap();
        let described = words().phases();
        let phases = [phase("fill", closed.clone(), requests), phase("my_peak", closed, time)];
        let holds = |name, phases: &[Phase]| default_beside_phases(name, &described, phases);
        assert_eq!(holds("concurrency", &phases).as_deref(), Some("default of the phase `fill`"));
        assert_eq!(
            holds("benchmark-grace-period", &phases).as_deref(),
            Some("default of the phase `my_peak`")
        );
        for nowhere in
            ["request-count", "arrival-smoothness", "request-cancellation-delay", "warmup-duration"]
        {
            assert_eq!(holds(nowhere, &phases), None, "{nowhere}");
        }
        assert_eq!(holds("isl", &phases).as_deref(), Some("default"));
        let open = [phase("fill", open.clone(), requests), phase("my_peak", open, requests)];
        assert_eq!(holds("concurrency", &open), None);
        assert_eq!(
            holds("arrival-pattern", &open).as_deref(),
            Some("default of the phases `fill`, `my_peak`")
        );
    }

    #[test]
    fn a_path_sets_the_setting_of_one_phase() {
        let mut words = words();
        for path in
            ["phases.my-peak.concurrency", "benchmark.phases.myPeak.request-rate", "phases.none.concurrency"]
        {
            PhasePath::of(path).unwrap().set(&mut words, "9");
        }
        let phases = words.phases();
        assert_eq!(phases[1].words().line(), ["--concurrency=9", "--request-rate=9"]);
        assert_eq!(phases[0].words().line(), ["--request-count=5"]);
        assert_eq!(PhasePath::of("phases.my-peak"), None);
        assert_eq!(PhasePath::of("dataset.prompts.isl"), None);
    }
}
