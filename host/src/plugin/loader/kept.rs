//! Libraries in C that this process has opened. The types of each have places in tables of the host's that are never given back:
//! so what is opened once more, as by an agent for each of its runs, is the library that is there.

use std::sync::{Mutex, MutexGuard, PoisonError};

use prony_plugin_api::{abi::host::PluginRoot, descriptor::Language};

use crate::plugin::{integrity::Digest, ladder::Checked};

/// One that was opened.
#[derive(Debug)]
struct Kept {
    digest: Digest,
    /// Whether nothing but the checked bytes can have been mapped.
    pinned: bool,
    root: PluginRoot,
}

static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

fn kept() -> MutexGuard<'static, Vec<Kept>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The library with these bytes, if it is in C and was opened.
pub(super) fn find(checked: &Checked, pinned: bool) -> Option<PluginRoot> {
    let kept = kept();
    let found = kept.iter().find(|kept| kept.digest == checked.facts.digest && kept.pinned == pinned);
    found.map(|kept| kept.root)
}

/// Keeps a library that was opened, if it is in C.
pub(super) fn keep(checked: &Checked, pinned: bool, root: PluginRoot) {
    if checked.facts.descriptor.language == Language::C {
        kept().push(Kept { digest: checked.facts.digest, pinned, root });
    }
}
