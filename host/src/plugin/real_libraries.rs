//! Tests with the real libraries of `tests/fixtures/plugins`, as far as cargo has built them: a test of the whole
//! workspace builds them before it runs anything, and a test of this crate alone may not.

use std::path::{Path, PathBuf};

use prony_plugin_api::{
    ErrorKind, PartKind, TextKind, TokenUsage,
    abi::host::{EndpointInstance, HostTable, RequestSink, ResponseSink, Turn, TurnMessage, TurnPart},
};
use rstest::rstest;

use super::{DiscoveryOptions, PluginLog, Registry};

/// A registry of the fixtures, if their libraries stand beside this test.
fn fixtures() -> Option<Registry> {
    let libraries: PathBuf = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let built = ["libbad_no_entry", "libbad_contract", "libbad_layout", "libbad_panics"]
        .iter()
        .all(|stem| libraries.join(format!("{stem}{}", std::env::consts::DLL_SUFFIX)).exists());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/plugins/plugins.yaml");
    if !built {
        eprintln!("skipped: `cargo test --workspace` builds the libraries");
        return None;
    }
    let options = DiscoveryOptions {
        plugin_path: vec![libraries],
        manifests: vec![manifest],
        ..DiscoveryOptions::default()
    };
    Some(Registry::discover(&options).unwrap())
}

#[rstest]
#[case("no_entry", "it has no `.prony.plugin` section, so it is not a plugin")]
#[case("wrong_contract", "bad-contract 0.1.0 is built for contract 2.3, and this host offers 1.0")]
#[case(
    "wrong_type",
    "the manifest names the endpoint `NoSuchEndpoint`, and bad-panics 0.1.0 exports `PanickingEndpoint`"
)]
#[case("wrong_layout", "bad-layout 0.1.0 (contract 1.0, rustc 1.90.0) and this host (1.0, ")]
fn a_bad_library_is_refused_with_its_reason(#[case] name: &str, #[case] expected: &str) {
    let Some(registry) = fixtures() else { return };
    let detail = registry.load_endpoint(name, "{}").unwrap_err().detail().unwrap();
    assert!(detail.starts_with(expected), "{detail}");
    assert_eq!(detail.lines().count(), 1);
}

#[test]
fn a_library_is_opened_once_for_all_its_types_whatever_failed_before() {
    let Some(registry) = fixtures() else { return };
    registry.load_endpoint("wrong_layout", "{}").unwrap_err();
    assert_eq!(registry.lock().libraries.count(), 0);
    registry.load_endpoint("panics", "{}").unwrap();
    registry.load_endpoint("panics", "{}").unwrap();
    registry.load_service("panics", "{}", HostTable::leak(PluginLog::new("test"))).unwrap();
    assert_eq!(registry.lock().libraries.count(), 1);
}

/// Takes everything and keeps the texts.
#[derive(Default)]
struct Texts(String);

impl RequestSink for Texts {
    fn path(&mut self, _path: &str) {}
    fn header(&mut self, _name: &str, _value: &str) {}
    fn api_key_header(&mut self, _name: &str, _prefix: &str) {}
    fn body(&mut self, bytes: &[u8]) {
        self.0.push_str(std::str::from_utf8(bytes).unwrap());
    }
    fn part(&mut self, _name: &str, _file_name: &str, _content_type: &str, _bytes: &[u8]) {}
}

impl ResponseSink for Texts {
    fn text(&mut self, _kind: TextKind, _choice: u32, text: &str) {
        self.0.push_str(text);
    }
    fn usage(&mut self, _usage: &TokenUsage) {}
    fn finish(&mut self, _choice: u32, _reason: &str) {}
    fn error(&mut self, _code: Option<u32>, _kind: &str, _message: &str) {}
    fn embedding(&mut self, _index: u32, _dimensions: u32) {}
    fn ranking(&mut self, _index: u32, _score: f64) {}
    fn media(&mut self, _kind: PartKind, _content_type: &str, _bytes: u64, _url: &str) {}
    fn follow_up(&mut self, _path: &str, _after_ms: u64) {}
    fn fact(&mut self, _name: &str, _value: &str) {}
    fn done(&mut self) {
        self.0.push('.');
    }
}

/// One whole exchange; the error of the first call that fails.
fn exchange(endpoint: &std::sync::Arc<EndpointInstance>, prompt: &str) -> prony_plugin_api::Result<String> {
    let parts = [TurnPart { kind: PartKind::TEXT, name: "", data: prompt }];
    let messages = [TurnMessage { role: "user", parts: &parts }];
    let mut texts = Texts::default();
    endpoint.format(&Turn { model: "m", messages: &messages, ..Turn::default() }, &mut texts)?;
    let mut parser = endpoint.parser()?;
    parser.event("", b"answer", &mut texts)?;
    parser.body(200, b"whole", &mut texts)?;
    parser.end(&mut texts)?;
    Ok(texts.0)
}

#[rstest]
fn a_panic_in_a_library_is_an_error_wherever_it_happens(
    #[values("format", "parser", "event", "body", "end")] place: &str,
) {
    let Some(registry) = fixtures() else { return };
    let endpoint = registry.load_endpoint("panics", &format!("{{\"panic_in\": \"{place}\"}}")).unwrap();
    for _ in 0..3 {
        let error = exchange(&endpoint, "hello").unwrap_err();
        assert_eq!((error.kind, error.message), (ErrorKind::PANIC, format!("told to panic in {place}")));
    }
}

#[test]
fn the_same_library_works_when_it_is_not_told_to_panic() {
    let Some(registry) = fixtures() else { return };
    let endpoint = registry.load_endpoint("panics", "{}").unwrap();
    let texts = exchange(&endpoint, "hello").unwrap();
    assert!(texts.contains(r#""content":"hello""#) && texts.ends_with("answerwhole."), "{texts}");
    let error = exchange(&endpoint, "please panic in event").unwrap_err();
    assert_eq!(error.message, "told to panic in event");
}

#[test]
fn a_panic_in_a_service_is_an_error() {
    let Some(registry) = fixtures() else { return };
    let host = HostTable::leak(PluginLog::new("test"));
    let mut service = registry.load_service("panics", "{}", host).unwrap();
    assert_eq!(service.subscriptions(), ["phase_started", "phase_ended"]);
    service.init().unwrap();
    service.start().unwrap();
    service.on_message("phase_ended", b"").unwrap();
    assert_eq!(service.on_message("phase_started", b"").unwrap_err().kind, ErrorKind::PANIC);
}

#[test]
fn a_panic_in_new_is_the_plugins_fault_and_not_the_users() {
    let Some(registry) = fixtures() else { return };
    let error = registry.load_endpoint("panics", r#"{"panic_in": "new"}"#).unwrap_err();
    assert_eq!(error.detail().as_deref(), Some("panic: told to panic in new"));
    assert!(!error.is_usage());
}
