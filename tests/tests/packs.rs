//! Packs: how they get into the user's plugin folder and out of it, and how they are shown.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use prony_tests::{MockPlugin, MockServer, Run, Tool, library, mock_plugin};
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

/// A user's home, in which packs are installed.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// `prony` with these words, for this user.
    fn tool<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Tool {
        Tool::new(words).env("XDG_DATA_HOME", self.0.path())
    }

    fn add(&self, path: &Path, words: &[&str]) -> Run {
        self.tool(["plugins", "add"]).arg(path).args(words).run()
    }

    fn packs(&self) -> PathBuf {
        self.0.path().join("prony/plugins")
    }

    fn pack(&self, name: &str) -> PathBuf {
        self.packs().join(name)
    }

    /// Everything in the folder of packs, hidden or not.
    fn listing(&self) -> Vec<String> {
        let entries = fs::read_dir(self.packs()).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A pack in a folder with a plain name.
struct Pack(TempDir);

impl Pack {
    fn new(class: &str, library_package: &str) -> Self {
        let pack = Self(tempfile::tempdir().unwrap());
        fs::create_dir(pack.dir()).unwrap();
        let library = library(library_package);
        fs::copy(&library, pack.dir().join(library.file_name().unwrap())).unwrap();
        pack.manifest(&manifest("acme", class));
        pack
    }

    fn good() -> Self {
        Self::new("bad_panics:PanickingEndpoint", "bad-panics")
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("acme-chat")
    }

    fn manifest(&self, text: &str) {
        fs::write(self.dir().join("plugins.yaml"), text).unwrap();
    }
}

fn manifest(name: &str, class: &str) -> String {
    format!(
        "# Of Acme, Inc.\nschema_version: \"1.0\"\nendpoint:\n  {name}:\n    class: {class}  # the one and only\n    \
         description: A stranger.\n    metadata: {{endpoint_path: /v1/chat/completions, supports_streaming: true, \
         produces_tokens: true, tokenizes_input: true}}\n"
    )
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}\n{}", run.stdout, run.stderr))
}

#[test]
fn a_pack_is_copied_pinned_and_used() {
    let (home, pack) = (Home::new(), Pack::good());
    let run = home.add(&pack.dir(), &[]);
    run.succeeds();
    assert!(run.stdout.contains("installed `acme-chat`: "), "{}", run.stdout);
    assert!(run.stdout.ends_with("  endpoint acme\n"), "{}", run.stdout);
    assert_eq!(home.listing(), ["acme-chat"]);

    let text = fs::read_to_string(home.pack("acme-chat").join("plugins.yaml")).unwrap();
    let original = fs::read_to_string(pack.dir().join("plugins.yaml")).unwrap();
    let (added, kept): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.contains("integrity"));
    assert_eq!(kept, original.lines().collect::<Vec<_>>());
    assert!(matches!(added[..], [line] if line.starts_with("    integrity: sha256-")), "{text}");

    let listed = json(&home.tool(["plugins", "show", "endpoint", "acme", "--json"]).run());
    let entry = &listed["entries"][0];
    assert_eq!(entry["tier"], "user");
    assert_eq!(entry["integrity"], entry["library"]["sha256"]);
    assert_eq!(entry["library"]["faults"], Value::Array(vec![]));

    let server = MockServer::start([]);
    let run = home
        .tool(["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--streaming"])
        .args(["--url", server.url(), "--endpoint-type", "acme", "--request-count", "2"])
        .args(["--plugin-policy", "pinned"])
        .run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 2);
}

#[test]
fn nobody_else_can_write_to_what_is_installed() {
    let (home, pack) = (Home::new(), Pack::good());
    for file in ["plugins.yaml", "libbad_panics.so"] {
        fs::set_permissions(pack.dir().join(file), fs::Permissions::from_mode(0o600)).unwrap();
    }
    home.add(&pack.dir(), &[]).succeeds();
    for file in ["", "plugins.yaml", "libbad_panics.so"] {
        let mode = home.pack("acme-chat").join(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o022, 0, "{file}: {mode:o}");
        assert_eq!(mode & 0o444, 0o444, "{file}: {mode:o}");
    }
}

