//! Sessions: scripts as they are played, request by request. Pure: who plays one decides when, and sends what it says.
//!
//! A session is the unit of work of a worker. It begins with its script; each answer that came makes the steps ready that waited
//! for it, and is what their requests repeat ([`history`]). A single request is a session of one step.

mod addition;
pub(crate) mod history;
mod of_phase;
mod pace;
mod server;
#[cfg(test)]
mod tests;
mod tool_results;
mod unfinished;

use std::{ops::Range, sync::Arc};

pub(crate) use self::{
    addition::{Addition, Before, Cut},
    of_phase::PhaseSessions,
    pace::Pace,
    server::place_of,
    unfinished::{Filling, UnfinishedSessions},
};

use self::history::{Reply, Said};
use crate::{
    dataset::{self, Message, Script, Step, StepPlace},
    plan::ReplyPolicy,
};

/// A script that is being played.
#[derive(Debug)]
pub(crate) struct Session {
    number: u64,
    class: u32,
    script: Arc<Script>,
    replies: ReplyPolicy,
    /// The steps that it plays. Those before them count as over, and those behind them never begin.
    played: Range<usize>,
    /// Of each step of a script that has several.
    steps: Vec<StepState>,
    /// Steps that are not over.
    left: usize,
    /// Its requests only fill the server's cache.
    fills_cache: bool,
    /// The phase that has begun it, and its number there, if another one has.
    began_as: Option<(u32, u64)>,
}

#[derive(Debug, Default)]
struct StepState {
    /// Steps that it still waits for.
    waits_for: usize,
    /// Steps that go on with its conversation and do not have it yet.
    wanted_by: usize,
    /// What was said up to its reply, once it is over and as long as it is wanted.
    past: Past,
}

/// What was said before a step.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    /// Oldest first.
    pub(crate) messages: Vec<Said>,
    /// Tokens of those that the dataset has; `None` when nothing counts them.
    pub(crate) tokens: Option<u64>,
    /// Steps whose replies among them are the server's.
    pub(crate) live: Vec<u32>,
    /// The server's name for the reply that they end with: it knows all of them.
    pub(crate) response_id: Option<Arc<str>>,
}

impl Default for Past {
    /// Nothing was said, which has no token.
    fn default() -> Self {
        Self { messages: Vec::new(), tokens: Some(0), live: Vec::new(), response_id: None }
    }
}

/// A step that is ready, with all that its request says.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// The session's place in the phase, from 0.
    pub(crate) session: u64,
    /// The number of its class, from 0.
    pub(crate) class: u32,
    /// The step's position in the script.
    pub(crate) position: usize,
    /// What was said before it.
    pub(crate) past: Past,
    script: Arc<Script>,
    /// The steps that its session plays.
    played: Range<usize>,
    /// Its messages, where the server's calls of tools or the text of its prompt made others of them.
    adapted: Option<Arc<[Message]>>,
    /// Its request only fills the server's cache.
    fills_cache: bool,
    /// The phase that has begun its session, and the session's number there, if another one has.
    pub(crate) began_as: Option<(u32, u64)>,
}

