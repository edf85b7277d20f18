//! Files of AIPerf (schema 2.0), read where their meaning is ours.
//!
//! Each key becomes the key of one of our settings, at its own place; what has none is told by its name. One warm-up and one measured
//! phase become settings of the run, other phases the key `phases`. Templates of Jinja are not read. A warm-up in a closed loop has
//! one request in flight, unless it says otherwise; ours has as many as the measured load.

mod phase_list;
mod telemetry;
#[cfg(test)]
mod tests;

use self::{
    phase_list::{is_of_list, list_phases},
    telemetry::Part,
};
use super::{
    mistake::Problem,
    node::{Content, Entry, Kind, Node, has_jinja, is_text, made},
    texts,
};
use crate::config::{
    keys::{Keys, flag_name},
    phase_words::PhasePath,
    yaml::Spot,
};

/// What a file of AIPerf's is here.
#[derive(Debug)]
pub(super) struct Translated {
    /// Settings of ours.
    pub(super) entries: Vec<Entry>,
    /// What has no meaning here.
    pub(super) foreign: Vec<(Spot, Problem)>,
}

/// What becomes of a key.
#[derive(Clone, Copy)]
enum To {
    /// The value is that of a setting.
    Key(&'static str),
    /// A number, or its `mean` and `stddev`.
    Spread(&'static str, &'static str),
    /// A time, or its `duration`.
    Duration(&'static str),
    /// Keys of their own.
    Block(Rules),
    /// It says nothing that matters here.
    Nothing,
    /// A function says what its parts are.
    Parts(fn(Entry) -> Vec<Part>),
    /// A function reads it.
    Read(fn(&mut Translation<'_>, Entry)),
}

type Rules = &'static [(&'static str, To)];

const ROOT: Rules = &[
    ("schema-version", To::Read(|translation, entry| translation.schema_version(&entry))),
    ("random-seed", To::Key("random_seed")),
    ("benchmark", To::Block(BENCHMARK)),
    ("sweep", To::Block(SWEEP)),
    ("multi-run", To::Block(MULTI_RUN)),
];

const BENCHMARK: Rules = &[
    ("model", To::Key("model")),
    ("models", To::Read(models)),
    ("endpoint", To::Block(ENDPOINT)),
    ("dataset", To::Block(DATASET)),
    ("warmup", To::Read(|translation, entry| translation.phase(PhaseKind::Warmup, entry))),
    ("profiling", To::Read(|translation, entry| translation.phase(PhaseKind::Profiling, entry))),
    ("phases", To::Read(phases)),
    ("slos", To::Key("goodput")),
    ("tokenizer", To::Read(tokenizer)),
    ("artifacts", To::Block(ARTIFACTS)),
    ("server-metrics", To::Parts(telemetry::server_metrics)),
    ("gpu-telemetry", To::Parts(telemetry::gpu_telemetry)),
    ("network-latency", To::Parts(telemetry::network_latency)),
    ("otel", To::Parts(telemetry::otel)),
    ("runtime", To::Block(RUNTIME)),
];

const ENDPOINT: Rules = &[
    ("url", To::Key("url")),
    ("urls", To::Key("url")),
    ("url-strategy", To::Key("url_strategy")),
    ("path", To::Key("custom_endpoint")),
    ("type", To::Key("endpoint_type")),
    ("streaming", To::Key("streaming")),
    ("api-key", To::Key("api_key")),
    ("timeout", To::Key("request_timeout_seconds")),
    ("headers", To::Key("header")),
    ("extra", To::Key("extra_inputs")),
    ("connection-reuse", To::Key("connection_reuse_strategy")),
    ("use-server-token-count", To::Key("use_server_token_count")),
    ("wait-for-model-timeout", To::Key("wait_for_model_timeout")),
    ("session-header", To::Key("session_header")),
    (
        "reset-kv-cache",
        To::Read(|translation, entry| translation.call("reset_kv_cache", RESET_KV_CACHE, entry)),
    ),
    (
        "server-profiler",
        To::Read(|translation, entry| translation.call("server_profiler", SERVER_PROFILER, entry)),
    ),
];

const RESET_KV_CACHE: Rules = &[
    ("path", To::Key("reset_kv_cache_path")),
    ("timeout-seconds", To::Key("reset_kv_cache_timeout_seconds")),
];

const SERVER_PROFILER: Rules = &[
    ("start-path", To::Key("server_profiler_start_path")),
    ("stop-path", To::Key("server_profiler_stop_path")),
    ("timeout-seconds", To::Key("server_profiler_timeout_seconds")),
];

const DATASET: Rules = &[
    ("type", To::Nothing),
    ("name", To::Nothing),
    ("entries", To::Key("num_dataset_entries")),
    ("path", To::Key("input_file")),
    ("format", To::Key("custom_dataset_type")),
    ("dataset", To::Key("public_dataset")),
    ("prompts", To::Block(PROMPTS)),
    ("turns", To::Spread("conversation_turn_mean", "conversation_turn_stddev")),
    ("turn-delay", To::Spread("conversation_turn_delay_mean", "conversation_turn_delay_stddev")),
    ("turn-delay-ratio", To::Key("conversation_turn_delay_ratio")),
    ("system-prompt", To::Key("system_prompt")),
    ("osl", To::Spread("osl", "osl_stddev")),
    ("block-size", To::Key("isl_block_size")),
];

const PROMPTS: Rules = &[
    ("isl", To::Spread("isl", "isl_stddev")),
    ("osl", To::Spread("osl", "osl_stddev")),
    ("batch-size", To::Key("batch_size")),
    ("block-size", To::Key("isl_block_size")),
    ("corpus", To::Key("prompt_corpus")),
    ("sequence-distribution", To::Key("seq_dist")),
    ("random-range-ratio", To::Key("random_range_ratio")),
];

const ARTIFACTS: Rules = &[
    ("dir", To::Key("artifact_dir")),
    ("export-outputs-json", To::Key("export_outputs_json")),
    ("trace", To::Key("export_http_trace")),
    ("prefix", To::Key("profile_export_prefix")),
    ("slice-duration", To::Key("slice_duration")),
    ("auto-plot", To::Key("auto_plot")),
];

const RUNTIME: Rules = &[("workers", To::Key("workers")), ("ui", To::Key("ui"))];

const SWEEP: Rules = &[("type", To::Key("sweep_type")), ("parameters", To::Read(sweep_parameters))];

const MULTI_RUN: Rules = &[
    ("num-runs", To::Key("num_profile_runs")),
    ("cooldown-seconds", To::Key("profile_run_cooldown_seconds")),
    ("confidence-level", To::Key("confidence_level")),
];

const PROFILING: Rules = &[
    ("name", To::Nothing),
    ("kind", To::Nothing),
    ("requests", To::Key("request_count")),
    ("duration", To::Key("benchmark_duration")),
    ("sessions", To::Key("num_conversations")),
    ("concurrency", To::Key("concurrency")),
    ("concurrency-ramp", To::Duration("concurrency_ramp_duration")),
    ("prefill-concurrency", To::Key("prefill_concurrency")),
    ("prefill-ramp", To::Duration("prefill_concurrency_ramp_duration")),
    ("rate", To::Key("request_rate")),
    ("rate-ramp", To::Duration("request_rate_ramp_duration")),
    ("smoothness", To::Key("arrival_smoothness")),
    ("users", To::Key("num_users")),
    ("auto-offset", To::Key("fixed_schedule_auto_offset")),
    ("start-offset", To::Key("fixed_schedule_start_offset")),
    ("end-offset", To::Key("fixed_schedule_end_offset")),
    ("grace-period", To::Key("benchmark_grace_period")),
    ("cancellation", To::Block(CANCELLATION)),
    ("failed-request-threshold", To::Key("failed_request_threshold")),
];

const CANCELLATION: Rules =
    &[("rate", To::Key("request_cancellation_rate")), ("delay", To::Key("request_cancellation_delay"))];

const WARMUP: Rules = &[
    ("name", To::Nothing),
    ("kind", To::Nothing),
    ("requests", To::Key("warmup_request_count")),
    ("duration", To::Key("warmup_duration")),
    ("sessions", To::Key("num_warmup_sessions")),
    ("concurrency", To::Key("warmup_concurrency")),
    ("concurrency-ramp", To::Duration("warmup_concurrency_ramp_duration")),
    ("prefill-concurrency", To::Key("warmup_prefill_concurrency")),
    ("prefill-ramp", To::Duration("warmup_prefill_concurrency_ramp_duration")),
    ("rate", To::Key("warmup_request_rate")),
    ("rate-ramp", To::Duration("warmup_request_rate_ramp_duration")),
    ("grace-period", To::Key("warmup_grace_period")),
];

/// Why Jinja is not read.
const JINJA: &str = "write the value itself; `${NAME:default}` takes it from the environment";

/// What to do with a key that has no meaning here.
const LEAVE_OUT: &str = "leave it out; `prony config explain` lists the settings that there are";

/// Whether a file is one of AIPerf's.
pub(super) fn is_one(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| matches!(flag_name(&entry.key).as_str(), "schema-version" | "benchmark"))
}

/// What its keys are here.
pub(super) fn translated(mut entries: Vec<Entry>, keys: &Keys) -> Translated {
    // What is swept stands in place of what is not, wherever it is written.
    entries.sort_by_key(|entry| flag_name(&entry.key) == "sweep");
    for entry in entries.iter_mut().filter(|entry| flag_name(&entry.key) == "benchmark") {
        if let Content::Map(parts) = &mut entry.value.content {
            list_phases(parts);
        }
    }
    let mut translation = Translation {
        keys,
        path: Vec::new(),
        phases: Vec::new(),
        said: Translated { entries: Vec::new(), foreign: Vec::new() },
    };
    translation.block(entries, ROOT);
    translation.said
}

/// The key of our setting that a path of AIPerf's means, such as `phases.profiling.rate` or `datasets.main.prompts.isl`.
pub(crate) fn setting_of_path(path: &str) -> Option<&'static str> {
    let names: Vec<String> = path.split('.').map(flag_name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let below = names.strip_prefix(&["benchmark"]).unwrap_or(&names);
    match below {
        ["phases", "warmup", rest @ ..] | ["warmup", rest @ ..] => at_path(WARMUP, rest),
        ["phases", "profiling", rest @ ..] | ["profiling", rest @ ..] => at_path(PROFILING, rest),
        ["datasets", _, rest @ ..] => at_path(DATASET, rest),
        path => at_path(BENCHMARK, path),
    }
}

fn at_path(rules: Rules, path: &[&str]) -> Option<&'static str> {
    let (first, rest) = path.split_first()?;
    let (_, to) = rules.iter().find(|(key, _)| key == first)?;
    match (*to, rest) {
        (To::Block(rules), rest) => at_path(rules, rest),
        (To::Key(key) | To::Spread(key, _) | To::Duration(key), [])
        | (To::Spread(key, _), ["mean"])
        | (To::Spread(_, key), ["stddev"])
        | (To::Duration(key), ["duration"]) => Some(key),
        _ => None,
    }
}

