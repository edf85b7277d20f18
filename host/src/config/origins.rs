//! Where the settings of a run come from that nobody typed.

use std::collections::BTreeMap;

use super::{
    place::Place,
    run_file::{Places, RunFile},
    words::Words,
};

/// Who says a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The command line.
    Typed,
    /// A file, where it has this place.
    File(Place),
    /// The variable of the setting.
    Variable,
}

/// Who says each setting, by its name. What is not known was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origins {
    settings: BTreeMap<String, Source>,
    /// Those of the settings of each phase, by its name.
    of_phases: BTreeMap<String, BTreeMap<String, Source>>,
}

impl Origins {
    /// Those of what was typed, over a file, over variables.
    pub(crate) fn of(typed: &Words, file: &RunFile, variables: &Words) -> Self {
        let weaker = variables.iter().map(|said| (said.name.clone(), Source::Variable));
        let of_file = file.places.iter().map(|(name, Places { key, .. })| (name.clone(), Source::File(*key)));
        let typed = typed.iter().map(|said| (said.name.clone(), Source::Typed));
        // What comes later stands in place of what came before.
        let settings = weaker.chain(of_file).chain(typed).collect();
        let places = |places: &BTreeMap<String, Places>| {
            places.iter().map(|(name, places)| (name.clone(), Source::File(places.key))).collect()
        };
        let of_phases = file.phases.iter().map(|phase| (phase.text.name.clone(), places(&phase.places)));
        Self { settings, of_phases: of_phases.collect() }
    }

    /// Who says the settings that a phase has of its own.
    pub(crate) fn of_phase(&self, name: &str) -> Self {
        let settings = self.of_phases.get(name).cloned().unwrap_or_default();
        Self { settings, of_phases: BTreeMap::new() }
    }

    /// Who says a setting.
    pub(crate) fn source(&self, name: &str) -> Source {
        self.settings.get(name).copied().unwrap_or(Source::Typed)
    }
}
