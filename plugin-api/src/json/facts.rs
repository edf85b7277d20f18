//! Facts that are told once.

use crate::endpoint::EventSink;

/// The facts of a response that every chunk repeats and the host wants once.
#[derive(Debug, Default)]
pub struct Facts {
    id_told: bool,
    model_told: bool,
}

impl Facts {
    /// Tells what was not told before.
    pub fn tell(&mut self, id: &str, model: &str, out: &mut EventSink<'_>) {
        if !self.id_told && !id.is_empty() {
            out.fact("response_id", id);
            self.id_told = true;
        }
        if !self.model_told && !model.is_empty() {
            out.fact("model", model);
            self.model_told = true;
        }
    }
}
