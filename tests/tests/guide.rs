//! The vendor guide says what is: its Rust is compiled by rustdoc, its commands are run by the suite `page_commands`, everything
//! else is compared here.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use prony_tests::{
    MockPlugin, Tool,
    pages::{page, root},
};

fn guide() -> &'static str {
    &page("plugin-api/README.md").text
}

/// The contents of all code blocks in one language.
fn blocks(language: &str) -> Vec<String> {
    let blocks = page("plugin-api/README.md").code(language);
    assert!(!blocks.is_empty(), "the guide has no `{language}`");
    blocks
}

/// A file of the crate that `prony plugins new acme-chat` writes.
fn written(name: &str) -> String {
    written_in("rust", name)
}

/// The same in another language.
fn written_in(language: &str, name: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let tool = Tool::new(["plugins", "new", "acme-chat", "--language", language, "--dir"]);
    tool.arg(dir.path()).run().succeeds();
    fs::read_to_string(dir.path().join("acme-chat").join(name)).unwrap()
}

#[test]
fn the_guide_shows_what_the_command_writes() {
    assert_eq!(blocks("rust")[0], written("src/lib.rs"));
    assert_eq!(blocks("yaml")[0], written("plugins.yaml"));
    for block in blocks("toml") {
        assert!(written("Cargo.toml").contains(&block), "{block}");
    }
    let others = [("c", "plugin.c"), ("cpp", "plugin.cpp"), ("go", "plugin.go"), ("zig", "plugin.zig")];
    for (language, file) in others {
        let source = written_in(language, file);
        for block in blocks(language) {
            assert!(source.contains(&block), "{block}");
        }
    }
}

#[test]
fn every_block_has_a_language_that_is_checked() {
    let guide = guide();
    let fences = guide.lines().filter(|line| line.starts_with("```") && *line != "```");
    for fence in fences {
        let checked = ["```rust", "```yaml", "```toml", "```sh", "```c", "```cpp", "```go", "```zig"];
        assert!(checked.contains(&fence), "{fence}");
    }
}

#[test]
fn the_manifests_of_the_guide_are_valid() {
    for block in blocks("yaml") {
        let pack = MockPlugin::empty();
        pack.manifest(&block);
        let run = Tool::new(["plugins", "--plugins"]).arg(pack.path()).run();
        assert!(run.succeeds().stdout.contains("acme_chat"), "{}", run.stdout);
    }
}

/// The texts in front of the first column's end, without their backticks.
fn symptoms(guide: &str) -> Vec<String> {
    let table = guide.split("## Troubleshooting").nth(1).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split("` |").next().unwrap().to_owned()).collect()
}

/// Each refusal of the ladder is in the table, and each row of the table is a refusal.
#[test]
fn the_table_of_refusals_is_complete() {
    let source = fs::read_to_string(root().join("host/src/plugin/fault.rs")).unwrap();
    let refusals: Vec<&str> =
        source.split("#[error(").skip(1).map(|rest| rest.split('"').nth(1).unwrap()).collect();
    let symptoms = symptoms(guide());
    assert!(refusals.len() > 15, "{refusals:?}");
    // A lock speaks for itself, and is its user's: SECURITY.md has it.
    for refusal in refusals.iter().filter(|refusal| **refusal != "{0}") {
        let named = symptoms.iter().any(|symptom| refusal.contains(symptom.as_str()));
        assert!(named, "the guide does not explain `{refusal}`");
    }
    for symptom in &symptoms {
        let exists = refusals.iter().any(|refusal| refusal.contains(symptom.as_str()));
        assert!(exists, "prony never says `{symptom}`");
    }
}

/// The numbers of the guide are those of the code.
#[test]
fn the_limits_of_the_guide_are_the_codes() {
    let guide = guide();
    for (limit, file, code) in [
        ("| one line of a stream of lines | 64 MiB |", "plugin-api/src/framing.rs", "> MAX_EVENT_BYTES"),
        ("| one server-sent event;", "plugin-api/src/sse.rs", "MAX_EVENT_BYTES: usize = 64 << 20"),
        (
            "of one response | 64 MiB; 512 MiB |",
            "host/src/request/wire.rs",
            "MAX_BODY_BYTES: usize = 512 << 20",
        ),
        ("| 512 MiB; 1 MiB; 256 |", "host/src/request/limits.rs", "REQUEST_BYTES: usize = 512 << 20"),
        ("| 512 MiB; 1 MiB; 256 |", "host/src/request/limits.rs", "HEAD_BYTES: usize = 1 << 20"),
        ("| 512 MiB; 1 MiB; 256 |", "host/src/request/limits.rs", "HEADERS: usize = 256"),
        ("facts together | 64 MiB |", "host/src/request/limits.rs", "ANSWER_BYTES: usize = 64 << 20"),
        ("| 1024; 1024; 1024; 1,048,576 each |", "host/src/request/limits.rs", "PASSAGES: usize = 1024"),
        ("| 1024; 1024; 1024; 1,048,576 each |", "host/src/request/limits.rs", "FINISHES: usize = 1024"),
        ("| 1024; 1024; 1024; 1,048,576 each |", "host/src/request/limits.rs", "TOOL_CALLS: usize = 1024"),
        ("| 1024; 1024; 1024; 1,048,576 each |", "host/src/request/limits.rs", "ITEMS: u32 = 1 << 20"),
        ("| 2^32; finite |", "host/src/request/limits.rs", "TOKENS: u64 = 1 << 32"),
        ("| 16 KiB, the rest", "host/src/request/limits.rs", "ERROR_BYTES: usize = 16 << 10"),
        ("| 5 s; 10 s, then the run ends", "host/src/node/watchdog.rs", "LOOKS: u32 = 50"),
        (
            "| 5 s; 10 s, then the run ends",
            "host/src/node/endpoint.rs",
            "LOAD_TIMEOUT: Duration = Duration::from_secs(10)",
        ),
        ("| panics of an endpoint | 3,", "host/src/request/endpoint.rs", "PANIC_BUDGET: u32 = 3"),
        (
            "| one call of a service;",
            "host/src/service/mailbox.rs",
            "CALL_DEADLINE: Duration = Duration::from_secs(5)",
        ),
        (
            "| 5 s; 5 s, or 0.3 s",
            "host/src/run/conductor.rs",
            "STOP_DEADLINE: Duration = Duration::from_secs(5)",
        ),
        (
            "| 5 s; 5 s, or 0.3 s",
            "host/src/run/conductor.rs",
            "SHORT_STOP_DEADLINE: Duration = Duration::from_millis(300)",
        ),
        ("| 1024 and 64 MiB; more are refused", "host/src/service/allowance.rs", "MESSAGES: usize = 1024"),
        ("| 1024 and 64 MiB; more are refused", "host/src/service/allowance.rs", "BYTES: usize = 64 << 20"),
        ("| 10,000 messages and 64 MiB;", "host/src/service/allowance.rs", "MESSAGES_A_WINDOW: u64 = 10_000"),
        ("| 16 MiB; 128 bytes |", "plugin-api/src/service.rs", "LARGEST_MESSAGE: usize = 16 << 20"),
        ("| 16 MiB; 128 bytes |", "plugin-api/src/service.rs", "LONGEST_TYPE: usize = 128"),
        ("| 4 GiB of address space |", "host/src/child/limit.rs", "MEMORY_BYTES: u64 = 4 << 30"),
    ] {
        let source = fs::read_to_string(root().join(file)).unwrap();
        assert!(guide.contains(limit) && source.contains(code), "`{limit}` and `{code}` of {file}");
    }
}
