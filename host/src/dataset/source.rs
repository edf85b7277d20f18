//! Sources: every script of a run by its position, for any number of workers.

use std::sync::Arc;

use super::{
    Script,
    ahead::Ahead,
    replay::{self, ReplayError},
    script::secrets,
};
use crate::plan::Replay;

/// Scripts by position. Which script stands where depends on the description of the dataset and the seed alone, so that
/// workers need not ask each other. Positions have no end: behind the last script comes the first one again.
#[derive(Debug)]
pub(crate) struct Source(Scripts);

#[derive(Debug)]
enum Scripts {
    /// All of them are in memory: those of a file, or few.
    Listed(Vec<Arc<Script>>),
    /// They are made as they are needed.
    Generated(Ahead),
}

impl Source {
    /// These scripts, of which there is at least one.
    pub(crate) fn listed(scripts: Vec<Script>) -> Self {
        Self(Scripts::Listed(scripts.into_iter().map(Arc::new).collect()))
    }

    /// The scripts of a recording, in the order and at the distances of their instants.
    ///
    /// # Errors
    /// They have none, or none of them is in the window.
    pub(super) fn replayed(self, replay: Replay) -> Result<Self, ReplayError> {
        let scripts = match self.0 {
            Scripts::Listed(scripts) => scripts,
            Scripts::Generated(scripts) => vec![scripts.script(0)],
        };
        let owned = scripts.into_iter().map(Arc::unwrap_or_clone).collect();
        replay::replayed(owned, replay).map(Self::listed)
    }

    pub(super) fn generated(scripts: Ahead) -> Self {
        Self(Scripts::Generated(scripts))
    }

    /// How many different scripts there are; `None` where there is no end to them.
    pub(crate) fn len(&self) -> Option<u64> {
        match &self.0 {
            Scripts::Listed(scripts) => Some(scripts.len() as u64),
            Scripts::Generated(scripts) => scripts.len(),
        }
    }

    /// When each session of a recording starts, by position, in nanoseconds since the first; empty for what is none.
    pub(crate) fn starts(&self) -> Arc<[u64]> {
        let scripts = self.list().unwrap_or_default();
        scripts.iter().map_while(|script| script.starts_ns).collect()
    }

    /// Whether a script may have several steps.
    pub(crate) fn has_dialogues(&self) -> bool {
        match &self.0 {
            Scripts::Listed(scripts) => scripts.iter().any(|script| script.steps.len() > 1),
            Scripts::Generated(scripts) => scripts.has_dialogues(),
        }
    }

    /// The script at this position.
    pub(crate) fn script(&self, position: u64) -> Arc<Script> {
        match &self.0 {
            Scripts::Listed(scripts) => {
                let place = position.checked_rem(scripts.len() as u64).unwrap_or(0);
                Arc::clone(&scripts[usize::try_from(place).unwrap_or(0)])
            }
            Scripts::Generated(scripts) => scripts.script(position),
        }
    }

    /// What must not be written down: rows of a file may hold secrets, generated scripts do not.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.list().map(secrets).unwrap_or_default()
    }

    /// The scripts, if all are in memory.
    pub(crate) fn list(&self) -> Option<&[Arc<Script>]> {
        match &self.0 {
            Scripts::Listed(scripts) => Some(scripts),
            Scripts::Generated(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::the_first(0, "0")]
    #[case::the_last(2, "2")]
    #[case::round_again(3, "0")]
    #[case::far_out(u64::MAX - 5, "1")]
    fn scripts_are_played_in_order(#[case] position: u64, #[case] id: &str) {
        let script = |number: u8| Script { id: number.to_string(), starts_ns: None, steps: Vec::new() };
        assert_eq!(Source::listed((0..3).map(script).collect()).script(position).id, id);
    }
}