/// The key of our setting that a word of a sweep means: a path, or the last word of one that is known without.
fn swept(key: &str) -> Option<&'static str> {
    if key.contains('.') {
        return setting_of_path(key);
    }
    let name = flag_name(key);
    [PROFILING, PROMPTS, BENCHMARK].into_iter().find_map(|rules| at_path(rules, &[name.as_str()]))
}

struct Translation<'a> {
    keys: &'a Keys,
    /// Keys of the blocks around what is read.
    path: Vec<String>,
    /// Names of the phases that stand in a list of ours.
    phases: Vec<String>,
    said: Translated,
}

impl Translation<'_> {
    fn block(&mut self, entries: Vec<Entry>, rules: Rules) {
        for entry in entries {
            let name = flag_name(&entry.key);
            match rules.iter().find(|(key, _)| *key == name) {
                Some((_, to)) => self.entry(entry, *to),
                None => self.foreign(&entry, LEAVE_OUT),
            }
        }
    }

    fn entry(&mut self, entry: Entry, to: To) {
        match to {
            To::Nothing => {}
            To::Key(key) => self.set(key, entry),
            To::Read(read) => read(self, entry),
            To::Parts(parts) => self.parts(&entry.key.clone(), parts(entry)),
            To::Duration(key) => match entry.value.content {
                Content::Map(parts) => self.inside(entry.key, |inner| {
                    for part in parts {
                        match flag_name(&part.key).as_str() {
                            "duration" => inner.set(key, part),
                            "strategy" if is_text(&part.value, "linear") => {}
                            _ => inner.foreign(&part, LEAVE_OUT),
                        }
                    }
                }),
                _ => self.set(key, entry),
            },
            To::Spread(mean, stddev) => match entry.value.content {
                Content::Map(parts) => self.inside(entry.key, |inner| {
                    for part in parts {
                        match flag_name(&part.key).as_str() {
                            "mean" => inner.set(mean, part),
                            "stddev" => inner.set(stddev, part),
                            _ => inner.foreign(&part, LEAVE_OUT),
                        }
                    }
                }),
                _ => self.set(mean, entry),
            },
            To::Block(rules) => match entry.value.content {
                Content::Map(entries) => self.inside(entry.key, |inner| inner.block(entries, rules)),
                _ => self.foreign(&entry, BELOW),
            },
        }
    }

    /// What stands in a block, or the block itself.
    fn parts(&mut self, block: &str, parts: Vec<Part>) {
        for part in parts {
            let (Part::Setting(_, entry) | Part::Foreign(entry, _)) = &part;
            let is_below = entry.key != block;
            if is_below {
                self.path.push(block.to_owned());
            }
            match part {
                Part::Setting(key, entry) => self.set(key, entry),
                Part::Foreign(entry, instead) => self.foreign(&entry, instead),
            }
            if is_below {
                self.path.pop();
            }
        }
    }

    fn inside(&mut self, key: String, read: impl FnOnce(&mut Self)) {
        self.path.push(key);
        read(self);
        self.path.pop();
    }

    fn set(&mut self, key: &str, entry: Entry) {
        if has_jinja(&entry.value) {
            self.foreign(&entry, JINJA);
        } else if self.keys.find(key).is_none() {
            self.foreign(&entry, LEAVE_OUT);
        } else {
            self.said.entries.push(Entry { key: key.to_owned(), ..entry });
        }
    }

    fn foreign(&mut self, entry: &Entry, instead: &str) {
        let path = self.path.iter().map(String::as_str).chain([entry.key.as_str()]);
        let key = path.collect::<Vec<_>>().join(".");
        self.said.foreign.push((entry.spot, Problem::NotOurs { key, instead: instead.to_owned() }));
    }

    /// A call to the server: `true` or `false`, or what is said of it, which asks for it.
    fn call(&mut self, key: &str, rules: Rules, entry: Entry) {
        let Content::Map(parts) = entry.value.content else { return self.set(key, entry) };
        self.set(key, made(&entry.key, entry.spot, "true", Kind::Switch(true)));
        self.inside(entry.key, |inner| inner.block(parts, rules));
    }

    /// A phase. Its type says which load it has.
    fn phase(&mut self, kind: PhaseKind, entry: Entry) {
        let spot = entry.spot;
        let Content::Map(mut parts) = entry.value.content else { return self.foreign(&entry, BELOW) };
        let load = parts.iter().position(|part| part.key == "type").map(|at| parts.remove(at));
        let is_closed = load.as_ref().is_none_or(|load| is_text(&load.value, "concurrency"));
        self.inside(entry.key, |inner| {
            let has_concurrency = parts.iter().any(|part| part.key == "concurrency");
            match load.filter(|_| !is_closed) {
                Some(load) => inner.load(kind, load, &mut parts),
                None if kind == PhaseKind::Warmup && !has_concurrency => {
                    inner.set("warmup_concurrency", made("concurrency", spot, "1", Kind::Number));
                }
                None => {}
            }
            inner.block(parts, if kind == PhaseKind::Warmup { WARMUP } else { PROFILING });
        });
    }

    /// The version of the form, of which one is known.
    fn schema_version(&mut self, entry: &Entry) {
        if !["2.0", "2"].iter().any(|known| is_text(&entry.value, known)) {
            self.foreign(
                entry,
                "prony reads AIPerf's files of schema 2.0: compare the keys, and write `\"2.0\"`",
            );
        }
    }

    /// Several phases, each with settings of its own. `at` is where their list begins.
    fn described_phases(&mut self, at: Spot, key: &str, items: Vec<Node>) {
        let mut described = Vec::new();
        for (number, node) in (1..).zip(items) {
            let spot = node.spot;
            let Content::Map(parts) = node.content else {
                self.foreign(&Entry { value: node, key: key.to_owned(), spot }, BELOW);
                continue;
            };
            described
                .push(Node { spot, content: Content::Map(self.described_phase(spot, key, number, parts)) });
        }
        let value = Node { spot: at, content: Content::List(described) };
        self.set("phases", Entry { key: "phases".to_owned(), spot: at, value });
    }

    /// The keys that one of them has here.
    fn described_phase(&mut self, spot: Spot, key: &str, number: u32, parts: Vec<Entry>) -> Vec<Entry> {
        let is_warmup = parts.iter().any(|part| {
            let name = flag_name(&part.key);
            name == "kind" && is_text(&part.value, "warmup")
                || name == "exclude-from-results" && is_text(&part.value, "true")
        });
        let is_of_users = parts.iter().any(|part| part.key == "type" && is_text(&part.value, "user_centric"));
        let before = std::mem::take(&mut self.said.entries);
        let mut own = Vec::new();
        self.inside(key.to_owned(), |inner| {
            for part in parts {
                match flag_name(&part.key).as_str() {
                    "name" | "seamless" => own.push(Entry { key: flag_name(&part.key), ..part }),
                    "kind" | "exclude-from-results" => {}
                    "type" if is_of_users || is_text(&part.value, "concurrency") => {}
                    "type" if is_text(&part.value, "fixed_schedule") => {
                        inner
                            .foreign(&part, "a replay is one phase, as long as the recording: give it a run");
                    }
                    "type" => inner.set("arrival_pattern", part),
                    "rate" if is_of_users => inner.set("user_centric_rate", part),
                    _ => inner.block(vec![part], PROFILING),
                }
            }
        });
        let settings = std::mem::replace(&mut self.said.entries, before);
        match own.iter().find(|part| part.key == "name").map(|part| &part.value.content) {
            Some(Content::Scalar(name)) => self.phases.push(flag_name(&name.text)),
            Some(_) => {}
            None => own.push(made("name", spot, &format!("phase_{number}"), Kind::Plain)),
        }
        own.extend(is_warmup.then(|| made("role", spot, "warmup", Kind::Plain)));
        own.into_iter().chain(settings).collect()
    }

    /// Whether a path of a sweep is about one of these.
    fn is_of_described_phase(&self, path: &str) -> bool {
        PhasePath::of(path).is_some_and(|path| self.phases.contains(&flag_name(path.phase)))
    }

    /// The load of a phase that is not a closed loop.
    fn load(&mut self, kind: PhaseKind, load: Entry, parts: &mut Vec<Entry>) {
        match kind {
            PhaseKind::Warmup => self.set("warmup_arrival_pattern", load),
            PhaseKind::Profiling if is_text(&load.value, "user_centric") => {
                let at = parts.iter().position(|part| part.key == "rate");
                if let Some(rate) = at.map(|at| parts.remove(at)) {
                    self.set("user_centric_rate", rate);
                }
            }
            PhaseKind::Profiling if is_text(&load.value, "fixed_schedule") => {
                self.set("fixed_schedule", made("type", load.value.spot, "true", Kind::Switch(true)));
            }
            PhaseKind::Profiling => self.set("arrival_pattern", load),
        }
    }
}

