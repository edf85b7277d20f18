//! Requests, put into sessions: who goes on with what. Pure: from what was said and when to scripts.
//!
//! A header that names a session decides. Without one, a request that repeats what an earlier one said, and the reply to it, is
//! its next step; so is one that names an earlier response. Of several that fit, the one that nobody has gone on with comes first,
//! and the latest of those. A request of a named session that repeats nothing waits for the step that ended last before it.

use std::collections::HashMap;

use super::{
    blocks::{Blocks, Prefix},
    ends::Ends,
    keyed_message::{KeyedMessage, after, key_of},
};
use crate::{
    clock::RunNs,
    dataset::{Message, Prompt, Recorded, Replied, Script, Start, Step, Tokenizer, message_text},
};

/// A request that was read.
#[derive(Debug)]
pub(super) struct Passed {
    /// A key of the session that a header names.
    pub(super) session: Option<u64>,
    pub(super) sent_ns: RunNs,
    pub(super) end_ns: RunNs,
    pub(super) tools: String,
    pub(super) messages: Vec<Message>,
    pub(super) max_tokens: Option<u64>,
    /// The id of the response that it goes on with.
    pub(super) previous_id: Option<String>,
    /// What was replied; `None` where the request failed.
    pub(super) reply: Option<Replied>,
}

/// The last step of a named session before a request is among so many: more of them do not end while a request is on its way.
const LATEST: usize = 1000;

/// All requests so far.
#[derive(Debug)]
pub(super) struct Sessions {
    tokenizer: Tokenizer,
    blocks: Blocks,
    keeps_text: bool,
    /// In the order in which they ended.
    taken: Vec<Taken>,
    /// Steps of each session.
    steps: Vec<Vec<usize>>,
    named: HashMap<u64, usize>,
    /// Steps by the conversation up to their reply, and without it. System prompts are left out.
    by_reply: Ends,
    by_request: Ends,
    by_id: HashMap<String, usize>,
    /// Prompts by all that they say, so that nothing that is repeated is counted again.
    prefixes: HashMap<u64, Prefix>,
}

/// A request in its place.
#[derive(Debug)]
struct Taken {
    name: Option<u64>,
    session: usize,
    sent_ns: RunNs,
    end_ns: RunNs,
    /// The step that it waits for.
    after: Option<usize>,
    /// It goes on with the conversation of that step.
    goes_on: bool,
    /// By which it stands among the ends of conversations, with its reply and without it.
    ends: Option<(u64, u64)>,
    prompt: Prefix,
    /// The prompt and the reply to it, where a later request may name the response instead of repeating them.
    with_reply: Option<Prefix>,
    max_tokens: Option<u64>,
    recorded: Recorded,
    /// What it adds to the conversation, and the reply; empty where no text is kept.
    messages: Vec<Message>,
    reply: Option<Message>,
}

/// Where a conversation goes on.
#[derive(Clone, Copy, Debug)]
struct Parent {
    step: usize,
    /// How many of the request's messages were said before.
    known: usize,
    /// The request names its response, rather than to repeat what was said.
    is_named: bool,
}

