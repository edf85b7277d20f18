//! Libraries in C++, Go and Zig: what `plugins new` writes is built with the language's own tool, where it is installed, and goes
//! all the way.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use prony_tests::{
    MockServer, Run, Tool, eventually, finish,
    languages::{are_required, bodies, install_for_a_user, is_here, is_installed, not_tested, written_lines},
};
use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;

/// A command: a program, and what comes behind it.
type Words = Vec<String>;

fn words(typed: &str) -> Words {
    typed.split(' ').map(str::to_owned).collect()
}

/// How C++ is compiled without cmake.
const CPP: &str = "c++ -std=c++17 -O2 -Wall -Wextra -Werror -fPIC -Iinclude";

/// The commands that build and test the folder of a library, if what they need is installed.
fn commands(language: &str, stem: &str) -> Option<Vec<Words>> {
    let found = match language {
        "cpp" if is_installed("cmake") => Some(vec![
            words("cmake -B build -DCMAKE_CXX_FLAGS=-Werror"),
            words("cmake --build build"),
            words("ctest --test-dir build"),
        ]),
        // What cmake does, where there is none: a C++ compiler comes with that for C.
        "cpp" if is_installed("c++") && !are_required() => Some(vec![
            words(&format!("{CPP} -shared -o lib{stem}.so plugin.cpp")),
            words(&format!("{CPP} -o check-plugin plugin.cpp check.cpp")),
            words("./check-plugin"),
        ]),
        "go" if is_installed("go") && is_installed("make") => Some(vec![words("make"), words("make check")]),
        "zig" => zig().map(|zig| vec![words(&format!("{zig} build")), words(&format!("{zig} build test"))]),
        _ => None,
    };
    if found.is_none() {
        not_tested(&format!("nothing is installed that builds {language}"));
    }
    found
}

/// Zig as a program, or as Python's package `ziglang`, of the release that the folder is written for.
fn zig() -> Option<&'static str> {
    ["zig", "python3 -m ziglang"].into_iter().find(|way| {
        let way = words(way);
        is_installed(&way[0])
            && finish(Command::new(&way[0]).args(&way[1..]).arg("version")).stdout.starts_with(b"0.17.")
    })
}

/// The folder of a new plugin such as `acme-cpp`. `more` are words for `plugins new`.
fn written(name: &str, language: &str, more: &[&str]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let tool = Tool::new(["plugins", "new", name, "--language", language, "--dir"]).arg(dir.path());
    let run = tool.args(more).run();
    let check = format!("prony plugins check lib{}.so", name.replace('-', "_"));
    assert!(run.succeeds().stdout.contains(&check), "{}", run.stdout);
    let folder = dir.path().join(name);
    (dir, folder)
}

/// Runs a command in a folder.
fn run_in(folder: &Path, words: &[String]) {
    let output = finish(Command::new(&words[0]).args(&words[1..]).current_dir(folder));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{words:?}:\n{}", String::from_utf8_lossy(&said));
}

/// The folder of a new plugin, built and tested.
fn made(name: &str, language: &str, more: &[&str]) -> Option<(TempDir, PathBuf)> {
    let commands = commands(language, &name.replace('-', "_"))?;
    let (dir, folder) = written(name, language, more);
    for words in commands {
        run_in(&folder, &words);
    }
    Some((dir, folder))
}

/// The folder of a new API format, built and tested. In Go this is done by the one line that leads from an empty folder to a
/// measurement, word for word as a vendor types it: a build in Go takes too long to be made twice.
fn made_api_format(name: &str, language: &str) -> Option<(TempDir, PathBuf)> {
    use prony_tests::languages;

    if language != "go" {
        return made(name, language, &[]);
    }
    commands(language, "")?;
    let dir = tempfile::tempdir().unwrap();
    let folder = languages::typed_in_an_empty_folder(dir.path(), name, language);
    Some((dir, folder))
}

/// A measurement of its recorded response with what is installed.
fn measured(folder: &Path, data: &Path, language: &str, words: &[&str]) -> Run {
    let tool = Tool::bare_profile().env("XDG_DATA_HOME", data).args(["--mock", "--isl", "8", "--streaming"]);
    let tool = tool.args(["--request-count", "4", "--endpoint-type"]).arg(format!("acme_{language}"));
    tool.args(words).arg("--mock-answer").arg(folder.join("tests/stream.sse")).run()
}

/// A run in an API format with what is installed.
fn conversations(format: &str, data: &Path) -> Tool {
    let tool = Tool::bare_profile().env("XDG_DATA_HOME", data).args(["--mock", "--endpoint-type", format]);
    let tool = tool.args(["--isl", "9", "--num-conversations", "3", "--conversation-turn-mean", "2"]);
    let tool = tool.args(["--image-width-mean", "16", "--image-height-mean", "16"]);
    tool.args(["--extra-inputs", "temperature:0.25", "--streaming"])
}

