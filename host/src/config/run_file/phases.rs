//! The key `phases` of a file: a list of mappings, each of which is a phase with settings of its own.

use std::collections::BTreeMap;

use super::{
    FilePhase, Reader,
    mistake::Problem,
    node::{Content, Entry, Kind, Node, Scalar},
    setting,
    texts::{Said, is_phase_name},
};
use crate::config::{
    flags::{PHASE_SETTINGS, PhaseRole},
    keys::{Key, flag_name, in_file},
    near::near,
    phase_words::setting_of_phase,
};

/// Keys of a phase that are no settings.
const OWN_KEYS: [&str; 3] = ["name", "role", "seamless"];

/// What a list of phases is, for an error.
const EXPECTED: &str = "a list of mappings, each with a `name`";

impl Reader<'_> {
    /// Reads all phases. One that has no name is left out.
    pub(super) fn read_phases(&mut self, entry: &Entry) {
        let items = match &entry.value.content {
            Content::List(items) if !items.is_empty() => items.as_slice(),
            content => return self.no_phases(&entry.value, content),
        };
        let mut lines: Vec<(String, u32)> = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let Content::Map(entries) = &item.content else {
                self.no_phases(item, &item.content);
                continue;
            };
            let phase = self.read_phase(item, entries, at + 1 == items.len());
            let name = phase.text.name.clone();
            if let Some((_, line)) = lines.iter().find(|(other, _)| phase.text.is_called(other)) {
                self.add(item.spot, Problem::PhaseTwice { name, line: *line });
            } else if !name.is_empty() {
                lines.push((name, item.spot.line));
                self.said.phases.push(phase);
            }
        }
        let is_warmup = |phase: &FilePhase| phase.text.role == PhaseRole::Warmup;
        if !self.said.phases.is_empty() && self.said.phases.iter().all(is_warmup) {
            self.add(entry.spot, Problem::NothingMeasured);
        }
    }

    fn no_phases(&mut self, node: &Node, content: &Content) {
        let (key, expected) = ("phases".to_owned(), EXPECTED.to_owned());
        let problem = match content {
            Content::Nothing => Problem::NoValue { key, expected },
            content => Problem::Kind { key, found: content.kind(), expected },
        };
        self.add(node.spot, problem);
    }

    fn read_phase(&mut self, item: &Node, entries: &[Entry], is_last: bool) -> FilePhase {
        let mut phase = FilePhase::default();
        let mut lines: BTreeMap<String, u32> = BTreeMap::new();
        let mut has_name = false;
        for entry in entries {
            let key = setting_of_phase(self.reading.keys, &entry.key);
            let name = key.map_or_else(|| flag_name(&entry.key), |key| key.name.clone());
            if let Some(line) = lines.insert(name.clone(), entry.spot.line) {
                self.add(entry.spot, Problem::Twice { key: entry.key.clone(), line });
                continue;
            }
            match (name.as_str(), key) {
                ("name", _) => {
                    has_name = true;
                    phase.text.name = self.name(entry).unwrap_or_default();
                }
                ("role", _) => phase.text.role = self.role(entry).unwrap_or_default(),
                ("seamless", _) => phase.text.seamless = self.is_seamless(entry, is_last).unwrap_or_default(),
                (_, Some(key)) => self.read_setting(key, entry, &mut phase),
                (_, None) => self.no_setting(entry),
            }
        }
        if !has_name {
            self.add(item.spot, Problem::NoPhaseName);
        }
        phase
    }

    /// A word that is one of a phase's own keys.
    fn word(&mut self, entry: &Entry, expected: &str) -> Option<Scalar> {
        let mut node = entry.value.clone();
        self.expand(&entry.key, &mut node)?;
        let (key, expected) = (entry.key.clone(), expected.to_owned());
        let problem = match node.content {
            Content::Scalar(scalar) => return Some(scalar),
            Content::Nothing => Problem::NoValue { key, expected },
            content => Problem::Kind { key, found: content.kind(), expected },
        };
        self.add(node.spot, problem);
        None
    }

    fn name(&mut self, entry: &Entry) -> Option<String> {
        let Scalar { text, .. } = self.word(entry, "a name")?;
        if !is_phase_name(&text) {
            self.add(entry.value.spot, Problem::PhaseName(text));
            return None;
        }
        Some(text)
    }

    fn role(&mut self, entry: &Entry) -> Option<PhaseRole> {
        let Scalar { text, .. } = self.word(entry, "`warmup` or `measure`")?;
        let role = PhaseRole::NAMES.into_iter().find(|(name, _)| *name == text);
        if role.is_none() {
            self.add(entry.value.spot, Problem::PhaseRole { role: text });
        }
        role.map(|(_, role)| role)
    }

    fn is_seamless(&mut self, entry: &Entry, is_last: bool) -> Option<bool> {
        const EXPECTED: &str = "`true` or `false`";
        let scalar = self.word(entry, EXPECTED)?;
        let Kind::Switch(is_on) = scalar.kind else {
            let (key, expected) = (entry.key.clone(), EXPECTED.to_owned());
            let found = Content::Scalar(scalar).kind();
            self.add(entry.value.spot, Problem::Kind { key, found, expected });
            return None;
        };
        if is_on && is_last {
            self.add(entry.spot, Problem::SeamlessLast);
        }
        Some(is_on)
    }

    fn read_setting(&mut self, key: &Key, entry: &Entry, phase: &mut FilePhase) {
        if (self.reading.is_overridden)(&key.name) {
            phase.overridden.push(key.name.clone());
            return;
        }
        if matches!(entry.value.content, Content::List(_)) {
            let (name, key) = (phase.text.name.clone(), key.in_file());
            self.add(entry.value.spot, Problem::SeveralInPhase { phase: name, key });
            return;
        }
        let places = self.places(entry);
        phase.places.insert(key.name.clone(), places);
        // What stands in a phase says nothing of the setting outside.
        let references = self.said.references.clone();
        let said = self.values(key, entry);
        self.said.references = references;
        match said {
            Some(Said::Set(values)) => phase.words.set(setting(key, values)),
            Some(Said::Off) => {}
            None => self.said.unclear.push(key.name.clone()),
        }
    }

    fn no_setting(&mut self, entry: &Entry) {
        let key = entry.key.clone();
        if self.reading.keys.find(&key).is_some() {
            return self.add(entry.spot, Problem::NotOfPhase { key });
        }
        let known = PHASE_SETTINGS.into_iter().chain(OWN_KEYS);
        let near = near(&flag_name(&key), known).map(in_file);
        self.said.unclear.extend(near.as_deref().map(flag_name));
        self.add(entry.spot, Problem::Unknown { key, near });
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::config::run_file::tests::{mistakes, read_text};

    #[test]
    fn a_phase_has_settings_of_its_own_with_their_places() {
        let read = read_text(
            "isl: 20\nphases:\n  - {name: fill, role: warmup, requestCount: 20, seamless: true}\n  - name: peak\n    \
             concurrency: 16\n    benchmark_duration: 30s\n",
        );
        assert_eq!(mistakes(&read), [""; 0]);
        let [fill, peak] = &read.phases[..] else { panic!("{read:?}") };
        assert_eq!(fill.text.to_string(), r#"{"name":"fill","role":"warmup","seamless":true}"#);
        assert_eq!(fill.words.line(), ["--request-count=20"]);
        assert_eq!(peak.text.to_string(), r#"{"name":"peak","role":"measure"}"#);
        assert_eq!(peak.words.line(), ["--concurrency=16", "--benchmark-duration=30s"]);
        assert_eq!(peak.places["benchmark-duration"].value.to_string(), "run.yaml:6:25");
    }

    #[test]
    fn each_mistake_of_a_phase_is_told_with_its_place() {
        let file = read_text(
            "phases:\n  - {concurrency: 5}\n  - {name: a.b}\n  - {name: c, model: m, conccurency: 5}\n  - {name: d, role: cooldown}\n  \
             - {name: C, isl: 5, request_count: [5, 6]}\n  - {name: e, concurrency: 5, concurrency: 6, seamless: 5}\n  - 5\n  \
             - {name: f, seamless: true, request_rate: {a: 5}}\n",
        );
        assert_eq!(
            mistakes(&file),
            [
                "run.yaml:2:6: a phase has no `name`",
                "run.yaml:3:12: a phase cannot be called `a.b`",
                "run.yaml:4:15: a phase cannot set `model` for itself",
                "run.yaml:4:25: there is no setting `conccurency`",
                "run.yaml:5:21: `role` is `warmup` or `measure`, and not `cooldown`",
                "run.yaml:6:6: there is another phase `C` in line 4",
                "run.yaml:6:15: a phase cannot set `isl` for itself",
                "run.yaml:6:39: `request_count` of a phase takes one value, and this is a list",
                "run.yaml:7:31: `concurrency` is set again: it is set in line 7 already",
                "run.yaml:7:57: `seamless` takes `true` or `false`, and this is a number",
                "run.yaml:8:5: `phases` takes a list of mappings, each with a `name`, and this is a number",
                "run.yaml:9:15: `seamless` says how the next phase begins, and this is the last one",
                "run.yaml:9:46: `request_rate` takes one value (RATE), and this is a mapping",
            ]
        );
    }

    #[rstest]
    #[case(
        "phases: []",
        "run.yaml:1:1: `phases` takes a list of mappings, each with a `name`, and this is a list"
    )]
    #[case("phases:", "run.yaml:1:8: `phases` has no value; it takes a list of mappings, each with a `name`")]
    #[case(
        "phases: {a: 5}",
        "run.yaml:1:10: `phases` takes a list of mappings, each with a `name`, and this is a mapping"
    )]
    #[case(
        "phases: [{name: a, role: warmup}]",
        "run.yaml:1:1: no phase is measured: each has `role: warmup`"
    )]
    #[case("before_phase: {pro filing: date}", "run.yaml:1:16: a phase cannot be called `pro filing`")]
    #[case("after_phase: [date, {a.b: date}]", "run.yaml:1:22: a phase cannot be called `a.b`")]
    fn what_is_no_list_of_phases_is_told(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(mistakes(&read_text(text)), [expected]);
    }
}
