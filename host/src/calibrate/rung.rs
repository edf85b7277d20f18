//! One load: a mock server and a client, each in a process of its own, and what the two say of each other.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use super::{
    compare::compare,
    results::{Load, Rung},
};
use crate::run::mock::{MockError, MockProcess};

/// Tokens of a stream's answer.
const STREAM_TOKENS: u64 = 50;

/// How often each stream is used.
const REQUESTS_PER_STREAM: u64 = 2;

/// Length of a rung with a rate, in seconds.
const RATE_SECONDS: u64 = 2;

/// Why there is no calibration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CalibrateError {
    /// No server to measure.
    #[error(transparent)]
    Mock(#[from] MockError),
    /// The client could not be started, or its files not be read.
    #[error("run the client")]
    Client(#[source] io::Error),
    /// The client failed.
    #[error("measure {load}: {said}")]
    Failed {
        /// What was tried.
        load: String,
        /// The beginning of its complaint.
        said: String,
    },
    /// Client or server said nothing that can be compared.
    #[error("compare client and server: they have no request in common")]
    Nothing,
}

/// Puts the load on a server of its own and compares.
pub(super) fn measure(load: Load, endpoint_type: &str) -> Result<Rung, CalibrateError> {
    let mut mock = MockProcess::start(&server_flags(load))?;
    let url = mock.url()?;
    let folder = tempfile::tempdir().map_err(CalibrateError::Client)?;
    let dir = folder.path().join("run");
    let output = client(load, endpoint_type, &url, &dir).map_err(CalibrateError::Client)?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let said = complaint.lines().find_map(|line| line.strip_prefix("error: "));
        let said = said.unwrap_or("it ended without a word").to_owned();
        return Err(CalibrateError::Failed { load: load.to_string(), said });
    }
    let summary = json(&dir.join("profile_export_prony.json")).map_err(CalibrateError::Client)?;
    let records = lines(&dir.join("profile_export.jsonl")).map_err(CalibrateError::Client)?;
    let truth = truth(&url).map_err(CalibrateError::Client)?;
    rung(load, &summary, &records, &truth).ok_or(CalibrateError::Nothing)
}

fn rung(load: Load, summary: &Value, records: &[Value], truth: &Value) -> Option<Rung> {
    let send_ms = match load {
        // A closed loop has no schedule to be late for.
        Load::Streams(_) | Load::OtherTokens(_) => 0.0,
        Load::Rate(_) => summary["send_lateness"]["p99"].as_f64()?,
    };
    let tokens =
        summary["total_output_tokens"]["avg"].as_f64().or_else(|| truth["tokens_sent_total"].as_f64())?;
    let client = &summary["client"];
    Some(Rung {
        load,
        errors: compare(records, truth, send_ms)?,
        tokens_per_s: summary["output_token_throughput"]["avg"].as_f64()?,
        cpu_us_per_token: busy_ms(&client["workers"]).map(|busy| busy * 1e3 / tokens),
        peak_memory_bytes: client["peak_memory_bytes"].as_u64(),
        verdict: client["verdict"].as_str()?.to_owned(),
    })
}

fn busy_ms(workers: &Value) -> Option<f64> {
    let busy = |worker: &Value| Some(worker["busy_share"].as_f64()? * worker["wall_ms"].as_f64()?);
    workers.as_array()?.iter().map(busy).sum()
}

fn server_flags(load: Load) -> Vec<&'static str> {
    match load {
        Load::Streams(_) => vec!["--ttft-ms", "50", "--itl-ms", "10"],
        // Half as many tokens as the client counts, six of its tokens first: to subtract those from the usage would be
        // off by 3 ms.
        Load::OtherTokens(_) => {
            let counting = ["--usage-tokens-per-word", "0.5", "--bundle-first", "6"];
            [["--ttft-ms", "50", "--itl-ms", "10"], counting].concat()
        }
        Load::Rate(_) => vec!["--ttft-ms", "5", "--itl-ms", "0"],
    }
}

fn client(load: Load, endpoint_type: &str, url: &str, dir: &Path) -> io::Result<Output> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([
        "profile",
        "--model",
        "mock-model",
        "--url",
        url,
        "--endpoint-type",
        endpoint_type,
        "--streaming",
        "--isl",
        "50",
        "--ui",
        "none",
    ]);
    command.args(["--no-server-metrics", "--export-http-trace", "--random-seed", "42"]);
    if !matches!(load, Load::OtherTokens(_)) {
        command.arg("--use-server-token-count");
    }
    command.args([OsStr::new("--artifact-dir"), dir.as_os_str()]);
    match load {
        Load::Streams(streams) | Load::OtherTokens(streams) => {
            command.args(["--concurrency", &streams.to_string(), "--osl", &STREAM_TOKENS.to_string()]);
            command.args(["--request-count", &(REQUESTS_PER_STREAM * streams).to_string()]);
        }
        Load::Rate(rate) => {
            command.args(["--request-rate", &rate.to_string(), "--osl", "1"]);
            command.args(["--request-count", &(RATE_SECONDS * rate).to_string()]);
        }
    }
    command.stdin(Stdio::null()).output()
}

fn json(path: &Path) -> io::Result<Value> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn lines(path: &Path) -> io::Result<Vec<Value>> {
    let text = fs::read_to_string(path)?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// What the server knows of the requests that it saw.
fn truth(url: &str) -> io::Result<Value> {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /truth HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let body = end.filter(|_| answer.starts_with(b"HTTP/1.1 200 ")).map(|end| &answer[end + 4..]);
    let refused = || io::Error::other("the mock server does not tell its truth");
    Ok(serde_json::from_slice(body.ok_or_else(refused)?)?)
}
