//! What this process must not say: every line to its terminal and its log is looked through.
//!
//! This is known to the process as a whole, since the log is, which anybody may write to.

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

use super::Redactor;

static KNOWN: RwLock<Known> = RwLock::new(Known { secrets: Vec::new(), redactor: None });

struct Known {
    secrets: Vec<String>,
    redactor: Option<Arc<Redactor>>,
}

/// Adds secrets to those that nothing shows from now on. Returns what looks for all of them.
pub(crate) fn learn(secrets: Vec<String>) -> Arc<Redactor> {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.secrets.extend(secrets);
    let mut seen = HashSet::new();
    known.secrets.retain(|secret| seen.insert(secret.clone()));
    let redactor = Arc::new(Redactor::of(&known.secrets));
    known.redactor = Some(Arc::clone(&redactor));
    redactor
}

/// A text as it may be shown.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    match redactor() {
        Some(redactor) => Cow::Owned(redactor.mask(text).into_owned()),
        None => Cow::Borrowed(text),
    }
}

/// Bytes as they may be shown; nothing if they may be shown as they are.
pub(crate) fn shown_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    redactor()?.mask_bytes(bytes)
}

fn redactor() -> Option<Arc<Redactor>> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).redactor.clone()
}