impl Turn {
    pub(crate) fn step(&self) -> StepPlace<'_> {
        self.script.place(self.position)
    }

    /// Whether its request only fills the server's cache.
    pub(crate) fn fills_cache(&self) -> bool {
        self.fills_cache
    }

    /// Output tokens that its request asks for.
    pub(crate) fn max_tokens(&self) -> Option<u64> {
        if self.fills_cache { Some(1) } else { self.script.steps[self.position].max_tokens }
    }

    /// What it adds to what was said before it.
    pub(crate) fn messages(&self) -> &[Message] {
        self.adapted.as_deref().unwrap_or(&self.script.steps[self.position].messages)
    }

    /// Tokens of prompts whose texts have to be written before it can be sent.
    pub(crate) fn tokens_to_write(&self) -> u64 {
        let prompt = self.script.steps[self.position].unwritten.as_ref();
        let prompt = prompt.filter(|_| self.messages().iter().any(Message::is_unwritten));
        let own = prompt.map_or(0, |prompt| prompt.tokens_to_write());
        self.past.messages.iter().map(Said::tokens_to_write).fold(own, u64::saturating_add)
    }

    /// The same with all texts, if some of them have to be written first. It is for this one request: what a later one
    /// repeats is written again.
    pub(crate) fn written(&self) -> Option<Self> {
        let prompt = self.script.steps[self.position].unwritten.as_ref();
        let own = prompt.and_then(|prompt| dataset::written(self.messages(), prompt));
        let is_past_written = self.past.messages.iter().all(Said::is_written);
        if own.is_none() && is_past_written {
            return None;
        }
        let mut turn = self.clone();
        for said in &mut turn.past.messages {
            if let Some(written) = said.written() {
                *said = written;
            }
        }
        turn.adapted = own.map(Arc::from).or(turn.adapted);
        Some(turn)
    }

    /// What its request says beside those before it; none where nothing counts its tokens.
    pub(crate) fn addition(&self) -> Option<Addition> {
        let step = &self.script.steps[self.position];
        step.input_tokens?;
        let start = self.played.start;
        let after = step.context.filter(|before| *before as usize >= start);
        let after = after.map(|step| Before { step, is_reply_repeated: self.past.live.contains(&step) });
        Some(Addition::of(&self.script, self.position, start, after))
    }

    /// Steps that its session plays.
    pub(crate) fn steps(&self) -> u32 {
        u32::try_from(self.played.len()).unwrap_or(u32::MAX)
    }

    /// Steps of those that its session plays that must be over before it.
    pub(crate) fn waits_for(&self) -> impl Iterator<Item = u32> + '_ {
        let start = self.skipped();
        let after = self.script.steps[self.position].after.iter();
        after.copied().filter(move |before| *before >= start)
    }

    /// Steps of its script that count as over when its session starts.
    pub(crate) fn skipped(&self) -> u32 {
        u32::try_from(self.played.start).unwrap_or(u32::MAX)
    }

    /// Steps of its script that never begin, since the user leaves before them.
    pub(crate) fn left_out(&self) -> u32 {
        u32::try_from(self.script.steps.len() - self.played.end).unwrap_or(u32::MAX)
    }
}

impl Session {
    /// A session at its start, which plays its whole script. `number` is its place in the phase, from 0.
    pub(crate) fn new(number: u64, script: Arc<Script>, replies: ReplyPolicy) -> Self {
        let all = 0..script.steps.len();
        Self::of_part(number, script, replies, all)
    }

    /// A session that plays these steps of its script, of which there is one at least. What was said before them is what the
    /// script says, with the replies that it has.
    pub(crate) fn of_part(
        number: u64,
        script: Arc<Script>,
        replies: ReplyPolicy,
        played: Range<usize>,
    ) -> Self {
        let left = played.len();
        let skipped = played.start;
        let mut session = Self {
            number,
            class: 0,
            script,
            replies,
            played,
            steps: Vec::new(),
            left,
            fills_cache: false,
            began_as: None,
        };
        // Most sessions are single requests, and need no list.
        if session.script.steps.len() > 1 {
            session.steps = session.script.steps.iter().map(StepState::of).collect();
            for step in &session.script.steps {
                if let Some(context) = step.context {
                    session.steps[context as usize].wanted_by += 1;
                }
            }
        }
        for position in 0..skipped {
            if let Some(prompt) = &session.script.steps[position].unwritten {
                prompt.forget();
            }
            let turn = session.turn(position);
            session.over(turn, None);
        }
        session
    }

    /// The same, as a session of the class with this number.
    pub(crate) fn of_class(self, class: u32) -> Self {
        Self { class, ..self }
    }

    /// The same, whose requests only fill the server's cache.
    pub(crate) fn filling_cache(self) -> Self {
        Self { fills_cache: true, ..self }
    }

    /// The same, which this phase has begun under this number, if another one has.
    pub(crate) fn begun_as(self, began_as: Option<(u32, u64)>) -> Self {
        Self { began_as, ..self }
    }

    /// The first step, which waits for nothing.
    pub(crate) fn first(&mut self) -> Turn {
        self.turn(self.played.start)
    }

    /// When the first step that it plays began in a recording of the script, in nanoseconds since the script's start.
    pub(crate) fn begins_at_ns(&self) -> u64 {
        dataset::begins_ns(&self.script, self.played.start)
    }

