//! What a value of a file is as words of a command line.

use serde_json::{Map, Value, json};

use super::{
    mistake::Problem,
    node::{Content, Entry, Kind, Node, Scalar},
};
use crate::config::{
    keys::{Key, flag_name},
    words::{self, Shape, Words},
    yaml::Spot,
};

/// What a key and its value say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The setting has these values; a switch, and a flag that may be bare, may have none.
    Set(Vec<String>),
    /// A switch is off, as if it did not stand there; nor does a weaker place set it.
    Off,
}

/// Why a value is none of its setting's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WrongKind {
    pub(super) spot: Spot,
    /// What stands there; nothing where there is no value.
    pub(super) found: Option<&'static str>,
    pub(super) expected: String,
}

/// How a mapping is written on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pairs {
    /// A JSON object whose values are texts.
    Headers,
    /// A JSON object.
    Json,
    /// `KEY=VALUE`.
    Options,
    /// `NAME.KEY=VALUE`.
    OptionsOfServices,
    /// `METRIC:VALUE`.
    Objectives,
    /// `NAME:KEY=VALUE,…`.
    Classes,
    /// `NAME: COMMAND`.
    Phases,
    /// `KEY=VALUE,VALUE`, or `KEY=VALUE;VALUE` where values have commas.
    Sweeps,
}

/// What settings make of mappings; those that take none are not among them.
const PAIRS: [(&str, Pairs); 12] = [
    ("header", Pairs::Headers),
    ("server-metrics-header", Pairs::Headers),
    ("extra-inputs", Pairs::Json),
    ("endpoint-option", Pairs::Options),
    ("otel-resource-attributes", Pairs::Options),
    ("price", Pairs::Options),
    ("service-option", Pairs::OptionsOfServices),
    ("goodput", Pairs::Objectives),
    ("class", Pairs::Classes),
    ("before-phase", Pairs::Phases),
    ("after-phase", Pairs::Phases),
    ("sweep", Pairs::Sweeps),
];

/// What a setting makes of mappings, if it takes any.
fn pairs(name: &str) -> Option<Pairs> {
    PAIRS.into_iter().find(|(known, _)| *known == name).map(|(_, pairs)| pairs)
}

/// What a setting takes, for an error.
pub(super) fn expected(key: &Key) -> String {
    match key.shape {
        Shape::Switch => "`true` or `false`".to_owned(),
        Shape::Single => format!("one value ({})", key.placeholder),
        Shape::List => match pairs(&key.name) {
            Some(Pairs::Classes) => "a list of mappings, each with a `name`".to_owned(),
            Some(_) => format!("a mapping, or a list of values ({})", key.placeholder),
            None => format!("a value ({}), or a list of them", key.placeholder),
        },
    }
}

/// The words of a value.
///
/// # Errors
/// It is of another kind than the setting.
pub(super) fn of(key: &Key, node: &Node) -> Result<Said, WrongKind> {
    let wrong = |node: &Node| WrongKind {
        spot: node.spot,
        found: (node.content != Content::Nothing).then(|| node.content.kind()),
        expected: expected(key),
    };
    match (key.shape, &node.content) {
        (Shape::Switch, Content::Scalar(Scalar { kind: Kind::Switch(true), .. })) => {
            Ok(Said::Set(Vec::new()))
        }
        (Shape::Switch, Content::Scalar(Scalar { kind: Kind::Switch(false), .. })) => Ok(Said::Off),
        (Shape::Single | Shape::List, Content::Scalar(Scalar { kind: Kind::Switch(is_on), .. }))
            if key.may_be_bare =>
        {
            Ok(if *is_on { Said::Set(Vec::new()) } else { Said::Off })
        }
        (Shape::Single | Shape::List, Content::Scalar(scalar)) => Ok(Said::Set(vec![scalar.text.clone()])),
        // One setting with several values: a run for each.
        (Shape::Single, Content::List(items)) if !items.is_empty() => {
            let texts: Result<Vec<_>, _> = items.iter().map(|item| text(item).map_err(wrong)).collect();
            Ok(Said::Set(vec![texts?.join(",")]))
        }
        (Shape::List, Content::List(items)) if !items.is_empty() => {
            let words = items.iter().map(|item| match (&item.content, pairs(&key.name)) {
                (Content::Scalar(scalar), _) => Ok(vec![scalar.text.clone()]),
                (Content::Map(entries), Some(Pairs::Classes)) => {
                    Ok(vec![class(None, item, entries).map_err(wrong)?])
                }
                (Content::Map(entries), Some(pairs)) => of_pairs(pairs, entries).map_err(wrong),
                _ => Err(wrong(item)),
            });
            Ok(Said::Set(words.collect::<Result<Vec<_>, _>>()?.concat()))
        }
        (Shape::List, Content::Map(entries)) if !entries.is_empty() => {
            let pairs = pairs(&key.name).ok_or_else(|| wrong(node))?;
            of_pairs(pairs, entries).map(Said::Set).map_err(wrong)
        }
        _ => Err(wrong(node)),
    }
}

