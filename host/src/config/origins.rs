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
pub(crate) struct Origins(BTreeMap<String, Source>);

impl Origins {
    /// Those of what was typed, over a file, over variables.
    pub(crate) fn of(typed: &Words, file: &RunFile, variables: &Words) -> Self {
        let weaker = variables.iter().map(|said| (said.name.clone(), Source::Variable));
        let of_file = file.places.iter().map(|(name, Places { key, .. })| (name.clone(), Source::File(*key)));
        let typed = typed.iter().map(|said| (said.name.clone(), Source::Typed));
        // What comes later stands in place of what came before.
        Self(weaker.chain(of_file).chain(typed).collect())
    }

    /// Who says a setting.
    pub(crate) fn source(&self, name: &str) -> Source {
        self.0.get(name).copied().unwrap_or(Source::Typed)
    }
}
