//! Doubts about token counts: who counted, whether two counters agree, and what inter-token latencies rest on.

use super::{super::model::Report, finding::Finding};
use crate::{
    metrics::{Basis, Stats, Tally, TokenSource, tags},
    record::settings::TokenizerSetting,
    screen::{agreeing, counted},
};

/// So far may two counters of the output be apart, in percent: tokenizers of one family differ by less.
const OUTPUT_TOLERANCE_PCT: f64 = 5.0;
/// Tokens of each response that a server counts and no tokenizer sees, such as a stop token.
const OUTPUT_EXTRA: u64 = 2;
/// So far may the server's count of the input be from what was made, in percent and in tokens a request: a chat template has
/// tokens of its own.
const INPUT_TOLERANCE_PCT: f64 = 15.0;
const INPUT_EXTRA: u64 = 16;

/// The tokenizer of the run, as users name it.
pub(in crate::report) fn tokenizer(report: &Report) -> String {
    match &report.header.settings.tokenizer {
        TokenizerSetting::Builtin => "o200k_base".to_owned(),
        TokenizerSetting::Encoding(encoding) => encoding.name().to_owned(),
        TokenizerSetting::Local(path) => path.display().to_string(),
        TokenizerSetting::Other => "the run's tokenizer".to_owned(),
    }
}

/// Every doubt about tokens, the gravest first.
pub(super) fn findings(report: &Report) -> impl Iterator<Item = Finding> {
    let of_output = report.header.capabilities.produces_tokens.then(|| {
        [
            empty(report),
            unread(report),
            missing_lengths(report).or_else(|| no_inter_token_latency(report)),
            other_lengths(report),
            lower_bounds(report),
            estimates(report),
            other_counter(report),
            hidden(report),
            mixed_counting(report),
        ]
    });
    of_output.into_iter().flatten().chain([other_inputs(report)]).flatten()
}

fn empty(report: &Report) -> Option<Finding> {
    let (empty, all) = (report.profiling.counting.empty, report.profiling.outcomes.succeeded);
    let says = format!(
        "{empty} of {all} successful responses {} empty: the server ended {} without any output",
        agreeing(empty, "is", "are"),
        agreeing(empty, "it", "them")
    );
    let finding =
        Finding::doubt("empty_responses", format!("{} without output", counted(empty, "response")), says);
    (empty > 0).then(|| finding.advice("Check what the requests ask for (`max_tokens`, stop sequences)"))
}

/// The usual mistake of a new API format.
fn unread(report: &Report) -> Option<Finding> {
    let (unread, all) = (report.profiling.counting.unread, report.profiling.outcomes.succeeded);
    let says = format!(
        "no text was read from {unread} of {all} successful responses, though the server counts output tokens in {}: \
         the API format `{}` may not read the field that holds the text. There are no token latencies of {}",
        agreeing(unread, "it", "them"),
        report.header.settings.endpoint_type,
        agreeing(unread, "it", "them")
    );
    let short = format!("no text read from {}", counted(unread, "response"));
    (unread > 0).then(|| Finding::doubt("unread_responses", short, says))
}

/// Throughputs lack the tokens of answers that nobody counted.
fn missing_lengths(report: &Report) -> Option<Finding> {
    let succeeded = report.profiling.outcomes.succeeded;
    let known = match report.profiling.table.get(tags::OUTPUT_SEQUENCE_LENGTH) {
        Some(Stats::Distribution(lengths)) => lengths.count,
        _ => 0,
    };
    (known < succeeded).then(|| {
        let missing = succeeded - known;
        let latency = match report.profiling.counting.missing {
            0 => String::new(),
            requests => format!(", and {requests} {} no inter-token latency", agreeing(requests, "has", "have")),
        };
        let says = format!(
            "the output of {missing} of {succeeded} requests was not counted: token throughputs are too low{latency}"
        );
        Finding::doubt("output_not_counted", format!("output of {} not counted", counted(missing, "request")), says)
    })
}

fn other_lengths(report: &Report) -> Option<Finding> {
    let table = &report.profiling.table;
    let mismatches = table.avg(tags::OSL_MISMATCH_COUNT).filter(|count| *count > 0.0)?;
    let Some(Stats::Distribution(difference)) = table.get(tags::OSL_MISMATCH_DIFF_PCT) else { return None };
    let (direction, hint) = match (difference.min < 0.0, difference.max > 0.0) {
        (true, true) => ("longer or shorter", String::new()),
        (true, false) => ("shorter", String::new()),
        (false, _) => ("longer", longer_hint(report)),
    };
    let are = if mismatches > 1.0 { "are" } else { "is" };
    let says = format!(
        "{mismatches} of {} responses {are} {direction} than requested ({:+.1} % on average, {:+.1} % to {:+.1} %){hint}",
        difference.count, difference.avg, difference.min, difference.max
    );
    let short = format!("{} {direction} than requested", counted(mismatches, "response"));
    Some(Finding::doubt("other_output_lengths", short, says))
}

