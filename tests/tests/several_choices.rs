//! A request for several choices (`n` > 1): their tokens alternate, and each choice has its own pace.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use prony_tests::{Script, ask_once};
use rstest::rstest;
use serde_json::{Value, json};

/// Between two events; those of one choice are twice as far apart.
const PAUSE_MS: u64 = 60;

/// One token in `o200k_base` each, as pieces and as a text.
const WORDS: [&str; 4] = [" one", " two", " three", " four"];

fn piece(endpoint: &str, choice: usize, word: &str) -> String {
    let choice = match endpoint {
        "completions" => json!({ "index": choice, "text": word }),
        _ => json!({ "index": choice, "delta": { "content": word } }),
    };
    json!({ "choices": [choice] }).to_string()
}

fn finish(choice: usize) -> String {
    json!({ "choices": [{ "index": choice, "delta": {}, "text": "", "finish_reason": "stop" }] }).to_string()
}

/// Two choices that take turns, an event for each token; at its end the server's count, if it has one.
fn in_turns(endpoint: &str, usage: Option<u64>) -> Script {
    let tokens = WORDS.iter().flat_map(|word| [(0, word), (1, word)]);
    let spoken = tokens.fold(Script::events(), |script, (choice, word)| {
        script.event(&piece(endpoint, choice, word)).pause_ms(PAUSE_MS)
    });
    let ended = spoken.event(&finish(0)).event(&finish(1));
    let counted = usage.into_iter().fold(ended, |script, tokens| {
        let usage = json!({ "prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": tokens + 5 });
        script.event(&json!({ "choices": [], "usage": usage }).to_string())
    });
    counted.event("[DONE]").last_chunk()
}

/// Some statistic of a metric, which is in milliseconds.
fn ms(summary: &Value, tag: &str, statistic: &str) -> f64 {
    summary[tag][statistic].as_f64().unwrap()
}

#[rstest]
#[case::counted_here("chat", None, "timed", &[])]
#[case::counted_by_the_server("chat", Some(8), "timed", &[])]
#[case::portable("chat", Some(8), "portable", &[])]
#[case::in_a_process_of_its_own("chat", None, "timed", &["--isolate", "chat"])]
#[case::of_texts("completions", None, "timed", &[])]
#[case::raw("raw", None, "timed", &[])]
fn a_gap_is_between_tokens_of_one_choice(
    #[case] endpoint: &str,
    #[case] usage: Option<u64>,
    #[case] transport: &str,
    #[case] more: &[&str],
) {
    let flags = [&["--streaming", "--extra-inputs", "n:2", "--transport", transport], more].concat();
    let run = ask_once(in_turns(endpoint, usage), endpoint, &flags);
    let summary = run.succeeds().summary();
    assert_eq!(summary["output_sequence_length"]["avg"], 8);
    let pace = 2.0 * PAUSE_MS as f64;
    // A pause may last longer than it should, and a read may come late: by far less than a whole turn.
    let about = pace - 20.0..pace + 50.0;
    for tag in ["inter_token_latency", "inter_chunk_latency", "time_to_second_token"] {
        let average = ms(&summary, tag, "avg");
        assert!(about.contains(&average), "{tag}: {average} where tokens of a choice are {pace} ms apart");
    }
    // Three gaps of each choice, and none between choices.
    assert_eq!(summary["inter_chunk_latency"]["count"], 6);
    assert!(ms(&summary, "inter_chunk_latency", "min") > pace - 20.0);
    // All reads together are still eight.
    assert_eq!(summary["tokens_per_read"]["avg"], 1);
    let definition = summary["definitions"]["inter_token_latency"]["text"].as_str().unwrap();
    assert!(definition.contains("per choice"), "{definition}");
}
