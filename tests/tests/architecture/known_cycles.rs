//! Files that use each other and are not untangled yet. What is not in this list must not be, and what is must be true: the
//! test fails for a new cycle, and for one that is gone or has other files.

/// Each with all of its files, below `host/src`.
#[rustfmt::skip]
pub(crate) const KNOWN_CYCLES: &[&[&str]] = &[
    &["calibrate/mod.rs", "calibrate/rung.rs", "calibrate/store.rs"],
    &["cli/calibrate.rs", "cli/profile.rs"],
    &["cli/completions.rs", "cli/help.rs", "cli/mod.rs", "cli/service.rs"],
    &[
        "cli/plugins/add.rs", "cli/plugins/graph.rs", "cli/plugins/json.rs", "cli/plugins/list.rs",
        "cli/plugins/mod.rs", "cli/plugins/remove.rs", "cli/plugins/show.rs", "cli/plugins/validate.rs",
    ],
    &[
        "config/error.rs", "config/flags.rs", "config/media.rs", "config/media_flags.rs",
        "config/mod.rs", "config/redact/address.rs", "config/redact/mod.rs",
        "config/redact/redactor.rs", "config/services.rs", "config/size.rs", "config/url.rs",
    ],
    &["config/resolve.rs", "config/target.rs"],
    &[
        "dataset/build.rs", "dataset/formats/raw_payload.rs", "dataset/formats/single_turn.rs",
        "dataset/media/audio.rs", "dataset/media/image.rs", "dataset/media/mod.rs", "dataset/mod.rs",
        "dataset/rankings.rs",
    ],
    &["metrics/aggregate.rs", "metrics/columns.rs"],
    &["metrics/inter_token.rs", "metrics/per_request.rs"],
    &["mock_server/connection.rs", "mock_server/exchange.rs"],
    &["mock_server/fields.rs", "mock_server/job.rs"],
    &[
        "mock_server/speech/bedrock.rs", "mock_server/speech/generate.rs",
        "mock_server/speech/infer.rs", "mock_server/speech/llama.rs", "mock_server/speech/messages.rs",
        "mock_server/speech/mod.rs", "mock_server/speech/ollama.rs", "mock_server/speech/openai.rs",
        "mock_server/speech/responses.rs", "mock_server/speech/solido.rs",
        "mock_server/speech/transcript.rs",
    ],
    &["plugin/needs.rs", "plugin/object_file.rs"],
    &[
        "plugin/validate/conflicts.rs", "plugin/validate/format.rs", "plugin/validate/libraries.rs",
        "plugin/validate/mod.rs",
    ],
    &["record/journal/reader.rs", "record/journal/texts.rs"],
    &[
        "report/artifacts.rs", "report/by_url.rs", "report/collect.rs", "report/console.rs",
        "report/csv.rs", "report/headline.rs", "report/json.rs", "report/messages.rs", "report/mod.rs",
        "report/outputs.rs", "report/part.rs", "report/records.rs", "report/server_metrics/csv.rs",
        "report/server_metrics/mod.rs", "report/service_tables.rs", "report/token_warnings.rs",
        "report/warnings.rs",
    ],
    &[
        "request/closed_idle.rs", "request/exchange.rs", "request/facts.rs", "request/patience.rs",
        "request/place.rs", "request/prepared.rs", "request/proxy.rs", "request/stream.rs",
        "request/target.rs", "request/transport/mod.rs", "request/transport/opening.rs",
        "request/transport/portable.rs", "request/transport/stamps.rs",
        "request/transport/timed/connect.rs", "request/transport/timed/connection.rs",
        "request/transport/timed/framing.rs", "request/transport/timed/head.rs",
        "request/transport/timed/local.rs", "request/transport/timed/mod.rs",
        "request/transport/timed/socket.rs", "request/transport/timed/tunnel.rs",
    ],
    &["request/transport/error.rs", "request/transport/tls_failure.rs"],
    &["run/artifact_dir.rs", "run/lock.rs"],
    &[
        "run/crew/apart.rs", "run/crew/frames.rs", "run/crew/mod.rs", "run/crew/parcel.rs",
        "run/crew/team.rs", "run/crew/told.rs",
    ],
    &["service/isolated/proxy.rs", "service/isolated/reader.rs", "service/supervisor.rs"],
];
