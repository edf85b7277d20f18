//! A child that runs the code of a library to see what it does: what it may use, and when it ends.

use std::path::Path;

use super::{ladder::Checked, limits::Confinement, sanitizer, trust::Trust};
use crate::child;

/// Limits the memory of this process, and has it end with its parent.
pub(super) fn confine() {
    // The runtime of a sanitizer reserves many terabytes of addresses, and uses few of them.
    if !sanitizer::is_watching() {
        child::limit_memory();
    }
    child::end_with_parent();
}

/// Has the kernel deny this process the sockets and files that a library does not state, before it is opened.
pub(super) fn deny_unstated(library: &Path, checked: &Checked, trust: &Trust) {
    let stated = checked.facts.descriptor.capabilities.as_deref();
    if let Some(limits) = Confinement::of_one(library, stated, trust) {
        // Where the kernel cannot, the library has what everybody has.
        let enforcement = limits.enforce(&checked.facts.descriptor.name);
        tracing::debug!(?enforcement, "limited what a library that is tried out may use");
    }
}