#[rstest]
#[case::release("target/release", false)]
#[case::debug("target/debug", false)]
#[case::elsewhere("out/release", true)]
fn a_crate_is_installed_from_where_cargo_builds(#[case] folder: &str, #[case] elsewhere: bool) {
    let (home, pack) = (Home::new(), Pack::good());
    let dir = pack.dir();
    fs::write(dir.join("Cargo.toml"), "[package]\n").unwrap();
    fs::create_dir_all(dir.join(folder)).unwrap();
    fs::rename(dir.join("libbad_panics.so"), dir.join(folder).join("libbad_panics.so")).unwrap();
    let mut tool = home.tool(["plugins", "add", "--json"]).arg(&dir);
    if elsewhere {
        tool = tool.env("CARGO_TARGET_DIR", dir.join("out"));
    }
    let run = tool.run();
    run.succeeds();
    let json = json(&run);
    assert_eq!(json["pack"], "acme-chat");
    let from = json["libraries"][0]["from"].as_str().unwrap();
    assert!(from.ends_with(&format!("{folder}/libbad_panics.so")), "{from}");
    // What can be added is found when it is validated, too.
    let mut validate = home.tool(["plugins", "validate"]).arg(&dir);
    if elsewhere {
        validate = validate.env("CARGO_TARGET_DIR", dir.join("out"));
    }
    let validated = validate.run();
    assert!(validated.succeeds().stdout.contains("0 errors"), "{}", validated.stdout);
    // The fixtures are debug builds.
    assert!(json["warnings"].to_string().contains("is a debug build"), "{json}");
    assert_eq!(json["entries"][0]["state"], "used");
    assert!(home.pack("acme-chat").join("libbad_panics.so").exists());
}

#[test]
fn a_crate_in_the_working_folder_is_called_by_a_dot() {
    let home = Home::new();
    let tool = home.tool(["plugins", "add", ".", "--name", "here"]);
    fs::copy(library("bad-panics"), tool.dir().join("libbad_panics.so")).unwrap();
    tool.file("plugins.yaml", manifest("acme", "bad_panics:PanickingEndpoint"));
    tool.run().succeeds();
    assert_eq!(home.listing(), ["here"]);
}

#[rstest]
#[case::missing_library("nowhere:Acme", "does not exist")]
#[case::not_exported("bad_panics:Acme", "the manifest names the endpoint `Acme`")]
#[case::bad_manifest("nonsense", "is not a class")]
fn a_pack_that_would_not_load_is_refused_and_nothing_is_copied(#[case] class: &str, #[case] expected: &str) {
    let (home, pack) = (Home::new(), Pack::good());
    pack.manifest(&manifest("acme", class));
    let run = home.add(&pack.dir(), &[]);
    run.ends_with(3);
    assert!(run.stdout.contains("plugins.yaml:"), "{}", run.stdout);
    assert!(run.stdout.contains(expected), "{}", run.stdout);
    assert!(run.stderr.contains("an error in it would keep it from being used"), "{}", run.stderr);
    assert!(!home.packs().exists());
    let run = home.add(&pack.dir(), &["--json"]);
    run.ends_with(3);
    assert_eq!(json(&run)["errors"], 1);
}

