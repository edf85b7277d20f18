//! Facts that are told once.

use crate::endpoint::EventSink;

/// The facts of a response that every chunk repeats and the host wants once.
#[derive(Debug, Default)]
pub struct Facts {
    id_sent: bool,
    model_sent: bool,
}

impl Facts {
    /// Tells what was not told before.
    pub fn tell(&mut self, id: &str, model: &str, out: &mut EventSink<'_>) {
        if !self.id_sent && !id.is_empty() {
            out.fact("response_id", id);
            self.id_sent = true;
        }
        if !self.model_sent && !model.is_empty() {
            out.fact("model", model);
            self.model_sent = true;
        }
    }
}
