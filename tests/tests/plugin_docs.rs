//! `prony plugins docs`: the pages about what ships stand in `docs/plugins`, and vendors have the same of theirs.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use prony_tests::{Tool, library};
use rstest::rstest;

/// How the pages are renewed.
const RENEW: &str = "in the root of the repository, remove docs/plugins and run \
    `target/debug/prony plugins docs --plugin-policy builtin --into docs/plugins`";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The pages of a folder, by their names.
fn pages(folder: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let page = |file: fs::DirEntry| {
        (file.file_name().into_string().unwrap(), fs::read_to_string(file.path()).unwrap())
    };
    files.map(page).collect()
}

fn docs(words: &[&str]) -> Tool {
    Tool::new(["plugins", "docs"]).args(words)
}

/// The example of a plugin, described.
fn example(words: &[&str]) -> Tool {
    docs(words).arg(library("example-vendor"))
}

/// Keys and regions of the user's change nothing, and come into no page.
#[test]
fn the_pages_of_the_repository_are_what_the_program_writes() {
    let tool = docs(&["--into", "pages"]).env("AWS_REGION", "eu-north-1");
    let run = tool.env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "not-a-secret").run();
    run.succeeds();
    let made = pages(&run.dir().join("pages"));
    assert!(made.len() > 25, "{:?}", made.keys());
    let kept = pages(&root().join("docs/plugins"));
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&kept), names(&made), "docs/plugins has other pages: {RENEW}");
    for (name, page) in &made {
        assert!(kept.get(name) == Some(page), "docs/plugins/{name} is out of date: {RENEW}");
        assert!(!page.contains("AKIAEXAMPLE") && !page.contains("eu-north-1"), "{page}");
    }
}

/// One page by its name, in any spelling, on standard output and in a file.
#[test]
fn a_page_is_printed_or_written() {
    let printed = docs(&["Chat"]).run();
    let page = &printed.succeeds().stdout;
    for text in [
        "# chat\n",
        "`prony profile --endpoint-type chat` uses it.",
        "| path | `/v1/chat/completions` |",
        "| `use_legacy_max_tokens` | `true` or `false` | `false` |",
        "POST /v1/chat/completions\nContent-Type: application/json\nAuthorization: Bearer KEY\n",
        "\"max_completion_tokens\": 64",
        "| stream of chat completion chunks | text, ",
    ] {
        assert!(page.contains(text), "`{text}` is missing in:\n{page}");
    }
    assert_eq!(&docs(&["chat", "-o", "-"]).run().succeeds().stdout, page);
    let tool = docs(&["chat", "--output", "chat.md"]);
    tool.file("chat.md", "an older page");
    let written = tool.run();
    written.succeeds();
    assert_eq!(&fs::read_to_string(written.dir().join("chat.md")).unwrap(), page);
    assert_eq!(written.stdout, "");
}

#[test]
fn a_service_is_described_by_its_messages_and_options() {
    let run = docs(&["server-metrics"]).run();
    let page = &run.succeeds().stdout;
    for text in [
        "| starts | with every run, unless `--no-service server_metrics` leaves it out |",
        "It hears `phase_started`, `phase_ended`.",
        "It publishes `server_metrics_batch`.",
        "| `interval_ms` | a whole number",
        "`--service-option server_metrics.NAME=VALUE` sets one.",
    ] {
        assert!(page.contains(text), "`{text}` is missing in:\n{page}");
    }
    assert!(!page.contains("## What it sends"), "{page}");
}

/// A vendor names the file, before there is any manifest, and with one.
#[test]
fn a_library_is_described_without_being_installed() {
    let alone = example(&[]).run();
    let page = &alone.succeeds().stdout;
    assert!(page.contains("# ExampleVendor\n") && page.contains("No manifest names it"), "{page}");
    assert!(page.contains("\"content\": \"How high is the Eiffel Tower?\""), "{page}");
    let manifest = root().join("plugins/example-vendor/plugins.yaml");
    let named = example(&["--manifest", manifest.to_str().unwrap()]).run();
    let page = &named.succeeds().stdout;
    assert!(page.contains("# example_vendor\n") && page.contains("POST /v1/chat/completions"), "{page}");
}

/// What kills its process costs the page, and is named.
#[test]
fn a_library_that_crashes_is_an_error_with_its_name() {
    let options = r#"{"do": "segfault at once"}"#;
    let run = docs(&["--options", options, "--output", "page.md"]).arg(library("bad-conduct")).run();
    run.ends_with(3);
    assert!(
        run.stderr.contains("libbad_conduct.so") && run.stderr.contains("was killed by signal"),
        "{}",
        run.stderr
    );
    assert!(!run.dir().join("page.md").exists());
}

#[rstest]
#[case::no_name(&[], "required")]
#[case::an_unknown_name(&["chatt"], "did you mean `chat`?")]
#[case::a_file_that_is_not_there(&["./libnone.so"], "name a library that is there")]
#[case::options_that_are_none(&["chat", "--options", "[1]"], "it is no JSON object")]
#[case::a_manifest_without_a_library(&["chat", "--manifest", "x.yaml"], "the file of no library")]
#[case::no_parent(&["--as-child"], "standard input is not a socket")]
fn what_cannot_be_meant_is_an_error_of_usage(#[case] words: &[&str], #[case] expected: &str) {
    let run = docs(words).run();
    run.ends_with(2);
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn a_file_that_is_no_library_and_a_folder_that_is_not_there_are_named() {
    let tool = docs(&["./libtext.so"]);
    tool.file(
        "libtext.so",
        "only a text, and long enough to be more than the header of an object file would be",
    );
    let run = tool.run();
    run.ends_with(3);
    assert!(run.stderr.contains("libtext.so") && run.stderr.contains("help: "), "{}", run.stderr);
    let run = docs(&["chat", "--output", "none/chat.md"]).run();
    run.ends_with(1);
    assert!(run.stderr.contains("failed to write `none/chat.md`"), "{}", run.stderr);
}