#[test]
fn a_pack_is_replaced_only_when_that_is_wanted() {
    let (home, pack) = (Home::new(), Pack::good());
    home.add(&pack.dir(), &[]).succeeds();
    pack.manifest(&manifest("newer", "bad_panics:PanickingEndpoint"));
    fs::write(home.pack("acme-chat").join("old"), "").unwrap();
    let run = home.add(&pack.dir(), &[]);
    run.ends_with(2);
    assert!(run.stderr.contains("help: replace it with `--replace`"), "{}", run.stderr);
    assert!(home.pack("acme-chat").join("old").exists());

    let run = home.add(&pack.dir(), &["--replace"]);
    run.succeeds();
    assert!(run.stdout.contains("replaced `acme-chat`"), "{}", run.stdout);
    assert_eq!(home.listing(), ["acme-chat"]);
    assert!(!home.pack("acme-chat").join("old").exists());
    let text = fs::read_to_string(home.pack("acme-chat").join("plugins.yaml")).unwrap();
    assert!(text.contains("newer:"), "{text}");

    pack.manifest(&manifest("other", "bad_panics:PanickingEndpoint"));
    home.add(&pack.dir(), &["--name", "another"]).succeeds();
    assert_eq!(home.listing(), ["acme-chat", "another"]);
}

#[test]
fn what_an_installed_pack_shadows_is_said() {
    let (home, pack) = (Home::new(), Pack::good());
    pack.manifest(&manifest("chat", "bad_panics:PanickingEndpoint"));
    let run = home.add(&pack.dir(), &[]);
    run.succeeds();
    assert!(run.stdout.contains("  endpoint chat, in place of the one of `"), "{}", run.stdout);
    pack.manifest(
        &manifest("chat", "bad_panics:PanickingEndpoint").replace("    class", "    priority: -5\n    class"),
    );
    let run = home.add(&pack.dir(), &["--name", "humble"]);
    assert!(run.stdout.contains("  endpoint chat, NOT used: the one of `"), "{}", run.stdout);
    assert!(run.stdout.contains("because its priority is higher"), "{}", run.stdout);
}

#[test]
fn a_pack_that_would_put_another_out_of_use_is_refused() {
    let (home, pack) = (Home::new(), Pack::good());
    home.add(&pack.dir(), &[]).succeeds();
    let run = home.add(&pack.dir(), &["--name", "second"]);
    run.ends_with(2);
    for expected in [
        "its endpoint `acme` has priority 0, as has that of `",
        "acme-chat/plugins.yaml`, and neither could be used",
        "give `acme` another name or another `priority`",
    ] {
        assert!(run.stderr.contains(expected), "{expected}:\n{}", run.stderr);
    }
    assert_eq!(home.listing(), ["acme-chat"]);
    let shown = json(&home.tool(["plugins", "show", "endpoint", "acme", "--json"]).run());
    assert_eq!(shown["conflicting"], false);

    home.add(&pack.dir(), &["--replace"]).succeeds();
    pack.manifest(
        &manifest("acme", "bad_panics:PanickingEndpoint").replace("    class", "    priority: 5\n    class"),
    );
    home.add(&pack.dir(), &["--name", "second"]).succeeds();
    assert_eq!(home.listing(), ["acme-chat", "second"]);
}

#[rstest]
#[case::path("../evil")]
#[case::absolute("/tmp/evil")]
#[case::dots("..")]
#[case::hidden(".evil")]
#[case::empty("")]
fn a_name_is_a_plain_one(#[case] name: &str) {
    let (home, pack) = (Home::new(), Pack::good());
    let run = home.add(&pack.dir(), &["--name", name]);
    run.ends_with(2);
    assert!(run.stderr.contains("it takes letters, digits, `-` and `_`"), "{}", run.stderr);
    let run = home.tool(["plugins", "remove", name]).run();
    run.ends_with(2);
}

/// No process has the number of the first one; the second one is ours, and may still be at work.
#[test]
fn what_a_process_that_was_ended_left_behind_is_taken_away() {
    let (home, pack) = (Home::new(), Pack::good());
    let ours = format!(".acme-chat.added-{}", std::process::id());
    for name in [".acme-chat.added-2147483647", ".old.removed-2147483647", ".old.replaced-2147483647", &ours]
    {
        fs::create_dir_all(home.pack(name)).unwrap();
        fs::write(home.pack(name).join("half"), "").unwrap();
    }
    home.add(&pack.dir(), &[]).succeeds();
    assert_eq!(home.listing(), [&ours, ".old.replaced-2147483647", "acme-chat"]);
}