/// Whether a value is a list, and its setting takes one: a run for each value.
pub(super) fn takes_list(key: &Key, node: &Node) -> bool {
    let Content::List(items) = &node.content else { return false };
    let is_list = |text: String| {
        let said = words::Said { name: key.name.clone(), values: vec![text.into()] };
        !Words::of([said]).lists().is_empty()
    };
    // Where one of the values is wrong, the others say so.
    key.shape == Shape::Single
        && items.iter().filter_map(|item| text(item).ok()).any(|text| is_list(format!("{text},{text}")))
}

/// Whether a phase can be called so.
pub(super) fn is_phase_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_plain)
}

/// What of a value would not be read as it is written: several values of a text, a value in which others are looked for, and
/// a command for a phase that no phase can be.
pub(super) fn unreadable(key: &Key, node: &Node) -> Option<(Spot, Problem)> {
    match (&node.content, pairs(&key.name)) {
        (Content::List(items), _) if key.shape == Shape::Single => {
            let is_one = items.len() < 2 || takes_list(key, node);
            (!is_one).then(|| (node.spot, Problem::SeveralTexts { key: key.in_file() }))
        }
        (Content::Map(settings), Some(Pairs::Sweeps)) => settings.iter().find_map(divided),
        (Content::Map(phases), Some(Pairs::Phases)) => phases
            .iter()
            .find(|phase| !is_phase_name(&phase.key))
            .map(|phase| (phase.spot, Problem::PhaseName(phase.key.clone()))),
        (Content::List(items), Some(Pairs::Sweeps | Pairs::Phases)) => {
            items.iter().find_map(|item| unreadable(key, item))
        }
        _ => None,
    }
}

/// A value of a sweep that has the sign between values in it.
fn divided(Entry { value, key, .. }: &Entry) -> Option<(Spot, Problem)> {
    let Content::List(items) = &value.content else { return None };
    let is_divided = |text: &str| text.contains(';') || (items.len() == 1 && text.contains(','));
    let divided = items.iter().find(|item| text(item).is_ok_and(|text| is_divided(&text)))?;
    Some((divided.spot, Problem::Divided { key: key.clone(), is_only: items.len() == 1 }))
}

/// One word, of a value that is one.
fn text(node: &Node) -> Result<String, &Node> {
    match &node.content {
        Content::Scalar(scalar) => Ok(scalar.text.clone()),
        _ => Err(node),
    }
}

/// The words of a mapping.
///
/// # Errors
/// The value in it that does not have the form.
fn of_pairs(pairs: Pairs, entries: &[Entry]) -> Result<Vec<String>, &Node> {
    match pairs {
        Pairs::Headers => {
            let headers = entries.iter().map(|entry| Ok((entry.key.clone(), text(&entry.value)?.into())));
            Ok(vec![Value::Object(headers.collect::<Result<Map<_, _>, _>>()?).to_string()])
        }
        Pairs::Json => Ok(vec![object(entries).to_string()]),
        Pairs::Options => Ok(entries.iter().map(option).collect()),
        Pairs::OptionsOfServices => {
            let words = entries.iter().map(|Entry { key, value, .. }| match &value.content {
                Content::Map(options) => {
                    options.iter().map(|entry| format!("{key}.{}", option(entry))).collect::<Vec<_>>()
                }
                content => vec![format!("{key}={}", option_value(content))],
            });
            Ok(words.collect::<Vec<_>>().concat())
        }
        Pairs::Objectives => {
            entries.iter().map(|entry| Ok(format!("{}:{}", entry.key, text(&entry.value)?))).collect()
        }
        Pairs::Classes => {
            let classes = entries.iter().map(|Entry { key, value, .. }| match &value.content {
                Content::Map(entries) => class(Some(key), value, entries),
                _ => Err(value),
            });
            classes.collect()
        }
        Pairs::Phases => {
            let words = entries.iter().map(|Entry { key, value, .. }| {
                let commands = match &value.content {
                    Content::List(items) => items.iter().map(text).collect::<Result<Vec<_>, _>>()?,
                    _ => vec![text(value)?],
                };
                Ok(commands.iter().map(|command| format!("{key}: {command}")).collect::<Vec<_>>())
            });
            Ok(words.collect::<Result<Vec<_>, _>>()?.concat())
        }
        Pairs::Sweeps => entries.iter().map(sweep).collect(),
    }
}

