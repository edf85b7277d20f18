//! Plugin trust: policies, hashes, and files that others can change.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use prony_tests::{MockPlugin, MockServer, Run, Tool, library, mock_plugin};
use rstest::rstest;
use serde_json::Value;

/// A sound pack with the endpoint `acme`; with its hash if it is `pinned`.
fn acme(pinned: bool) -> MockPlugin {
    let pack = mock_plugin("acme", "bad_panics:PanickingEndpoint", "bad-panics");
    if pinned {
        let json = shown(&pack);
        pin(&pack, json["entries"][0]["library"]["sha256"].as_str().unwrap());
    }
    pack
}

fn shown(pack: &MockPlugin) -> Value {
    let run =
        Tool::new(["plugins", "show", "endpoint", "acme", "--json", "--plugins"]).arg(pack.path()).run();
    serde_json::from_str(&run.succeeds().stdout).unwrap()
}

fn pin(pack: &MockPlugin, hash: &str) {
    let text = fs::read_to_string(pack.path()).unwrap();
    pack.manifest(&text.replace("    class", &format!("    integrity: {hash}\n    class")));
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A short profile with the endpoint `acme` of a pack.
fn profile(pack: &MockPlugin) -> Run {
    tool(pack).run()
}

fn tool(pack: &MockPlugin) -> Tool {
    tool_at("http://127.0.0.1:9", "acme").arg("--plugins").arg(pack.path())
}

/// The same at an address, with any endpoint.
fn tool_at(url: &str, endpoint: &str) -> Tool {
    let words = ["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--streaming"];
    Tool::new(words).args(["--request-count", "1", "--url", url, "--endpoint-type", endpoint])
}

#[test]
fn a_wrong_hash_is_refused_before_the_library_is_opened() {
    let pack = acme(false);
    pin(&pack, "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let run = tool(&pack).env("PRONY_LOG", "prony=debug").run();
    run.ends_with(3);
    assert!(run.stderr.contains("cause: the manifest demands sha256-ba7816bf"), "{}", run.stderr);
    assert!(run.stderr.contains("help: install the file that the manifest was made for"), "{}", run.stderr);
    assert!(!run.stderr.contains("opened a library"), "{}", run.stderr);
}

#[test]
fn a_right_hash_is_no_obstacle() {
    let pack = acme(true);
    let server = MockServer::start([]);
    let run = tool_at(server.url(), "acme").arg("--plugins").arg(pack.path()).run();
    run.succeeds();
    assert!(run.summary()["plugins"][0]["sha256"].as_str().unwrap().starts_with("sha256-"));
}

#[rstest]
#[case::manifest("plugins.yaml", 2, "read the plugin manifest `")]
#[case::library("libbad_panics.so", 3, "load the endpoint `acme`")]
#[case::folder("", 2, "read the plugin manifest `")]
fn what_others_can_write_is_refused(#[case] file: &str, #[case] code: i32, #[case] expected: &str) {
    let pack = acme(false);
    mode(&pack.dir().join(file), 0o777);
    let run = profile(&pack);
    run.ends_with(code);
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert!(run.stderr.contains("everyone may write to `"), "{}", run.stderr);
    assert!(run.stderr.contains("help: take the right away: `chmod o-w"), "{}", run.stderr);
}

#[test]
fn a_pack_that_others_can_write_is_skipped_and_the_rest_works() {
    let packs = tempfile::tempdir().unwrap();
    let folder = packs.path().join("acme");
    fs::create_dir(&folder).unwrap();
    fs::copy(acme(false).path(), folder.join("plugins.yaml")).unwrap();
    mode(&folder.join("plugins.yaml"), 0o646);
    let run = Tool::new(["plugins"]).env("PRONY_PLUGIN_PATH", packs.path()).run();
    run.succeeds();
    assert!(run.stdout.contains("\nskipped\n") && run.stdout.contains("(mode 646)"), "{}", run.stdout);
    assert!(!run.stdout.contains("  acme  "), "{}", run.stdout);
}

/// A user who says which plugins may be used, in each of the ways.
#[rstest]
#[case::flag(Some("pinned"), None, None, "`--plugin-policy`")]
#[case::variable(None, Some("pinned"), None, "the variable PRONY_PLUGIN_POLICY")]
#[case::file(None, None, Some("plugin_policy: pinned\n"), "config/prony/config.yaml`")]
#[case::flag_first(Some("pinned"), Some("any"), Some("plugin_policy: any\n"), "`--plugin-policy`")]
#[case::variable_before_file(
    None,
    Some("pinned"),
    Some("plugin_policy: any\n"),
    "the variable PRONY_PLUGIN_POLICY"
)]
fn an_entry_that_a_policy_leaves_out_is_explained(
    #[case] flag: Option<&str>,
    #[case] variable: Option<&str>,
    #[case] file: Option<&str>,
    #[case] source: &str,
) {
    let pack = acme(false);
    let mut tool = tool(&pack);
    if let Some(policy) = flag {
        tool = tool.args(["--plugin-policy", policy]);
    }
    if let Some(policy) = variable {
        tool = tool.env("PRONY_PLUGIN_POLICY", policy);
    }
    if let Some(text) = file {
        configure(&tool.dir().join("config"), text);
    }
    let run = tool.run();
    run.ends_with(2);
    assert!(
        run.stderr.contains("warning: an entry was skipped: failed to use the endpoint `acme` of `"),
        "{}",
        run.stderr
    );
    let error = run.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(error.contains("error: failed to use the endpoint `acme` of `"), "{error}");
    assert!(error.contains("it has no `integrity`, and the policy `pinned` of "), "{error}");
    assert!(error.contains(source), "{error}");
    assert!(run.stderr.contains("help: add the library's `integrity` to `"), "{}", run.stderr);
}

