//! Metrics of AIPerf's that the catalogue does not have, each with its reason: [`why_absent`].

/// A reason, and the tags that it holds for. One that ends with `*` stands for all that begin so.
type Reason = (&'static [&'static str], &'static str);

pub(crate) const ABSENT: &[Reason] = &[
    (
        &["network_adjusted_*"],
        "`network_rtt` stands beside latencies, and is not subtracted from them: what is left would be no time that was measured",
    ),
    (&["nvidia_energy_per_user"], "it is what `nvidia_total_gpu_energy` comes to by `--concurrency`"),
    (&["amd_*"], "no source of their power is known"),
    (
        &["adj_*"],
        "failed requests have no latency: `request_error_rate` counts them, and `good_request_fraction` as not good",
    ),
    (
        &["video_inference_time", "video_peak_memory"],
        "no API format reads them from responses; what else a server says stands in `facts` of the lines of requests",
    ),
    (&["stream_setup_latency"], "it is `time_to_first_byte`"),
    (&["credit_to_start_latency", "credit_drop_latency"], "it is `schedule_lateness`"),
    (&["replay_send_schedule_offset"], "it is `send_lateness`"),
    (
        &["min_request_timestamp", "max_response_timestamp"],
        "`start_time` and `end_time` of the summary have the window that throughputs are of",
    ),
    (
        &["context_overflow_count"],
        "it stands in the summary as a number, and such requests are no failures here",
    ),
    (
        &["skipped_context_overflow_count"],
        "nothing is skipped: a conversation ends with the server's refusal",
    ),
    (&["theoretical_prefix_cache_hit"], "`prefix_cache` in the summary has it, beside what the server had"),
    (
        &["usage_prompt_cache_miss_tokens", "total_usage_prompt_cache_miss_tokens"],
        "it is what `usage_prompt_cache_read_tokens` leaves of `usage_prompt_tokens`",
    ),
    (
        &[
            "usage_prompt_audio_*",
            "total_usage_prompt_audio_*",
            "usage_completion_audio_tokens",
            "total_usage_completion_audio_tokens",
            "usage_tool_use_prompt_tokens",
            "total_usage_tool_use_prompt_tokens",
            "usage_accepted_prediction_tokens",
            "total_usage_accepted_prediction_tokens",
            "usage_rejected_prediction_tokens",
            "total_usage_rejected_prediction_tokens",
        ],
        "API formats do not pass it on; it is a part of `usage_prompt_tokens` or of `usage_completion_tokens`",
    ),
    (
        &["http_req_blocked"],
        "no request waits for a connection, since their number has no limit; `schedule_lateness` has the wait for a slot",
    ),
    (
        &["http_req_data_sent", "http_req_chunks_sent", "http_req_chunks_received"],
        "writes and reads are not kept; `tokens_per_read` has those that brought tokens",
    ),
];

/// Why the catalogue does not have a metric of AIPerf's, if it is one.
pub(crate) fn why_absent(tag: &str) -> Option<&'static str> {
    let is_of = |known: &&str| known.strip_suffix('*').map_or(*known == tag, |begin| tag.starts_with(begin));
    ABSENT.iter().find(|(tags, _)| tags.iter().any(is_of)).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::catalogue::CATALOGUE;

    #[test]
    fn what_is_absent_is_not_there_and_names_only_what_is() {
        assert!(CATALOGUE.iter().all(|metric| why_absent(metric.tag).is_none()));
        let beside = ["start_time", "end_time", "prefix_cache", "facts", "--concurrency"];
        for (tags, reason) in ABSENT {
            for named in reason.split('`').skip(1).step_by(2).filter(|named| !beside.contains(named)) {
                assert!(CATALOGUE.iter().any(|metric| metric.tag == named), "{named} in {tags:?}");
            }
        }
    }

    #[test]
    fn a_star_stands_for_the_rest_of_a_tag() {
        assert!(why_absent("amd_total_gpu_energy").is_some() && why_absent("adj_request_latency").is_some());
        assert_eq!(why_absent("request_latency"), None);
    }
}
