//! `prony.lock`: what it has, and that nothing else is opened where it holds.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use prony_tests::{MockPlugin, MockServer, Run, Tool, mock_plugin, sha256};
use rstest::rstest;
use serde_json::{Value, json};

const TOKENIZER: &str = include_str!("../fixtures/tokenizer/tokenizer.json");
const LIBRARY: &str = "libbad_panics.so";

/// A plugin package with the endpoint `acme`, and beside it a tokenizer, a dataset and what locks all of them.
struct Place(MockPlugin);

impl Place {
    /// Nothing is locked yet.
    fn open() -> Self {
        let place = Self(mock_plugin("acme", "bad_panics:PanickingEndpoint", "bad-panics"));
        place.file("tokenizer.json", TOKENIZER);
        place.file("day.jsonl", "{\"text\": \"One?\"}\n{\"text\": \"Two?\"}\n");
        place
    }

    fn locked() -> Self {
        let place = Self::open();
        place.lock(&[]).succeeds();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.dir().join(name)
    }

    fn file(&self, name: &str, content: &str) {
        self.0.file(name, content);
    }

    fn lock(&self, words: &[&str]) -> Run {
        let tool =
            Tool::new(["lock", "--output"]).arg(self.path("prony.lock")).arg("--plugins").arg(self.0.path());
        let tool = tool.arg("--tokenizer").arg(self.path("tokenizer.json"));
        tool.arg("--input-file").arg(self.path("day.jsonl")).args(words).run()
    }

    /// What is locked.
    fn content(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("prony.lock")).unwrap()).unwrap()
    }

    fn write(&self, content: &Value) {
        self.file("prony.lock", &content.to_string());
    }

    /// A run with all of it, which sends nothing before it has opened it.
    fn tool(&self, words: &[&str]) -> Tool {
        let tool = Tool::profile_in("acme", "http://127.0.0.1:9").args(["--request-count", "2"]);
        let tool =
            tool.arg("--plugins").arg(self.0.path()).arg("--tokenizer").arg(self.path("tokenizer.json"));
        tool.arg("--input-file").arg(self.path("day.jsonl")).args(words)
    }

    fn run(&self, words: &[&str]) -> Run {
        self.tool(words).arg("--lock").arg(self.path("prony.lock")).run()
    }
}

fn sum(path: &Path) -> String {
    sha256(fs::read(path).unwrap())
}

/// It ended because something is not what was locked, and says both hashes.
fn is_refused(run: &Run, what: &str, hashes: [&str; 2]) {
    run.ends_with(3);
    for text in [what, "prony.lock`", hashes[0], hashes[1], "help: "] {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
}

#[test]
fn what_is_locked_is_opened_and_measured() {
    let place = Place::locked();
    let server = MockServer::start(["--tokens", "3"]);
    let tool = Tool::profile_in("acme", server.url()).args(["--request-count", "2", "--lock"]);
    let tool = tool.arg(place.path("prony.lock")).arg("--plugins").arg(place.0.path());
    let tool = tool.arg("--tokenizer").arg(place.path("tokenizer.json"));
    let run = tool.arg("--input-file").arg(place.path("day.jsonl")).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 2);
}

#[rstest]
#[case::a_library(LIBRARY, "the plugin library `bad_panics`")]
#[case::a_tokenizer("tokenizer.json", "the tokenizer `")]
#[case::a_dataset("day.jsonl", "the dataset `")]
fn what_has_another_byte_is_refused_with_both_hashes(#[case] file: &str, #[case] what: &str) {
    let place = Place::locked();
    let path = place.path(file);
    let before = sum(&path);
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(b'\n');
    fs::write(&path, bytes).unwrap();
    is_refused(&place.run(&[]), what, [&before, &sum(&path)]);
    place.tool(&["--dry-run", "1"]).run().succeeds();
    is_refused(&place.run(&["--dry-run", "1"]), what, [&before, &sum(&path)]);
}

#[rstest]
#[case::of_an_endpoint("bad_panics", "the plugin library `bad_panics`")]
#[case::of_a_service("service_server_metrics", "load the service `server_metrics`")]
fn a_lock_with_a_wrong_hash_refuses_what_is_there(#[case] library: &str, #[case] what: &str) {
    let place = Place::locked();
    let mut content = place.content();
    let digests = content["plugins"][library]["sha256"].as_object_mut().unwrap();
    let real = digests.values().next().unwrap().as_str().unwrap().to_owned();
    let wrong = "0".repeat(64);
    digests.values_mut().for_each(|digest| *digest = json!(wrong));
    place.write(&content);
    is_refused(&place.run(&[]), what, [&wrong, &real]);
}