/// Which phase it is. There is one of each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PhaseKind {
    Warmup,
    Profiling,
}

/// What to do with a value where there should be keys.
const BELOW: &str = "write its keys below it";

/// Names of models; how they share the sessions stands beside them.
fn models(translation: &mut Translation<'_>, entry: Entry) {
    let Content::Map(parts) = entry.value.content else { return translation.set("model", entry) };
    translation.inside(entry.key, |inner| {
        for part in parts {
            match flag_name(&part.key).as_str() {
                "items" => match names(&part) {
                    Some(value) => inner.set("model", Entry { value, ..part }),
                    None => inner.foreign(&part, "use `class` with a `share` and a `model` for weights"),
                },
                "strategy" => inner.set("model_selection_strategy", part),
                _ => inner.foreign(&part, LEAVE_OUT),
            }
        }
    });
}

/// The names of a list of models, if they have nothing but names.
fn names(items: &Entry) -> Option<Node> {
    let Content::List(list) = &items.value.content else { return None };
    let names = list.iter().map(|item| match &item.content {
        Content::Scalar(_) => Some(item.clone()),
        Content::Map(parts) => match parts.as_slice() {
            [Entry { key, value, .. }] if key == "name" => Some(value.clone()),
            _ => None,
        },
        _ => None,
    });
    Some(Node { spot: items.value.spot, content: Content::List(names.collect::<Option<Vec<_>>>()?) })
}

