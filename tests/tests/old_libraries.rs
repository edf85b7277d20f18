//! Libraries that were built from older revisions, and are never built again: each is opened, checked and used. They stand in
//! `tests/compat/libraries`, where `build` makes those of a new minor.
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use prony_plugin_api::version::{C_MINOR, EPOCH, MINOR};
use prony_tests::{MockPlugin, MockServer, Run, Tool, sha256};
use serde_json::Value;

/// What a server of plain text answers.
const STREAM: &str = "data: Hello\n\ndata:  world\n\ndata: [DONE]\n\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/libraries")
}

/// A kept library.
struct Kept {
    /// The name of its file, without the ending.
    name: String,
    minor: u32,
    endpoint: Option<&'static str>,
    service: Option<&'static str>,
}

impl Kept {
    /// Its file, in a folder where nobody else may write.
    fn copied_to(&self, folder: &Path) -> PathBuf {
        let copy = folder.join(format!("lib{}.so", self.stem()));
        let kept = self.file();
        fs::write(&copy, fs::read(&kept).unwrap_or_else(|error| missing(&kept, &error))).unwrap();
        copy
    }

    fn file(&self) -> PathBuf {
        folder().join(format!("{}.so", self.name))
    }

    /// As a manifest names it.
    fn stem(&self) -> String {
        self.name.replace(['-', '.'], "_")
    }

    fn is_in_c(&self) -> bool {
        self.name.starts_with("c-")
    }
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
fn missing(file: &Path, error: &std::io::Error) -> Vec<u8> {
    panic!("`{}`: {error}: run `tests/compat/libraries/build`, and commit what it builds", file.display())
}

/// One of each minor in Rust, and two of each that has C.
fn all() -> Vec<Kept> {
    let rust = (0..=MINOR).map(|minor| Kept {
        name: format!("rust-{EPOCH}.{minor}"),
        minor,
        endpoint: Some("PlainText"),
        service: Some("PlainCounter"),
    });
    let endpoints = (C_MINOR..=MINOR).map(|minor| Kept {
        name: format!("c-{EPOCH}.{minor}"),
        minor,
        endpoint: Some("ExampleVendorC"),
        service: None,
    });
    let services = (C_MINOR..=MINOR).map(|minor| Kept {
        name: format!("c-service-{EPOCH}.{minor}"),
        minor,
        endpoint: None,
        service: Some("ExampleVendorCService"),
    });
    rust.chain(endpoints).chain(services).collect()
}

#[test]
fn each_is_what_was_built_and_small() {
    let sums = fs::read_to_string(folder().join("SHA256SUMS")).unwrap_or_default();
    for kept in all() {
        let bytes = fs::read(kept.file()).unwrap_or_else(|error| missing(&kept.file(), &error));
        let digits = sha256(&bytes);
        assert!(sums.contains(&format!("{digits}  {}.so\n", kept.name)), "{}: {digits}", kept.name);
        assert!(bytes.len() <= 400_000, "{}: {} bytes", kept.name, bytes.len());
    }
}

/// Checks some of them with one command. Returns its report.
fn checked(some: &[Kept], replayed: &str) -> (Run, Value) {
    let tool = Tool::new(["plugins", "check", "--mutations", "40", "--exclude", "speed", "--json"]);
    let stream = tool.file("stream.sse", replayed);
    let libraries: Vec<PathBuf> = some.iter().map(|kept| kept.copied_to(tool.dir())).collect();
    let run = tool.arg("--replay").arg(stream).args(libraries).run();
    let report = serde_json::from_str(&run.stdout).unwrap_or_default();
    (run, report)
}

#[test]
fn each_conforms_and_says_which_contract_it_has() {
    let chat = "data: {\"choices\": [{\"delta\": {\"content\": \"Hi\"}, \"finish_reason\": \"stop\"}]}\n\ndata: [DONE]\n\n";
    let (c, rust): (Vec<Kept>, Vec<Kept>) = all().into_iter().partition(Kept::is_in_c);
    for (some, replayed) in [(rust, STREAM), (c, chat)] {
        let (run, report) = checked(&some, replayed);
        run.succeeds();
        assert_eq!(report["verdict"], "ok", "{report:#}");
        for (kept, library) in some.iter().zip(report["libraries"].as_array().unwrap()) {
            assert_eq!(library["abi"]["built_for"], format!("{EPOCH}.{}", kept.minor), "{library:#}");
            let lowest = if kept.is_in_c() { C_MINOR } else { 0 };
            assert_eq!(library["abi"]["loads_from"], format!("{EPOCH}.{lowest}"), "{library:#}");
        }
    }
}

/// A pack with all of them, each under the name of its file.
fn pack(kept: &[Kept]) -> MockPlugin {
    let pack = MockPlugin::empty();
    let entry = |one: &Kept, class: &str, metadata: &str| {
        let stem = one.stem();
        format!(
            "  {stem}:\n    class: {stem}:{class}\n    description: Kept.\n    metadata: {{{metadata}}}\n"
        )
    };
    let (mut endpoints, mut services) = (vec!["endpoint:\n".to_owned()], vec!["service:\n".to_owned()]);
    for one in kept {
        one.copied_to(pack.dir());
        let path = if one.is_in_c() { "/v1/chat/completions" } else { "/v1/plain" };
        let format = format!(
            "endpoint_path: {path}, supports_streaming: true, produces_tokens: true, tokenizes_input: true"
        );
        endpoints.extend(one.endpoint.map(|class| entry(one, class, &format)));
        services.extend(one.service.map(|class| entry(one, class, "required: true, auto_start: true")));
    }
    pack.manifest(&format!("schema_version: \"1.0\"\n{}{}", endpoints.concat(), services.concat()));
    pack
}

/// All services beside each other in one process, with one endpoint after the other.
#[test]
fn each_measures_a_server_beside_all_the_others() {
    let kept = all();
    let pack = pack(&kept);
    let answer = pack.file("answer.sse", STREAM);
    let words = ["--answer", answer.to_str().unwrap(), "--path", "/v1/plain", "--tokens", "2"];
    let server = MockServer::start(words);
    for endpoint in kept.iter().filter(|one| one.endpoint.is_some()) {
        let tool = Tool::bare_profile().args(["--url", server.url(), "--isl", "8", "--streaming"]);
        let tool = tool.args(["--request-count", "3", "--endpoint-type", &endpoint.stem(), "--plugins"]);
        let run = tool.arg(pack.path()).run();
        let summary = run.succeeds().summary();
        assert_eq!(summary["request_count"]["avg"], 3, "{}", endpoint.name);
        assert_eq!(summary["output_sequence_length"]["avg"], 2, "{}", endpoint.name);
        for service in kept.iter().filter(|one| one.service.is_some()) {
            let fate = &summary["services"][service.stem()];
            assert_eq!(fate["state"], "stopped", "{} beside {}: {fate}", service.name, endpoint.name);
        }
    }
}
