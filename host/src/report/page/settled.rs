//! What was gathered for the page, in order and packed: [`Settled`]. No number of the report is needed for it, so that it is made beside
//! them.

use std::io;

use prony_plugin_api::message::PhaseKind;

use super::{
    super::by_phase,
    columns::{self, Names},
    gathered::Gathered,
    sample::Kept,
};
use crate::record::settings::RunSettings;

/// All measured requests as numbers, and those of the page as rows.
#[derive(Debug)]
pub(in crate::report) struct Settled {
    pub(super) gathered: Gathered,
    /// The requests of the page.
    pub(super) kept: Kept,
    /// How many there were to keep.
    pub(super) seen: u64,
    /// The rows as they stand in the page.
    pub(super) packed: io::Result<Vec<u8>>,
}

impl Settled {
    /// What was gathered of a run with these settings.
    pub(in crate::report) fn of(mut gathered: Gathered, settings: &RunSettings) -> Self {
        let sample = std::mem::take(&mut gathered.sample);
        let seen = sample.seen();
        let kept = sample.into_kept();
        let mut packed = Vec::new();
        let written = columns::write(&kept.rows, &names(settings), &mut packed);
        Self { gathered, kept, seen, packed: written.map(|()| packed) }
    }
}

fn names(settings: &RunSettings) -> Names {
    let phases = settings.phases.iter();
    Names {
        phases: phases.clone().map(by_phase::name).collect(),
        measured: phases.map(|phase| phase.kind == PhaseKind::Profiling).collect(),
        classes: settings.classes.list.iter().map(|class| class.name.clone()).collect(),
    }
}