fn configure(folder: &Path, text: &str) {
    fs::create_dir_all(folder.join("prony")).unwrap();
    fs::write(folder.join("prony/config.yaml"), text).unwrap();
}

#[test]
fn the_system_decides_where_the_user_says_nothing() {
    let pack = acme(false);
    let tool = tool(&pack);
    configure(&tool.dir().join("system-config"), "plugin_policy: builtin\n");
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains("system-config/prony/config.yaml` leaves it out"), "{}", run.stderr);
}

/// `mode` of the file or of its folder.
#[rstest]
#[case::file("config.yaml", 0o646)]
#[case::folder("", 0o777)]
fn a_configuration_file_that_others_can_write_to_is_refused(
    #[case] open: &str,
    #[case] mode: u32,
    #[values(&["plugins"], &["plugins", "validate"], &["profile", "--mock", "--plugin-policy", "any"])] words: &[&str],
) {
    let tool = Tool::new(words);
    configure(&tool.dir().join("config"), "plugin_policy: pinned\n");
    self::mode(&tool.dir().join("config/prony").join(open), mode);
    let run = tool.run();
    run.ends_with(2);
    for expected in
        ["failed to trust the configuration file `", "config/prony/config.yaml`", "everyone", "chmod o-w"]
    {
        assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
    }
}

