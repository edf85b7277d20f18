//! What the library of a service states that it uses, and what its process then has: all the rest is denied by the kernel, in a
//! process of its own. Where a kernel cannot do that, it is said, and nothing is denied.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs};

use prony_tests::{MockPlugin, MockServer, Run, Tool, library};
use rstest::rstest;

/// What the fixture states, as its descriptor has it.
const STATED: &str = r#","capabilities":["network","files","threads","environment"]"#;

/// What may be tried: by whose capability, and how it fails without.
const NETWORK: [&str; 2] = ["udp", "tcp"];
const FILES: [&str; 4] = ["read", "write", "list", "program"];
const DENIED: &str = "permission denied";

/// A pack with a copy of the fixture that states these capabilities, or does not say what it uses.
fn pack(stated: Option<&[&str]>) -> MockPlugin {
    let pack = MockPlugin::empty();
    let original = library("uses-everything");
    let mut bytes = fs::read(&original).unwrap();
    let words = stated.map(|words| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>());
    let text = words.map(|words| format!(",\"capabilities\":[{}]", words.join(","))).unwrap_or_default();
    // Of the same length: nothing else in the file moves.
    let text = format!("{text:<width$}", width = STATED.len());
    let places = bytes.windows(STATED.len()).enumerate().filter(|(_, part)| *part == STATED.as_bytes());
    let places: Vec<usize> = places.map(|(place, _)| place).collect();
    assert!(!places.is_empty(), "the descriptor of `{}` is not found", original.display());
    for place in places {
        bytes[place..place + STATED.len()].copy_from_slice(text.as_bytes());
    }
    pack.file(original.file_name().unwrap().to_str().unwrap(), bytes);
    pack.file("secret.txt", "what nobody shall read");
    pack.manifest(
        "schema_version: \"1.0\"\nservice:\n  curious:\n    class: uses_everything:UsesEverything\n    description: It tries \
         things.\n    metadata: {required: false, auto_start: true}\n",
    );
    pack
}

/// What can be denied here, as `prony plugins show` says before the library is loaded.
struct Kernel {
    sockets: bool,
    files: bool,
}

impl Kernel {
    fn of(pack: &MockPlugin) -> Self {
        let run = Tool::new(["plugins", "show", "service", "curious", "--plugins"]).arg(pack.path()).run();
        run.succeeds();
        let line = run.stdout.lines().find(|line| line.trim_start().starts_with("enforced"));
        let line = line.unwrap_or_else(|| panic!("it does not say what is enforced: {}", run.stdout));
        assert!(line.contains("in a process of its own: "), "{line}");
        let missing = line.split_once("not enforced on this machine: ").map_or("", |(_, missing)| missing);
        let kernel = Self { sockets: !missing.contains("network ("), files: !missing.contains("files (") };
        kernel.must_be_what_the_system_says();
        kernel
    }

    /// The program is not believed: else it could deny nothing, say so, and be right.
    #[cfg(target_os = "linux")]
    fn must_be_what_the_system_says(&self) {
        use landlock::{ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};

        let answers = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
        let has_filters = answers.split_whitespace().any(|answer| answer == "errno");
        if has_filters && cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
            assert!(self.sockets, "this kernel can deny sockets");
        }
        let ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(ABI::V1))
            .and_then(Ruleset::create);
        assert_eq!(self.files, ruleset.is_ok(), "whether this kernel can deny files: {ruleset:?}");
    }

    /// Nothing is denied there.
    #[cfg(not(target_os = "linux"))]
    fn must_be_what_the_system_says(&self) {
        assert!(!self.sockets && !self.files);
    }
}

fn run(pack: &MockPlugin, words: &[&str]) -> Run {
    let server = MockServer::start([]);
    let tool =
        Tool::profile(&server).args(["--request-count", "2", "--osl", "4", "--plugins"]).arg(pack.path());
    let file = format!("curious.file={}", pack.dir().join("secret.txt").display());
    let tool = tool.args(["--service-option", &file]).args(words);
    let run = tool.env("PRONY_LOG", "warn,curious=info").env("ACME_MARK", "seen").run();
    assert_eq!(run.succeeds().summary()["services"]["curious"]["state"], "stopped", "{}", run.stderr);
    run
}

