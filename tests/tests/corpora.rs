//! Every input that the fuzz targets keep, through the same ways in: what was once found stays found.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{fs, path::Path};

use prony::internals::open_library;
use prony_entries as entries;
use rstest::rstest;

/// Gives every input of a target to `entry`.
#[expect(clippy::print_stdout, reason = "the input is shown when the entry panics")]
fn each(target: &str, entry: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let inputs: Vec<_> = fs::read_dir(corpus).unwrap().map(|input| input.unwrap().path()).collect();
    assert!(!inputs.is_empty(), "the corpus of `{target}` is empty");
    for input in inputs {
        println!("{}", input.display());
        entry(&fs::read(&input).unwrap());
    }
}

#[rstest]
#[case("stream", entries::stream)]
#[case("http", entries::http)]
#[case("rows", entries::rows)]
#[case("dataset", entries::dataset)]
#[case("page", entries::page)]
#[case("manifest", entries::manifest)]
#[case("library", entries::library)]
#[case("journal", entries::journal)]
#[case("child", entries::child)]
#[case("message", entries::message)]
fn a_reader_keeps_its_promises_for_every_kept_input(#[case] target: &str, #[case] entry: fn(&[u8])) {
    each(target, entry);
}

/// Unlike in the fuzz targets, through the real library.
#[rstest]
#[case("chat", "openai", "ChatEndpoint")]
#[case("completions", "openai", "CompletionsEndpoint")]
#[case("embeddings", "openai", "EmbeddingsEndpoint")]
#[case("anthropic", "anthropic", "MessagesEndpoint")]
#[case("bedrock", "bedrock", "ConverseEndpoint")]
#[case("huggingface", "huggingface", "GenerateEndpoint")]
#[case("kserve", "kserve", "InferEndpoint")]
#[case("llamacpp", "llamacpp", "CompletionEndpoint")]
#[case("nvidia", "nvidia", "ImageRetrievalEndpoint")]
#[case("ollama", "ollama", "ChatEndpoint")]
#[case("solido", "solido", "SolidoEndpoint")]
fn a_format_keeps_its_promises_for_every_kept_input(
    #[case] target: &str,
    #[case] library: &str,
    #[case] type_name: &str,
) {
    let root = open_library(&prony_tests::library(&format!("endpoint-{library}"))).unwrap();
    each(target, |input| entries::answer(&root, type_name, input));
}

/// The first byte of these inputs chooses one of several formats, in the order of the fuzz target.
#[rstest]
#[case("custom", &["RawEndpoint", "TemplateEndpoint"])]
#[case("rankings", &["CohereRankingsEndpoint", "TeiRankingsEndpoint", "NimRankingsEndpoint"])]
#[case("openai", &[
    "ResponsesEndpoint", "NimEmbeddingsEndpoint", "ChatEmbeddingsEndpoint", "ImagesEndpoint",
    "AzureChatEndpoint", "ImageEditsEndpoint", "VideosEndpoint", "TranscriptionsEndpoint",
])]
fn the_formats_of_a_library_keep_their_promises_for_every_kept_input(
    #[case] target: &str,
    #[case] type_names: &[&str],
) {
    let root = open_library(&prony_tests::library(&format!("endpoint-{target}"))).unwrap();
    each(target, |input| entries::any_answer(&root, type_names, input));
}

/// Every recorded answer as well, by the library of its API format and in every order of calls.
#[test]
fn every_api_format_keeps_its_promises_for_every_recorded_answer() {
    let listed = prony_tests::Tool::new(["plugins", "--json"]).run();
    let listed: serde_json::Value = serde_json::from_str(&listed.succeeds().stdout).unwrap();
    let wire = prony_tests::fixtures().join("wire");
    let table = fs::read(wire.join("expected.json")).unwrap();
    let table: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&table).unwrap();
    for endpoint in listed["endpoints"].as_array().unwrap() {
        let class = endpoint["entries"][0]["class"].as_str().unwrap();
        let (stem, type_name) = class.split_once(':').unwrap();
        let root = open_library(&prony_tests::library(&stem.replace('_', "-"))).unwrap();
        let cases = table.iter().filter(|(_, case)| case["endpoint"] == endpoint["name"]);
        for (name, _) in cases {
            let answer = fs::read(wire.join(format!("{name}.response.http"))).unwrap();
            let body = prony_tests::wire::Response::parse(&answer).body;
            for order in 0..4 {
                entries::answer(&root, type_name, &[&[order], body.as_slice()].concat());
            }
        }
    }
}

/// A promise that nothing could break would not be worth a fuzzer.
#[test]
#[should_panic(expected = "there is no endpoint")]
fn an_entry_panics_when_something_does_not_hold() {
    let root = open_library(&prony_tests::library("endpoint-openai")).unwrap();
    entries::answer(&root, "NoSuchEndpoint", b"\0data: 1\n\n");
}