    /// The pause that a recording has before the first step that it plays, in nanoseconds.
    pub(crate) fn pause_before_ns(&self) -> u64 {
        dataset::pause_before_ns(&self.script, self.played.start)
    }

    /// The steps beside the first one that wait for nothing either.
    pub(crate) fn others_at_start(&mut self) -> Vec<Turn> {
        let others = (self.played.start + 1)..self.played.end.min(self.steps.len());
        let ready: Vec<_> = others.filter(|at| self.steps[*at].waits_for == 0).collect();
        ready.into_iter().map(|position| self.turn(position)).collect()
    }

    /// Whether only one step is not over: nothing comes after it, and nothing goes on beside it.
    pub(crate) fn is_last(&self) -> bool {
        self.left <= 1
    }

    /// Whether nothing is left of it.
    pub(crate) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// The request of a step was answered. Gives the steps that were waiting for that alone.
    pub(crate) fn answered(&mut self, turn: Turn, reply: Option<Reply>) -> Vec<Turn> {
        self.left = self.left.saturating_sub(1);
        let end = self.played.end;
        let ready = self.over(turn, reply).into_iter().filter(|position| *position < end);
        ready.collect::<Vec<_>>().into_iter().map(|position| self.turn(position)).collect()
    }

    /// Keeps what was said at a step that is over. Gives the positions of the steps that were waiting for that alone.
    fn over(&mut self, turn: Turn, reply: Option<Reply>) -> Vec<usize> {
        let Some(state) = self.steps.get_mut(turn.position) else { return Vec::new() };
        if state.wanted_by > 0 {
            let step = &self.script.steps[turn.position];
            let mut past = turn.past;
            match &turn.adapted {
                Some(messages) => past.messages.extend(history::adapted(messages, step.unwritten.as_ref())),
                None => past.messages.extend(history::scripted(&self.script, turn.position)),
            }
            past.tokens = past.tokens.zip(step.input_tokens).map(|(before, own)| before + own);
            let recorded = history::recorded(&self.script, turn.position)
                .filter(|_| self.replies == ReplyPolicy::Recorded || reply.is_none());
            past.response_id = None;
            if recorded.is_some() {
                past.messages.extend(recorded);
                past.tokens = past.tokens.zip(step.reply_tokens).map(|(before, reply)| before + reply);
            } else if let Some(mut reply) = reply {
                past.response_id = reply.take_response_id().map(Arc::from);
                past.messages.push(history::replied(reply));
                past.live.push(u32::try_from(turn.position).unwrap_or(u32::MAX));
            }
            state.past = past;
        }
        let over = u32::try_from(turn.position).unwrap_or(u32::MAX);
        let mut ready = Vec::new();
        for (position, step) in self.script.steps.iter().enumerate().skip(turn.position + 1) {
            if step.after.contains(&over) {
                self.steps[position].waits_for -= 1;
                if self.steps[position].waits_for == 0 {
                    ready.push(position);
                }
            }
        }
        ready
    }

    fn turn(&mut self, position: usize) -> Turn {
        let past = match self.script.steps[position].context {
            None => Past::default(),
            Some(context) => self.steps[context as usize].give(),
        };
        let calls = past.messages.last().and_then(Said::live_calls);
        let adapted =
            calls.and_then(|ids| tool_results::for_calls(ids, &self.script.steps[position].messages));
        let adapted = adapted.map(Arc::from);
        Turn {
            session: self.number,
            class: self.class,
            position,
            past,
            script: Arc::clone(&self.script),
            played: self.played.clone(),
            adapted,
            fills_cache: self.fills_cache,
            began_as: self.began_as,
        }
    }
}

impl StepState {
    fn of(step: &Step) -> Self {
        // One that is named twice is over once.
        let named = step.after.iter().enumerate().filter(|(at, before)| !step.after[..*at].contains(before));
        Self { waits_for: named.count(), ..Self::default() }
    }

    /// What was said, to one of those who want it; the last one takes it.
    fn give(&mut self) -> Past {
        self.wanted_by = self.wanted_by.saturating_sub(1);
        if self.wanted_by == 0 { std::mem::take(&mut self.past) } else { self.past.clone() }
    }
}