#[rstest]
#[case::cpp("cpp", "AcmeCpp")]
#[case::go("go", "AcmeGo")]
#[case::zig("zig", "AcmeZig")]
fn a_new_endpoint_goes_all_the_way(#[case] language: &str, #[case] type_name: &str) {
    let name = format!("acme-{language}");
    let Some((_dir, folder)) = made_api_format(&name, language) else { return };
    let check = Tool::new(["plugins", "check", "--mutations", "50", "--deny-warnings"]);
    let check = check.arg(folder.join(format!("libacme_{language}.so")));
    let check = check.arg("--replay").arg(folder.join("tests/stream.sse"));
    let run = check.arg("--replay").arg(folder.join("tests/answer.json")).run();
    assert!(run.succeeds().stdout.contains(&format!("endpoint {type_name} conforms\n")), "{}", run.stdout);

    let (data, name) = (install_for_a_user(&folder), format!("acme_{language}"));
    let apart = ["--isolate", name.as_str()];
    for words in [&apart[..0], &apart[..]] {
        let run = measured(&folder, data.path(), language, words);
        let summary = run.succeeds().summary();
        assert_eq!(summary["request_count"]["avg"], 4);
        assert_eq!(summary["usage_completion_tokens"]["avg"], 6);
        // Whatever a runtime brings along, it changes nothing of prony's.
        assert!(!run.stderr.contains("put it back"), "{}", run.stderr);
    }
    // It says the same as the endpoint in Rust that ships with prony.
    let sent = bodies(conversations(&name, data.path()));
    assert_eq!(sent, bodies(conversations("chat", data.path())));
    assert!(sent.len() >= 3, "{sent:?}");
    hears_an_interrupt(data.path(), &name);
}

/// Ctrl-C is prony's, whatever threads a library has.
fn hears_an_interrupt(data: &Path, name: &str) {
    let server = MockServer::start(["--ttft-ms", "20"]);
    let tool = Tool::bare_profile().env("XDG_DATA_HOME", data).args(["--url", server.url(), "--streaming"]);
    let tool = tool.args(["--isl", "8", "--request-rate", "50", "--request-count", "10000"]);
    let running = tool.args(["--endpoint-type", name]).spawn();
    eventually("a request is sent", || server.truth()["requests_total"].as_u64().filter(|count| *count > 0));
    running.signal("INT");
    running.wait().ends_with(130);
}

#[rstest]
#[case::cpp("cpp", "AcmeCppBill")]
#[case::go("go", "AcmeGoBill")]
#[case::zig("zig", "AcmeZigBill")]
fn a_new_service_goes_all_the_way(#[case] language: &str, #[case] type_name: &str) {
    let Some((_dir, folder)) = made(&format!("acme-{language}-bill"), language, &["--service"]) else {
        return;
    };
    let name = format!("acme_{language}_bill");
    let check = Tool::new(["plugins", "check", "--deny-warnings"]).arg(folder.join(format!("lib{name}.so")));
    let run = check.run();
    assert!(run.succeeds().stdout.contains(&format!("service {type_name} conforms\n")), "{}", run.stdout);

    let (server, data) = (MockServer::start(["--tokens", "5"]), install_for_a_user(&folder));
    let apart = ["--isolate", name.as_str()];
    for words in [&apart[..0], &apart[..]] {
        let tool = Tool::profile(&server).env("XDG_DATA_HOME", data.path()).args(words);
        let run = tool.args(["--request-count", "4"]).run();
        let summary = run.succeeds().summary();
        let service = &summary["services"][&name];
        assert_eq!((&service["state"], &service["published"]), (&json!("stopped"), &json!(1)), "{service}");
        let last = &service["messages"][format!("{name}_tally")]["last"][0];
        assert_eq!((&last["requests"], &last["output_tokens"]), (&json!(4), &json!(20)), "{service}");
        // It is opened after prony has begun to answer signals.
        assert!(!run.stderr.contains("put it back"), "{}", run.stderr);
    }
}

/// The vendor's own code, without what stands between it and the contract.
#[rstest]
#[case("example-vendor-cpp/plugin.cpp")]
#[case("example-vendor-cpp-service/plugin.cpp")]
#[case("example-vendor-go/plugin.go")]
#[case("example-vendor-go-service/plugin.go")]
#[case("example-vendor-zig/plugin.zig")]
#[case("example-vendor-zig-service/plugin.zig")]
fn a_complete_plugin_has_less_than_120_lines(#[case] file: &str) {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("plugins");
    let lines = written_lines(&plugins.join(file));
    assert!(lines < 120, "{lines} lines");
}

/// No panic leaves a library: it becomes the error of its call.
#[test]
fn a_panic_in_go_is_the_error_of_its_call() {
    const BEGINNING: &str = "func Format(turn *Turn) (any, error) {\n";
    if !is_here("go") || !is_here("make") {
        return;
    }
    let (_dir, folder) = written("acme-go", "go", &[]);
    let source = folder.join("plugin.go");
    let text = fs::read_to_string(&source).unwrap();
    assert!(text.contains(BEGINNING), "{text}");
    fs::write(&source, text.replace(BEGINNING, &format!("{BEGINNING}\tpanic(\"no licence\")\n"))).unwrap();
    run_in(&folder, &words("make"));
    let data = install_for_a_user(&folder);
    let run = measured(&folder, data.path(), "go", &[]);
    run.ends_with(1);
    let errors = run.summary()["error_summary"].to_string();
    assert!(errors.contains("it panicked: no licence"), "{errors}");
}

/// No exception leaves a library: it becomes the error of its call. The test is compiled where C++ is.
#[test]
fn an_exception_is_the_error_of_its_call() {
    if !is_here("c++") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("plugins/example-vendor-cpp");
    let program = dir.path().join("exceptions");
    let source = prony_tests::fixtures().join("cpp/exceptions.cpp");
    let include = format!("-I{}", plugins.display());
    let compiler = words(CPP);
    let mut command = Command::new(&compiler[0]);
    command.args(&compiler[1..]).arg(include).current_dir(&plugins).arg(source).arg("-o").arg(&program);
    let output = finish(&mut command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = finish(&mut Command::new(program));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
