//! Journals of the versions 1 and 2 have a configuration and no settings: these are made from it.

use serde_json::{Map, Value, json};

use super::LawName;

/// Settings as a header has them, out of a configuration as the versions 1 and 2 wrote it. What the oldest of these leave out is
/// added to it, so that it shows what was in force.
pub(in crate::record) fn of_older(config: &mut Value) -> Value {
    complete(config, &added_defaults());
    settings_of(config)
}

/// The same, in the shape of [`super::RunSettings`].
fn settings_of(config: &Value) -> Value {
    let target = &config["target"];
    let phases = config["phases"].as_array().into_iter().flatten().map(|phase| {
        let arrival = &phase["arrival"];
        json!({
            "kind": phase["kind"],
            "name": phase["name"],
            "is_open_loop": arrival["law"] != LawName::ClosedLoop.as_str(),
            "law": arrival["law"],
            "rate": arrival["rate"],
            "concurrency": phase["concurrency"],
            "request_count": phase["request_count"],
            "duration_s": phase["duration_s"],
        })
    });
    json!({
        "urls": target["urls"],
        "proxies": target["proxies"],
        "model": target["model"],
        "endpoint_type": target["endpoint_type"],
        "streaming": target["streaming"],
        "http2": target["http2"],
        "use_server_token_count": target["use_server_token_count"],
        "use_legacy_max_tokens": target["use_legacy_max_tokens"],
        "tokenizer": config["tokenizer"],
        "phases": phases.collect::<Value>(),
        "random_seed": config["random_seed"],
        "server_metrics": config["server_metrics"]["enabled"],
        "export_outputs": config["export_outputs"],
        "export_http_trace": config["export_http_trace"],
        "is_recorded": config["is_recorded"],
    })
}

/// What an endpoint would have said of longer answers than asked for, before endpoints had words for it: then the host knew
/// the one option.
pub(in crate::record) fn older_hint(legacy_limit: Option<&str>, settings: &Value) -> Option<String> {
    let is_unused = settings["use_legacy_max_tokens"] != true;
    let hint = "if the server does not know `max_completion_tokens`, use `--use-legacy-max-tokens`";
    legacy_limit.filter(|_| is_unused).map(|_| hint.to_owned())
}

/// What was in force in runs before there was a choice: the oldest journals say nothing of it, and their reports do.
fn added_defaults() -> Value {
    json!({
        "target": {
            "proxies": [],
            "first_byte_timeout_s": null,
            "idle_timeout_s": null,
            "endpoint_options": {},
            "transport": "portable",
            "http2": false,
            "connection_reuse": "pooled",
            "preconnect": false,
            "connect_timeout_s": 10.0,
            "tls": { "insecure": false, "ca_cert": null, "client_cert": null, "client_key": null },
        },
        "server_metrics": { "interval_s": null, "headers": [] },
        "isolate": [],
        "services": { "start": [], "leave_out": [], "options": [] },
        "export_outputs": false,
        "export_http_trace": false,
        "drain_s": 8.0,
        "deadline_s": null,
    })
}

/// Adds what is missing.
fn complete(value: &mut Value, defaults: &Value) {
    let (Value::Object(value), Value::Object(defaults)) = (value, defaults) else { return };
    for (name, default) in defaults {
        complete(entry(value, name, default), default);
    }
}

fn entry<'a>(value: &'a mut Map<String, Value>, name: &str, default: &Value) -> &'a mut Value {
    value.entry(name).or_insert_with(|| default.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::redact,
        metrics::sample,
        record::{
            RunHeader,
            settings::{TokenizerSetting, described},
        },
    };

    /// A header as an older version wrote it.
    fn older(change: impl FnOnce(&mut Value)) -> RunHeader {
        let mut header = serde_json::to_value(sample::header()).unwrap();
        header.as_object_mut().unwrap().remove("settings").unwrap();
        change(&mut header["config"]);
        rmp_serde::from_slice(&rmp_serde::to_vec_named(&header).unwrap()).unwrap()
    }

    #[test]
    fn an_older_header_has_the_settings_of_its_configuration() {
        assert_eq!(older(|_| {}), sample::header());
    }

    #[test]
    fn a_newer_law_or_tokenizer_costs_nothing_else() {
        let header = older(|config| {
            config["phases"][1]["arrival"] = json!({ "law": "weibull", "rate": 3.0, "shape": 2 });
            config["tokenizer"] = json!({ "remote": "x" });
        });
        let phase = &header.settings.phases[1];
        assert_eq!((phase.is_open_loop, phase.law.as_str(), phase.rate), (true, "weibull", Some(3.0)));
        assert_eq!(
            (phase.request_count, &header.settings.model),
            (Some(4), &sample::header().settings.model)
        );
        assert_eq!(header.settings.tokenizer, TokenizerSetting::Other);
        assert_eq!(header.config["tokenizer"], json!({ "remote": "x" }));
    }

    #[test]
    fn what_the_oldest_journals_leave_out_is_said() {
        let left_out = |config: &mut Value| {
            config.as_object_mut().unwrap().remove("drain_s");
            let target = config["target"].as_object_mut().unwrap();
            target.remove("tls");
            target.insert("connect_timeout_s".into(), json!(3.0));
        };
        let shown = older(left_out).config;
        let (_, mut whole) =
            described(&redact::plan(&sample::config(), &redact::Redactor::default())).unwrap();
        whole["target"]["connect_timeout_s"] = json!(3.0);
        assert_eq!(shown, whole);
    }
}
