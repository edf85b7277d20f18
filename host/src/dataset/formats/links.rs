//! Which calls of a model go on with which: found by what they repeat, where a recording does not say it.
//!
//! Calls are found again by hashes of what was said up to each message, and by the beginnings of responses, so that the time
//! grows with the length of a session and not with its square.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::dataset::Message;

/// A response shorter than this, in bytes, may stand in a prompt by chance.
const SHORTEST_QUOTE: usize = 20;

/// A call, of which the messages are those of its whole prompt.
#[derive(Clone, Copy)]
pub(super) struct Linked<'a> {
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) said: &'a [Message],
    pub(super) reply: Option<&'a Message>,
}

/// Calls of a session, in the order in which they were sent.
#[derive(Default)]
pub(super) struct Links<'a> {
    calls: Vec<Linked<'a>>,
    /// Calls by all that was said in them, the response included.
    wholes: HashMap<u64, Vec<usize>>,
    /// Calls by their responses.
    replies: HashMap<u64, Vec<usize>>,
    /// Texts of responses, and calls by how these begin.
    texts: Vec<String>,
    beginnings: HashMap<[u8; SHORTEST_QUOTE], Vec<usize>>,
}

impl<'a> Links<'a> {
    /// Adds the next call.
    pub(super) fn push(&mut self, call: Linked<'a>) {
        let place = self.calls.len();
        let text = call.reply.map(text).unwrap_or_default();
        if let Some(reply) = call.reply {
            let whole = prefixes(call.said.iter().chain([reply])).last().unwrap_or_default();
            self.wholes.entry(whole).or_default().push(place);
            self.replies.entry(hash(reply)).or_default().push(place);
        }
        if let Some(beginning) = text.as_bytes().first_chunk() {
            self.beginnings.entry(*beginning).or_default().push(place);
        }
        self.texts.push(text);
        self.calls.push(call);
    }

    /// The call whose messages and response this one repeats, and adds something: the longest one, and of such the last.
    pub(super) fn context(&self, call: Linked<'_>) -> Option<usize> {
        let prefixes: Vec<u64> = prefixes(call.said).collect();
        let shorter = prefixes.iter().take(call.said.len().saturating_sub(1)).rev();
        let mut found = shorter.filter_map(|prefix| {
            let places = self.wholes.get(prefix)?.iter().rev();
            places.copied().find(|place| self.is_over(*place, call) && self.is_repeated(*place, call))
        });
        found.next()
    }

    /// Calls whose responses these messages repeat somewhere, in the order in which they were sent.
    pub(super) fn quoted(&self, call: Linked<'_>, messages: &[Message]) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        for message in messages {
            let equal = self.replies.get(&hash(message)).into_iter().flatten();
            found.extend(equal.filter(|place| self.calls[**place].reply == Some(message)));
            for part in &message.parts {
                let bytes = part.data.as_bytes();
                for (at, beginning) in bytes.windows(SHORTEST_QUOTE).enumerate() {
                    let Ok(beginning) = <&[u8; SHORTEST_QUOTE]>::try_from(beginning) else { continue };
                    let places = self.beginnings.get(beginning).into_iter().flatten();
                    found.extend(
                        places.filter(|place| bytes[at..].starts_with(self.texts[**place].as_bytes())),
                    );
                }
            }
        }
        found.retain(|place| self.is_over(*place, call));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The last call that was over when this one was sent.
    pub(super) fn last_before(&self, call: Linked<'_>) -> Option<usize> {
        let over = (0..self.calls.len()).filter(|place| self.is_over(*place, call));
        over.max_by_key(|place| self.calls[*place].end_ns)
    }

    /// When a call was over.
    pub(super) fn end_ns(&self, place: usize) -> u64 {
        self.calls[place].end_ns
    }

    /// How many messages are said in a call, the response included.
    pub(super) fn length(&self, place: usize) -> usize {
        self.calls[place].said.len() + usize::from(self.calls[place].reply.is_some())
    }

    fn is_over(&self, place: usize, call: Linked<'_>) -> bool {
        self.calls[place].end_ns <= call.start_ns
    }

    fn is_repeated(&self, place: usize, call: Linked<'_>) -> bool {
        let other = &self.calls[place];
        call.said.len() > self.length(place)
            && call.said.iter().zip(other.said.iter().chain(other.reply)).all(|(a, b)| a == b)
    }
}

/// Hashes of what was said up to each message.
fn prefixes<'m>(messages: impl IntoIterator<Item = &'m Message>) -> impl Iterator<Item = u64> {
    messages.into_iter().scan(0_u64, |before, message| {
        let mut hasher = DefaultHasher::new();
        (*before, hash(message)).hash(&mut hasher);
        *before = hasher.finish();
        Some(*before)
    })
}

fn hash(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.role.hash(&mut hasher);
    for part in &message.parts {
        (part.kind.0, &part.name, &*part.data).hash(&mut hasher);
    }
    hasher.finish()
}

fn text(message: &Message) -> String {
    message.parts.iter().map(|part| &*part.data).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Part;

    fn said(role: &str, text: &str) -> Message {
        Message { role: role.to_owned(), parts: vec![Part::text(text.to_owned())] }
    }

    #[test]
    fn a_call_goes_on_with_the_longest_one_that_it_repeats() {
        let all: Vec<Message> = (0..7)
            .map(|place| said(if place % 2 == 0 { "user" } else { "assistant" }, &format!("message {place}")))
            .collect();
        let call = |length: usize, start_ns| Linked {
            start_ns,
            end_ns: start_ns + 5,
            said: &all[..length],
            reply: all.get(length),
        };
        let mut links = Links::default();
        links.push(call(1, 0));
        links.push(call(3, 10));
        assert_eq!(links.context(call(5, 20)), Some(1));
        assert_eq!(links.context(call(5, 12)), Some(0), "the other one was not over");
        assert_eq!(links.context(call(1, 20)), None, "it adds nothing");
    }

    #[test]
    fn a_response_is_found_inside_of_a_text() {
        let reply = said("assistant", "The tower is 324 metres high.");
        let short = said("assistant", "Yes.");
        let asked = [said("user", "How high?")];
        let mut links = Links::default();
        for reply in [&reply, &short] {
            links.push(Linked { start_ns: 0, end_ns: 1, said: &asked, reply: Some(reply) });
        }
        let quoting = [said("user", "You said: “The tower is 324 metres high.” Yes. Sure?")];
        let call = Linked { start_ns: 9, end_ns: 10, said: &quoting, reply: None };
        assert_eq!(links.quoted(call, &quoting), [0]);
        let whole = [short.clone()];
        assert_eq!(links.quoted(Linked { said: &whole, ..call }, &whole), [1]);
    }

    #[test]
    fn long_sessions_are_linked_in_time() {
        let all: Vec<Message> = (0..6001)
            .map(|place| {
                said(
                    if place % 2 == 0 { "user" } else { "assistant" },
                    &format!("what is said as number {place} of them"),
                )
            })
            .collect();
        let mut links = Links::default();
        for turn in (0..3000).step_by(60) {
            let call = Linked {
                start_ns: turn as u64 * 10,
                end_ns: turn as u64 * 10 + 5,
                said: &all[..=turn * 2],
                reply: all.get(turn * 2 + 1),
            };
            let context = links.context(call);
            assert_eq!(context, (turn / 60).checked_sub(1));
            let known = context.map_or(0, |context| links.length(context));
            assert_eq!(links.quoted(call, &call.said[known..]), Vec::<usize>::new());
            links.push(call);
        }
    }
}
