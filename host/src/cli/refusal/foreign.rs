//! What other load testers call things: their flags, commands and endpoint types, and what each is here.
//!
//! Users come from `vllm bench serve`, guidellm, k6, genai-perf and AIPerf, and type what they are used to. A test checks that
//! every flag that is suggested here exists, and writes the tables of `docs/FROM_OTHER_TOOLS.md`.

use super::of_tools::{Ours, Row, TOOLS, Theirs};

/// Commands of other tools.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["bench", "benchmark", "run"], "use `prony profile`"),
    (&["serve", "mock"], "use `prony mock-server`"),
];

/// Endpoint types of other tools, as other spellings of ours cannot be told from them.
const ENDPOINTS: &[(&[&str], &str)] = &[
    (&["openai-chat", "openai_http", "openai-http", "sglang", "chat_completions"], "chat"),
    // The first two are what `vllm bench serve` calls it.
    (&["openai", "vllm", "openai-completions", "text_completions"], "completions"),
    (&["anthropic", "anthropic_messages", "claude"], "messages"),
    (&["openai-embeddings"], "embeddings"),
    (&["openai-responses"], "responses"),
    (&["tgi", "generate"], "huggingface_generate"),
    (&["triton", "v2"], "kserve_v2"),
];

impl Row {
    /// Whether a flag is refused with what it says.
    fn is_of(&self, flag: &str) -> bool {
        matches!(self.theirs, Theirs::Flags(flags) if flags.contains(&flag))
    }

    /// Whether it is about this value of a flag.
    fn is_of_value(&self, flag: &str, value: &str) -> bool {
        let Theirs::Shown(text) = self.theirs else { return false };
        text.split('`').skip(1).step_by(2).any(|code| {
            let mut words = code.split(' ');
            words.next() == Some(flag) && words.next() == Some(value)
        })
    }
}

impl Ours {
    fn hint(&self) -> String {
        match self {
            Self::Use(ours) => format!("use {ours}"),
            Self::Nothing(because) => format!("leave it out: {because}"),
        }
    }
}

/// What to use in place of another tool's flag, which may have a value that leads elsewhere than others. Where tools mean
/// different things by it, each of them is named.
pub(super) fn flag(name: &str, value: Option<&str>) -> Option<String> {
    let rows = || TOOLS.iter().flat_map(|tool| tool.rows.iter().map(move |row| (tool.name, row)));
    if let Some((_, row)) = rows().find(|(_, row)| value.is_some_and(|value| row.is_of_value(name, value))) {
        return Some(row.ours.hint());
    }
    let mut hints: Vec<(&str, String)> = Vec::new();
    for (tool, row) in rows().filter(|(_, row)| row.is_of(name)) {
        let hint = row.ours.hint();
        if hints.iter().all(|(_, other)| *other != hint) {
            hints.push((tool, hint));
        }
    }
    match &hints[..] {
        [] => None,
        [(_, hint)] => Some(hint.clone()),
        several => {
            let each: Vec<String> = several.iter().map(|(tool, hint)| format!("{hint} ({tool})")).collect();
            Some(each.join("; "))
        }
    }
}

/// What to use in place of another tool's command.
pub(super) fn command(name: &str) -> Option<&'static str> {
    find(COMMANDS, name)
}

/// Our name of another tool's endpoint type.
pub(super) fn endpoint(name: &str) -> Option<&'static str> {
    find(ENDPOINTS, &name.to_ascii_lowercase())
}