/// The values that a setting takes in turn.
fn sweep(Entry { key, value, .. }: &Entry) -> Result<String, &Node> {
    let values = match &value.content {
        Content::List(items) => items.iter().map(text).collect::<Result<Vec<_>, _>>()?,
        _ => vec![text(value)?],
    };
    let is_list = values.len() > 1 && values.iter().any(|value| value.contains(','));
    Ok(format!("{}={}", flag_name(key), values.join(if is_list { ";" } else { "," })))
}

fn option(Entry { key, value, .. }: &Entry) -> String {
    format!("{key}={}", option_value(&value.content))
}

/// The value of an option, which is read as JSON if it is any.
fn option_value(content: &Content) -> String {
    match content {
        Content::Scalar(Scalar { text, kind: Kind::Plain | Kind::Quoted })
            if serde_json::from_str::<Value>(text).is_err() =>
        {
            text.clone()
        }
        content => json(content).to_string(),
    }
}

/// `NAME:KEY=VALUE,…` of a mapping, whose name is given or in it.
fn class<'a>(name: Option<&str>, node: &'a Node, entries: &'a [Entry]) -> Result<String, &'a Node> {
    let own = entries.iter().find(|entry| entry.key == "name").map(|entry| text(&entry.value)).transpose()?;
    let name = name.map(str::to_owned).or(own).ok_or(node)?;
    let pairs = entries.iter().filter(|entry| entry.key != "name").map(|Entry { key, value, .. }| {
        let value = match &value.content {
            Content::Map(objectives) => of_pairs(Pairs::Objectives, objectives)?.join(" "),
            _ => text(value)?,
        };
        Ok(format!("{}={value}", flag_name(key)))
    });
    Ok(format!("{name}:{}", pairs.collect::<Result<Vec<_>, _>>()?.join(",")))
}

fn object(entries: &[Entry]) -> Value {
    Value::Object(entries.iter().map(|entry| (entry.key.clone(), json(&entry.value.content))).collect())
}

