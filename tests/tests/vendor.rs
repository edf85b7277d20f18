//! What a vendor types, from an empty folder to a measured server: `plugins new`, cargo, `plugins check`, `plugins add`,
//! `profile`.
//!
//! Without a network: the crate brings its contract along, and its lock names what this workspace is built with.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use prony_tests::{MockServer, Run, Tool, finish_within};
use rstest::rstest;
use tempfile::TempDir;

/// Where crates are written and built. It stays, so that a second run finds its dependencies built.
fn workshop() -> PathBuf {
    let workshop = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vendor");
    fs::create_dir_all(&workshop).unwrap();
    workshop
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A new crate, written by `prony plugins new` into a folder of this test.
struct Crate {
    folder: PathBuf,
    stem: String,
}

impl Crate {
    fn new(name: &str, words: &[&str]) -> Self {
        let folder = workshop().join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        let run = Tool::new(["plugins", "new", name, "--dir"]).arg(workshop()).args(words).run();
        run.succeeds();
        assert!(run.stdout.contains("cargo build --release"), "{}", run.stdout);
        // What it needs beside its own files is said.
        assert!(run.stdout.contains("from crates.io"), "{}", run.stdout);
        Self { folder, stem: name.replace('-', "_") }
    }

    /// Runs cargo in it, offline, with `prony` on the path.
    fn cargo(&self, words: &[&str]) -> Output {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(words).current_dir(&self.folder).env("CARGO_NET_OFFLINE", "true");
        // It compiles all that a plugin needs, on a machine that has other things to do.
        let timeout = Duration::from_secs(1800);
        let output = finish_within(timeout, command.env("CARGO_TARGET_DIR", workshop().join("target")), b"");
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "cargo {}:\n{stdout}\n{stderr}", words.join(" "));
        output
    }

    /// Its built library.
    fn library(&self) -> PathBuf {
        workshop().join(format!("target/debug/lib{}.so", self.stem))
    }

    /// Installs it for a user, whose data folder is returned.
    fn install(&self) -> TempDir {
        let data = tempfile::tempdir().unwrap();
        let add = Tool::new(["plugins", "add"]).arg(&self.folder).env("XDG_DATA_HOME", data.path());
        add.env("CARGO_TARGET_DIR", workshop().join("target")).run().succeeds();
        data
    }

    /// Everything that a vendor's own machine says about it.
    fn is_sound(&self) {
        self.cargo(&["fmt", "--check"]);
        self.cargo(&["test", "--locked"]);
        self.cargo(&[
            "clippy",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
            "-W",
            "clippy::pedantic",
        ]);
        self.cargo(&["build", "--locked"]);
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }
}

fn profile(server: &MockServer, words: &[&str], data: &TempDir) -> Run {
    let tool = Tool::new(["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--isl", "8"]);
    let tool = tool.env("XDG_DATA_HOME", data.path());
    tool.args(["--url", server.url(), "--request-count", "4"]).args(words).run()
}

#[test]
fn a_new_endpoint_goes_all_the_way() {
    let endpoint = Crate::new("acme-chat", &[]);
    endpoint.is_sound();
    let check = Tool::new(["plugins", "check"]).arg(endpoint.library());
    let recordings = ["stream.sse", "answer.json"].map(|name| endpoint.folder.join("tests").join(name));
    let check = check.arg("--replay").arg(&recordings[0]).arg("--replay").arg(&recordings[1]).run();
    check.succeeds();
    assert!(check.stdout.contains("endpoint AcmeChat conforms\n"), "{}", check.stdout);

    let (server, data) = (MockServer::start(["--tokens", "5"]), endpoint.install());
    let streamed = profile(&server, &["--endpoint-type", "acme_chat", "--streaming"], &data);
    let summary = streamed.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 4);
    assert_eq!(summary["output_sequence_length"]["avg"], 5);
    assert!(summary["time_to_first_token"]["avg"].as_f64().unwrap() > 0.0);
    let whole = profile(&server, &["--endpoint-type", "acme_chat"], &data);
    assert_eq!(whole.succeeds().summary()["request_count"]["avg"], 4);
}

/// The last step of a vendor who has changed the path, and whose server nobody can reach: a recorded response is measured.
#[test]
fn the_last_step_needs_no_server_whatever_the_path() {
    let endpoint = Crate::new("acme-talk", &[]);
    endpoint.cargo(&["build", "--locked"]);
    let manifest = endpoint.file("plugins.yaml").replace("/v1/chat/completions", "/v9/talk");
    fs::write(endpoint.folder.join("plugins.yaml"), manifest).unwrap();
    let data = endpoint.install();
    let tool = Tool::new(["profile", "--mock", "--ui", "none", "--artifact-dir", "run", "--isl", "8"]);
    let tool = tool.env("XDG_DATA_HOME", data.path()).args(["--request-count", "4"]);
    let tool = tool.args(["--endpoint-type", "acme_talk", "--mock-answer"]);
    let summary = tool.arg(endpoint.folder.join("tests/stream.sse")).run().succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 4);
    assert_eq!(summary["usage_completion_tokens"]["avg"], 6);
}