#[test]
fn an_isolated_endpoint_is_checked_in_its_own_process() {
    let place = Place::locked();
    let before = sum(&place.path(LIBRARY));
    let mut bytes = fs::read(place.path(LIBRARY)).unwrap();
    bytes.push(0);
    fs::write(place.path(LIBRARY), bytes).unwrap();
    let run = place.run(&["--isolate", "acme"]);
    is_refused(&run, "the plugin library `bad_panics`", [&before, &sum(&place.path(LIBRARY))]);
}

#[test]
fn nothing_is_used_in_the_place_of_what_was_changed() {
    let pack = mock_plugin("chat", "bad_panics:PanickingEndpoint", "bad-panics");
    let lock = pack.dir().join("prony.lock");
    Tool::new(["lock", "--output"]).arg(&lock).arg("--plugins").arg(pack.path()).run().succeeds();
    let mut bytes = fs::read(pack.dir().join(LIBRARY)).unwrap();
    bytes.push(0);
    fs::write(pack.dir().join(LIBRARY), bytes).unwrap();
    let tool = Tool::profile_in("chat", "http://127.0.0.1:9").args(["--dry-run", "1", "--lock"]);
    let run = tool.arg(&lock).arg("--plugins").arg(pack.path()).run();
    run.ends_with(3);
    assert!(run.stderr.contains("the plugin library `bad_panics`"), "{}", run.stderr);
}

#[test]
fn validation_finds_what_is_not_what_was_locked() {
    let place = Place::locked();
    let validate = || {
        let tool = Tool::new(["plugins", "validate"]).arg(place.0.path());
        tool.arg("--lock").arg(place.path("prony.lock")).run()
    };
    let whole = validate();
    assert!(!whole.succeeds().stdout.contains("has no `integrity`"), "{}", whole.stdout);
    let mut bytes = fs::read(place.path(LIBRARY)).unwrap();
    bytes.push(0);
    fs::write(place.path(LIBRARY), bytes).unwrap();
    let changed = validate();
    changed.ends_with(3);
    assert!(changed.stdout.contains("demands sha256-"), "{}", changed.stdout);
}

/// To write a page about an endpoint is to run its library.
#[test]
fn no_page_is_written_about_what_is_not_what_was_locked() {
    let place = Place::locked();
    let page = || {
        let tool = Tool::new(["plugins", "docs", "acme", "--plugins"]).arg(place.0.path());
        tool.arg("--lock").arg(place.path("prony.lock")).run()
    };
    page().succeeds();
    let before = sum(&place.path(LIBRARY));
    let mut bytes = fs::read(place.path(LIBRARY)).unwrap();
    bytes.push(0);
    fs::write(place.path(LIBRARY), bytes).unwrap();
    is_refused(&page(), "the plugin library `bad_panics`", [&before, &sum(&place.path(LIBRARY))]);
}

#[test]
fn under_the_policy_pinned_what_is_locked_may_be_used() {
    let place = Place::locked();
    let words = ["--plugin-policy", "pinned", "--dry-run", "1"];
    place.tool(&words).run().ends_with(2);
    place.run(&words).succeeds();
}

#[test]
fn another_platform_is_kept_and_the_order_is_that_of_the_names() {
    let place = Place::locked();
    let mut content = place.content();
    let there = json!("1".repeat(64));
    content["plugins"]["bad_panics"]["sha256"]["s390x-unknown-linux-gnu"] = there.clone();
    place.write(&content);
    let run = place.lock(&[]);
    assert!(run.succeeds().stdout.contains("nothing has changed in `"), "{}", run.stdout);
    assert_eq!(place.content()["plugins"]["bad_panics"]["sha256"]["s390x-unknown-linux-gnu"], there);

    let names: Vec<String> = place.content()["plugins"].as_object().unwrap().keys().cloned().collect();
    assert!(names.is_sorted() && names.len() > 10, "{names:?}");
    // Of what is not for this machine it has nothing to say here.
    let digests = content["plugins"]["bad_panics"]["sha256"].as_object_mut().unwrap();
    digests.retain(|platform, _| platform.starts_with("s390x"));
    place.write(&content);
    let run = place.run(&["--dry-run", "1"]);
    run.ends_with(3);
    assert!(run.stderr.contains("for s390x-unknown-linux-gnu, and not for "), "{}", run.stderr);
}

