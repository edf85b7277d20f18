//! Token counts, under all the names that servers of this API format give them.

use std::fmt;

use serde::{
    de::{IgnoredAny, MapAccess, Visitor},
    Deserialize, Deserializer,
};

use crate::endpoint::TokenUsage;

/// The `usage` member of a reply.
///
/// Where two names of one count are present, the first in the text stands. Counts are taken as they are: a prompt
/// count includes what came from a cache, as the API format has it, whatever the cache's own count is called.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage(TokenUsage);

impl Usage {
    /// The counts, unless there are none at all.
    pub fn counts(&self) -> Option<&TokenUsage> {
        (self.0 != TokenUsage::default()).then_some(&self.0)
    }

    fn fill_from(&mut self, other: &TokenUsage) {
        let usage = &mut self.0;
        usage.prompt = usage.prompt.or(other.prompt);
        usage.completion = usage.completion.or(other.completion);
        usage.total = usage.total.or(other.total);
        usage.reasoning = usage.reasoning.or(other.reasoning);
        usage.cache_read = usage.cache_read.or(other.cache_read);
        usage.cache_write = usage.cache_write.or(other.cache_write);
    }
}

/// What a member of `usage`, or of one of its details, counts.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum Member {
    #[serde(
        rename = "prompt_tokens",
        alias = "input_tokens",
        alias = "inputTokens",
        alias = "input_token_count",
        alias = "promptTokenCount"
    )]
    Prompt,
    #[serde(
        rename = "completion_tokens",
        alias = "output_tokens",
        alias = "outputTokens",
        alias = "generated_token_count",
        alias = "candidatesTokenCount"
    )]
    Completion,
    #[serde(rename = "total_tokens", alias = "totalTokens", alias = "totalTokenCount")]
    Total,
    #[serde(rename = "reasoning_tokens", alias = "thoughtsTokenCount")]
    Reasoning,
    #[serde(
        rename = "cached_tokens",
        alias = "cache_read_input_tokens",
        alias = "prompt_cache_hit_tokens",
        alias = "cacheReadInputTokens",
        alias = "cachedContentTokenCount"
    )]
    CacheRead,
    #[serde(
        rename = "created_cache_tokens",
        alias = "cache_write_tokens",
        alias = "cache_creation_input_tokens",
        alias = "cacheWriteInputTokens"
    )]
    CacheWrite,
    #[serde(
        rename = "prompt_tokens_details",
        alias = "completion_tokens_details",
        alias = "input_tokens_details",
        alias = "output_tokens_details"
    )]
    Details,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UsageVisitor)
    }
}

struct UsageVisitor;

impl<'de> Visitor<'de> for UsageVisitor {
    type Value = Usage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of token counts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Usage, A::Error> {
        let mut usage = Usage::default();
        while let Some(member) = members.next_key()? {
            let slot = match member {
                Member::Prompt => &mut usage.0.prompt,
                Member::Completion => &mut usage.0.completion,
                Member::Total => &mut usage.0.total,
                Member::Reasoning => &mut usage.0.reasoning,
                Member::CacheRead => &mut usage.0.cache_read,
                Member::CacheWrite => &mut usage.0.cache_write,
                Member::Details => {
                    let details: Option<Usage> = members.next_value()?;
                    usage.fill_from(&details.unwrap_or_default().0);
                    continue;
                }
                Member::Other => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *slot = slot.or(members.next_value::<Count>()?.0);
        }
        Ok(usage)
    }
}

/// A number of tokens. `null` and numbers that cannot be one (`-1`, `0.5`) read as not reported.
struct Count(Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of tokens or null")
    }

    fn visit_u64<E>(self, count: u64) -> Result<Count, E> {
        Ok(Count(Some(count)))
    }

    fn visit_i64<E>(self, count: i64) -> Result<Count, E> {
        Ok(Count(u64::try_from(count).ok()))
    }

    fn visit_f64<E>(self, _count: f64) -> Result<Count, E> {
        Ok(Count(None))
    }

    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count(None))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(json: &str) -> TokenUsage {
        serde_json::from_str::<Usage>(json).unwrap().0
    }

    #[rstest]
    #[case::openai(
        r#"{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12,
            "prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":3}}"#
    )]
    #[case::responses_style(
        r#"{"input_tokens":5,"input_tokens_details":{"cached_tokens":4},
            "output_tokens":7,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":12}"#
    )]
    #[case::flat(
        r#"{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12,
            "prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":1,"reasoning_tokens":3}"#
    )]
    #[case::gemini(
        r#"{"promptTokenCount":5,"candidatesTokenCount":7,"totalTokenCount":12,
            "cachedContentTokenCount":4,"thoughtsTokenCount":3}"#
    )]
    fn every_api_format_of_usage_reads_alike(#[case] json: &str) {
        let expected = TokenUsage {
            prompt: Some(5),
            completion: Some(7),
            total: Some(12),
            reasoning: Some(3),
            cache_read: Some(4),
            cache_write: None,
        };
        assert_eq!(read(json), expected);
    }

    #[test]
    fn of_two_names_for_one_count_the_first_stands() {
        assert_eq!(read(r#"{"prompt_tokens":5,"input_tokens":1}"#).prompt, Some(5));
    }

    #[test]
    fn what_cannot_be_a_count_is_not_reported() {
        let usage = read(r#"{"prompt_tokens":-1,"completion_tokens":null,"prompt_tokens_details":null}"#);
        assert_eq!(usage, TokenUsage::default());
        assert!(Usage(usage).counts().is_none());
    }
}