/// How each attempt went, in a place that the fixture names.
fn attempts(run: &Run, place: &str) -> BTreeMap<String, String> {
    let start = format!("in {place}: ");
    let line = run.stderr.lines().find_map(|line| line.split_once(&start));
    let (_, line) = line.unwrap_or_else(|| panic!("it says nothing of {place}:\n{}", run.stderr));
    let pairs = line.trim().split("; ").filter_map(|attempt| attempt.split_once('='));
    pairs.map(|(name, outcome)| (name.to_owned(), outcome.to_owned())).collect()
}

/// The line of the report about the limits of the service.
fn note(run: &Run) -> Option<String> {
    let notes = run.summary()["notes"].as_array().cloned().unwrap_or_default();
    let mut notes = notes.into_iter().filter_map(|note| note.as_str().map(str::to_owned));
    notes.find(|note| note.contains("`curious` may use only what its library states"))
}

#[rstest]
#[case::nothing(&[])]
#[case::network(&["network", "threads"])]
#[case::files(&["files"])]
#[case::environment(&["environment"])]
fn an_isolated_service_has_what_its_library_states_and_no_more(#[case] stated: &[&str]) {
    let pack = pack(Some(stated));
    let kernel = Kernel::of(&pack);
    let run = run(&pack, &["--isolate", "curious"]);
    let has = |capability: &str| stated.contains(&capability);
    let denied_if = |is_denied: bool| if is_denied { DENIED } else { "done" };
    let network = denied_if(!has("network") && kernel.sockets);
    let files = denied_if(!has("files") && kernel.files);
    // Sockets of this machine are files, or may as well be of the network.
    let unix = denied_if(!has("network") && !has("files") && kernel.sockets);
    for place in ["new", "thread"] {
        let found = attempts(&run, place);
        assert!(NETWORK.iter().all(|name| found[*name] == network), "in {place}: {found:?}");
        assert!(FILES.iter().all(|name| found[*name] == files), "in {place}: {found:?}");
        assert_eq!((found["unix"].as_str(), found["pair"].as_str()), (unix, "done"), "in {place}");
        // One end of it could talk to any other socket of this machine.
        assert_eq!(found["pair of datagrams"], unix, "in {place}");
        let variable = if has("environment") { "done" } else { "entity not found" };
        assert_eq!(found["variable"], variable, "in {place}");
    }
    assert_eq!(pack.dir().join("secret.made").exists(), files == "done");

    let note = note(&run).unwrap_or_else(|| panic!("no line about it: {}", run.summary()["notes"]));
    for (capability, what) in
        [("network", "network"), ("files", "files"), ("environment", "environment variables")]
    {
        let is_named = note.contains(&format!("no {what}")) || note.contains(&format!("{what} ("));
        assert_eq!(is_named, !has(capability), "{note}");
    }
    let is_whole = (has("network") || kernel.sockets) && (has("files") || kernel.files);
    assert_eq!(note.contains("not enforced on this machine"), !is_whole, "{note}");
}

#[rstest]
#[case::it_states_everything(Some("network files threads environment"), &["--isolate", "curious"])]
#[case::it_does_not_say_what_it_uses(None, &["--isolate", "curious"])]
#[case::it_runs_in_the_process_of_prony(Some(""), &[])]
fn whoever_states_everything_or_says_nothing_is_not_limited(
    #[case] stated: Option<&str>,
    #[case] place: &[&str],
) {
    let stated = stated.map(|words| words.split_whitespace().collect::<Vec<_>>());
    let pack = pack(stated.as_deref());
    let run = run(&pack, place);
    for place in ["new", "thread"] {
        let found = attempts(&run, place);
        assert!(found.len() > 8 && found.values().all(|outcome| outcome == "done"), "in {place}: {found:?}");
    }
    assert_eq!(note(&run), None);
}

#[test]
fn whether_it_is_limited_is_said_before_its_library_is_loaded() {
    let unstated = pack(None);
    let show = Tool::new(["plugins", "show", "service", "curious", "--plugins"]).arg(unstated.path()).run();
    assert!(show.succeeds().stdout.contains("no: it does not state what it uses"), "{}", show.stdout);

    let stated = pack(Some(&["files", "environment"]));
    let add = Tool::new(["plugins", "add", "--name", "curious"]).arg(stated.dir()).run();
    let words = "uses: files, environment (enforced: in a process of its own: ";
    assert!(add.succeeds().stdout.contains(words), "{}", add.stdout);
}