#[test]
fn each_change_is_printed_with_both_hashes() {
    let place = Place::locked();
    let before = sum(&place.path("day.jsonl"));
    place.file("day.jsonl", "{\"text\": \"Three?\"}\n");
    let run = place.lock(&["--json"]);
    let printed: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
    let [change] = &printed["changes"].as_array().unwrap()[..] else { unreachable!("{printed}") };
    assert_eq!((&change["what"], &change["before"]), (&json!("dataset"), &json!(before)));
    assert_eq!(change["after"], json!(sum(&place.path("day.jsonl"))));
    place.run(&["--dry-run", "1"]).succeeds();
}

#[test]
fn a_folder_is_locked_file_by_file() {
    let place = Place::locked();
    fs::create_dir(place.path("days")).unwrap();
    place.file("days/1.jsonl", "{\"text\": \"One?\"}\n");
    place.file("days/2.jsonl", "{\"text\": \"Two?\"}\n");
    let lock = |words: &[&str]| {
        let tool = Tool::new(["lock", "--output"]).arg(place.path("prony.lock"));
        tool.arg("--plugins")
            .arg(place.0.path())
            .arg("--input-file")
            .arg(place.path("days"))
            .args(words)
            .run()
    };
    lock(&[]).succeeds();
    let run = || {
        let tool = Tool::profile_in("acme", "http://127.0.0.1:9").args(["--dry-run", "1", "--lock"]);
        let tool = tool.arg(place.path("prony.lock")).arg("--plugins").arg(place.0.path());
        tool.arg("--input-file").arg(place.path("days")).run()
    };
    run().succeeds();
    let before = sum(&place.path("days/2.jsonl"));
    place.file("days/2.jsonl", "{\"text\": \"Two!\"}\n");
    is_refused(&run(), "days/2.jsonl`", [&before, &sum(&place.path("days/2.jsonl"))]);
    fs::remove_file(place.path("days/2.jsonl")).unwrap();
    let gone = run();
    gone.ends_with(3);
    assert!(gone.stderr.contains("days/2.jsonl`, and it is not there"), "{}", gone.stderr);
}

/// Locks a dataset of the folder, with nothing else of it. Gives a run that holds to the lock.
fn locks_only(place: &Place, dataset: &str) -> impl Fn(&str) -> Run {
    let lock = place.path("prony.lock");
    let tool = Tool::new(["lock", "--output"]).arg(&lock).arg("--input-file").arg(place.path(dataset));
    tool.run().succeeds();
    let dir = place.path("");
    move |dataset| {
        let tool = Tool::profile_in("chat", "http://127.0.0.1:9").args(["--dry-run", "1", "--lock"]);
        tool.arg(&lock).arg("--input-file").arg(dir.join(dataset)).run()
    }
}

#[test]
fn the_files_of_a_dataset_are_no_more_and_no_less() {
    let place = Place::open();
    fs::create_dir(place.path("days")).unwrap();
    place.file("days/1.jsonl", "{\"text\": \"One?\"}\n");
    place.file("days/2.jsonl", "{\"text\": \"Two?\"}\n");
    let run = locks_only(&place, "days");
    run("days").succeeds();
    fs::rename(place.path("days"), place.path("other")).unwrap();
    run("other").succeeds();
    fs::copy(place.path("other/1.jsonl"), place.path("other/3.jsonl")).unwrap();
    fs::rename(place.path("other"), place.path("days")).unwrap();
    let copied = run("days");
    copied.ends_with(3);
    assert!(copied.stderr.contains("has no dataset `"), "{}", copied.stderr);
    assert!(copied.stderr.contains("days/3.jsonl`"), "{}", copied.stderr);
}