#[rstest]
#[case::variable(
    Some("sometimes"),
    None,
    "read the plugin policy in PRONY_PLUGIN_POLICY: `sometimes` is none of"
)]
#[case::file(None, Some("plugin_policy: sometimes\n"), "config/prony/config.yaml:1`")]
#[case::nothing(
    None,
    Some("plugin_policy:\n"),
    "there is nothing; it takes one of `any`, `pinned`, `builtin`"
)]
#[case::unknown_key(None, Some("# ours\nplugin_polcy: pinned\n"), "config/prony/config.yaml:2`")]
fn a_wrong_policy_is_a_usage_error_that_names_its_place(
    #[values(&["plugins"], &["plugins", "validate"], &["plugins", "graph"], &["plugins", "show", "endpoint", "chat"], &["profile", "--mock"])]
    words: &[&str],
    #[case] variable: Option<&str>,
    #[case] file: Option<&str>,
    #[case] expected: &str,
) {
    let mut tool = Tool::new(words);
    if let Some(policy) = variable {
        tool = tool.env("PRONY_PLUGIN_POLICY", policy);
    }
    if let Some(text) = file {
        configure(&tool.dir().join("config"), text);
    }
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn a_wrong_policy_of_the_command_line_names_the_flag() {
    let run = Tool::new(["plugins", "--plugin-policy", "sometimes"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("--plugin-policy"), "{}", run.stderr);
}

#[test]
fn under_builtin_no_other_pack_is_read_and_what_ships_works() {
    let pack = MockPlugin::empty();
    pack.manifest("this is: [no manifest");
    let server = MockServer::start([]);
    let profile = |endpoint| {
        let tool = tool_at(server.url(), endpoint).args(["--plugin-policy", "builtin", "--plugins"]);
        tool.arg(pack.path()).run()
    };
    let run = profile("chat");
    run.succeeds();
    assert!(run.stderr.contains("the policy `builtin` of `--plugin-policy` leaves it out"), "{}", run.stderr);
    let summary = run.summary();
    assert_eq!(summary["plugin_policy"]["name"], "builtin");
    assert!(
        summary["notes"].to_string().contains("did not read the plugin manifest"),
        "{}",
        summary["notes"]
    );

    let run = profile("acme");
    run.ends_with(2);
    assert!(
        run.stderr.contains("find the endpoint `acme` among those that ship with prony"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("help: the policy `builtin` of `--plugin-policy` leaves out `"),
        "{}",
        run.stderr
    );
}

/// A library of a built-in entry that is missing beside its manifest must not be taken from elsewhere.
#[test]
fn under_a_policy_libraries_without_a_hash_come_from_their_own_folder_only() {
    let (pack, libraries) = (MockPlugin::empty(), MockPlugin::empty());
    fs::copy(acme(false).path(), pack.path()).unwrap();
    fs::copy(library("bad-panics"), libraries.dir().join("libbad_panics.so")).unwrap();
    let list = |policy| {
        let tool = Tool::new(["plugins", "validate", "--plugin-policy", policy]).arg(pack.path());
        tool.env("PRONY_PLUGIN_PATH", libraries.dir()).run()
    };
    list("any").succeeds();
    let run = list("pinned");
    run.ends_with(3);
    assert!(run.stdout.contains("the library does not exist"), "{}", run.stdout);
}

#[test]
fn the_report_says_which_policy_held_and_which_files_ran() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "1"]).run();
    let summary = run.succeeds().summary();
    assert_eq!(
        (&summary["plugin_policy"]["name"], &summary["plugin_policy"]["set_by"]),
        (&"any".into(), &"prony's default".into())
    );
    let plugins = summary["plugins"].as_array().unwrap();
    let names: Vec<_> = plugins
        .iter()
        .map(|plugin| (plugin["category"].as_str().unwrap(), plugin["name"].as_str().unwrap()))
        .collect();
    assert_eq!(names, [("endpoint", "chat"), ("service", "server_metrics")]);
    for plugin in plugins {
        assert!(plugin["sha256"].as_str().unwrap().starts_with("sha256-"), "{plugin}");
        assert!(plugin["rustc"].as_str().unwrap().starts_with("rustc "), "{plugin}");
        assert_eq!((&plugin["version"], &plugin["tier"]), (&"0.1.0".into(), &"built-in".into()));
        assert!(Path::new(plugin["library"].as_str().unwrap()).exists(), "{plugin}");
    }
}

/// The journal alone is enough to say it.
#[test]
fn a_report_that_is_made_again_says_the_same_of_plugins() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "1"]).run();
    let before = run.succeeds().summary();
    Tool::new(["report"]).arg(run.artifact("")).run().succeeds();
    assert_eq!(run.summary()["plugins"], before["plugins"]);
    assert_eq!(run.summary()["plugin_policy"], before["plugin_policy"]);
}