#[test]
fn a_new_service_goes_all_the_way() {
    let service = Crate::new("acme-billing", &["--service"]);
    service.is_sound();
    let check = Tool::new(["plugins", "check"]).arg(service.library()).run();
    check.succeeds();
    assert!(check.stdout.contains("service AcmeBilling conforms\n"), "{}", check.stdout);

    let words = ["--endpoint-type", "chat", "--streaming"];
    let server = MockServer::start(["--tokens", "5"]);
    let run = profile(&server, &[&words[..], &["--log-level", "info"]].concat(), &service.install());
    let summary = run.succeeds().summary();
    let billing = &summary["services"]["acme_billing"];
    assert_eq!(billing["state"], "stopped", "{billing}");
    assert_eq!(billing["published"], 1, "{billing}");
    // It has heard of every request, however short the run was.
    assert!(run.stderr.contains("Tally { requests: 4, failed: 0, output_tokens: 20,"), "{}", run.stderr);
}

/// The program carries the contract along; a copy that has fallen behind would make vendors build against the past.
#[test]
fn the_contract_in_a_new_crate_is_the_one_of_this_tree() {
    let contract = Crate::new("acme-copy", &[]).folder.join("prony-plugin-api");
    let tree = root().join("plugin-api");
    let below = |folder: &Path| {
        let mut files = vec![PathBuf::from("build.rs"), PathBuf::from("README.md")];
        let mut open = vec![PathBuf::from("src")];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(folder.join(&next)).unwrap() {
                let path = next.join(entry.unwrap().file_name());
                if folder.join(&path).is_dir() { open.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        files
    };
    assert_eq!(below(&contract), below(&tree));
    for file in below(&tree) {
        let same = fs::read(contract.join(&file)).unwrap() == fs::read(tree.join(&file)).unwrap();
        assert!(same, "`{}` differs: build prony again", file.display());
    }
    let manifest = fs::read_to_string(contract.join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("workspace"), "{manifest}");
}

/// Every version in the new crate's lock is one of ours.
#[test]
fn the_lock_of_a_new_crate_is_a_part_of_ours() {
    let packages = |lock: &str| -> Vec<String> {
        let entries = lock.split("[[package]]\n").skip(1);
        entries.map(|entry| entry.lines().take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    let ours = packages(&fs::read_to_string(root().join("Cargo.lock")).unwrap());
    let theirs = packages(&Crate::new("acme-lock", &[]).file("Cargo.lock"));
    assert!(theirs.len() > 10, "{theirs:?}");
    for package in theirs.iter().filter(|package| !package.contains("\"acme-lock\"")) {
        assert!(ours.contains(package), "{package}");
    }
}

#[test]
fn a_complete_endpoint_has_less_than_60_lines() {
    for words in [&[][..], &["--service"]] {
        let source = Crate::new(if words.is_empty() { "acme-short" } else { "acme-short-service" }, words)
            .file("src/lib.rs");
        let code = source.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with("//"));
        let lines = code.count();
        assert!(lines < 60, "{lines} lines of code:\n{source}");
    }
}

/// However long the name is, the crate is formatted as rustfmt wants it.
#[rstest]
#[case::short("a")]
#[case::late_in_the_alphabet("zz-top")]
#[case::long("a-name-that-is-as-long-as-the-name-of-a-plugin-can-ever-be-x")]
fn a_new_crate_is_formatted_whatever_its_name(#[case] name: &str, #[values("", "--service")] kind: &str) {
    let words = if kind.is_empty() { vec![] } else { vec![kind] };
    let dir = tempfile::tempdir().unwrap();
    let run = Tool::new(["plugins", "new", name, "--dir"]).arg(dir.path()).args(words).run();
    run.succeeds();
    let folder = dir.path().join(name);
    Crate { folder, stem: String::new() }.cargo(&["fmt", "--check"]);
}

#[rstest]
#[case::empty("")]
#[case::path("../acme")]
#[case::digit_first("3com")]
#[case::keyword("async")]
#[case::capitals("AcmeChat")]
#[case::too_long(&"a".repeat(61))]
#[case::taken_by_the_template("parser")]
fn a_bad_name_is_an_error_of_usage_and_writes_nothing(#[case] name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let run = Tool::new(["plugins", "new", name, "--dir"]).arg(dir.path()).run();
    run.ends_with(2);
    assert!(run.stderr.contains("help: "), "{}", run.stderr);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// What really happens: `prony plugins add` says the same when it is done, see `packs`.
#[rstest]
#[case::endpoint(
    "chat",
    "",
    "prony has an endpoint `chat` of its own: once this plugin is added, it is used in its place"
)]
#[case::service("server-metrics", "--service", "prony has a service `server_metrics` of its own")]
#[case::free("acme-chat", "", "")]
fn a_name_that_prony_has_itself_is_said_to_be_taken_over(
    #[case] name: &str,
    #[case] kind: &str,
    #[case] says: &str,
) {
    let words = ["plugins", "new", name, kind];
    let run = Tool::new(words.into_iter().filter(|word| !word.is_empty())).run();
    run.succeeds();
    assert!(run.stderr.contains(says), "{}", run.stderr);
    assert_eq!(run.stderr.is_empty(), says.is_empty(), "{}", run.stderr);
}

#[test]
fn an_existing_folder_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("acme-chat")).unwrap();
    let run = Tool::new(["plugins", "new", "acme-chat", "--dir"]).arg(dir.path()).run();
    run.ends_with(2);
    assert!(run.stderr.contains("it exists"), "{}", run.stderr);
    assert_eq!(fs::read_dir(dir.path().join("acme-chat")).unwrap().count(), 0);
}
