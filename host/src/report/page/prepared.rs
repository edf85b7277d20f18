//! What was gathered for the page, in order and packed: [`Prepared`]. No number of the report is needed for it, so that it is made beside
//! them.

use std::io;

use prony_plugin_api::message::PhaseKind;

use super::{
    super::by_phase,
    columns::{self, Names},
    gathered::Gathered,
    row::Row,
    sample::Kept,
};
use crate::record::settings::RunSettings;

/// All measured requests as numbers, and those of the page as rows.
#[derive(Debug)]
pub(in crate::report) struct Prepared {
    pub(super) gathered: Gathered,
    /// The requests of the page.
    pub(super) kept: Kept,
    /// How many there were to keep.
    pub(super) seen: u64,
    /// The rows as they stand in the page; nothing where no page is written.
    pub(super) packed: io::Result<Vec<u8>>,
}

impl Prepared {
    /// What was gathered of a run with these settings. The rows are packed if a page `is_written`.
    pub(in crate::report) fn of(mut gathered: Gathered, settings: &RunSettings, is_written: bool) -> Self {
        let sample = std::mem::take(&mut gathered.sample);
        let seen = sample.seen();
        let kept = sample.into_kept();
        let packed = if is_written { packed(&kept, settings) } else { Ok(Vec::new()) };
        Self { gathered, kept, seen, packed }
    }
}

fn packed(kept: &Kept, settings: &RunSettings) -> io::Result<Vec<u8>> {
    let rows: Vec<&Row> = kept.rows.iter().collect();
    let mut packed = Vec::new();
    columns::write(&rows, &names(settings), &mut packed)?;
    Ok(packed)
}

fn names(settings: &RunSettings) -> Names {
    let phases = settings.phases.iter();
    Names {
        phases: phases.clone().map(by_phase::name).collect(),
        measured: phases.map(|phase| phase.kind == PhaseKind::Profiling).collect(),
        classes: settings.classes.list.iter().map(|class| class.name.clone()).collect(),
    }
}