/// What the endpoint says may be why.
fn longer_hint(report: &Report) -> String {
    let hint = report.header.capabilities.longer_output_hint.as_ref();
    hint.map(|hint| format!(": {hint}")).unwrap_or_default()
}

fn no_inter_token_latency(report: &Report) -> Option<Finding> {
    let missing = report.profiling.counting.missing;
    let says = format!(
        "{missing} of {} requests {} no inter-token latency: {} tokens were not counted, or are no more than one",
        report.profiling.outcomes.succeeded,
        agreeing(missing, "has", "have"),
        agreeing(missing, "its", "their")
    );
    let short = format!("{} without inter-token latency", counted(missing, "request"));
    (missing > 0).then(|| Finding::note("no_inter_token_latency", short, says))
}

fn lower_bounds(report: &Report) -> Option<Finding> {
    let count = report.profiling.counting.known_by(Basis::LowerBound);
    let says = format!(
        "the inter-token latency of {} is a lower bound: several tokens may have come with the first one, and nothing \
         says how many",
        counted(count, "request")
    );
    (count > 0)
        .then(|| Finding::doubt("inter_token_lower_bound", "inter-token latency is a lower bound", says))
}

fn estimates(report: &Report) -> Option<Finding> {
    let counting = &report.profiling.counting;
    let count = counting.known_by(Basis::Characters);
    let all: u64 = counting.bases().map(|(_, count)| count).sum();
    let says = format!(
        "the inter-token latency of {count} of {all} requests is an estimate: only the whole output was counted, and how \
         much of it came with the first token is taken from its characters"
    );
    let finding = Finding::note("inter_token_estimate", "inter-token latency is an estimate", says);
    let advice = "Use the model's tokenizer (`--tokenizer`, without `--use-server-token-count`), or have the server send usage with \
                  each event";
    (count > 0).then(|| finding.advice(advice))
}

fn other_counter(report: &Report) -> Option<Finding> {
    let tally = report.profiling.counting.output;
    differs(tally, OUTPUT_TOLERANCE_PCT, OUTPUT_EXTRA).then(|| {
        let difference = tally.difference_pct().unwrap_or_default();
        let says = format!(
            "the server counts {} output tokens where {} counts {} ({difference:+.1} %): what is counted here is in other \
             tokens than the server's",
            tally.server,
            tokenizer(report),
            tally.client,
        );
        let short = format!("the server counts {difference:+.0} % output tokens");
        Finding::note("other_output_tokenizer", short, says).advice(tokenizer_hint(report))
    })
}

fn other_inputs(report: &Report) -> Option<Finding> {
    if report.header.settings.is_recorded {
        // The usage of a recorded response belongs to the prompt that was sent when it was recorded.
        return None;
    }
    let tally = report.profiling.counting.input;
    let each = |tokens: u64| tokens as f64 / tally.requests as f64;
    differs(tally, INPUT_TOLERANCE_PCT, INPUT_EXTRA).then(|| {
        let difference = tally.difference_pct().unwrap_or_default();
        let says = format!(
            "the server counts {:.0} input tokens a request where {} counts {:.0} ({difference:+.1} %): another tokenizer, or \
             what the server adds, such as a chat template",
            each(tally.server),
            tokenizer(report),
            each(tally.client),
        );
        let short = format!("the server counts {difference:+.0} % input tokens");
        Finding::note("other_input_tokenizer", short, says).advice(tokenizer_hint(report))
    })
}

fn differs(tally: Tally, tolerance_pct: f64, extra: u64) -> bool {
    let is_beyond = tally.difference_pct().is_some_and(|difference| difference.abs() > tolerance_pct);
    is_beyond && tally.server.abs_diff(tally.client) > extra.saturating_mul(tally.requests)
}

fn tokenizer_hint(report: &Report) -> &'static str {
    match report.header.settings.tokenizer {
        TokenizerSetting::Builtin => "Name the model's tokenizer with `--tokenizer`",
        TokenizerSetting::Encoding(_) | TokenizerSetting::Local(_) | TokenizerSetting::Other => {
            "Check that `--tokenizer` names the model's"
        }
    }
}

fn hidden(report: &Report) -> Option<Finding> {
    let counting = &report.profiling.counting;
    let says = format!(
        "{} of {} output tokens {} not visible: the server counts reasoning that it does not send, so that Output Token \
         Count and Reasoning Token Count are less than Output Sequence Length",
        counting.hidden,
        counting.with_hidden,
        agreeing(counting.hidden, "was", "were")
    );
    (counting.hidden > 0).then(|| Finding::note("hidden_tokens", "hidden reasoning tokens", says))
}

fn mixed_counting(report: &Report) -> Option<Finding> {
    let says = "output tokens were counted by the server for some requests and here for others";
    (report.profiling.token_source == TokenSource::Mixed)
        .then(|| Finding::doubt("mixed_token_counts", "tokens counted by two counters", says))
}
