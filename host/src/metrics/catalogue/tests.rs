//! What holds for all rows of the catalogue.

use std::collections::BTreeSet;

use super::*;
use crate::{metrics::request::LatencyOrigin, record::Capabilities};

fn of_requests(tag: &str) -> bool {
    let is_of_requests = |source| matches!(source, Source::Request(_) | Source::Failure(_));
    CATALOGUE.iter().any(|metric| metric.tag == tag && is_of_requests(metric.source))
}

#[test]
fn every_tag_is_its_own() {
    let tags: BTreeSet<&str> = CATALOGUE.iter().map(|metric| metric.tag).collect();
    assert_eq!(tags.len(), CATALOGUE.len());
}

#[test]
fn every_tag_that_the_code_names_has_a_row() {
    let named: Vec<&str> = include_str!("../tags.rs").split('"').skip(1).step_by(2).collect();
    assert!(named.contains(&tags::REQUEST_LATENCY), "{named:?}");
    for tag in named {
        assert!(CATALOGUE.iter().any(|metric| metric.tag == tag), "`{tag}` has no row");
    }
}

#[test]
fn sums_are_taken_of_metrics_of_requests() {
    for metric in CATALOGUE {
        match metric.source {
            Source::Sum(of) | Source::AboveLeast(of, _) => assert!(of_requests(of), "{of}"),
            Source::Rate(of) => of.iter().for_each(|of| assert!(of_requests(of), "{of}")),
            Source::Share(part, whole) | Source::Ratio(part, whole) | Source::OneAndRatio(part, whole) => {
                assert!(of_requests(part) && of_requests(whole), "{part}");
            }
            Source::Above(of, _) => assert!(CATALOGUE.iter().any(|metric| metric.tag == of), "{of}"),
            Source::Request(_)
            | Source::Failure(_)
            | Source::Gaps
            | Source::Count(_)
            | Source::Session(_)
            | Source::OverTime(_)
            | Source::Phase(_)
            | Source::Beside(_) => {}
        }
    }
}

#[test]
fn every_definition_is_a_sentence_about_known_metrics() {
    for metric in CATALOGUE {
        let definition = metric.definition;
        assert!(definition.ends_with('.') && !definition.contains("  "), "{definition}");
        for quoted in definition
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|quoted| !["token_source", "--price"].contains(quoted))
        {
            assert!(CATALOGUE.iter().any(|other| other.tag == quoted), "{quoted} in {definition}");
        }
    }
}

/// `docs/METRICS.md` says what *sent* is.
#[test]
fn what_begins_or_ends_with_sending_says_so_in_the_same_words() {
    let of_sending: Vec<&str> =
        CATALOGUE.iter().map(|metric| metric.definition).filter(|text| text.contains(" sent")).collect();
    assert!(of_sending.len() > 5, "{of_sending:?}");
    for definition in of_sending {
        let (all, alike) = (" sent", "the moment the request was sent");
        assert_eq!(definition.matches(all).count(), definition.matches(alike).count(), "{definition}");
    }
}

#[test]
fn metrics_of_streams_and_tokens_stay_away_from_embeddings() {
    let embeddings = Capabilities { tokenizes_input: true, ..Capabilities::default() };
    let measurable = Measurable {
        capabilities: &embeddings,
        origin: LatencyOrigin::Sent,
        is_replay: false,
        has_price: false,
        has_trace: false,
    };
    let tags: Vec<&str> = CATALOGUE
        .iter()
        .filter(|metric| metric.applies(measurable) && metric.shown)
        .map(|metric| metric.tag)
        .collect();
    assert_eq!(
        tags,
        [
            "request_latency",
            "submit_latency",
            "follow_up_count",
            "input_sequence_length",
            "usage_prompt_tokens",
            "usage_prompt_cache_read_tokens",
            "num_images",
            "image_throughput",
            "image_latency",
            "num_videos",
            "audio_duration",
            "rtfx",
            "embedding_count",
            "ranking_count",
            "media_count",
            "send_lateness",
            "session_duration",
            "session_requests",
            "session_time_in_model",
            "session_time_between_requests",
            "input_token_throughput",
            "embedding_throughput",
            "ranking_throughput",
            "total_image_throughput",
            "total_video_throughput",
            "total_rtfx",
            "media_throughput",
            "request_throughput",
            "request_count",
            "error_request_count",
            "request_error_rate",
            "good_request_count",
            "goodput",
            "good_request_fraction",
            "session_count",
            "complete_session_count",
            "session_throughput",
            "nvidia_total_gpu_energy",
            "nvidia_average_gpu_power",
            "nvidia_energy_per_request",
        ]
    );
}
