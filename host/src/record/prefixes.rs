//! How much of each prompt a prefix cache of unlimited size would have: what was said before it in the run.
//!
//! Requests are looked at in the order in which they ended, and not as they were sent: only then their replies are known, and the
//! sum over all requests is nearly the same in any order. Of two that were in flight together and begin alike, the second to end
//! counts as the one that finds the beginning of the other.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{Record, Texts, replies::reply_tokens, settings::RunSettings};
use crate::{
    dataset::{PrefixCache, TextBlock, behind, cut},
    request::target::place_of,
    session::Cut,
};

/// Tokens of a cache's block, as most engines have them: what begins a block and does not fill it is not cached.
pub(crate) const BLOCK_TOKENS: u64 = 16;

/// Most blocks that are kept, which take 21 MB: 58 million tokens of texts that are all different.
///
/// Of the name of each, 32 bits are kept. One block in a thousand at most is taken for another one, and only the first new block of a
/// prompt can matter: the sum over all requests is too high by less than a thousandth of a block a request.
const MOST_BLOCKS: usize = 3_600_000;

/// What a request and its response said.
#[derive(Debug)]
pub(super) struct Heard {
    asked: Cut,
    /// What a later request may repeat of the response; none where there is no later one, or several choices.
    replied: Option<Vec<TextBlock>>,
}

impl Heard {
    /// Of a request, and of the texts of its response.
    pub(super) fn of(asked: Cut, record: &Record, texts: Option<&Texts>) -> Self {
        let texts = texts.filter(|_| record.steps > 1 && record.choices.is_none());
        let replied = texts.map(|texts| {
            let mut blocks = Vec::new();
            let said = texts.passages.iter().filter(|(is_reasoning, _)| !is_reasoning);
            said.for_each(|(_, text)| cut(text, &mut blocks));
            blocks
        });
        Self { asked, replied }
    }
}

/// The end of what has been said in a conversation.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    /// The name of its last block.
    name: u64,
    tokens: u64,
}

/// What was said up to a step.
#[derive(Clone, Copy, Debug)]
struct Spot {
    asked: End,
    replied: Option<End>,
}

/// The cache, and where the sessions that go on have come to in it.
#[derive(Debug)]
pub(super) struct Prefixes {
    cache: PrefixCache<u32>,
    /// By phase and session.
    sessions: HashMap<(u32, u64), SessionSpots>,
    /// Base URLs that sessions go to in turn. Each has a cache of its own.
    urls: usize,
    /// Of each class, by its number, what the name of its model is hashed to. Each model has a cache of its own.
    models: Vec<u64>,
}

/// What was said in a session.
#[derive(Debug, Default)]
struct SessionSpots {
    /// Steps that are over.
    over: usize,
    /// By step, where it is known.
    spots: HashMap<u32, Spot>,
}

impl Prefixes {
    /// Empty ones, for a run with these settings.
    pub(super) fn of(settings: &RunSettings) -> Self {
        let classes = settings.classes.list.iter();
        Self {
            cache: PrefixCache::up_to(MOST_BLOCKS),
            sessions: HashMap::new(),
            urls: settings.urls.len(),
            models: classes.map(|class| name_of(settings.model_of(class))).collect(),
        }
    }

    /// Whether it takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.cache.is_full()
    }

    /// Takes in a request whose tokens are counted, and notes in its record what the cache would have had of its prompt.
    pub(super) fn complete(&mut self, record: &mut Record, heard: &Heard) {
        if self.cache.is_full() {
            self.sessions.clear();
            return;
        }
        let spot = self.take_request(record, heard);
        if record.steps > 1 {
            self.remember(record, spot);
        }
    }

    /// What is known of a request goes into the cache. Gives where its conversation stands then, if that is known.
    fn take_request(&mut self, record: &mut Record, heard: &Heard) -> Option<Spot> {
        record.instants.sent?;
        let before = self.before(record, &heard.asked)?;
        let asked = &heard.asked;
        let (known, name) = take(&mut self.cache, before, &asked.blocks);
        let words = |blocks: &[TextBlock]| blocks.iter().map(|block| u64::from(block.words)).sum::<u64>();
        let (known, all) = (words(&asked.blocks[..known]), words(&asked.blocks));
        let known_tokens = asked.tokens.saturating_mul(known).checked_div(all).unwrap_or(0);
        let end = End { name, tokens: before.tokens + asked.tokens };
        if record.outcome.is_ok() {
            // The last token is always computed: its output is the first one of the response.
            let cached = (before.tokens + known_tokens).min(end.tokens.saturating_sub(1));
            record.counted.cacheable = Some(cached / BLOCK_TOKENS * BLOCK_TOKENS);
        }
        let replied = heard.replied.as_ref().zip(reply_tokens(record)).map(|(blocks, tokens)| {
            let (_, name) = take(&mut self.cache, end, blocks);
            End { name, tokens: end.tokens + tokens }
        });
        Some(Spot { asked: end, replied })
    }

    /// A phase is over, and its sessions with it.
    pub(super) fn forget(&mut self, phase: u32) {
        self.sessions.retain(|(of, _), _| *of != phase);
    }

    /// Where the conversation of a request stood before it; nothing if that is not known.
    fn before(&self, record: &Record, asked: &Cut) -> Option<End> {
        let Some(before) = asked.after else { return Some(End { name: self.root(record), tokens: 0 }) };
        let spot = self.sessions.get(&(record.phase, record.session_num))?.spots.get(&before.step)?;
        if before.is_reply_repeated { spot.replied } else { Some(spot.asked) }
    }

    /// The name of nothing in the cache of a request's server and model.
    fn root(&self, record: &Record) -> u64 {
        name_of((place_of(record.session_num, self.urls), self.models.get(record.class as usize)))
    }

    fn remember(&mut self, record: &Record, spot: Option<Spot>) {
        let key = (record.phase, record.session_num);
        let session = self.sessions.entry(key).or_default();
        session.over += 1;
        session.spots.extend(spot.map(|spot| (record.turn_index, spot)));
        if session.over >= record.steps as usize {
            self.sessions.remove(&key);
        }
    }
}

