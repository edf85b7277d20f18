//! The server's prefix cache: it never forgets a block of a prompt or of an answer, up to a limit, and says what it had.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use serde_json::{Map, Value};

/// Tokens (words) of a block.
const BLOCK: usize = 16;

/// With so many blocks it takes no more.
const MOST_BLOCKS: usize = 4 << 20;

/// Blocks by what stands in them and all before them.
#[derive(Debug, Default)]
pub(super) struct PrefixCache(Mutex<HashSet<u64>>);

impl PrefixCache {
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes the whole blocks of a prompt for a model. Gives how many of its tokens were there: never the last one, which is computed
    /// for the first token of the answer.
    pub(super) fn take(&self, model: &str, words: &[&str]) -> u64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut hasher, mut known, mut is_known) = (DefaultHasher::new(), 0, true);
        model.hash(&mut hasher);
        for block in words.chunks_exact(BLOCK) {
            block.hash(&mut hasher);
            let name = hasher.finish();
            is_known &= seen.contains(&name);
            known += usize::from(is_known);
            if seen.len() < MOST_BLOCKS {
                seen.insert(name);
            }
        }
        let most = words.len().saturating_sub(1) / BLOCK;
        (known.min(most) * BLOCK) as u64
    }
}

/// The words of each prompt: a chat is one, and there may be several in a list.
pub(super) fn prompts(fields: &Map<String, Value>) -> Vec<Vec<&str>> {
    match fields.get("prompt") {
        Some(Value::Array(prompts)) if prompts.iter().all(Value::is_string) => prompts
            .iter()
            .map(|prompt| prompt.as_str().into_iter().flat_map(str::split_whitespace).collect())
            .collect(),
        _ => vec![words(fields)],
    }
}

/// The words of a chat's messages or of a prompt, in order.
fn words(fields: &Map<String, Value>) -> Vec<&str> {
    let mut words = Vec::new();
    let messages = fields.get("messages").and_then(Value::as_array).into_iter().flatten();
    messages.filter_map(|message| message.get("content")).for_each(|content| gather(content, &mut words));
    fields.get("prompt").into_iter().for_each(|prompt| gather(prompt, &mut words));
    words
}

/// The words of a text, or of the texts in a list of parts.
fn gather<'a>(content: &'a Value, words: &mut Vec<&'a str>) {
    match content {
        Value::String(text) => words.extend(text.split_whitespace()),
        Value::Array(parts) => {
            let text = |part: &'a Value| part.as_str().or_else(|| part.get("text")?.as_str());
            words.extend(parts.iter().filter_map(text).flat_map(str::split_whitespace));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_blocks_of_a_prefix_are_found_again() {
        let text: String = (0..40).map(|word| ["w", &word.to_string(), " "].concat()).collect();
        let words: Vec<&str> = text.split_whitespace().collect();
        let cache = PrefixCache::default();
        assert_eq!(cache.take("m", &words), 0);
        assert_eq!(cache.take("m", &words), 32);
        assert_eq!(cache.take("m", &words[..32]), 16, "the last token is computed");
        assert_eq!(cache.take("m", &words[1..]), 0);
        assert_eq!(cache.take("another", &words), 0);
        cache.forget();
        assert_eq!(cache.take("m", &words), 0);
    }

    #[test]
    fn each_prompt_of_a_list_stands_alone() {
        let body = json!({"prompt": ["a b", "c"]});
        assert_eq!(prompts(body.as_object().unwrap()), [vec!["a", "b"], vec!["c"]]);
    }

    #[test]
    fn words_stand_in_messages_and_in_prompts() {
        let body = json!({"messages": [{"content": "a b"}, {"content": [{"text": "c"}, {"image": 1}]}], "prompt": ["d"]});
        assert_eq!(words(body.as_object().unwrap()), ["a", "b", "c", "d"]);
    }
}
