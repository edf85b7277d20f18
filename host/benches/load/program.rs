//! The program under test: `prony profile` as its users run it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    built::release,
    floor::FirstTokens,
    process::{Spent, measure},
    scenario::{ApiFormat, Scenario},
};

/// What has to be built: the program, the plugins that ship with it, and a server of another kind.
const PACKAGES: [&str; 4] = ["prony", "endpoint-openai", "service-server-metrics", "independent-server"];

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) prony: PathBuf,
    pub(crate) independent_server: PathBuf,
}

/// Has cargo build everything where this program was built, and says where the programs are.
pub(crate) fn build() -> Programs {
    let built = release(&PACKAGES);
    Programs { prony: built.join("prony"), independent_server: built.join("independent-server") }
}

/// Measures a run. Its files go to `dir`.
pub(crate) fn profile(
    programs: &Programs,
    scenario: &Scenario,
    server: SocketAddr,
    dir: &Path,
) -> (Spent, FirstTokens) {
    let artifacts = dir.join("artifacts");
    let mut arguments = vec![
        "profile".into(),
        format!("--url=http://{server}"),
        "--model=bench".into(),
        format!("--concurrency={}", scenario.concurrency),
        format!("--request-count={}", scenario.requests),
        "--isl=100".into(),
        "--num-prompts=100".into(),
        // The floor counts nothing either.
        "--use-server-token-count".into(),
        "--random-seed=42".into(),
        "--ui=none".into(),
        format!("--artifact-dir={}", artifacts.display()),
        "--overwrite".into(),
    ];
    match scenario.api_format {
        ApiFormat::Stream => arguments.extend(["--streaming".into(), format!("--osl={}", scenario.tokens)]),
        ApiFormat::Whole => arguments.push(format!("--osl={}", scenario.tokens)),
        ApiFormat::Embeddings => arguments.push("--endpoint-type=embeddings".into()),
    }
    let arguments = arguments.into_iter().map(Into::into).collect();
    let spent = measure(&programs.prony, arguments, &dir.join("program"));
    let first_tokens = if scenario.is_paced() { read(&artifacts) } else { FirstTokens::new() };
    (spent, first_tokens)
}

/// One line of the export.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    metadata: Metadata,
    metrics: Metrics,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    x_request_id: String,
    request_sent_ns: u64,
}

#[derive(Debug, Deserialize)]
struct Metrics {
    time_to_first_token: Milliseconds,
}

#[derive(Debug, Deserialize)]
struct Milliseconds {
    value: f64,
}

impl Line {
    /// When the first token arrived, by the wall clock.
    pub(crate) fn first_token_ns(&self) -> u64 {
        let ttft_ns = (self.metrics.time_to_first_token.value * 1e6).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time to first token in nanoseconds, neither negative nor beyond 2^53"
        )]
        let ttft_ns = ttft_ns as u64;
        self.metadata.request_sent_ns + ttft_ns
    }
}

/// Where the lines of a run are.
pub(crate) fn lines(artifacts: &Path) -> PathBuf {
    artifacts.join("profile_export.jsonl")
}

/// When the first tokens arrived: what the export says a user has.
fn read(artifacts: &Path) -> FirstTokens {
    let text = std::fs::read_to_string(lines(artifacts)).expect("the export");
    let lines = text.lines().map(|line| serde_json::from_str::<Line>(line).expect("a line of the export"));
    lines
        .map(|line| {
            let at = line.first_token_ns();
            (line.metadata.x_request_id, at)
        })
        .collect()
}
