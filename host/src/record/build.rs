//! From an exchange to a record, which keeps what every metric is computed from, and from its texts to their tokens. Pure.

use std::panic::{AssertUnwindSafe, catch_unwind};

use prony_plugin_api::TextKind;

use super::{CountedTokens, Output, Record, Texts};
use crate::{
    dataset::Tokenizer,
    request::{answer::Answer, exchange::Finished},
};

/// How records are made.
#[derive(Clone, Copy)]
pub(crate) struct Recipe {
    /// The tokens of successes are to be counted.
    pub(crate) counts: bool,
    /// Keep the generated texts.
    pub(crate) keep_outputs: bool,
}

/// Makes the record, and says what of it is to be counted. A failure enters no metric, so that nothing of it is.
pub(crate) fn build(finished: Finished, recipe: Recipe) -> (Record, Option<Texts>) {
    let Recipe { counts, keep_outputs } = recipe;
    let Finished { mut exchange, .. } = finished;
    let outputs = if keep_outputs { outputs(&exchange.answer) } else { Vec::new() };
    let mut tool_calls = std::mem::take(&mut exchange.answer.tool_calls);
    tool_calls.retain(|_| keep_outputs);
    tool_calls.sort_by_key(|call| call.choice);
    let later_arrivals = exchange.answer.choice_times.later_arrivals();
    let first_read_chars = chars(&exchange.answer.first_arrival) + later_arrivals.map(chars).sum::<u64>();
    let passages = std::mem::take(&mut exchange.answer.texts);
    let chars_of = |is_wanted: fn(TextKind) -> bool| {
        passages.iter().filter(|entry| is_wanted(entry.kind)).map(|entry| chars(&entry.text)).sum()
    };
    let (text_chars, reasoning_chars) = (chars_of(|_| true), chars_of(|kind| kind == TextKind::REASONING));
    let texts = (counts && exchange.outcome.is_ok()).then(|| Texts {
        passages: passages.into_iter().map(|entry| (entry.kind == TextKind::REASONING, entry.text)).collect(),
        first_arrival: std::mem::take(&mut exchange.answer.first_arrival),
        later_arrivals: exchange.answer.choice_times.later_arrivals().map(str::to_owned).collect(),
    });
    let answer = &exchange.answer;
    // Then the input is known when those have been counted.
    let repeats_replies = !finished.content.repeats.is_empty();
    let record = Record {
        request_id: finished.request_id,
        phase: finished.phase,
        session_num: finished.session_num,
        class: finished.content.class,
        conversation_id: finished.content.script,
        turn_index: finished.content.step,
        steps: if finished.content.steps > 1 { finished.content.steps } else { 0 },
        skipped_steps: finished.content.skipped,
        left_steps: finished.content.left_out,
        scripted_tokens: finished.content.input_tokens.filter(|_| repeats_replies),
        repeats: finished.content.repeats,
        worker: finished.worker,
        node: 0,
        instants: exchange.instants,
        gate_wait_ns: exchange.gate_wait_ns,
        status: exchange.status,
        retried: exchange.retried,
        replaced: exchange.replaced && !exchange.retried,
        asked: exchange.asked,
        cut_after_end: exchange.cut_after_end,
        token_events: answer.token_events,
        first_read_events: answer.first_read_events,
        // What had been counted at the first token of the response says nothing of choices that began later.
        first_read_usage: answer.first_read_usage.filter(|_| answer.choice_times.began_together()),
        choices: answer.choice_times.streams(),
        first_read_chars,
        text_chars,
        reasoning_chars,
        unstamped_reads: exchange.unstamped_reads,
        largest_read_bytes: exchange.largest_read_bytes,
        response_bytes: exchange.response_bytes,
        follow_ups: exchange.follow_ups,
        follow_up_bytes: exchange.follow_up_bytes,
        counted: CountedTokens {
            input: finished.content.input_tokens.filter(|_| !repeats_replies),
            ..CountedTokens::default()
        },
        usage: answer.usage,
        requested_output_tokens: finished.requested_output_tokens,
        finish_reasons: finish_reasons(answer),
        outputs,
        tool_calls,
        embeddings: answer.embeddings,
        rankings: answer.rankings,
        media: answer.media,
        media_bytes: answer.media_bytes,
        input_images: finished.content.images,
        input_videos: finished.content.videos,
        input_audio_s: finished.content.audio_s,
        model: exchange.answer.model,
        facts: exchange.answer.facts,
        chunk_gaps_ns: exchange.answer.chunk_gaps_ns,
        outcome: exchange.outcome,
    };
    (record, texts)
}

fn chars(text: &str) -> u64 {
    text.chars().count() as u64
}

/// What [`count`] gives; nothing for a text that the tokenizer panics on.
pub(crate) fn try_count(texts: &Texts, tokenizer: &Tokenizer) -> Option<CountedTokens> {
    catch_unwind(AssertUnwindSafe(|| count(texts, tokenizer))).ok()
}

/// Tokenises each channel of each choice as a whole, never per chunk: pieces of a text have more tokens than the text.
pub(crate) fn count(texts: &Texts, tokenizer: &Tokenizer) -> CountedTokens {
    let count = |text: &str| tokenizer.count(text) as u64;
    let (mut output, mut reasoning) = (0, 0);
    for (is_reasoning, text) in &texts.passages {
        let tokens = count(text);
        output += tokens;
        if *is_reasoning {
            reasoning += tokens;
        }
    }
    let first_arrival = (!texts.first_arrival.is_empty()).then(|| texts.arrivals().map(count).sum());
    CountedTokens {
        output: Some(output),
        reasoning: Some(reasoning),
        first_arrival,
        ..CountedTokens::default()
    }
}

fn outputs(answer: &Answer) -> Vec<Output> {
    let mut outputs: Vec<Output> = answer
        .texts
        .iter()
        .map(|entry| Output { choice: entry.choice, channel: entry.kind.into(), text: entry.text.clone() })
        .collect();
    outputs.sort_by_key(|output| output.choice);
    outputs
}

fn finish_reasons(answer: &Answer) -> Vec<String> {
    let mut reasons: Vec<_> = answer.finish_reasons.iter().collect();
    reasons.sort_by_key(|(choice, _)| *choice);
    reasons.into_iter().map(|(_, reason)| reason.clone()).collect()
}