#[test]
fn nothing_to_install_is_a_usage_error() {
    let home = Home::new();
    for path in ["/nowhere", "/tmp"] {
        let run = home.add(Path::new(path), &[]);
        run.ends_with(2);
        assert!(run.stderr.contains("there is no plugins.yaml"), "{}", run.stderr);
    }
}

/// What stands in the place of the user's plugin folder or of the pack, and how the error names it.
#[rstest]
#[case::a_file_as_data_folder("file", "", 1, "cause: Not a directory")]
#[case::a_file_as_plugin_folder("data", "prony/plugins", 2, "it is a file")]
#[case::a_file_as_pack("data", "prony/plugins/acme-chat", 2, "it is a file")]
fn what_is_in_the_way_is_named_and_left_alone(
    #[case] data: &str,
    #[case] file: &str,
    #[case] code: i32,
    #[case] expected: &str,
) {
    let (world, pack) = (tempfile::tempdir().unwrap(), Pack::good());
    let data = world.path().join(data);
    let file = if file.is_empty() { data.clone() } else { data.join(file) };
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "mine").unwrap();
    let run = Tool::new(["plugins", "add", "--replace"]).arg(pack.dir()).env("XDG_DATA_HOME", &data).run();
    run.ends_with(code);
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert!(run.stderr.contains("\nhelp: "), "{}", run.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn a_link_in_the_place_of_a_pack_is_neither_followed_nor_removed() {
    let (home, pack, elsewhere) = (Home::new(), Pack::good(), Pack::good());
    fs::create_dir_all(home.packs()).unwrap();
    symlink(elsewhere.dir(), home.pack("acme-chat")).unwrap();
    let run = home.add(&pack.dir(), &["--replace"]);
    run.ends_with(2);
    assert!(run.stderr.contains("it is a link"), "{}", run.stderr);
    let run = home.tool(["plugins", "remove", "acme-chat"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("it is a link"), "{}", run.stderr);
    assert!(elsewhere.dir().join("plugins.yaml").exists());
}

#[test]
fn a_plugin_folder_that_everyone_can_change_gets_no_packs() {
    let (home, pack) = (Home::new(), Pack::good());
    fs::create_dir_all(home.packs()).unwrap();
    fs::set_permissions(home.packs(), fs::Permissions::from_mode(0o777)).unwrap();
    let run = home.add(&pack.dir(), &[]);
    run.ends_with(1);
    assert!(run.stderr.contains("trust your plugin folder: everyone may write to"), "{}", run.stderr);
    assert!(home.listing().is_empty());
}

#[test]
fn without_a_home_there_is_no_place_for_packs() {
    let pack = Pack::good();
    let run = Tool::new(["plugins", "add"]).arg(pack.dir()).env("XDG_DATA_HOME", "").env("HOME", "").run();
    run.ends_with(2);
    assert!(run.stderr.contains("neither XDG_DATA_HOME nor HOME names one"), "{}", run.stderr);
}

/// A limit on the size of files stands in for a disk that is full: both fail in the middle of a write.
#[test]
fn a_write_that_fails_leaves_nothing_half_installed() {
    let (home, pack) = (Home::new(), Pack::good());
    home.add(&pack.dir(), &[]).succeeds();
    let before = fs::read(home.pack("acme-chat").join("plugins.yaml")).unwrap();
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" plugins add --replace \"$1\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script]).arg(prony_tests::program()).arg(pack.dir());
    let output = prony_tests::finish(command.env("XDG_DATA_HOME", home.0.path()));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("error: failed to write `") && stderr.contains("libbad_panics.so"), "{stderr}");
    assert_eq!(home.listing(), ["acme-chat"]);
    assert_eq!(fs::read(home.pack("acme-chat").join("plugins.yaml")).unwrap(), before);
}

#[test]
fn a_pack_is_removed_by_name() {
    let (home, pack) = (Home::new(), Pack::good());
    home.add(&pack.dir(), &[]).succeeds();
    let run = home.tool(["plugins", "remove", "acme-chatt"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("there is `acme-chat`"), "{}", run.stderr);
    assert!(run.stderr.contains("help: did you mean `acme-chat`?"), "{}", run.stderr);

    fs::create_dir(home.pack("notes")).unwrap();
    let run = home.tool(["plugins", "remove", "notes"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("it has no plugins.yaml, so it is no plugin package"), "{}", run.stderr);

    let run = home.tool(["plugins", "remove", "acme-chat", "--json"]).run();
    run.succeeds();
    assert_eq!(json(&run)["pack"], "acme-chat");
    assert_eq!(home.listing(), ["notes"]);
    home.tool(["plugins", "remove", "acme-chat"]).run().ends_with(2);
}

#[test]
fn everything_about_a_name_is_shown_without_opening_its_library() {
    let run = Tool::new(["plugins", "show", "endpoint", "chat"]).env("PRONY_LOG", "prony=trace").run();
    run.succeeds();
    for fact in [
        "endpoint_path",
        "sha256",
        "size",
        "contract",
        "rustc",
        "opt_level",
        "target",
        "capabilities",
        "options",
        "integrity",
        "isolation",
        "priority",
        "manifest",
    ] {
        let shown = run.stdout.lines().any(|line| line.trim_start().starts_with(fact));
        assert!(shown, "{fact}: {}", run.stdout);
    }
    assert!(run.stdout.contains("nothing beside memory and processor"), "{}", run.stdout);
    assert!(!run.stderr.contains("opened a library"), "{}", run.stderr);

    let pack = mock_plugin("chat", "bad_panics:PanickingEndpoint", "bad-panics");
    let run =
        Tool::new(["plugins", "show", "endpoint", "CHAT", "--json", "--plugins"]).arg(pack.path()).run();
    let shown = json(run.succeeds());
    assert_eq!((&shown["category"], &shown["conflicting"]), (&"endpoint".into(), &false.into()));
    let [own, built_in] = &shown["entries"].as_array().unwrap()[..] else { panic!("{shown}") };
    assert_eq!((&own["state"], &own["tier"]), (&"used".into(), &"command line".into()));
    assert_eq!(own["library"]["options"]["properties"]["panic_in"]["type"], "string");
    assert_eq!(own["library"].get("capabilities"), Some(&Value::Null), "it does not state what it uses");
    assert_eq!(built_in["library"]["capabilities"], Value::Array(Vec::new()));
    assert_eq!(own["metadata"]["endpoint_path"], "/v1/chat/completions");
    assert_eq!((&built_in["state"], &built_in["tier"]), (&"shadowed".into(), &"built-in".into()));
    assert_eq!(built_in["by"], own["manifest"]);
    assert_eq!(
        built_in["reason"],
        "at equal priority an external plugin package goes before the built-in one"
    );
    assert_eq!(built_in["library"]["package"], "endpoint-openai");
}

#[test]
fn a_broken_library_is_listed_with_its_fault() {
    let pack = MockPlugin::empty();
    pack.manifest(&manifest("acme", "acme:Acme"));
    pack.file("libacme.so", "no library");
    let run = Tool::new(["plugins", "list", "--plugins"]).arg(pack.path()).run();
    run.succeeds();
    assert!(
        run.stdout.contains("\nbroken\n  endpoint acme  its 10 bytes are not a shared library"),
        "{}",
        run.stdout
    );

    let run = Tool::new(["plugins", "--json", "--plugins"]).arg(pack.path()).run();
    let listed = json(run.succeeds());
    let keys: Vec<&String> = listed.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["schema_version", "plugin_policy", "packs", "endpoints", "services", "problems"]);
    let acme =
        listed["endpoints"].as_array().unwrap().iter().find(|listed| listed["name"] == "acme").unwrap();
    let library = &acme["entries"][0]["library"];
    assert!(library["faults"][0]["text"].as_str().unwrap().contains("are not a shared library"), "{library}");
    assert!(
        library["faults"][0]["hint"].as_str().unwrap().contains("install the library again"),
        "{library}"
    );
    assert_eq!(library["size"], 10);
}

#[test]
fn a_bad_pack_is_a_problem_of_the_list() {
    let packs = tempfile::tempdir().unwrap();
    fs::create_dir(packs.path().join("bad")).unwrap();
    fs::write(packs.path().join("bad/plugins.yaml"), "schema_version: \"1.0\"\nendpoints: {}\n").unwrap();
    let run =
        Tool::new(["plugins", "list", "service", "--json"]).env("PRONY_PLUGIN_PATH", packs.path()).run();
    let listed = json(run.succeeds());
    assert!(listed.get("endpoints").is_none());
    let problem = &listed["problems"][0];
    assert!(problem["file"].as_str().unwrap().ends_with("bad/plugins.yaml"), "{problem}");
    assert!(problem["text"].as_str().unwrap().contains("plugins.yaml:2`: there is no category"), "{problem}");
}

#[test]
fn the_graph_shows_who_hears_what() {
    let pack = mock_plugin("acme", "bad_panics:PanickingEndpoint", "bad-panics");
    pack.manifest(
        "schema_version: \"1.0\"\nservice:\n  shaky:\n    class: bad_panics:PanickingService\n    description: It panics.\n    \
         metadata: {required: false, auto_start: true}\n  lost:\n    class: nowhere:Service\n    description: Gone.\n    \
         metadata: {required: false, auto_start: false}\n",
    );
    let graph = |words: &[&str]| {
        let run = Tool::new(["plugins", "graph", "--plugins"]).arg(pack.path()).args(words).run();
        run.succeeds();
        assert!(!run.stderr.contains("opened a library"), "{}", run.stderr);
        run
    };
    insta::assert_snapshot!(graph(&[]).stdout.split("; looked").next().unwrap(), @r"
      message                published by     received by
      gpu_telemetry_batch    gpu_telemetry    report
      network_latency_batch  network_latency  report
      notice                 live_api         prony
      phase_ended            prony            gpu_telemetry, network_latency, server_metrics, shaky
      phase_recorded         prony            nobody
      phase_started          prony            gpu_telemetry, network_latency, server_metrics, shaky
      record_batch           prony            nobody
      request_span_batch     prony            otel
      run_now                prony            live_api, otel
      server_metrics_batch   server_metrics   live_api, prony, report
      telemetry_export       otel             report
    unknown: `lost`: the library does not exist
    ");
    let json = json(&graph(&["--json"]));
    let types: Vec<&Value> =
        json["messages"].as_array().unwrap().iter().map(|message| &message["type"]).collect();
    assert!(types.contains(&&"phase_ended".into()), "{types:?}");
    let services = json["services"].as_array().unwrap();
    let service = |name: &str| services.iter().find(|service| service["name"] == name).unwrap();
    let lost = service("lost");
    assert_eq!(
        (&lost["name"], &lost["subscriptions"], &lost["publishes"]),
        (&"lost".into(), &Value::Null, &Value::Null)
    );
    assert!(lost["fault"].as_str().unwrap().contains("does not exist"), "{lost}");
    let shaky = service("shaky");
    assert_eq!(shaky["publishes"], Value::Array(vec![]));
    let dot = graph(&["--dot"]).stdout;
    assert!(dot.starts_with("digraph prony {") && dot.contains("\"phase_started\" -> \"shaky\";"), "{dot}");
}
