//! Journals of agents, made of the records of a run that there is.

use std::path::{Path, PathBuf};

use crate::record::{
    Frame, NodeFacts, Record, RunEnd, RunHeader,
    collect::{Gathered, gather},
    journal::{Beginning, JournalError, Piece, Reader, Writer},
    kept_run::KeptRun,
};

/// How many records of an agent wait for their counts, and are counted together.
const COUNTED_TOGETHER: usize = 64;

/// Writes the journal of an agent to its folder, with so many records: those of the run in another folder, again and again. As with an
/// agent that counts tokens, counts stand behind their records. Gives the identity of the run, which the journal has as well.
///
/// # Errors
/// There is no such run, or the journal cannot be written.
pub fn write_agent_journal(run: &Path, records: usize, agent: &Path) -> Result<String, String> {
    let (header, known) = records_of(run)?;
    let run_id = header.run_id.clone();
    let mut writer = Writer::create(agent).map_err(in_words)?;
    writer.append(&Frame::Header(header)).map_err(in_words)?;
    let mut endless = known.iter().cycle().take(records);
    loop {
        let mut counts = Vec::new();
        for record in endless.by_ref().take(COUNTED_TOGETHER) {
            let mut record = record.clone();
            counts.push((writer.next_number(), std::mem::take(&mut record.counted)));
            writer.append(&Frame::Uncounted(Box::new(record))).map_err(in_words)?;
        }
        if counts.is_empty() {
            break;
        }
        writer.append(&Frame::Counted(counts)).map_err(in_words)?;
    }
    writer.append(&Frame::End(RunEnd::default())).map_err(in_words)?;
    writer.flush().map_err(in_words)?;
    Ok(run_id)
}

/// Writes what an agent keeps beside its journal, as node `node` of so many nodes of a run.
///
/// # Errors
/// It cannot be written.
pub fn write_agent_facts(agent: &Path, run_id: &str, node: u32, nodes: u32) -> Result<(), String> {
    let facts =
        NodeFacts { node, name: format!("n{node}"), first_worker: node, workers: 1, ..NodeFacts::default() };
    let kept = KeptRun { run_id: run_id.to_owned(), nodes, facts, ..KeptRun::default() };
    kept.write(agent).map_err(|error| error.to_string())
}

/// Journals of the agents of one run.
#[expect(missing_debug_implementations, reason = "there is nothing to show of it")]
pub struct AgentJournals(Gathered);

impl AgentJournals {
    /// Looks at the folders of agents: reads all, and decodes no record.
    ///
    /// # Errors
    /// They are none of one run.
    pub fn gather(folders: &[PathBuf]) -> Result<Self, String> {
        gather(folders).map(Self).map_err(|error| error.to_string())
    }

    /// Merges them into the journal of the run, as a controller does.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn merge(&self, into: &Path) -> Result<(), String> {
        self.0.write(into).map_err(|error| error.to_string())
    }
}

/// What was run, and all of its records, with what was counted of them.
pub(super) fn records_of(run: &Path) -> Result<(Box<RunHeader>, Vec<Record>), String> {
    let mut reader = Reader::open(run).map_err(in_words)?;
    let Beginning::Header(header) = reader.begin() else {
        return Err(format!("`{}` has no run", run.display()));
    };
    let mut known = Vec::new();
    while let Some(piece) = reader.next_piece() {
        if let Piece::Records(raw) = piece {
            known.extend(raw.parts().flatten().map(|parts| parts.record));
        }
    }
    Ok((header, known))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives away")]
fn in_words(error: JournalError) -> String {
    error.to_string()
}
