//! From an exchange to a record: counts tokens and keeps what every metric is computed from. Pure.

use prony_plugin_api::{PartKind, TextKind};

use super::{CountedTokens, Output, Record};
use crate::{
    dataset::{Conversation, Tokenizer, Turn, wav_seconds},
    request::{answer::Answer, exchange::Finished},
};

/// How records are made.
#[derive(Clone, Copy)]
pub(crate) struct Recipe<'a> {
    /// What the requests said.
    pub(crate) dataset: &'a [Conversation],
    /// What counts tokens; without one nothing is counted.
    pub(crate) tokenizer: Option<&'a Tokenizer>,
    /// Keep the generated texts.
    pub(crate) keep_outputs: bool,
}

/// Makes the record.
pub(crate) fn build(finished: Finished, recipe: Recipe<'_>) -> Record {
    let Recipe { dataset, tokenizer, keep_outputs } = recipe;
    let Finished { exchange, .. } = finished;
    let conversation = &dataset[finished.conversation];
    let answer = &exchange.answer;
    let counted = CountedTokens {
        input: conversation.turns[0].input_tokens,
        ..tokenizer.map(|tokenizer| count(answer, tokenizer)).unwrap_or_default()
    };
    Record {
        request_id: finished.request_id,
        phase: finished.phase,
        session_num: finished.session_num,
        conversation_id: conversation.id.clone(),
        turn_index: 0,
        worker: finished.worker,
        instants: exchange.instants,
        status: exchange.status,
        cancelled: exchange.cancelled,
        retried: exchange.retried,
        asked: exchange.asked,
        cut_after_end: exchange.cut_after_end,
        token_events: answer.token_events,
        first_read_events: answer.first_read_events,
        first_read_usage: answer.first_read_usage,
        first_read_chars: chars(&answer.first_arrival),
        text_chars: answer.texts.iter().map(|entry| chars(&entry.text)).sum(),
        reasoning_chars: answer
            .texts
            .iter()
            .filter(|entry| entry.kind == TextKind::REASONING)
            .map(|entry| chars(&entry.text))
            .sum(),
        unstamped_reads: exchange.unstamped_reads,
        largest_read_bytes: exchange.largest_read_bytes,
        response_bytes: exchange.response_bytes,
        follow_ups: exchange.follow_ups,
        follow_up_bytes: exchange.follow_up_bytes,
        counted,
        usage: answer.usage,
        requested_output_tokens: finished.requested_output_tokens,
        finish_reasons: finish_reasons(answer),
        outputs: if keep_outputs { outputs(answer) } else { Vec::new() },
        embeddings: answer.embeddings,
        rankings: answer.rankings,
        media: answer.media,
        media_bytes: answer.media_bytes,
        input_images: images(&conversation.turns[0]),
        input_audio_s: audio_seconds(&conversation.turns[0]),
        model: exchange.answer.model,
        facts: exchange.answer.facts,
        chunk_gaps_ns: exchange.answer.chunk_gaps_ns,
        error: exchange.error,
    }
}

fn images(turn: &Turn) -> u32 {
    let images = turn.parts.iter().filter(|part| part.kind == PartKind::IMAGE);
    u32::try_from(images.count()).unwrap_or(u32::MAX)
}

/// All of a turn's audio together; nothing if there is none, or some does not say how long it is.
fn audio_seconds(turn: &Turn) -> Option<f64> {
    let mut clips = turn.parts.iter().filter(|part| part.kind == PartKind::AUDIO).peekable();
    clips.peek()?;
    clips.map(|clip| wav_seconds(&clip.data)).sum()
}

fn chars(text: &str) -> u64 {
    text.chars().count() as u64
}

/// Tokenises each channel of each choice as a whole, never per chunk: pieces of a text have more tokens than the text.
fn count(answer: &Answer, tokenizer: &Tokenizer) -> CountedTokens {
    let count = |text: &str| tokenizer.count(text) as u64;
    let (mut output, mut reasoning) = (0, 0);
    for entry in &answer.texts {
        let tokens = count(&entry.text);
        output += tokens;
        if entry.kind == TextKind::REASONING {
            reasoning += tokens;
        }
    }
    let first_arrival = (!answer.first_arrival.is_empty()).then(|| count(&answer.first_arrival));
    CountedTokens { input: None, output: Some(output), reasoning: Some(reasoning), first_arrival }
}

fn outputs(answer: &Answer) -> Vec<Output> {
    let mut outputs: Vec<Output> = answer
        .texts
        .iter()
        .map(|entry| Output {
            choice: entry.choice,
            channel: channel(entry.kind).into(),
            text: entry.text.clone(),
        })
        .collect();
    outputs.sort_by_key(|output| output.choice);
    outputs
}

fn channel(kind: TextKind) -> &'static str {
    match kind {
        TextKind::CONTENT => "content",
        TextKind::REASONING => "reasoning",
        TextKind::TOOL => "tool",
        TextKind::REFUSAL => "refusal",
        _ => "other",
    }
}

fn finish_reasons(answer: &Answer) -> Vec<String> {
    let mut reasons: Vec<_> = answer.finish_reasons.iter().collect();
    reasons.sort_by_key(|(choice, _)| *choice);
    reasons.into_iter().map(|(_, reason)| reason.clone()).collect()
}