/// A list of phases, each with its kind, or one of them.
fn phases(translation: &mut Translation<'_>, entry: Entry) {
    let list = match entry.value.content {
        Content::List(list) => list,
        content => vec![Node { content, ..entry.value }],
    };
    let kinds: Option<Vec<PhaseKind>> = list.iter().map(plain_kind).collect();
    // Of a run that has one of each, both have settings.
    let is_plain =
        |kinds: &Vec<PhaseKind>| matches!(kinds[..], [_] | [PhaseKind::Warmup, PhaseKind::Profiling]);
    let Some(kinds) = kinds.filter(is_plain) else {
        return translation.described_phases(entry.spot, &entry.key, list);
    };
    for (kind, node) in kinds.into_iter().zip(list) {
        let entry = Entry { key: entry.key.clone(), spot: node.spot, value: node };
        translation.phase(kind, entry);
    }
}

/// The kind of a phase that says nothing that only one of several phases can say.
fn plain_kind(node: &Node) -> Option<PhaseKind> {
    let Content::Map(parts) = &node.content else { return None };
    let is_warmup = parts.iter().any(|part| part.key == "kind" && is_text(&part.value, "warmup"));
    let kind = if is_warmup { PhaseKind::Warmup } else { PhaseKind::Profiling };
    (!parts.iter().any(is_of_list)).then_some(kind)
}

