//! Libraries in C: the header, the examples, what `plugins new` writes, and libraries that break a rule. They are compiled here,
//! by the C compiler that the linker of every Rust tool chain needs.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use prony::internals::open_library;
use prony_tests::{
    MockPlugin, MockServer, Run, Tool, finish, fixtures,
    languages::{bodies, install_for_a_user, is_here, not_tested, typed_in_an_empty_folder, written_lines},
    pages::pages_of_examples,
    program, shell,
};
use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;

/// What every source has to pass.
const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-pedantic", "-Werror"];

/// What makes a library of a source.
const SHARED: [&str; 3] = ["-fPIC", "-shared", "-fvisibility=hidden"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn include() -> String {
    format!("-I{}", root().join("plugin-api/include").display())
}

/// Runs a compiler, and says what it said if it was not content.
fn compile(compiler: &str, words: &[&str], source: &Path, to: &Path) {
    let output = try_to_compile(compiler, words, source, to);
    assert!(output.status.success(), "{compiler} {words:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

fn try_to_compile(compiler: &str, words: &[&str], source: &Path, to: &Path) -> Output {
    finish(Command::new(compiler).args(words).arg(include()).arg(source).arg("-o").arg(to))
}

/// One of the examples.
fn example(name: &str) -> PathBuf {
    root().join("plugins").join(name)
}

/// A pack with the example endpoint, compiled like this.
fn example_pack(compiler: &str, words: &[&str]) -> MockPlugin {
    let pack = MockPlugin::empty();
    let folder = example("example-vendor-c");
    let library = pack.dir().join("libexample_vendor_c.so");
    let words = [&["-std=c99"][..], &STRICT, &SHARED[..], words].concat();
    compile(compiler, &words, &folder.join("plugin.c"), &library);
    pack.manifest(&fs::read_to_string(folder.join("plugins.yaml")).unwrap());
    pack
}

/// A pack whose endpoint `acme` does something wrong.
fn faulty_pack(fault: &str) -> MockPlugin {
    let pack = MockPlugin::empty();
    let define = format!("-D{fault}");
    let words = [&["-std=c99", "-O0", define.as_str()][..], &SHARED].concat();
    compile("cc", &words, &fixtures().join("c/faulty.c"), &pack.dir().join("libfaulty.so"));
    pack.manifest(
        "schema_version: \"1.0\"\nendpoint:\n  acme:\n    class: faulty:Faulty\n    description: It has a fault.\n    metadata: \
         {endpoint_path: /v1/chat/completions, supports_streaming: true, produces_tokens: true, tokenizes_input: true}\n",
    );
    pack
}

fn profile(pack: &MockPlugin, server: &MockServer) -> Tool {
    let tool = Tool::bare_profile().args(["--url", server.url(), "--isl", "8", "--streaming"]);
    tool.args(["--request-count", "4", "--plugins"]).arg(pack.path())
}

fn check(pack: &MockPlugin, library: &str) -> Tool {
    Tool::new(["plugins", "check", "--mutations", "50"]).arg(pack.dir().join(library))
}

#[rstest]
#[case::c99("cc", &["-std=c99", "-x", "c"])]
#[case::c11("cc", &["-std=c11", "-x", "c"])]
#[case::cpp11("c++", &["-std=c++11", "-x", "c++"])]
#[case::cpp17("c++", &["-std=c++17", "-x", "c++"])]
#[case::clang("clang", &["-std=c99", "-x", "c"])]
fn the_header_and_the_examples_are_clean(
    #[case] compiler: &str,
    #[case] standard: &[&str],
    #[values("example-vendor-c", "example-vendor-c-service")] name: &str,
) {
    if !is_here(compiler) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let words = [standard, &STRICT[..], &SHARED[..], &["-Wconversion", "-Wshadow"]].concat();
    compile(compiler, &words, &example(name).join("plugin.c"), &folder.path().join("libx.so"));
}

#[test]
#[cfg(target_pointer_width = "64")]
fn the_layout_of_the_header_does_not_change() {
    let folder = tempfile::tempdir().unwrap();
    let words = [&["-std=c11", "-c"][..], &STRICT].concat();
    compile("cc", &words, &fixtures().join("c/layout.c"), &folder.path().join("layout.o"));
}

#[test]
fn the_reader_of_json_copies_what_fits() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("copying");
    compile("cc", &[&["-std=c99"][..], &STRICT].concat(), &fixtures().join("c/copying.c"), &program);
    let output = finish(&mut Command::new(program));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[rstest]
#[case::debug("cc", &["-O0"])]
#[case::release("cc", &["-O2"])]
#[case::whole_program("cc", &["-O3", "-flto"])]
#[case::sanitizer("cc", &["-O1", "-fsanitize=undefined"])]
#[case::clang_debug("clang", &["-O0"])]
#[case::clang("clang", &["-O2"])]
#[case::clang_whole_program("clang", &["-O3", "-flto"])]
#[case::clang_sanitizer("clang", &["-O1", "-fsanitize=undefined", "-fsanitize-trap=undefined"])]
fn a_library_in_c_conforms_and_measures_however_it_is_compiled(
    #[case] compiler: &str,
    #[case] words: &[&str],
) {
    if !is_here(compiler) || !can_compile(compiler, words) {
        return;
    }
    let pack = example_pack(compiler, words);
    let recordings = example("example-vendor-c").join("tests");
    let tool = check(&pack, "libexample_vendor_c.so").arg("--replay").arg(recordings.join("stream.sse"));
    let run = tool.arg("--replay").arg(recordings.join("answer.json")).run();
    run.succeeds();
    assert!(run.stdout.contains("endpoint ExampleVendorC conforms\n"), "{}", run.stdout);
    let is_debug = run.stdout.contains("warning: it is a debug build");
    assert_eq!(is_debug, words.contains(&"-O0"), "{}", run.stdout);

    let server = MockServer::start(["--tokens", "5"]);
    let run = profile(&pack, &server).args(["--endpoint-type", "example_vendor_c"]).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 4);
    assert_eq!(summary["output_sequence_length"]["avg"], 5);
    assert_eq!(summary["usage_completion_tokens"]["avg"], 5);
    assert!(summary["time_to_first_token"]["avg"].as_f64().unwrap() > 0.0);
}

/// The page of the example, from its library on: how it is built by make is what the folders of `plugins new` have in their tests.
#[test]
fn the_page_of_the_example_is_typed() {
    let pack = example_pack("cc", &["-O1"]);
    // The name of its folder is that of the package which is installed.
    let folder = pack.dir().join("example-vendor-c");
    fs::create_dir_all(folder.join("tests")).unwrap();
    let recording = example("example-vendor-c").join("tests/stream.sse");
    let (library, manifest) = (pack.dir().join("libexample_vendor_c.so"), pack.path());
    for (file, name) in
        [(recording, "tests/stream.sse"), (library, "libexample_vendor_c.so"), (manifest, "plugins.yaml")]
    {
        fs::copy(file, folder.join(name)).unwrap();
    }
    let path = Path::new("plugins/example-vendor-c/README.md");
    let page = pages_of_examples().iter().find(|page| page.path == path).unwrap();
    let blocks = page.blocks();
    let commands = blocks[0].text.strip_prefix("make\nmake check\n").unwrap();
    // Smaller: what is random, what is measured, and the load.
    let commands = commands
        .replace("plugins check ", "plugins check --mutations 50 --exclude speed ")
        .replace("profile --mock ", "profile --mock --request-count 2 --artifact-dir run ");
    let output = finish(&mut shell(&folder, program().parent().unwrap(), &commands));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(folder.join("run/profile_export_prony.json").is_file());
}

/// Whether a compiler has what some words need: the runtime of a sanitizer, or a linker that optimises. Says so where it has not.
fn can_compile(compiler: &str, words: &[&str]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("x.c");
    fs::write(&source, "int x(int y);\nint x(int y) { return y + y; }\n").unwrap();
    let words = [words, &SHARED].concat();
    let can = try_to_compile(compiler, &words, &source, &folder.path().join("libx.so")).status.success();
    if !can {
        not_tested(&format!("{compiler} cannot compile with {words:?}"));
    }
    can
}

/// The runtime of this sanitizer ends a process to which it comes late. prony refuses the library before, and opens it where the
/// runtime was there from the start.
#[test]
fn a_sanitizer_that_watches_memory_must_be_there_from_the_start() {
    let words = ["-O1", "-fsanitize=address,undefined"];
    if !can_compile("cc", &words) {
        return;
    }
    let pack = example_pack("cc", &words);
    let server = MockServer::start(["--tokens", "5"]);
    let measure = || profile(&pack, &server).args(["--endpoint-type", "example_vendor_c"]);
    let conform = || check(&pack, "libexample_vendor_c.so");
    let run = measure().run();
    run.ends_with(3);
    assert!(run.stderr.contains("it is built with a sanitizer, and `libasan.so"), "{}", run.stderr);
    assert!(run.stderr.contains("\nhelp: build it without `-fsanitize`"), "{}", run.stderr);
    let run = conform().run();
    run.ends_with(3);
    assert!(run.stdout.contains("it is built with a sanitizer"), "{}", run.stdout);

    let found = finish(Command::new("cc").arg("-print-file-name=libasan.so"));
    let runtime = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    let watched = |tool: Tool| {
        let tool = tool.env("LD_PRELOAD", &runtime);
        // What prony itself keeps until its end is no leak.
        tool.env("ASAN_OPTIONS", "detect_leaks=0")
    };
    let run = watched(conform()).run();
    assert!(run.succeeds().stdout.contains("endpoint ExampleVendorC conforms"), "{}", run.stdout);
    assert_eq!(watched(measure()).run().succeeds().summary()["request_count"]["avg"], 4);
}

/// Such a library names no runtime, and would find the functions of one that is there from the start only.
#[rstest]
#[case::clang("clang", &["-O1", "-fsanitize=address"])]
#[case::gcc("cc", &["-O1", "-fsanitize=address", "-static-libasan"])]
fn a_library_that_lacks_the_functions_of_a_sanitizer_is_refused(
    #[case] compiler: &str,
    #[case] words: &[&str],
) {
    if !is_here(compiler) || !can_compile(compiler, words) {
        return;
    }
    let run = check(&example_pack(compiler, words), "libexample_vendor_c.so").run();
    run.ends_with(3);
    assert!(run.stdout.contains("it is built with a sanitizer, and `libclang_rt.asan"), "{}", run.stdout);
    assert!(run.stdout.contains("`libasan.so`"), "{}", run.stdout);
}

/// The runtime of Go does such things, and no author of a library in Go can prevent them.
#[test]
fn what_a_runtime_does_to_signals_is_put_right_without_a_word() {
    let (pack, server) = (faulty_pack("GO_RUNTIME"), MockServer::start(["--tokens", "5"]));
    let run = profile(&pack, &server).args(["--endpoint-type", "acme"]).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 4);
    assert!(!run.stderr.contains("put it back"), "{}", run.stderr);
}

/// What both of them can say, they say alike: the endpoint in C and the one in Rust that ships with prony.
#[rstest]
#[case::a_limit(&["--isl", "20", "--osl", "7", "--request-count", "8"])]
#[case::no_limit(&["--isl", "20", "--request-count", "8"])]
#[case::conversations(&["--isl", "9", "--osl", "3", "--num-conversations", "4", "--conversation-turn-mean", "3"])]
#[case::the_users_own_fields(&["--isl", "9", "--request-count", "8", "--extra-inputs", "temperature:0.25"])]
#[case::a_field_of_ours(&["--isl", "9", "--request-count", "8", "--extra-inputs", "model:other"])]
#[case::images(&["--isl", "9", "--request-count", "8", "--image-width-mean", "16", "--image-height-mean", "16"])]
fn bodies_are_those_of_the_endpoint_in_rust(#[case] words: &[&str], #[values(true, false)] streaming: bool) {
    let pack = example_pack("cc", &["-O2"]);
    let tool = |format: &str| {
        let tool = Tool::bare_profile().args(["--mock", "--endpoint-type", format]);
        let tool = tool.args(words).arg("--plugins").arg(pack.path());
        if streaming { tool.arg("--streaming") } else { tool }
    };
    let rust = tool("chat");
    let rust = if words.contains(&"--osl") { rust.arg("--use-legacy-max-tokens") } else { rust };
    let in_c = bodies(tool("example_vendor_c"));
    assert_eq!(in_c, bodies(rust));
    assert!(in_c.len() >= 4, "{in_c:?}");
}

/// An agent opens the libraries of each of its runs. A type of a library in C has one of 64 places in its process.
#[test]
fn a_process_opens_a_library_in_c_as_often_as_it_likes() {
    let pack = example_pack("cc", &["-O2"]);
    let library = pack.dir().join("libexample_vendor_c.so");
    for _ in 0..70 {
        let root = open_library(&library).unwrap();
        assert!(root.endpoint("ExampleVendorC").is_some());
    }
}

/// Three lines: what failed with the file's name, what was found, what to do.
fn is_explained(run: &Run, found: &str) {
    run.ends_with(3);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{}", run.stderr);
    assert!(
        lines[0].contains("load the endpoint `acme`") && lines[0].contains("libfaulty.so"),
        "{}",
        run.stderr
    );
    assert!(lines[1].starts_with("cause: ") && lines[1].contains(found), "{}", run.stderr);
    assert!(lines[2].starts_with("help: "), "{}", run.stderr);
}

#[rstest]
#[case::too_small("SMALL_SIZE", "a `prony_endpoint` says that it has 24 bytes, and 80 are the least")]
#[case::a_function_is_missing("NO_FORMAT", "the endpoint `Faulty` has no function `format`")]
#[case::another_type("OTHER_TYPE", "its descriptor names the endpoint `Faulty`, and its tables do not")]
#[case::another_minor("OTHER_MINOR", "its `prony_plugin` is of contract 1.2, and its descriptor says 1.4")]
#[case::no_table("NO_TABLE", "a `prony_endpoint` is NULL")]
#[case::no_entry("NO_ENTRY", "it does not export the symbol `prony_plugin_c_v1`")]
#[case::another_epoch("OTHER_EPOCH", "faulty 0.1.0 is built for contract 2.0, and this host offers 1.4")]
#[case::does_not_start("INIT_FAILS", "faulty 0.1.0 failed to start: it failed to find its licence")]
fn a_library_that_breaks_the_contract_is_refused_at_a_rung(#[case] fault: &str, #[case] found: &str) {
    let pack = faulty_pack(fault);
    let run = profile(&pack, &MockServer::start([])).args(["--endpoint-type", "acme"]).run();
    is_explained(&run, found);

    let run = check(&pack, "libfaulty.so").run();
    run.ends_with(3);
    assert!(run.stdout.contains("FAIL") && run.stdout.contains(found), "{}", run.stdout);
}

#[test]
fn what_a_library_that_does_not_start_advises_is_told() {
    let pack = faulty_pack("INIT_FAILS");
    let run = profile(&pack, &MockServer::start([])).args(["--endpoint-type", "acme"]).run();
    run.ends_with(3);
    assert!(run.stderr.contains("\nhelp: get one\n"), "{}", run.stderr);
}

#[rstest]
#[case::no_text("NO_UTF8", "write the request: its path is no UTF-8")]
#[case::no_data("NO_DATA", "write the request: its body is NULL with a length")]
#[case::no_string("NO_STRING", "read the response: the plugin reports a JSON string that is none")]
#[case::no_words("NO_WORDS", "do what it was asked for: it returned 2 without a message")]
fn what_a_call_does_wrong_costs_its_request(#[case] fault: &str, #[case] message: &str) {
    let pack = faulty_pack(fault);
    let run = profile(&pack, &MockServer::start([])).args(["--endpoint-type", "acme"]).run();
    run.ends_with(1);
    let errors = run.summary()["error_summary"].to_string();
    assert!(errors.contains(message), "{errors}");
}

/// Memory that is freed twice ends its process: in isolation that is a child, and the report names it.
#[test]
fn memory_that_is_freed_twice_ends_the_child_and_is_reported() {
    let pack = faulty_pack("DOUBLE_FREE");
    let manifest = fs::read_to_string(pack.path()).unwrap();
    pack.manifest(&manifest.replace("    metadata:", "    isolation: process\n    metadata:"));
    let run = profile(&pack, &MockServer::start([])).args(["--endpoint-type", "acme"]).run();
    run.ends_with(3);
    let reason = "endpoint `acme` ended its process: it was killed by signal 6 (SIGABRT)";
    assert!(run.stderr.contains(reason), "{}", run.stderr);

    let run = check(&pack, "libfaulty.so").run();
    run.ends_with(3);
    assert!(run.stdout.contains("the process was killed by signal 6 (SIGABRT)"), "{}", run.stdout);
}

/// A folder that `prony plugins new` has written, built and tested by make.
fn made(name: &str, words: &[&str]) -> Option<(TempDir, PathBuf)> {
    if !is_here("make") {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let tool = Tool::new(["plugins", "new", name, "--language", "c", "--dir"]).arg(dir.path());
    let run = tool.args(words).run();
    assert!(run.succeeds().stdout.contains("make check"), "{}", run.stdout);
    let folder = dir.path().join(name);
    for target in ["all", "check"] {
        let made = finish(Command::new("make").arg(target).current_dir(&folder));
        let text = String::from_utf8_lossy(&made.stderr).into_owned();
        // Warnings are said there, too.
        assert!(made.status.success() && text.is_empty(), "{text}");
    }
    Some((dir, folder))
}

/// Word for word as a vendor types it, with the mock server as it is.
#[test]
fn one_line_leads_from_an_empty_folder_to_a_measurement_in_c() {
    if is_here("make") {
        typed_in_an_empty_folder(tempfile::tempdir().unwrap().path(), "acme-c", "c");
    }
}

#[test]
fn a_new_endpoint_in_c_goes_all_the_way() {
    let Some((_dir, folder)) = made("acme-c", &[]) else { return };
    let recording = folder.join("tests/stream.sse");
    let check = Tool::new(["plugins", "check", "--mutations", "50"]).arg(folder.join("libacme_c.so"));
    let run = check.arg("--deny-warnings").arg("--replay").arg(&recording).run();
    assert!(run.succeeds().stdout.contains("endpoint AcmeC conforms\n"), "{}", run.stdout);

    let data = install_for_a_user(&folder);
    let tool = Tool::bare_profile().env("XDG_DATA_HOME", data.path()).args(["--mock", "--isl", "8"]);
    let tool = tool.args(["--request-count", "4", "--endpoint-type", "acme_c", "--mock-answer"]);
    let summary = tool.arg(recording).run().succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 4);
    assert_eq!(summary["usage_completion_tokens"]["avg"], 6);
}

#[test]
fn a_new_service_in_c_goes_all_the_way() {
    let Some((_dir, folder)) = made("acme-bill", &["--service"]) else { return };
    let check = Tool::new(["plugins", "check"]).arg(folder.join("libacme_bill.so")).arg("--deny-warnings");
    let run = check.run();
    assert!(run.succeeds().stdout.contains("service AcmeBill conforms\n"), "{}", run.stdout);

    let (server, data) = (MockServer::start(["--tokens", "5"]), install_for_a_user(&folder));
    let tool = Tool::profile(&server).env("XDG_DATA_HOME", data.path()).args(["--request-count", "4"]);
    let run = tool.run();
    let summary = run.succeeds().summary();
    let service = &summary["services"]["acme_bill"];
    assert_eq!((&service["state"], &service["published"]), (&json!("stopped"), &json!(1)), "{service}");
    let last = &service["messages"]["acme_bill_tally"]["last"][0];
    assert_eq!((&last["requests"], &last["output_tokens"]), (&json!(4), &json!(20)), "{service}");
    assert!(run.stdout.contains("Requests as counted by Acme Bill"), "{}", run.stdout);
}

#[test]
fn a_complete_endpoint_in_c_has_less_than_120_lines() {
    let lines = written_lines(&example("example-vendor-c").join("plugin.c"));
    assert!(lines < 120, "{lines} lines");
}

#[test]
fn what_a_library_in_c_says_about_itself_is_shown_before_it_is_opened() {
    let pack = example_pack("cc", &["-O2"]);
    let run =
        Tool::new(["plugins", "show", "endpoint", "example_vendor_c", "--plugins"]).arg(pack.path()).run();
    run.succeeds();
    for said in ["compiler", "example-vendor-c", "1.4"] {
        assert!(run.stdout.contains(said), "{said}: {}", run.stdout);
    }
}