fn json(content: &Content) -> Value {
    match content {
        Content::Nothing => Value::Null,
        Content::Scalar(Scalar { kind: Kind::Switch(is_on), .. }) => json!(is_on),
        Content::Scalar(Scalar { kind: Kind::Number, text }) => {
            serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
        }
        Content::Scalar(scalar) => scalar.text.as_str().into(),
        Content::List(items) => items.iter().map(|item| json(&item.content)).collect(),
        Content::Map(entries) => object(entries),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{keys::Keys, run_file::node};

    #[test]
    fn what_takes_mappings_is_a_setting_with_several_values() {
        let keys = Keys::all();
        let takes_several = |name: &str| keys.find(name).is_some_and(|key| key.shape == Shape::List);
        let unknown = PAIRS.into_iter().find(|(name, _)| !takes_several(name));
        assert_eq!(unknown, None);
    }

    /// What the only key of a text says.
    fn said(text: &str) -> Result<Said, WrongKind> {
        let Content::Map(entries) = node::read(text).unwrap().content else { panic!("{text}") };
        of(Keys::all().find(&entries[0].key).unwrap(), &entries[0].value)
    }

    #[rstest]
    #[case::number("isl: 550", &["550"])]
    #[case::time("benchmark_duration: 5m", &["5m"])]
    #[case::text("model: 1.10", &["1.10"])]
    #[case::switch("streaming: true", &[])]
    #[case::bare("dry_run: true", &[])]
    #[case::several_runs("concurrency: [1, 2, 4]", &["1,2,4"])]
    #[case::list("url: [a, b]", &["a", "b"])]
    #[case::list_of_one("url: a", &["a"])]
    #[case::headers("header: {X-Team: 1.10, Accept: a}", &[r#"{"X-Team":"1.10","Accept":"a"}"#])]
    #[case::header_as_typed("header: ['X-Team: a']", &["X-Team: a"])]
    #[case::inputs(
        "extra_inputs: {temperature: 0.5, stop: [a, ~], seed: '5', o: {x: true}}",
        &[r#"{"temperature":0.5,"stop":["a",null],"seed":"5","o":{"x":true}}"#]
    )]
    #[case::options("endpoint_option: {a: 5, b: text, c: '5', d: [x]}", &["a=5", "b=text", "c=\"5\"", "d=[\"x\"]"])]
    #[case::services("service_option: {s: {a: 5, b: c}, t.d: e}", &["s.a=5", "s.b=c", "t.d=e"])]
    #[case::objectives("goodput: {ttft: 300ms, itl: 20}", &["ttft:300ms", "itl:20"])]
    #[case::classes(
        "class: [{name: chat, share: 80, isl_stddev: 5}, {name: b, goodput: {ttft: 5, itl: 6}}]",
        &["chat:share=80,isl-stddev=5", "b:goodput=ttft:5 itl:6"]
    )]
    #[case::phases("before_phase: {profiling: date, warm-up: [sync, 'a: b']}", &["profiling: date", "warm-up: sync", "warm-up: a: b"])]
    #[case::each_phase("after_phase: [date, 'warm-up: sync']", &["date", "warm-up: sync"])]
    #[case::classes_by_name("class: {chat: {share: 80}}", &["chat:share=80"])]
    #[case::class_as_typed("class: ['chat:share=80']", &["chat:share=80"])]
    fn a_value_is_words_of_the_command_line(#[case] text: &str, #[case] words: &[&str]) {
        assert_eq!(said(text), Ok(Said::Set(words.iter().map(ToString::to_string).collect())));
    }

    #[test]
    fn what_is_measured_in_turn_is_a_list_for_each_setting() {
        let text = "request_rate: [5, 10]\nisl_distribution: ['uniform:1,9', 'uniform:1,99']\nosl: 1..8x2\n";
        let Content::Map(entries) = node::read(text).unwrap().content else { panic!("{text}") };
        let expected = ["request-rate=5,10", "isl-distribution=uniform:1,9;uniform:1,99", "osl=1..8x2"];
        assert_eq!(of_pairs(Pairs::Sweeps, &entries), Ok(expected.map(str::to_owned).to_vec()));
    }

    #[rstest]
    fn what_is_off_is_as_if_it_were_not_there(#[values("streaming: false", "dry_run: false")] text: &str) {
        assert_eq!(said(text), Ok(Said::Off));
    }

    #[rstest]
    #[case::switch("streaming: 5", 12, Some("a number"), "`true` or `false`")]
    #[case::no_switch("streaming: 'true'", 12, Some("a text"), "`true` or `false`")]
    #[case::mapping("isl: {mean: 5}", 7, Some("a mapping"), "one value (TOKENS)")]
    #[case::nothing("isl:", 5, None, "one value (TOKENS)")]
    #[case::nothing_in_a_list("isl: [5, ~]", 10, None, "one value (TOKENS)")]
    #[case::no_pairs("url: {a: b}", 7, Some("a mapping"), "a value (URL), or a list of them")]
    #[case::no_name("class: [{share: 5}]", 10, Some("a mapping"), "a list of mappings, each with a `name`")]
    #[case::nothing_in_a_mapping("header: {A: ~}", 13, None, "a mapping, or a list of values (HEADER)")]
    #[case::empty("url: []", 1, Some("a list"), "a value (URL), or a list of them")]
    fn a_value_of_another_kind_is_told_with_its_place(
        #[case] text: &str,
        #[case] column: u32,
        #[case] found: Option<&'static str>,
        #[case] expected: &str,
    ) {
        let wrong = WrongKind { spot: Spot { line: 1, column }, found, expected: expected.to_owned() };
        assert_eq!(said(text), Err(wrong));
    }
}
