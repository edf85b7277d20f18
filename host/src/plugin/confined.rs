//! A child that runs the code of a library to see what it does: what it may use, and when it ends.

use super::sanitizer;
use crate::child;

/// Limits the memory of this process, and has it end with its parent.
pub(super) fn confine() {
    // The runtime of a sanitizer reserves many terabytes of addresses, and uses few of them.
    if !sanitizer::is_watching() {
        child::limit_memory();
    }
    child::end_with_parent();
}