/// An external pack beats a built-in of the same priority; if it cannot be loaded, the built-in is used, and both the
/// console and the summary say so.
#[rstest]
#[case::in_process(&[])]
#[case::isolated(&["--isolate", "chat"])]
fn a_pack_that_overrides_chat_and_cannot_be_loaded_is_replaced_by_the_built_in(#[case] words: &[&str]) {
    let pack = mock_plugin("chat", "bad_contract:Chat", "bad-contract");
    let server = MockServer::start([]);
    let tool = Tool::profile(&server).args(["--request-count", "3", "--plugins"]).arg(pack.path());
    let run = tool.args(words).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 3);
    let note = summary["notes"][0].as_str().unwrap();
    for part in [
        "failed to load the endpoint `chat` from `",
        "libbad_contract.so",
        "is built for contract 2.3",
        "was used in its place",
    ] {
        assert!(note.contains(part), "{note}");
        assert!(run.stdout.contains(part), "{}", run.stdout);
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    assert_eq!(run.stderr.matches("was used in its place").count(), 1, "{}", run.stderr);
    let chat = &summary["plugins"][0];
    assert_eq!(
        (&chat["name"], &chat["package"], &chat["tier"]),
        (&"chat".into(), &"endpoint-openai".into(), &"built-in".into())
    );
}

#[test]
fn a_pack_outside_of_the_search_path_is_never_there() {
    let pack = acme(false);
    let tool = Tool::new(["plugins", "--json"]);
    // The working folder, what looks like a data folder in it, and one that is only near the search path.
    for folder in [
        ".",
        "prony/plugins/acme",
        ".local/share/prony/plugins/acme",
        "data/prony/acme",
        "data/prony/plugins/deep/acme",
    ] {
        let folder = tool.dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        for file in ["plugins.yaml", "libbad_panics.so"] {
            fs::copy(pack.dir().join(file), folder.join(file)).unwrap();
        }
    }
    let run = tool.run();
    assert!(!run.succeeds().stdout.contains("acme"), "{}", run.stdout);
}

#[test]
fn a_pack_beside_the_input_file_is_never_used() {
    let pack = mock_plugin("chat", "bad_panics:PanickingEndpoint", "bad-panics");
    let prompts = pack.file("prompts.jsonl", "{\"text\": \"hello\"}\n");
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "1", "--input-file"]).arg(prompts).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["plugins"][0]["tier"], "built-in");
    assert!(!summary["plugins"].to_string().contains("bad_panics"));
}

#[test]
fn a_link_in_the_search_path_is_as_good_as_what_it_leads_to() {
    let pack = acme(false);
    let tool = || {
        let tool = Tool::new(["plugins", "--json"]);
        fs::create_dir_all(tool.dir().join("data/prony/plugins")).unwrap();
        symlink(pack.dir(), tool.dir().join("data/prony/plugins/acme")).unwrap();
        tool
    };
    assert!(tool().run().stdout.contains("\"acme\""));
    mode(pack.dir(), 0o777);
    let run = tool().run();
    let listed: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
    assert!(listed["problems"][0]["text"].as_str().unwrap().contains("everyone may write to"), "{listed}");
    assert!(!listed["endpoints"].to_string().contains("acme"), "{listed}");
}

