//! Facts that are reported once.

use crate::endpoint::EventSink;

/// The facts of a response that every chunk repeats and the host wants once.
#[derive(Debug, Default)]
pub struct Facts {
    has_id: bool,
    has_model: bool,
}

impl Facts {
    /// Reports what was not reported before.
    pub fn tell(&mut self, id: &str, model: &str, out: &mut EventSink<'_>) {
        if !self.has_id && !id.is_empty() {
            out.fact("response_id", id);
            self.has_id = true;
        }
        if !self.has_model && !model.is_empty() {
            out.fact("model", model);
            self.has_model = true;
        }
    }
}
