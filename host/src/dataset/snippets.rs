//! Pieces of code, output and data, as agents that write code read them: patterns with words and numbers in their gaps.

use rand::{Rng, RngExt, seq::IndexedRandom};

use super::corpus::Class;

/// What stands in the gaps of a pattern, by its mark.
const WORDS: [(&str, Class); 3] =
    [("{noun}", Class::Noun), ("{kind}", Class::Adjective), ("{verb}", Class::Verb)];
const NUMBER: &str = "{number}";

/// Functions, calls on a command line, data, errors, differences.
const PATTERNS: [&str; 7] = [
    "def {verb}_{noun}({noun}, limit={number}):\n    if not {noun}:\n        return {number}\n    return {noun}.{verb}(limit)\n\n",
    "fn {noun}_{noun}({noun}: u64) -> Option<u64> {\n    let {noun} = {noun}.checked_mul({number})?;\n    Some({noun} + {number})\n}\n\n",
    "class {kind}_{noun}:\n    def __init__(self, {noun}):\n        self.{noun} = {noun}\n        self.{noun}_count = {number}\n\n",
    "$ {noun} --{kind} --{noun} {number} ./{noun}/{noun}.txt\n{noun}: {verb} {number} of {number}\n\n",
    "{\"{noun}\": {number}, \"{noun}\": [\"{kind}\", \"{kind}\"], \"{noun}\": {\"{noun}\": null}}\n\n",
    "Traceback (most recent call last):\n  File \"{noun}/{noun}.py\", line {number}, in {verb}_{noun}\n    {noun} = \
     {noun}.{verb}({number})\nValueError: {kind} {noun}\n\n",
    "--- a/{noun}/{noun}.rs\n+++ b/{noun}/{noun}.rs\n@@ -{number} +{number} @@\n-    let {noun} = {number};\n+    let {noun} = \
     {noun}({number});\n\n",
];

/// The first line of a text, which no other text has.
pub(super) fn title(number: u64, rng: &mut impl Rng) -> String {
    filled("# {kind} {noun} {number}", rng) + &format!(", part {number}\n\n")
}

/// Some lines.
pub(super) fn snippet(rng: &mut impl Rng) -> String {
    PATTERNS.choose(rng).map(|pattern| filled(pattern, rng)).unwrap_or_default()
}

fn filled(pattern: &str, rng: &mut impl Rng) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let gap = WORDS.iter().find(|(mark, _)| rest.starts_with(mark));
        if let Some((mark, class)) = gap {
            let words: Vec<&str> = class.words().collect();
            text.push_str(words.choose(rng).copied().unwrap_or_default());
            rest = &rest[mark.len()..];
        } else if let Some(behind) = rest.strip_prefix(NUMBER) {
            text.push_str(&rng.random_range(1..1000_u32).to_string());
            rest = behind;
        } else {
            text.push('{');
            rest = &rest[1..];
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn all_gaps_are_filled_and_other_braces_stay() {
        let mut rng = Seed::new(1).stream("s");
        for pattern in PATTERNS {
            let text = filled(pattern, &mut rng);
            let marks = ["{noun}", "{kind}", "{verb}", NUMBER];
            assert!(!marks.iter().any(|mark| text.contains(mark)), "{text}");
            let braces = |text: &str| {
                text.matches('{').count() - marks.iter().map(|mark| text.matches(mark).count()).sum::<usize>()
            };
            assert_eq!(braces(&text), braces(pattern), "{text}");
        }
        assert_ne!(snippet(&mut rng), snippet(&mut rng));
    }
}