fn find(table: &[(&[&str], &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(names, _)| names.contains(&name)).map(|(_, ours)| *ours)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, env, fs, path::Path};

    use rstest::rstest;

    use super::*;
    use crate::cli::refusal::{of_tools::Tool, tests::built, unbuilt};

    fn rows() -> impl Iterator<Item = &'static Row> {
        TOOLS.iter().flat_map(|tool| tool.rows)
    }

    /// The words of a text that are flags.
    fn flags_in(text: &str) -> Vec<&str> {
        let codes = text.split('`').skip(1).step_by(2).filter(|code| !code.starts_with("prony "));
        let words = codes.flat_map(|code| code.split([' ', '=']));
        words.filter(|word| word.starts_with('-') && word.len() > 1).collect()
    }

    #[test]
    fn every_flag_that_is_suggested_exists() {
        let built = built();
        for row in rows() {
            let (Ours::Use(text) | Ours::Nothing(text)) = row.ours;
            for flag in flags_in(text) {
                assert!(built.contains(flag), "{flag}: {text}");
            }
        }
    }

    #[test]
    fn no_flag_is_ours_or_known_twice() {
        let built = built();
        for tool in TOOLS {
            let mut seen = BTreeSet::new();
            for row in tool.rows {
                let Theirs::Flags(flags) = row.theirs else { continue };
                for flag in flags {
                    assert!(!built.contains(*flag), "{flag} is built");
                    assert!(unbuilt::flag(flag).is_none(), "{flag} is one of AIPerf's");
                    assert!(seen.insert(flag), "{flag} of {} stands twice", tool.name);
                }
            }
        }
    }

    #[test]
    fn every_flag_of_the_tables_is_taken_or_refused() {
        let built = built();
        for row in rows() {
            let Theirs::Shown(text) = row.theirs else { continue };
            for name in flags_in(text) {
                assert!(built.contains(name) || flag(name, None).is_some(), "{name}: {text}");
            }
        }
    }

    #[rstest]
    #[case("--vus", None, "use `--concurrency`")]
    #[case("--seed", Some("5"), "use `--random-seed`")]
    #[case("--profile", Some("synchronous"), "use `--concurrency 1`")]
    #[case("--profile", Some("poisson"), "use `--request-rate N --arrival-pattern poisson`")]
    #[case("--backend", None, "use `--endpoint-type`; `prony plugins endpoint` lists the names")]
    #[case("--trust-remote-code", None, "leave it out: no code of a model is run")]
    fn a_flag_leads_to_ours(#[case] name: &str, #[case] value: Option<&str>, #[case] expected: &str) {
        assert_eq!(flag(name, value).as_deref(), Some(expected));
    }

    #[test]
    fn a_flag_that_tools_mean_differently_names_them() {
        let hint = flag("--profile", None).unwrap();
        assert!(
            hint.starts_with("use `--server-profiler` (`vllm bench serve`); use `--concurrency`"),
            "{hint}"
        );
        assert!(hint.ends_with("(`guidellm benchmark`)"), "{hint}");
    }

    /// A row as a line of Markdown.
    fn line(row: &Row) -> String {
        let theirs = match row.theirs {
            Theirs::Flags(flags) => {
                flags.iter().map(|flag| format!("`{flag}`")).collect::<Vec<_>>().join(", ")
            }
            Theirs::Shown(text) => text.to_owned(),
        };
        let ours = match row.ours {
            Ours::Use(text) => text.to_owned(),
            Ours::Nothing(because) => format!("nothing: {because}"),
        };
        format!("| {theirs} | {ours} |\n")
    }

    /// The page with the table of this tool: from its head to the next empty line.
    fn with_table(page: &str, tool: &Tool) -> String {
        let head = format!("| {} | prony |\n|---|---|\n", tool.name);
        let (before, rest) = page.split_once(&head).unwrap();
        let (_, after) = rest.split_once("\n\n").unwrap();
        let rows: Vec<String> = tool.rows.iter().map(line).collect();
        format!("{before}{head}{}\n{after}", rows.concat())
    }

    #[test]
    fn the_tables_of_the_page_are_these() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/FROM_OTHER_TOOLS.md");
        let page = fs::read_to_string(&path).unwrap();
        let made = TOOLS.iter().fold(page.clone(), |page, tool| with_table(&page, tool));
        if env::var_os("PRONY_WRITE_PAGES").is_some() {
            fs::write(&path, made).unwrap();
            return;
        }
        assert!(
            made == page,
            "docs/FROM_OTHER_TOOLS.md is out of date: this test writes its tables where PRONY_WRITE_PAGES=1 is set"
        );
    }
}