#[test]
fn the_agents_of_a_session_are_locked_with_it() {
    let place = Place::open();
    fs::create_dir_all(place.path("s/subagents")).unwrap();
    place.file("s.jsonl", "{\"text\": \"One?\"}\n");
    place.file("s/subagents/agent-1.jsonl", "{\"text\": \"Two?\"}\n");
    let run = locks_only(&place, "s.jsonl");
    run("s.jsonl").succeeds();
    let agent = place.path("s/subagents/agent-1.jsonl");
    let before = sum(&agent);
    fs::write(&agent, "{\"text\": \"Two!\"}\n").unwrap();
    is_refused(&run("s.jsonl"), "s/subagents/agent-1.jsonl`", [&before, &sum(&agent)]);
    fs::remove_file(&agent).unwrap();
    let gone = run("s.jsonl");
    gone.ends_with(3);
    assert!(gone.stderr.contains("s/subagents/agent-1.jsonl`, and it is not there"), "{}", gone.stderr);
}

#[test]
fn what_is_not_found_stays_locked_until_it_is_pruned() {
    let place = Place::locked();
    let plugin = || place.content()["plugins"].get("bad_panics").cloned();
    let lock =
        |words: &[&str]| Tool::new(["lock", "--output"]).arg(place.path("prony.lock")).args(words).run();
    let before = plugin();
    assert!(before.is_some());
    lock(&[]).succeeds();
    assert_eq!(plugin(), before);
    let pruned = lock(&["--prune"]);
    assert!(pruned.succeeds().stdout.contains("removed plugin library `bad_panics`"), "{}", pruned.stdout);
    assert_eq!(plugin(), None);
    let run = place.run(&["--dry-run", "1"]);
    run.ends_with(3);
    assert!(run.stderr.contains("has no plugin library `bad_panics`"), "{}", run.stderr);
}

#[test]
fn a_chat_template_is_locked_with_its_tokenizer() {
    let place = Place::open();
    place.file("chat_template.jinja", "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}");
    place.file("tokenizer_config.json", "{\"chat_template\": \"{{ messages[0].content }}\"}");
    place.lock(&[]).succeeds();
    let run = || {
        let tool = Tool::profile_in("chat", "http://127.0.0.1:9").args(["--dry-run", "1", "--lock"]);
        let tool = tool.arg(place.path("prony.lock")).arg("--tokenizer").arg(place.path("tokenizer.json"));
        let tool = tool.arg("--input-file").arg(place.path("day.jsonl"));
        tool.arg("--apply-chat-template").run()
    };
    run().succeeds();
    let template = place.path("chat_template.jinja");
    let (text, before) = (fs::read(&template).unwrap(), sum(&template));
    fs::write(&template, "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}").unwrap();
    is_refused(&run(), "chat_template.jinja`", [&before, &sum(&template)]);
    // That of the configuration would be used, which is locked, too.
    fs::remove_file(&template).unwrap();
    let gone = run();
    gone.ends_with(3);
    assert!(gone.stderr.contains("chat_template.jinja`, and it is not there"), "{}", gone.stderr);
    fs::write(&template, text).unwrap();
    run().succeeds();
}

#[test]
fn images_that_lines_name_are_locked_like_datasets() {
    let place = Place::open();
    let lock = place.path("prony.lock");
    place.file("cards.jsonl", "{\"text\": \"Who is this?\", \"image\": \"card.png\"}\n");
    place.file("card.png", "a picture");
    let lock_files = |names: &[&str]| {
        let tool = Tool::new(["lock", "--output"]).arg(&lock);
        let files = names.iter().flat_map(|name| ["--input-file".into(), place.path(name)]);
        tool.args(files).run().succeeds();
    };
    let run = || {
        let tool = Tool::profile_in("chat", "http://127.0.0.1:9").args(["--dry-run", "1", "--lock"]);
        tool.arg(&lock).arg("--input-file").arg(place.path("cards.jsonl")).run()
    };
    lock_files(&["cards.jsonl"]);
    let absent = run();
    absent.ends_with(3);
    assert!(
        absent.stderr.contains("has no dataset `") && absent.stderr.contains("card.png`"),
        "{}",
        absent.stderr
    );

    lock_files(&["card.png"]);
    run().succeeds();
    let before = sum(&place.path("card.png"));
    place.file("card.png", "another picture");
    is_refused(&run(), "card.png`", [&before, &sum(&place.path("card.png"))]);
}