impl Sessions {
    pub(super) fn new(tokenizer: Tokenizer, block_size: u32, keeps_text: bool) -> Self {
        Self {
            tokenizer,
            blocks: Blocks::new(block_size),
            keeps_text,
            taken: Vec::new(),
            steps: Vec::new(),
            named: HashMap::new(),
            by_reply: Ends::default(),
            by_request: Ends::default(),
            by_id: HashMap::new(),
            prefixes: HashMap::new(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.steps.len()
    }

    /// What is recorded of each request.
    pub(super) fn recorded(&self) -> impl Iterator<Item = &Recorded> {
        self.taken.iter().map(|taken| &taken.recorded)
    }

    /// Takes a request. Those that it may go on with have been taken before.
    pub(super) fn take(&mut self, passed: Passed) {
        let said: Vec<KeyedMessage> = passed.messages.iter().map(KeyedMessage::of).collect();
        let conversation = conversation(&said);
        let parent = self.parent(&passed, &said, &conversation);
        let prompt = self.prompt(&passed, &said, parent);
        let before = parent.map(|parent| parent.step).or_else(|| self.latest(&passed));
        let session = self.session(passed.session, before);
        let place = self.taken.len();
        let whole = conversation.last().copied().unwrap_or_default();
        let (mut with_reply, mut ends) = (None, None);
        let reply = passed.reply.unwrap_or_default();
        if let Some(message) = &reply.message {
            let replied = KeyedMessage::of(message);
            let keys = (end_key(after(whole, &replied), passed.session), end_key(whole, passed.session));
            self.by_reply.add(keys.0, place, passed.end_ns);
            self.by_request.add(keys.1, place, passed.end_ns);
            ends = Some(keys);
            if let Some(id) = reply.id {
                let mut prefix = prompt.clone();
                self.blocks.extend(&mut prefix, &self.tokenizer.encode(&replied.text));
                with_reply = Some(prefix);
                self.by_id.insert(id, place);
            }
        }
        if let Some(parent) = parent {
            self.go_on(parent.step);
        }
        let output_tokens = reply.output_tokens.or_else(|| {
            let text = reply.message.as_ref().map(message_text).unwrap_or_default() + &reply.reasoning;
            (!text.is_empty()).then(|| self.tokenizer.count(&text) as u64)
        });
        let recorded = Recorded {
            sent_ns: Some(passed.sent_ns),
            took_ns: Some(passed.end_ns.saturating_sub(passed.sent_ns)),
            input_tokens: Some(reply.input_tokens.unwrap_or(prompt.tokens)),
            output_tokens,
            tool_calls: Some(reply.tool_calls),
        };
        let known = parent.map_or(0, |parent| parent.known).min(passed.messages.len());
        // A request that adds nothing says all of it again: a step has something to say.
        let goes_on = parent.is_some() && known < passed.messages.len();
        let messages = passed.messages.into_iter().skip(if goes_on { known } else { 0 });
        self.steps[session].push(place);
        self.taken.push(Taken {
            name: passed.session,
            session,
            sent_ns: passed.sent_ns,
            end_ns: passed.end_ns,
            after: before,
            goes_on,
            ends,
            prompt,
            with_reply,
            max_tokens: output_tokens.filter(|tokens| *tokens > 0).or(passed.max_tokens),
            recorded,
            messages: if self.keeps_text { messages.collect() } else { Vec::new() },
            reply: reply.message.filter(|_| self.keeps_text),
        });
    }

    fn session(&mut self, name: Option<u64>, before: Option<usize>) -> usize {
        let known = match name {
            Some(name) => self.named.get(&name).copied(),
            None => before.map(|before| self.taken[before].session),
        };
        known.unwrap_or_else(|| {
            self.steps.push(Vec::new());
            let new = self.steps.len() - 1;
            if let Some(name) = name {
                self.named.insert(name, new);
            }
            new
        })
    }

    /// The step that a request goes on with.
    fn parent(&self, passed: &Passed, said: &[KeyedMessage], conversation: &[u64]) -> Option<Parent> {
        let named = passed.previous_id.as_ref().and_then(|id| self.by_id.get(id));
        if let Some(step) = named.filter(|step| self.may_be_before(**step, passed)) {
            return Some(Parent { step: *step, known: 0, is_named: true });
        }
        let mut lengths = (1..=said.len()).rev().filter(|length| said[length - 1].is_reply);
        let step_after = |known: usize| {
            let key = |said: u64| end_key(said, passed.session);
            let exact = self.by_reply.before(key(conversation[known - 1]), passed.sent_ns, false);
            // A client may write a reply in another way than it came, if it says something behind it.
            exact.or_else(|| {
                let asked = known.checked_sub(2).filter(|_| known < said.len());
                self.by_request.before(key(conversation[asked?]), passed.sent_ns, true)
            })
        };
        lengths.find_map(|known| Some(Parent { step: step_after(known)?, known, is_named: false }))
    }

    fn may_be_before(&self, step: usize, passed: &Passed) -> bool {
        let taken = &self.taken[step];
        taken.name == passed.session && taken.end_ns <= passed.sent_ns
    }

    /// A request continues a step.
    fn go_on(&mut self, step: usize) {
        let Taken { ends, end_ns, .. } = self.taken[step];
        if let Some((with_reply, without)) = ends {
            self.by_reply.go_on(with_reply, step, end_ns);
            self.by_request.go_on(without, step, end_ns);
        }
    }

    /// The step of a named session that ended last before a request.
    fn latest(&self, passed: &Passed) -> Option<usize> {
        let session = self.named.get(&passed.session?)?;
        // In the order in which they ended: the last ones decide.
        let last = self.steps[*session].iter().rev().take(LATEST).copied();
        last.filter(|step| self.may_be_before(*step, passed)).max_by_key(|step| self.taken[*step].end_ns)
    }

    /// The tokens of a whole prompt.
    fn prompt(&mut self, passed: &Passed, said: &[KeyedMessage], parent: Option<Parent>) -> Prefix {
        let kept = parent.filter(|parent| parent.is_named);
        let kept =
            kept.and_then(|parent| self.taken[parent.step].with_reply.clone().map(|prefix| (parent, prefix)));
        let mut whole = kept
            .as_ref()
            .map_or_else(|| key_of(&passed.tools), |(parent, _)| key_of(&(parent.step, "reply")));
        let keys: Vec<u64> = said
            .iter()
            .map(|message| {
                whole = key_of(&(after(whole, message), &message.text));
                whole
            })
            .collect();
        let known = (1..=keys.len())
            .rev()
            .find_map(|count| Some((count, self.prefixes.get(&keys[count - 1])?.clone())));
        let (count, mut prefix) = known.unwrap_or_else(|| {
            if let Some((_, prefix)) = kept {
                return (0, prefix);
            }
            let mut prefix = Prefix::default();
            self.blocks.extend(&mut prefix, &self.tokenizer.encode(&passed.tools));
            (0, prefix)
        });
        for message in &said[count..] {
            self.blocks.extend(&mut prefix, &self.tokenizer.encode(&message.text));
        }
        if let Some(whole) = keys.last() {
            self.prefixes.insert(*whole, prefix.clone());
        }
        prefix
    }

    /// All sessions, in the order of their starts. Times count from the first request.
    pub(super) fn scripts(&self) -> impl Iterator<Item = Script> {
        let first_ns = self.taken.iter().map(|taken| taken.sent_ns).min().unwrap_or(0);
        let mut sessions: Vec<Vec<usize>> = self.steps.clone();
        for steps in &mut sessions {
            steps.sort_by_key(|step| (self.taken[*step].sent_ns, *step));
        }
        sessions.sort_by_key(|steps| steps.first().map(|step| self.taken[*step].sent_ns));
        (0_u64..).zip(sessions).map(move |(number, steps)| self.script(number, &steps, first_ns))
    }

    fn script(&self, number: u64, steps: &[usize], first_ns: RunNs) -> Script {
        let starts_ns = steps.first().map_or(0, |step| self.taken[*step].sent_ns);
        let places: HashMap<usize, u32> = steps.iter().copied().zip(0..).collect();
        let step = |step: &usize| {
            let taken = &self.taken[*step];
            let before = taken.after.and_then(|before| Some((*places.get(&before)?, &self.taken[before])));
            let start = match before {
                Some((_, before)) => Start::After(taken.sent_ns.saturating_sub(before.end_ns)),
                None if taken.sent_ns == starts_ns => Start::After(0),
                None => Start::At(taken.sent_ns - starts_ns),
            };
            let after: Vec<u32> = before.map(|(place, _)| place).into_iter().collect();
            let context = after.first().copied().filter(|_| self.keeps_text && taken.goes_on);
            let sent_ns = taken.recorded.sent_ns.map(|sent_ns| sent_ns - first_ns);
            Step {
                after,
                start,
                context,
                messages: taken.messages.clone(),
                reply: taken.reply.clone(),
                max_tokens: taken.max_tokens,
                prompt: (!self.keeps_text).then(|| self.described(&taken.prompt)),
                recorded: Recorded { sent_ns, ..taken.recorded },
                ..Step::default()
            }
        };
        Script {
            id: format!("session_{number:06}"),
            starts_ns: Some(starts_ns - first_ns),
            steps: steps.iter().map(step).collect(),
            category: None,
        }
    }

    fn described(&self, prompt: &Prefix) -> Prompt {
        Prompt {
            tokens: prompt.tokens,
            block_size: self.blocks.size(),
            blocks: self.blocks.ids(prompt),
            scope: 0,
        }
    }
}

/// The keys of a conversation after each of its messages. System prompts are left out: clients change them as they go.
fn conversation(said: &[KeyedMessage]) -> Vec<u64> {
    let mut key = 0;
    let mut keys = Vec::with_capacity(said.len());
    for message in said {
        if !message.is_system {
            key = after(key, message);
        }
        keys.push(key);
    }
    keys
}

/// The key of the end of a conversation: sessions that headers name do not go on with each other.
fn end_key(said: u64, session: Option<u64>) -> u64 {
    key_of(&(said, session))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dataset::Part, plan::TokenizerChoice};

    const MS: u64 = 1_000_000;

    fn sessions(keeps_text: bool) -> Sessions {
        Sessions::new(Tokenizer::load(&TokenizerChoice::Builtin).unwrap(), 4, keeps_text)
    }

    fn message(said: &str) -> Message {
        let (role, text) = said.split_once(": ").unwrap();
        Message { role: role.to_owned(), parts: vec![Part::text(text.to_owned())] }
    }

    /// A request between these milliseconds, with a reply if it has one.
    fn passed(from: u64, to: u64, said: &[&str], reply: Option<&str>) -> Passed {
        let reply = reply.map(|text| Replied {
            message: Some(message(&format!("assistant: {text}"))),
            ..Replied::default()
        });
        Passed {
            session: None,
            sent_ns: from * MS,
            end_ns: to * MS,
            tools: String::new(),
            messages: said.iter().map(|said| message(said)).collect(),
            max_tokens: None,
            previous_id: None,
            reply,
        }
    }

    /// Of each session: what each step waits for, and how many milliseconds after it it goes.
    fn shape(sessions: &Sessions) -> Vec<Vec<(Vec<u32>, u64)>> {
        let delay = |step: &Step| match step.start {
            Start::After(ns) | Start::At(ns) => ns / MS,
        };
        let steps =
            |script: Script| script.steps.iter().map(|step| (step.after.clone(), delay(step))).collect();
        sessions.scripts().map(steps).collect()
    }

    #[test]
    fn who_repeats_a_request_and_its_reply_goes_on_with_it() {
        let mut sessions = sessions(false);
        sessions.take(passed(5, 20, &["system: s", "user: a"], Some("b")));
        sessions.take(passed(10, 25, &["system: s", "user: x"], Some("y")));
        // The system prompt may change.
        sessions.take(passed(30, 40, &["system: t", "user: a", "assistant: b", "user: c"], Some("d")));
        sessions.take(passed(50, 60, &["system: s", "user: x", "assistant: y", "user: z"], None));
        assert_eq!(shape(&sessions), [[(vec![], 0), (vec![0], 10)], [(vec![], 0), (vec![0], 25)]]);
    }

    #[test]
    fn two_that_go_on_with_the_same_are_a_fork_and_a_changed_reply_is_one_all_the_same() {
        let mut sessions = sessions(false);
        sessions.take(passed(0, 10, &["user: a"], Some("b")));
        sessions.take(passed(20, 30, &["user: a", "assistant: b", "user: c"], Some("d")));
        sessions.take(passed(25, 35, &["user: a", "assistant: b", "user: e"], Some("f")));
        sessions.take(passed(
            40,
            50,
            &["user: a", "assistant: b", "user: e", "assistant: rewritten", "user: g"],
            None,
        ));
        assert_eq!(shape(&sessions), [[(vec![], 0), (vec![0], 10), (vec![0], 15), (vec![2], 5)]]);
    }

    #[test]
    fn equal_dialogues_side_by_side_stay_apart() {
        let mut sessions = sessions(false);
        for at in [0, 1] {
            sessions.take(passed(at, 10 + at, &["user: a"], Some("b")));
        }
        for at in [20, 21] {
            sessions.take(passed(at, 10 + at, &["user: a", "assistant: b", "user: c"], Some("d")));
        }
        assert!(shape(&sessions).iter().all(|steps| steps.len() == 2), "{:?}", shape(&sessions));
    }

    #[test]
    fn nobody_goes_on_with_a_reply_that_has_not_come() {
        let mut sessions = sessions(false);
        sessions.take(passed(0, 30, &["user: a"], Some("b")));
        sessions.take(passed(20, 40, &["user: a", "assistant: b", "user: c"], None));
        assert_eq!(sessions.count(), 2);
    }

    #[test]
    fn a_named_session_holds_what_repeats_nothing_and_what_runs_beside_it() {
        let mut sessions = sessions(false);
        let named = |passed: Passed| Passed { session: Some(7), ..passed };
        sessions.take(named(passed(0, 10, &["user: a"], Some("b"))));
        sessions.take(named(passed(5, 12, &["user: beside"], Some("b"))));
        sessions.take(named(passed(20, 30, &["user: another"], Some("c"))));
        assert_eq!(shape(&sessions), [[(vec![], 0), (vec![], 5), (vec![1], 8)]]);
        sessions.take(passed(40, 50, &["user: a", "assistant: b", "user: c"], None));
        assert_eq!(sessions.count(), 2, "without the name it is not of the session");
    }

    #[test]
    fn prompts_share_blocks_as_far_as_they_say_the_same() {
        let mut sessions = sessions(false);
        let long = "user: one two three four five six seven eight nine ten";
        sessions.take(passed(0, 10, &[long], Some("eleven twelve thirteen")));
        sessions.take(passed(20, 30, &[long, "assistant: eleven twelve thirteen", "user: and so on"], None));
        let scripts: Vec<Script> = sessions.scripts().collect();
        let prompts: Vec<&Prompt> = scripts[0].steps.iter().filter_map(|step| step.prompt.as_ref()).collect();
        assert_eq!((prompts[0].tokens, &*prompts[0].blocks), (10, &[1, 2][..]));
        assert!(prompts[1].tokens > 13 && prompts[1].blocks.starts_with(&[1, 2]), "{:?}", prompts[1]);
    }

    #[test]
    fn a_response_that_is_named_stands_for_what_was_said() {
        let mut sessions = sessions(true);
        let mut first = passed(0, 10, &["user: one two three four"], Some("five six"));
        first.reply.as_mut().unwrap().id = Some("r-1".to_owned());
        sessions.take(first);
        let next = passed(20, 30, &["user: seven eight"], None);
        sessions.take(Passed { previous_id: Some("r-1".to_owned()), ..next });
        let steps = sessions.scripts().next().unwrap().steps;
        assert_eq!((steps[1].context, steps[1].messages.len()), (Some(0), 1));
        assert_eq!(steps[1].recorded.input_tokens, Some(8));
    }

    #[test]
    fn an_id_that_is_not_known_stands_for_nothing() {
        let mut sessions = sessions(true);
        let mut first = passed(0, 10, &["user: one two three four"], Some("five six"));
        first.reply.as_mut().unwrap().id = Some("r-1".to_owned());
        sessions.take(first);
        let said = ["user: one two three four", "assistant: five six", "user: seven eight"];
        let next = passed(20, 30, &said, None);
        sessions.take(Passed { previous_id: Some("r-0".to_owned()), ..next });
        let steps = sessions.scripts().next().unwrap().steps;
        assert_eq!(steps[1].recorded.input_tokens, Some(8), "what is repeated is not counted twice");
    }

    #[test]
    fn each_of_many_equal_conversations_is_gone_on_with() {
        let (mut sessions, count) = (sessions(false), 2500);
        for at in 0..count {
            sessions.take(passed(at, at + 1, &["user: a"], Some("b")));
        }
        let next = || passed(5000, 5001, &["user: a", "assistant: b", "user: c"], None);
        sessions.take(next());
        assert_eq!(sessions.taken.last().unwrap().after, Some(2499), "the last one comes first");
        (1..count).for_each(|_| sessions.take(next()));
        assert!(sessions.scripts().all(|script| script.steps.len() == 2));
        assert_eq!(sessions.count(), 2500);
    }

    #[test]
    fn a_request_that_adds_nothing_says_all_of_it_again() {
        let mut sessions = sessions(true);
        sessions.take(passed(0, 10, &["user: a"], Some("b")));
        sessions.take(passed(20, 30, &["user: a", "assistant: b"], Some("c")));
        let steps = sessions.scripts().next().unwrap().steps;
        assert_eq!((&*steps[1].after, steps[1].context, steps[1].messages.len()), (&[0][..], None, 2));
    }
}
