//! The loading ladder, rung by rung, as it is shown.

use prony_plugin_api::conformance::Verdict;
use serde::{Deserialize, Serialize};

use super::super::fault::Fault;
use crate::explain::Explain;

/// One rung of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rung {
    /// What holds for a library that stands on it.
    pub(crate) name: String,
    /// Whether it holds.
    pub(crate) verdict: Verdict,
    /// What was found instead.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) hint: String,
}

/// From the ground up. The last three are climbed by the child: they run code of the library.
const NAMES: [&str; 9] = [
    "its file can be read, and nobody else can change it",
    "it is a whole shared library for this machine",
    "nobody else can change the libraries that it needs",
    "it describes itself",
    "it is made for a contract that this host offers",
    "its panics unwind, if it has any",
    "the system opens it",
    "its types are those of the contract",
    "it starts, with everything that it says it exports",
];

/// How many rungs are climbed without running any code.
pub(super) const WITHOUT_CODE: usize = 6;

/// The rungs below `end`, all of which hold.
pub(super) fn climbed(from: usize, end: usize) -> Vec<Rung> {
    let hold = |name: &&str| Rung {
        name: (*name).to_owned(),
        verdict: Verdict::Ok,
        text: String::new(),
        hint: String::new(),
    };
    NAMES.iter().take(end).skip(from).map(hold).collect()
}

/// The rungs from `from` on to the one where the climb ended, which is the last.
pub(super) fn fallen(from: usize, fault: &Fault) -> Vec<Rung> {
    let at = height(fault);
    let mut rungs = climbed(from, at + 1);
    if let Some(last) = rungs.last_mut() {
        last.verdict = Verdict::Fail;
        last.text = fault.to_string();
        last.hint = fault.hint();
    }
    rungs
}

/// Position of the rung that a fault belongs to.
fn height(fault: &Fault) -> usize {
    match fault {
        Fault::Missing { .. }
        | Fault::Unreadable(_)
        | Fault::NotAFile
        | Fault::Owner { .. }
        | Fault::Writable { .. }
        | Fault::Integrity { .. }
        | Fault::Locked(_) => 0,
        Fault::NotAnObject { .. }
        | Fault::Platform { .. }
        | Fault::NotShared { .. }
        | Fault::Truncated { .. } => 1,
        Fault::Needs { .. } | Fault::Search { .. } | Fault::Relative => 2,
        Fault::NoDescriptor { .. } | Fault::BadDescriptor(_) => 3,
        Fault::Epoch { .. } | Fault::HostTooOld { .. } => 4,
        Fault::PanicStrategy { .. } => 5,
        Fault::Sanitizer { .. } | Fault::Thread(_) | Fault::Open(_) | Fault::Unsealed(_) | Fault::Changed => {
            6
        }
        Fault::NoEntrySymbol(_) | Fault::Header { .. } | Fault::Layout { .. } | Fault::Table { .. } => 7,
        Fault::Root { .. } | Fault::NotExported { .. } => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_tells_how_far_it_was() {
        let rungs = fallen(0, &Fault::NoDescriptor { section: ".prony.plugin" });
        assert_eq!(rungs.len(), 4);
        assert!(rungs[..3].iter().all(|rung| rung.verdict == Verdict::Ok));
        assert_eq!(rungs[3].verdict, Verdict::Fail);
        assert!(rungs[3].text.contains(".prony.plugin") && !rungs[3].hint.is_empty());
    }

    #[test]
    fn the_child_climbs_on_where_the_parent_stopped() {
        assert_eq!(climbed(0, WITHOUT_CODE).len() + climbed(WITHOUT_CODE, NAMES.len()).len(), NAMES.len());
        let rungs = fallen(WITHOUT_CODE, &Fault::NoEntrySymbol("prony_plugin_root_v1"));
        assert_eq!(rungs.iter().map(|rung| rung.verdict).collect::<Vec<_>>(), [Verdict::Ok, Verdict::Fail]);
    }
}