/// Any folder on the way to a pack, be it the way of a link: whoever can rename a folder chooses what stands below it.
#[rstest]
#[case::folder_above("open/closed", "open/closed", None)]
#[case::folder_far_above("open/closed/further/down", "open/closed/further/down", None)]
#[case::folder_above_a_link("closed/pack", "open/below/link", Some("open/below/link"))]
#[case::folder_of_a_link_on_the_way("closed/pack", "closed/way/pack", Some("open/link"))]
fn a_folder_above_a_pack_that_all_may_write_to_is_refused(
    #[case] place: &str,
    #[case] named: &str,
    #[case] link: Option<&str>,
) {
    let (pack, world) = (acme(false), tempfile::tempdir().unwrap());
    let at = |path: &str| world.path().join(path);
    fs::create_dir_all(at(place)).unwrap();
    for file in ["plugins.yaml", "libbad_panics.so"] {
        fs::copy(pack.dir().join(file), at(place).join(file)).unwrap();
    }
    fs::create_dir_all(at("open/below")).unwrap();
    fs::create_dir_all(at("closed")).unwrap();
    if link == Some("open/link") {
        // closed/way -> open/link -> closed
        symlink(at("closed"), at("open/link")).unwrap();
        symlink(at("open/link"), at("closed/way")).unwrap();
    } else if let Some(link) = link {
        symlink(at(place), at(link)).unwrap();
    }
    let run =
        || tool_at("http://127.0.0.1:9", "acme").arg("--plugins").arg(at(named).join("plugins.yaml")).run();
    // Nobody is there to be measured, but the pack is good.
    run().ends_with(4);
    mode(&at("open"), 0o777);
    let run = run();
    run.ends_with(2);
    let open = at("open").canonicalize().unwrap();
    assert!(run.stderr.contains(&format!("everyone may write to `{}`", open.display())), "{}", run.stderr);
    assert!(
        run.stderr.contains(&format!("help: take the right away: `chmod o-w {}", open.display())),
        "{}",
        run.stderr
    );
}

/// What is for everyone and sticky, as `/tmp` is, takes nothing from its owner.
#[test]
fn a_sticky_folder_above_a_pack_is_no_obstacle() {
    let (pack, world) = (acme(false), tempfile::tempdir().unwrap());
    let folder = world.path().join("pack");
    fs::create_dir(&folder).unwrap();
    for file in ["plugins.yaml", "libbad_panics.so"] {
        fs::copy(pack.dir().join(file), folder.join(file)).unwrap();
    }
    mode(world.path(), 0o1777);
    tool_at("http://127.0.0.1:9", "acme")
        .arg("--plugins")
        .arg(folder.join("plugins.yaml"))
        .run()
        .ends_with(4);
}

/// It is not only warned of.
#[test]
fn a_relative_folder_of_the_plugin_path_is_used_for_nothing() {
    let pack = MockPlugin::empty();
    fs::copy(acme(false).path(), pack.path()).unwrap();
    let tool = tool(&pack).env("PRONY_PLUGIN_PATH", ".");
    fs::copy(library("bad-panics"), tool.dir().join("libbad_panics.so")).unwrap();
    let run = tool.run();
    run.ends_with(3);
    assert!(
        run.stderr.contains("use the folder `.` of PRONY_PLUGIN_PATH: it is not an absolute path"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("the library does not exist"), "{}", run.stderr);

    let tool = Tool::new(["plugins", "validate"]).arg(pack.path()).env("PRONY_PLUGIN_PATH", ".");
    fs::copy(library("bad-panics"), tool.dir().join("libbad_panics.so")).unwrap();
    let run = tool.run();
    run.ends_with(3);
    assert!(run.stdout.contains("the library does not exist"), "{}", run.stdout);
}

/// The home of nobody: neither packs nor settings come from the working directory.
#[test]
fn a_relative_home_is_none() {
    let pack = acme(false);
    let tool =
        Tool::new(["plugins", "--json"]).env("HOME", ".").env("XDG_DATA_HOME", "").env("XDG_CONFIG_HOME", "");
    let folder = tool.dir().join(".local/share/prony/plugins/acme");
    fs::create_dir_all(&folder).unwrap();
    for file in ["plugins.yaml", "libbad_panics.so"] {
        fs::copy(pack.dir().join(file), folder.join(file)).unwrap();
    }
    fs::create_dir_all(tool.dir().join(".config/prony")).unwrap();
    fs::write(tool.dir().join(".config/prony/config.yaml"), "plugin_policy: sometimes\n").unwrap();
    let run = tool.run();
    assert!(!run.succeeds().stdout.contains("acme"), "{}", run.stdout);
}
