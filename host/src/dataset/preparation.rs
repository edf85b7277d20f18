//! What becomes of a session between its file and its play: times as the run wants them, a system message, output lengths, counts.

use std::sync::Arc;

use prony_plugin_api::PartKind;
use rayon::prelude::*;

use super::{
    Message, PAYLOAD, Part, Script, Start, Step, context, formats,
    length::{self, Lengths},
    replay, timing,
    tokenizer::Tokenizer,
    tools,
};
use crate::{
    plan::{RecordedTiming, Replay, SequenceLaw},
    seed::Seed,
};

/// What a run makes of each session of a file.
#[derive(Debug)]
pub(super) struct Preparation {
    /// All times are divided by this.
    pub(super) speed: f64,
    /// What becomes of the times within the session, once they are as fast as wanted.
    pub(super) timing: RecordedTiming,
    /// Delays behind other steps are multiplied by this, once there are as many as `timing` wants, and before it cuts them.
    pub(super) delay_ratio: f64,
    /// Stands in front of every conversation.
    pub(super) system: Option<Part>,
    /// Output tokens of steps that ask for no number.
    pub(super) output_lengths: Option<Lengths>,
    /// Counts texts.
    pub(super) tokenizer: Option<Arc<Tokenizer>>,
}

impl Preparation {
    /// What a run makes of sessions, beside what else is set.
    pub(super) fn new(
        replay: Option<Replay>,
        osl: Option<&SequenceLaw>,
        tokenizer: Option<&Arc<Tokenizer>>,
        seed: Seed,
    ) -> Self {
        Self {
            speed: replay.map_or(1.0, |replay| replay.speed),
            delay_ratio: 1.0,
            timing: RecordedTiming::default(),
            system: None,
            output_lengths: osl.map(|osl| length::output_lengths(osl, seed)),
            tokenizer: tokenizer.cloned(),
        }
    }

    /// Prepares the session with this number, whose tool calls are taken apart already. Its start is left as it is.
    pub(super) fn prepare(&self, script: &mut Script, number: u64) {
        for (turn, step) in (0..).zip(&mut script.steps) {
            step.start = self.start(step.start);
            if let Some(system) = self.system.as_ref().filter(|_| step.context.is_none()) {
                context::put_before(step, system);
            }
            if let Some(lengths) = &self.output_lengths {
                step.max_tokens.get_or_insert_with(|| lengths.of(length::of_turn(number, turn)));
            }
            if let Some(tokenizer) = &self.tokenizer {
                count(step, tokenizer);
            }
        }
        timing::apply(script, &self.timing, self.speed, self.delay_ratio);
    }

    /// Prepares all sessions, which are numbered in this order.
    pub(super) fn prepare_all(&self, scripts: &mut [Script]) {
        let numbered = scripts.par_iter_mut().enumerate();
        numbered.for_each(|(number, script)| self.prepare(script, number as u64));
    }

    #[expect(clippy::float_cmp, reason = "exactly 1 is what nobody asked to change")]
    fn start(&self, start: Start) -> Start {
        let faster = |time_ns| if self.speed == 1.0 { time_ns } else { replay::faster(time_ns, self.speed) };
        match start {
            Start::After(delay_ns) => Start::After(faster(delay_ns)),
            Start::At(offset_ns) => Start::At(faster(offset_ns)),
        }
    }
}

/// Counts the texts of a step, or what most APIs have for a prompt in a whole body.
fn count(step: &mut Step, tokenizer: &Tokenizer) {
    let count = |text: &str| tokenizer.count(text) as u64;
    let is_body = |part: &&Part| part.kind == PartKind::RAW && part.name == PAYLOAD;
    let body = step.parts().find(is_body).map(|part| Arc::clone(&part.data));
    if let Some(body) = body {
        step.input_tokens = formats::raw_payload::prompt_tokens(&body, count);
        return;
    }
    let of = |message: &Message| {
        message.parts.iter().filter_map(tools::counted_text).map(|text| count(&text)).sum::<u64>()
    };
    let texts = step.messages.iter().map(of).sum();
    let is_first = step.context.is_none();
    let framed = tokenizer.framing().map(|framing| framing.around(&step.messages, is_first, texts));
    step.input_tokens = Some(framed.unwrap_or(texts));
    step.reply_tokens = step.reply.as_ref().map(of);
}