fn tokenizer(translation: &mut Translation<'_>, entry: Entry) {
    let Content::Map(parts) = entry.value.content else { return translation.set("tokenizer", entry) };
    translation.inside(entry.key, |inner| {
        inner.block(parts, &[("name", To::Key("tokenizer")), ("revision", To::Key("tokenizer_revision"))]);
    });
}

/// What is measured one after the other stands in place of what the benchmark says.
fn sweep_parameters(translation: &mut Translation<'_>, entry: Entry) {
    let spot = entry.spot;
    let Content::Map(parts) = entry.value.content else { return translation.foreign(&entry, BELOW) };
    translation.inside(entry.key, |inner| {
        let mut others = Vec::new();
        for part in parts {
            if inner.is_of_described_phase(&part.key) {
                others.push(part);
                continue;
            }
            let Some(key) = swept(&part.key) else {
                inner.foreign(&part, LEAVE_OUT);
                continue;
            };
            inner.said.entries.retain(|other| other.key != key);
            if inner.keys.find(key).is_some_and(|key| texts::takes_list(key, &part.value)) {
                inner.set(key, part);
            } else if has_jinja(&part.value) {
                inner.foreign(&part, JINJA);
            } else {
                others.push(Entry { key: key.to_owned(), ..part });
            }
        }
        if !others.is_empty() {
            let value = Node { spot, content: Content::Map(others) };
            inner.set("sweep", Entry { key: "sweep".to_owned(), spot, value });
        }
    });
}
