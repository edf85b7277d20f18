//! `prony plugins validate`: everything that is wrong with packs, told at once and by file and line.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use prony_tests::{MockPlugin, Run, Tool, library};
use rstest::rstest;
use serde_json::Value;

const METADATA: &str =
    "{endpoint_path: /v1/x, supports_streaming: true, produces_tokens: true, tokenizes_input: true}";

/// An entry of a manifest. Several lines long.
fn entry(name: &str, class: &str, more: &str) -> String {
    format!("  {name}:\n    class: {class}\n    description: A test's.\n{more}    metadata: {METADATA}\n")
}

/// A pack with the good library `libgood.so`, and a manifest with these endpoints.
fn pack(entries: &[String]) -> MockPlugin {
    let pack = MockPlugin::empty();
    fs::copy(library("bad-panics"), pack.dir().join("libgood.so")).unwrap();
    pack.manifest(&format!("schema_version: \"1.0\"\nendpoint:\n{}", entries.concat()));
    pack
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn validate(pack: &MockPlugin, words: &[&str]) -> Run {
    Tool::new(["plugins", "validate"]).args(words).arg(pack.dir()).run()
}

/// The findings of a severity: line and text.
fn findings(pack: &MockPlugin, severity: &str, words: &[&str]) -> Vec<(u64, String)> {
    let run = validate(pack, &[&["--json"], words].concat());
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = json["findings"].as_array().unwrap().iter();
    let found: Vec<_> = findings
        .filter(|finding| finding["severity"] == severity)
        .map(|finding| {
            assert!(!finding["hint"].as_str().unwrap().is_empty(), "{finding}");
            assert_eq!(finding["file"], pack.path().canonicalize().unwrap().to_str().unwrap());
            (finding["line"].as_u64().unwrap_or(0), finding["text"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(json[format!("{severity}s")], found.len());
    assert_eq!(run.code, if json["errors"] == 0 { 0 } else { 3 });
    found
}

/// What the errors are, each with its line.
#[track_caller]
fn are_errors(pack: &MockPlugin, expected: &[(u64, &str)]) {
    let found = findings(pack, "error", &[]);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((line, text), (expected_line, expected)) in found.iter().zip(expected) {
        assert!(
            line == expected_line && text.contains(expected),
            "{line}: {text}\nexpected {expected_line}: {expected}"
        );
    }
}

#[test]
fn five_mistakes_in_one_manifest_are_five_findings_with_file_and_line() {
    let typo = entry("typo", "good:PanickingEndpoint", "").replace("supports_streaming", "supports_steaming");
    let hash = "    integrity: sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
    let pack = pack(&[
        typo,
        entry("twice", "good:PanickingEndpoint", ""),
        entry("Twice", "good:PanickingEndpoint", ""),
        entry("missing", "nowhere:Endpoint", ""),
        entry("hash", "good:PanickingEndpoint", hash),
        entry("open", "open:PanickingEndpoint", ""),
    ]);
    fs::copy(library("bad-panics"), pack.dir().join("libopen.so")).unwrap();
    mode(&pack.dir().join("libopen.so"), 0o666);
    are_errors(
        &pack,
        &[
            (6, "endpoint.typo.metadata: unknown field `supports_steaming`"),
            (11, "endpoint: `Twice` stands here a second time"),
            (15, "the library does not exist; looked for `libnowhere.so` in"),
            (19, "the manifest demands sha256-ba7816bf"),
            (24, "everyone may write to `"),
        ],
    );
    let run = validate(&pack, &[]);
    run.ends_with(3);
    let file = pack.path().canonicalize().unwrap().display().to_string();
    for line in [6, 11, 15, 19, 24] {
        assert!(run.stdout.contains(&format!("{file}:{line}: error: ")), "{}", run.stdout);
    }
    assert!(run.stdout.contains("  help: did you mean `supports_streaming`?\n"), "{}", run.stdout);
    assert!(run.stdout.ends_with("5 errors, 6 warnings in 1 manifest\n"), "{}", run.stdout);
}

#[test]
fn a_framing_that_there_is_not_is_named_with_those_that_there_are() {
    let framing =
        |word: &str| METADATA.replace("produces_tokens", &format!("stream_framing: {word}, produces_tokens"));
    let with = |word: &str| entry("lines", "good:PanickingEndpoint", "").replace(METADATA, &framing(word));
    are_errors(
        &pack(&[with("ndjson")]),
        &[(
            6,
            "endpoint.lines.metadata.stream_framing: unknown variant `ndjson`, expected one of `events`, `lines`, `bytes`",
        )],
    );
    validate(&pack(&[with("lines")]), &[]).succeeds();
}

#[test]
fn an_entry_with_a_typo_has_its_library_checked_all_the_same() {
    let typo = entry("typo", "nowhere:Endpoint", "").replace("produces_tokens", "produces_tokns");
    let unclear = entry("unclear", "elsewhere:Endpoint", "    colour: blue\n");
    let lacking = entry("lacking", "nobody:Endpoint", "").replace("    description: A test's.\n", "");
    are_errors(
        &pack(&[typo, unclear, lacking]),
        &[
            (3, "looked for `libnowhere.so`"),
            (6, "unknown field `produces_tokns`"),
            (7, "looked for `libelsewhere.so`"),
            (10, "unknown field `colour`"),
            (12, "looked for `libnobody.so`"),
            (13, "missing field `description`"),
        ],
    );
}

#[test]
fn several_mistakes_of_one_entry_are_all_told() {
    let block = METADATA.trim_matches(['{', '}']).replace(", ", "\n      ");
    let entry = entry("much", "good.PanickingEndpoint", "    priority: high\n    isolation: thread\n")
        .replace(METADATA, &format!("\n      {block}\n      colour: blue\n      metrics_titel: Acme"));
    are_errors(
        &pack(&[entry]),
        &[
            (4, "`good.PanickingEndpoint` is not a class"),
            (6, "endpoint.much.priority: invalid type"),
            (7, "endpoint.much.isolation: unknown variant `thread`"),
            (13, "endpoint.much.metadata: unknown field `colour`"),
            (14, "endpoint.much.metadata: unknown field `metrics_titel`"),
        ],
    );
}

#[rstest]
#[case::empty("", "it is empty")]
#[case::no_version("endpoint: {}\n", "`schema_version` is missing")]
#[case::another_version("schema_version: \"2.0\"\n", "its schema_version is `2.0`")]
#[case::version_is_no_text("schema_version: [1.0]\n", "schema_version: invalid type: sequence")]
#[case::unknown_category("schema_version: \"1.0\"\ndataset: {}\n", "there is no category `dataset`")]
#[case::not_yaml("schema_version: \"1.0\"\nendpoint:\n\tacme: {}\n", "cannot start any token")]
#[case::no_mapping("hello\n", "invalid type: string \"hello\"")]
fn a_manifest_that_is_wrong_as_a_whole_is_one_finding(#[case] text: &str, #[case] expected: &str) {
    let pack = MockPlugin::empty();
    pack.manifest(text);
    let found = findings(&pack, "error", &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].1.contains(expected), "{found:?}");
}

#[rstest]
#[case::text(&b"just some text, and long enough to be more than a header of an object file would be"[..], "are not a shared library")]
#[case::empty(&b""[..], "its 0 bytes are not a shared library")]
fn a_file_that_is_no_library_is_a_finding(#[case] contents: &[u8], #[case] expected: &str) {
    let pack = pack(&[entry("acme", "acme:Acme", "")]);
    pack.file("libacme.so", contents);
    are_errors(&pack, &[(3, expected)]);
}

#[test]
fn a_library_that_is_cut_off_or_for_another_machine_is_a_finding() {
    let pack = pack(&[entry("cut", "cut:Acme", ""), entry("foreign", "foreign:Acme", "")]);
    let mut bytes = fs::read(library("bad-panics")).unwrap();
    pack.file("libcut.so", &bytes[..bytes.len() / 2]);
    // `e_machine` of the ELF header: AArch64.
    bytes[18] = 0xb7;
    pack.file("libforeign.so", &bytes);
    are_errors(&pack, &[(3, "libcut.so`: "), (7, "it is built for aarch64")]);
}

#[rstest]
#[case::no_descriptor("bad-no-entry", "bad_no_entry:Chat", "it has no `.prony.plugin` section")]
#[case::another_epoch(
    "bad-contract",
    "bad_contract:Chat",
    "is built for contract 2.3, and this host offers 1.4"
)]
#[case::not_exported("bad-panics", "bad_panics:Nobody", "the manifest names the endpoint `Nobody`")]
fn a_library_that_does_not_fit_is_a_finding(
    #[case] package: &str,
    #[case] class: &str,
    #[case] expected: &str,
) {
    let pack = pack(&[entry("acme", class, "")]);
    fs::copy(library(package), pack.dir().join(library(package).file_name().unwrap())).unwrap();
    are_errors(&pack, &[(3, expected)]);
}

#[test]
fn a_manifest_and_a_folder_that_everyone_can_change_are_findings_once_each() {
    let pack = pack(&[entry("acme", "good:PanickingEndpoint", "")]);
    mode(&pack.path(), 0o666);
    mode(pack.dir(), 0o777);
    are_errors(&pack, &[(0, "(mode 777)"), (0, "(mode 666)")]);
}

#[test]
fn what_works_and_is_doubtful_is_a_warning_and_no_failure() {
    let bare = entry("bare", "good:PanickingEndpoint", "").replace("A test's.", "''");
    let pack = pack(&[
        bare,
        entry("chat", "good:PanickingEndpoint", ""),
        entry("completions", "good:PanickingEndpoint", "    priority: -1\n"),
    ]);
    let warnings = findings(&pack, "warning", &[]);
    let has_finding = |line: u64, text: &str| {
        let found = warnings.iter().any(|(at, found)| *at == line && found.contains(text));
        assert!(found, "{line}: {text}: {warnings:#?}");
    };
    has_finding(3, "`bare` has no description");
    has_finding(3, "`bare` has no `integrity`");
    has_finding(3, "is a debug build");
    has_finding(7, "it takes the place of the built-in endpoint `chat`");
    has_finding(11, "it is never used: the built-in endpoint `completions` has priority 0, and this one -1");
    assert_eq!(warnings.len(), 7, "{warnings:#?}");
}

#[test]
fn packs_that_claim_one_name_are_told_at_both() {
    let packs = tempfile::tempdir().unwrap();
    for folder in ["one", "two"] {
        let folder = packs.path().join(folder);
        fs::create_dir(&folder).unwrap();
        fs::copy(library("bad-panics"), folder.join("libgood.so")).unwrap();
        let text =
            format!("schema_version: \"1.0\"\nendpoint:\n{}", entry("acme", "good:PanickingEndpoint", ""));
        fs::write(folder.join("plugins.yaml"), text).unwrap();
    }
    let run = Tool::new(["plugins", "validate"]).env("PRONY_PLUGIN_PATH", packs.path()).run();
    run.ends_with(3);
    for (folder, other) in [("one", "two"), ("two", "one")] {
        let root = packs.path().canonicalize().unwrap();
        let (file, other) = (root.join(folder).join("plugins.yaml"), root.join(other).join("plugins.yaml"));
        let line = format!("{}:3: error: `{}` declares the endpoint `acme`", file.display(), other.display());
        assert!(run.stdout.contains(&line), "{}", run.stdout);
    }
    assert!(run.stdout.ends_with("in 3 manifests\n"), "{}", run.stdout);
}

#[test]
fn without_a_path_everything_that_is_found_is_checked() {
    let run = Tool::new(["plugins", "validate"]).run();
    run.succeeds();
    assert!(run.stdout.starts_with("0 errors, ") || run.stdout.contains("\n0 errors, "), "{}", run.stdout);
    let run = Tool::new(["plugins", "validate"]).env("PRONY_PLUGIN_PATH", "/nowhere/at/all").run();
    run.ends_with(3);
    assert!(run.stdout.contains("/nowhere/at/all: error: failed to read the folder"), "{}", run.stdout);
}

#[test]
fn a_library_that_ends_the_process_that_opens_it_is_a_finding() {
    let pack = pack(&[
        entry("good", "good:PanickingEndpoint", ""),
        entry("aborts", "bad_manners:AbortingEndpoint", ""),
    ]);
    fs::copy(library("bad-manners"), pack.dir().join("libbad_manners.so")).unwrap();
    are_errors(&pack, &[]);
    let found = findings(&pack, "error", &["--load"]);
    let [(7, text)] = &found[..] else { panic!("{found:?}") };
    assert!(text.contains("the process that opened it was killed by signal 6 (SIGABRT)"), "{text}");
}

#[test]
fn a_library_that_lies_about_itself_is_found_out_when_it_is_opened() {
    let pack = pack(&[entry("acme", "bad_layout:Chat", "")]);
    fs::copy(library("bad-layout"), pack.dir().join("libbad_layout.so")).unwrap();
    are_errors(&pack, &[]);
    let found = findings(&pack, "error", &["--load"]);
    let [(3, text)] = &found[..] else { panic!("{found:?}") };
    assert!(text.contains("differ in a type"), "{text}");
}

#[test]
fn checking_opens_no_library() {
    let pack = pack(&[entry("aborts", "bad_manners:AbortingEndpoint", "")]);
    fs::copy(library("bad-manners"), pack.dir().join("libbad_manners.so")).unwrap();
    let run = Tool::new(["plugins", "validate"]).arg(pack.dir()).env("PRONY_LOG", "prony=trace").run();
    assert!(!run.stderr.contains("opened a library"), "{}", run.stderr);
}

#[test]
fn nobody_but_a_parent_can_probe() {
    let run = Tool::new(["plugins", "probe"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("`prony plugins validate --load` opens libraries"), "{}", run.stderr);
}

#[test]
fn a_library_in_the_place_of_its_manifest_is_told() {
    let library = library("example-vendor");
    let run = Tool::new(["plugins", "validate"]).arg(&library).run();
    run.ends_with(3);
    assert!(run.stdout.contains("error: it is a library and no manifest"), "{}", run.stdout);
    assert!(run.stdout.contains("`prony plugins check "), "{}", run.stdout);

    let run = Tool::new(["plugins", "add"]).arg(&library).run();
    run.ends_with(2);
    assert!(run.stderr.contains("there is no plugins.yaml"), "{}", run.stderr);
}

#[test]
fn a_manifest_that_is_no_text_is_told() {
    let tool = Tool::new(["plugins", "validate", "plugins.yaml"]);
    tool.file("plugins.yaml", b"schema_version: \xff\n");
    let run = tool.run();
    run.ends_with(3);
    assert!(run.stdout.contains("error: it is not UTF-8 text"), "{}", run.stdout);
}
