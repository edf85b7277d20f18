//! Settings that say nothing without another one, and pairs of which one would have no effect, whatever their values are.

use super::{
    error::ConfigError,
    problems::Problems,
    spec::{Origin, RunSpec},
};

/// Why there is no use for settings about metrics pages.
const NOT_SCRAPED: &str = "no metrics page is scraped then";

/// Switches and what says the opposite, by the names of their flags without dashes. The flags about several runs are in no
/// [`RunSpec`], and a flag that only says what holds without it has no place there: they are checked as words.
pub(crate) const OPPOSITES: [(&str, &str); 5] = [
    ("parameter-sweep-same-seed", "no-parameter-sweep-same-seed"),
    ("no-vary-seed-per-trial", "vary-seed-per-trial"),
    ("set-consistent-seed", "no-set-consistent-seed"),
    ("profile-run-disable-warmup-after-first", "no-profile-run-disable-warmup-after-first"),
    ("auto-plot", "no-auto-plot"),
];

/// Checks all of them.
pub(super) fn check(spec: &RunSpec, problems: &mut Problems) {
    problems.require(&spec.preconnect, &spec.concurrency);
    problems.require(&spec.client_key, &spec.client_cert);
    problems.require(&spec.mock_answer, &spec.mock);
    problems.require(&spec.dry_run_output, &spec.dry_run);
    problems.require(&spec.plot_required, &spec.auto_plot);
    problems.require(&spec.overwrite, &spec.artifact_dir);
    problems.require(&spec.api_host, &spec.api_port);
    problems.require(&spec.tokenizer_revision, &spec.tokenizer);
    for (flag, with, reason) in exclusive(spec) {
        if let (Some(flag), Some(with)) = (flag, with) {
            problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
        }
    }
}

/// Two settings that exclude each other, where they are given, and why.
type Pair = (Option<Origin>, Option<Origin>, &'static str);

fn exclusive(spec: &RunSpec) -> [Pair; 12] {
    // A dataset that was found by its name stands there as a file.
    let named = spec.public_dataset.origin();
    let typed_file = spec.input_file.origin().filter(|origin| Some(*origin) != named);
    let (mock, not_scraped) = (spec.mock.origin(), spec.no_server_metrics.origin());
    [
        (spec.proxy.origin(), spec.no_proxy.origin(), "it asks for no proxy at all"),
        (spec.proxy.origin(), mock, "the mock server is on this machine"),
        (spec.ca_cert.origin(), spec.insecure.origin(), "any certificate is trusted then"),
        (spec.http2.origin(), mock, "the mock server speaks HTTP/1.1"),
        (mock, spec.url.origin(), "the mock server is the one that is measured"),
        (spec.public_dataset.origin(), typed_file, "a run has one dataset"),
        (spec.server_metrics.origin(), not_scraped, NOT_SCRAPED),
        (spec.server_metrics_header.origin(), not_scraped, NOT_SCRAPED),
        (spec.server_metrics_interval.origin(), not_scraped, NOT_SCRAPED),
        (spec.gpu_telemetry.origin(), spec.no_gpu_telemetry.origin(), "no GPU is watched then"),
        (spec.auto_plot.origin(), spec.dry_run.origin(), "there are no charts without a run"),
        (spec.format.origin(), spec.dry_run.origin(), "there is no report without a run"),
    ]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{error::ConfigErrors, spec::tests::spec};

    fn checked(line: &str) -> Result<(), ConfigErrors> {
        let mut problems = Problems::default();
        check(&spec(line), &mut problems);
        problems.finish()
    }

    #[rstest]
    #[case("--preconnect", "`--preconnect` requires `--concurrency`")]
    #[case("--client-key k.pem", "`--client-key` requires `--client-cert`")]
    #[case("--mock-answer a.txt", "`--mock-answer` requires `--mock`")]
    #[case("--dry-run-output f", "`--dry-run-output` requires `--dry-run`")]
    #[case("--plot-required", "`--plot-required` requires `--auto-plot`")]
    #[case("--overwrite", "`--overwrite` requires `--artifact-dir`")]
    #[case("--proxy p --no-proxy", "use `--proxy` together with `--no-proxy`: it asks for no proxy at all")]
    #[case("--proxy p --mock", "use `--proxy` together with `--mock`: the mock server is on this machine")]
    #[case(
        "--ca-cert c.pem -k",
        "use `--ca-cert` together with `--insecure`: any certificate is trusted then"
    )]
    #[case("--http2 --mock", "use `--http2` together with `--mock`: the mock server speaks HTTP/1.1")]
    #[case(
        "--url h --mock",
        "use `--mock` together with `--url`: the mock server is the one that is measured"
    )]
    #[case(
        "--server-metrics h --server-metrics-header A:b --server-metrics-interval 2 --no-server-metrics",
        "use `--server-metrics` together with `--no-server-metrics`: no metrics page is scraped then; \
         use `--server-metrics-header` together with `--no-server-metrics`: no metrics page is scraped then; \
         use `--server-metrics-interval` together with `--no-server-metrics`: no metrics page is scraped then"
    )]
    fn what_does_not_go_together_is_told(#[case] line: &str, #[case] text: &str) {
        assert_eq!(checked(line).unwrap_err().to_string(), text);
    }

    #[test]
    fn what_goes_together_is_not() {
        let line = "--preconnect --concurrency 2 --client-key k --client-cert c --ca-cert a --proxy p --overwrite \
                    --artifact-dir d --server-metrics h --http2";
        checked(line).unwrap();
        checked("--mock --mock-answer a --no-proxy --no-server-metrics").unwrap();
    }
}