fn name_of(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// Takes blocks behind what was said before. Gives how many of them were known, and the name of the last one.
fn take(cache: &mut PrefixCache<u32>, before: End, blocks: &[TextBlock]) -> (usize, u64) {
    let mut name = before.name;
    let known = cache.take(blocks.iter().map(|block| {
        name = behind(name, *block);
        (name >> 32) as u32
    }));
    (known, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::{Class, Classes},
        record::{CountedTokens, Instants},
        session::Before,
    };

    fn text(words: std::ops::Range<u32>) -> String {
        words.map(|word| [" w", &word.to_string()].concat()).collect()
    }

    fn asked(text: &str, after: Option<Before>) -> Cut {
        let mut blocks = Vec::new();
        cut(text, &mut blocks);
        Cut { after, blocks, tokens: text.split_whitespace().count() as u64 }
    }

    fn record(session_num: u64, turn_index: u32, steps: u32, output: u64) -> Record {
        let instants = Instants { sent: Some(1), ..Instants::default() };
        let counted = CountedTokens { output: Some(output), ..CountedTokens::default() };
        Record { session_num, turn_index, steps, instants, counted, ..Record::default() }
    }

    /// What the cache would have had of a request, whose response says this.
    fn cacheable(prefixes: &mut Prefixes, mut record: Record, asked: Cut, reply: &str) -> Option<u64> {
        let passages = vec![(false, reply.to_owned())];
        let texts = Texts { passages, ..Texts::default() };
        let heard = Heard::of(asked, &record, Some(&texts));
        prefixes.complete(&mut record, &heard);
        record.counted.cacheable
    }

    #[test]
    fn what_was_said_before_is_cached_in_whole_blocks() {
        let mut prefixes = Prefixes::of(&RunSettings::default());
        let mut single = |text: &str| cacheable(&mut prefixes, record(0, 0, 0, 1), asked(text, None), "");
        assert_eq!(single(&text(0..100)), Some(0));
        assert_eq!(single(&(text(0..40) + " other")), Some(32));
        assert_eq!(single(&text(0..100)), Some(96));
        // All of it but the last token, which is a block less.
        assert_eq!(single(&text(0..32)), Some(16));
        assert_eq!(single(&text(1..33)), Some(0), "it is no prefix");
    }

    #[test]
    fn a_turn_finds_all_that_was_said_before_it() {
        let mut prefixes = Prefixes::of(&RunSettings::default());
        let reply = text(200..232);
        let live = Some(Before { step: 0, is_reply_repeated: true });
        assert_eq!(cacheable(&mut prefixes, record(5, 0, 2, 32), asked(&text(0..64), None), &reply), Some(0));
        let second = asked(&text(300..320), live);
        assert_eq!(cacheable(&mut prefixes, record(5, 1, 2, 1), second.clone(), ""), Some(64 + 32));
        assert!(prefixes.sessions.is_empty(), "the session is over");
        // Another session says the same up to the reply, which is another one.
        assert_eq!(cacheable(&mut prefixes, record(6, 0, 2, 9), asked(&text(0..64), None), " no"), Some(48));
        assert_eq!(cacheable(&mut prefixes, record(6, 1, 2, 1), second, ""), Some(64));
    }

    #[test]
    fn a_request_that_was_not_sent_is_in_no_cache() {
        let mut prefixes = Prefixes::of(&RunSettings::default());
        let mut unsent = record(0, 0, 0, 1);
        unsent.instants.sent = None;
        assert_eq!(cacheable(&mut prefixes, unsent, asked(&text(0..64), None), ""), None);
        assert_eq!(cacheable(&mut prefixes, record(1, 0, 0, 1), asked(&text(0..64), None), ""), Some(0));
    }

    #[test]
    fn a_turn_behind_one_that_nobody_knows_is_unknown() {
        let mut prefixes = Prefixes::of(&RunSettings::default());
        let after = Some(Before { step: 0, is_reply_repeated: true });
        assert_eq!(cacheable(&mut prefixes, record(5, 1, 2, 1), asked(" a", after), ""), None);
        assert_eq!(cacheable(&mut prefixes, record(5, 0, 2, 1), asked(" a", None), ""), Some(0));
        assert!(prefixes.sessions.is_empty(), "the session is over");
    }

    #[test]
    fn each_url_and_each_model_has_a_cache_of_its_own() {
        let class = |model: &str| Class { model: Some(model.into()), ..Class::default() };
        let classes = Classes { list: vec![class("a"), class("b")], ..Classes::default() };
        let urls = vec!["http://a".into(), "http://b".into()];
        let mut prefixes = Prefixes::of(&RunSettings { urls, classes, ..RunSettings::default() });
        let mut single = |session_num, class| {
            let record = Record { class, ..record(session_num, 0, 0, 1) };
            cacheable(&mut prefixes, record, asked(&text(0..64), None), "")
        };
        assert_eq!(single(0, 0), Some(0));
        assert_eq!(single(1, 0), Some(0), "another server");
        assert_eq!(single(0, 1), Some(0), "another model");
        assert_eq!((single(2, 0), single(3, 0), single(2, 1)), (Some(48), Some(48), Some(48)));
    }
}