#[test]
fn a_tokenizer_of_a_hubs_cache_is_locked_by_its_name_with_its_revision() {
    let place = Place::open();
    let lock = place.path("prony.lock");
    let folder = place.path("hub/models--org--Name");
    fs::create_dir_all(folder.join("snapshots/abc")).unwrap();
    fs::create_dir_all(folder.join("refs")).unwrap();
    fs::write(folder.join("refs/main"), "abc").unwrap();
    let file = folder.join("snapshots/abc/tokenizer.json");
    fs::write(&file, TOKENIZER).unwrap();
    let with_cache =
        |tool: Tool| tool.env("HF_HUB_CACHE", place.path("hub")).args(["--tokenizer", "org/Name"]);
    with_cache(Tool::new(["lock", "--output"]).arg(&lock)).run().succeeds();
    assert_eq!(place.content()["tokenizers"]["org/Name"]["version"], "abc");

    let run = || {
        let tool = Tool::profile_in("chat", "http://127.0.0.1:9").args(["--dry-run", "1", "--lock"]);
        with_cache(tool.arg(&lock)).run()
    };
    run().succeeds();
    let before = sum(&file);
    fs::write(&file, format!("{TOKENIZER}\n")).unwrap();
    is_refused(&run(), "the tokenizer `org/Name/tokenizer.json`", [&before, &sum(&file)]);
}

#[test]
fn the_environment_and_a_file_say_it_as_well() {
    let place = Place::open();
    let lock = place.path("prony.lock");
    let absent = |run: &Run| {
        run.ends_with(2);
        assert!(run.stderr.contains("find the lock file `"), "{}", run.stderr);
    };
    absent(&place.tool(&["--dry-run", "1"]).env("PRONY_LOCKED", "true").run());
    absent(&place.tool(&["--dry-run", "1"]).env("PRONY_LOCK", &lock).run());
    absent(&Tool::new(["plugins", "list", "--locked"]).run());
    absent(&Tool::new(["plugins", "list"]).env("PRONY_LOCKED", "1").run());
    let both = [Tool::new(["plugins", "list", "--locked"]), place.tool(&["--dry-run", "1", "--locked"])];
    for run in both.map(|tool| tool.env("PRONY_LOCK", &lock).run()) {
        absent(&run);
        assert!(run.stderr.contains(&*lock.to_string_lossy()), "{}", run.stderr);
    }
    let settings = place.0.file("run.yaml", format!("lock: {}\n", lock.display()));
    absent(&place.tool(&["--dry-run", "1", "-f"]).arg(settings).run());
}

#[rstest]
#[case::no_lock("[]", 2, "read the lock file `")]
#[case::empty("", 2, "read the lock file `")]
#[case::a_later_one("{\"lock_version\": 9}", 2, "its `lock_version` is 9")]
#[case::no_digest(
    "{\"lock_version\":1,\"datasets\":{\"a\":{\"sha256\":{\"a\":\"1\"}}}}",
    2,
    "is not a SHA-256"
)]
fn a_file_that_is_no_lock_is_refused(#[case] text: &str, #[case] code: i32, #[case] expected: &str) {
    let place = Place::open();
    place.file("prony.lock", text);
    for run in [place.run(&[]), place.lock(&[])] {
        run.ends_with(code);
        assert!(run.stderr.contains(expected) && run.stderr.contains("help: "), "{}", run.stderr);
    }
    assert_eq!(fs::read_to_string(place.path("prony.lock")).unwrap(), text, "it stays as it was");
}

#[test]
fn a_lock_that_others_can_change_is_none() {
    let place = Place::locked();
    fs::set_permissions(place.path("prony.lock"), fs::Permissions::from_mode(0o666)).unwrap();
    // To write it again would be to believe what others have put in.
    for run in [place.run(&[]), place.lock(&[])] {
        run.ends_with(2);
        assert!(
            run.stderr.contains("trust the lock file `") && run.stderr.contains("chmod o-w"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn what_cannot_be_locked_is_told_and_nothing_is_written() {
    let place = Place::open();
    for (words, code) in [
        (["--tokenizer", "builtin"], 2),
        (["--tokenizer", "no/such"], 2),
        (["--input-file", "no-such.jsonl"], 2),
        (["--input-file", "-"], 2),
        (["--public-dataset", "no/such"], 2),
    ] {
        place.lock(&words).ends_with(code);
        assert!(!place.path("prony.lock").exists(), "{words:?}");
    }
    let run = Tool::new(["lock", "--output", "no-such-folder/prony.lock"]).run();
    run.ends_with(1);
    assert!(run.stderr.contains("write the lock file `"), "{}", run.stderr);
}
