//! Settings as a configuration file that sends the same again.
//!
//! Secrets are not written. Where one stood, the file names a variable, so that whoever repeats the run hears what is missing.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt::Write as _,
};

use serde_json::Value;

use super::{VERSION_KEY, variables};
use crate::config::{
    flags::{PHASES, PhaseRole, PhaseText},
    keys::{API_KEY_VARIABLE, Key, Keys},
    redact::{self, REDACTED},
    words::{Shape, Words},
};

/// What belongs to one run, and not to its repetition: where its files go, what it listed in place of sending, what it printed,
/// and where it could be looked at.
const OF_ONE_RUN: [&str; 11] = [
    "artifact-dir",
    "auto-plot",
    "no-auto-plot",
    "plot-required",
    "overwrite",
    "dry-run",
    "dry-run-output",
    "format",
    "quiet",
    "api-port",
    "api-host",
];

/// A secret that is in its own variable on each machine of a run, as the key is.
const NATS_TOKEN: &str = "nats-token";

/// What stands in front of it.
const HEAD: &str = "\
# The settings of a run, as they were resolved: `prony profile -f` with this file sends the same requests at the same instants.
# The files of the new run go to a new folder, unless `--artifact-dir` names one.
";

/// What is said where there are secrets.
const SECRETS: &str = "# Secrets are not written. Set these variables, or give the settings as flags:";

/// Writes settings. `references` are the words of those whose secrets come from variables, as they were written.
pub(crate) fn written(words: &Words, references: &BTreeMap<String, Vec<OsString>>, keys: &Keys) -> String {
    let (mut body, mut needed) = (String::new(), Vec::new());
    let mut heading = "";
    let kept = keys.iter().filter(|key| !OF_ONE_RUN.contains(&key.name.as_str()));
    for (key, values) in kept.filter_map(|key| Some((key, words.get(&key.name)?))) {
        if key.heading != heading {
            let _ = writeln!(body, "\n# {}", key.heading);
            heading = &key.heading;
        }
        let texts = match references_of(key, references) {
            Some(texts) => {
                needed.extend(texts.iter().flat_map(|text| variables::needed(text)));
                texts
            }
            None => lossy(values).iter().map(|text| without_secrets(key, text, &mut needed)).collect(),
        };
        setting(&mut body, key, &texts);
    }
    let mut text = format!("{HEAD}{VERSION_KEY}: {}\n", env!("CARGO_PKG_VERSION"));
    let mut seen = BTreeSet::new();
    needed.retain(|name| seen.insert(name.clone()));
    if !needed.is_empty() {
        let _ = writeln!(text, "{SECRETS} {}.", needed.join(", "));
    }
    text + &body
}

fn lossy(values: &[OsString]) -> Vec<String> {
    values.iter().map(|value| value.to_string_lossy().into_owned()).collect()
}

/// The words of a setting as they were written, if nothing in them is secret but what variables hold.
fn references_of(key: &Key, references: &BTreeMap<String, Vec<OsString>>) -> Option<Vec<String>> {
    let texts = lossy(references.get(&key.name)?);
    texts.iter().all(|text| hides_only_references(text, &shown(key, text))).then_some(texts)
}

/// Whether what is hidden of a text are variables, perhaps behind the scheme of a login.
fn hides_only_references(text: &str, shown: &str) -> bool {
    let mut parts = shown.split(REDACTED);
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let end = match parts.peek() {
            None => rest.strip_suffix(part).map(str::len),
            Some(_) => rest.find(part),
        };
        let Some(end) = end else { return false };
        let hidden = rest[..end].trim();
        let behind_scheme =
            ["Bearer ", "Basic ", "Token "].iter().find_map(|scheme| hidden.strip_prefix(scheme));
        let hidden = behind_scheme.unwrap_or(hidden);
        let is_reference = hidden.strip_prefix("${").and_then(|name| name.strip_suffix('}'));
        if !is_reference.is_some_and(variables::is_name) {
            return false;
        }
        rest = &rest[end + part.len()..];
    }
    true
}

fn shown(key: &Key, text: &str) -> String {
    redact::shown(&redact::value_of(&flag(key), text)).into_owned()
}

/// A value with a variable in the place of each secret; nothing else in it is one.
fn without_secrets(key: &Key, value: &str, variables: &mut Vec<String>) -> String {
    let shown = shown(key, value);
    let mut parts = shown.split(REDACTED).map(variables::escaped);
    let mut text = parts.next().unwrap_or_default();
    for part in parts {
        let variable = variable(key, variables);
        let _ = write!(text, "${{{variable}}}{part}");
        variables.push(variable);
    }
    text
}

/// A name that no other secret of the file has.
fn variable(key: &Key, taken: &[String]) -> String {
    if key.variable() == API_KEY_VARIABLE || key.name == NATS_TOKEN {
        return key.variable();
    }
    let name = format!("SECRET_OF_{}", key.in_file().to_ascii_uppercase());
    let count = taken.iter().filter(|other| other.starts_with(&name)).count();
    if count == 0 { name } else { format!("{name}_{}", count + 1) }
}

/// Values of a setting as they may be shown: one text, several, or `true` where there are none. `references` are the words of
/// settings that hold secrets out of variables, as they were written.
pub(crate) fn values_shown(
    key: &Key,
    values: &[OsString],
    references: &BTreeMap<String, Vec<OsString>>,
) -> Value {
    let hidden = || lossy(values).iter().map(|text| shown(key, text)).collect();
    let texts: Vec<String> = references_of(key, references).unwrap_or_else(hidden);
    match texts.as_slice() {
        texts if key.name == PHASES => texts.iter().map(|text| phase_shown(text)).collect(),
        [] => true.into(),
        [text] => text.as_str().into(),
        texts => texts.into(),
    }
}

/// A phase as the object that its text is.
fn phase_shown(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn flag(key: &Key) -> String {
    format!("--{}", key.name)
}

fn setting(out: &mut String, key: &Key, texts: &[String]) {
    let name = key.in_file();
    // Writing to a text cannot fail.
    let _ = match texts {
        texts if key.name == PHASES => {
            let items: Vec<String> = texts.iter().map(|text| phase(text)).collect();
            writeln!(out, "{name}:\n  - {}", items.join("\n  - "))
        }
        [] => writeln!(out, "{name}: true"),
        [text] => writeln!(out, "{name}: {}", scalar(text)),
        texts if key.shape == Shape::List => {
            let items: Vec<String> = texts.iter().map(|text| scalar(text)).collect();
            writeln!(out, "{name}:\n  - {}", items.join("\n  - "))
        }
        texts => writeln!(out, "{name}: {}", scalar(&texts.join(","))),
    };
}

/// A phase as a mapping in a line.
fn phase(text: &str) -> String {
    let Ok(PhaseText { name, role, seamless, settings }) = text.parse::<PhaseText>() else {
        return scalar(text);
    };
    let role = PhaseRole::NAMES.iter().find(|(_, known)| *known == role && role != PhaseRole::default());
    let name = format!("name: {}", scalar(&name));
    let role = role.map(|(role, _)| format!("role: {role}"));
    let seamless = seamless.then(|| "seamless: true".to_owned());
    let own = [Some(name), role, seamless].into_iter().flatten();
    let settings = settings.iter().map(|(key, value)| format!("{key}: {}", scalar(value)));
    format!("{{{}}}", own.chain(settings).collect::<Vec<_>>().join(", "))
}

/// A text as YAML: in quotes, unless nobody could take it for anything but itself.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-');
    let is_word =
        text.chars().all(is_plain) && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    let is_other_number = text.starts_with('0') && text.get(1..2).is_some_and(|c| c != ".");
    let is_special = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    if is_word && !is_special && !is_other_number {
        return text.to_owned();
    }
    if text.chars().all(|c| c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric()) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    // A JSON text is one of YAML.
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{
        run_file::tests::{line, mistakes, read_text},
        words::{settings, unread},
    };

    #[test]
    fn what_belongs_to_one_run_is_a_setting() {
        let keys = Keys::all();
        let is_one = |name: &str| keys.iter().any(|key| key.name == name);
        let unknown = OF_ONE_RUN.into_iter().chain([NATS_TOKEN]).find(|name| !is_one(name));
        assert_eq!(unknown, None);
    }

    fn typed(words: &[&str]) -> Words {
        let words = std::iter::once("profile").chain(words.iter().copied());
        Words::typed(&unread(settings()).try_get_matches_from(words).unwrap())
    }

    fn written_of(words: &[&str]) -> String {
        written(&typed(words), &BTreeMap::new(), &Keys::all())
    }

    /// What a file has below its head.
    fn body(text: &str) -> String {
        text.lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .skip(1)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[rstest]
    #[case::plain("llama")]
    #[case::path("org/llama-3.1_8b")]
    #[case::number("1.10")]
    #[case::leading_zero("0123")]
    #[case::hexadecimal("0x10")]
    #[case::fraction("0.5")]
    #[case::switch("true")]
    #[case::nothing("null")]
    #[case::empty("")]
    #[case::quotes("a \"b\" 'c'")]
    #[case::reference("a ${B} c")]
    #[case::comment("a # b: c")]
    #[case::lines("a\nb\tc")]
    #[case::letters("ä ö")]
    fn a_text_is_read_as_it_was(#[case] value: &str) {
        let words = typed(&["--system-prompt", value]);
        let text = written(&words, &BTreeMap::new(), &Keys::all());
        let read = read_text(&text);
        assert!(!text.contains(SECRETS) && mistakes(&read).is_empty(), "{text}: {:?}", mistakes(&read));
        assert_eq!(read.words, words, "{text}");
    }

    #[test]
    fn settings_are_read_as_they_were_but_for_what_is_of_one_run() {
        let words = [
            "-m",
            "a,b",
            "--streaming",
            "--concurrency",
            "8",
            "--header",
            "A:1",
            "B: 2",
            "--extra-inputs",
            r#"{"temperature": 0.5}"#,
            "--goodput",
            "time_to_first_token:300 inter_token_latency:20",
        ];
        let of_this_run = ["--artifact-dir", "D", "--overwrite", "--dry-run", "--api-port", "9000"];
        let text = written_of(&[&words[..], &of_this_run].concat());
        let read = read_text(&text);
        assert!(read.mistakes.is_empty() && read.warnings.is_empty(), "{text}: {read:?}");
        assert_eq!(line(&read), line(&read_text(&written_of(&words))));
        let left_out = ["artifact_dir", "overwrite", "dry_run", "api_port"];
        assert!(left_out.iter().all(|key| !body(&text).contains(key)), "{text}");
        assert!(text.contains(r#"extra_inputs: '{"temperature":0.5}'"#), "{text}");
    }

    #[test]
    fn phases_are_mappings_again() {
        let text = "phases:\n  - {name: fill, role: warmup, seamless: true, request_count: 20}\n  - {name: peak, \
                    benchmark_duration: 30s, concurrency: 8}";
        let read = read_text(text);
        let phases: Vec<PhaseText> =
            read.phases.iter().map(|phase| phase.text.clone().with_words(&phase.words)).collect();
        let mut words = Words::default();
        words.set_phases(&phases);
        assert_eq!(body(&written(&words, &BTreeMap::new(), &Keys::all())), text);
        let keys = Keys::all();
        let shown = values_shown(keys.find(PHASES).unwrap(), words.get(PHASES).unwrap(), &BTreeMap::new());
        assert_eq!((&shown[0]["seamless"], &shown[1]["concurrency"]), (&true.into(), &"8".into()));
    }

    #[test]
    fn secrets_become_variables() {
        let text = written_of(&[
            "--api-key",
            "sk-1",
            "-u",
            "http://u:pw@h",
            "-H",
            "Authorization: Bearer x",
            "X-Token:y",
            "X-Team:a",
        ]);
        let expected = "url: 'http://${SECRET_OF_URL}@h'\napi_key: '${PRONY_API_KEY}'\nheader:\n  - \
                        'Authorization:${SECRET_OF_HEADER}'\n  - 'X-Token:${SECRET_OF_HEADER_2}'\n  - 'X-Team:a'";
        assert_eq!(body(&text), expected);
        let variables = "SECRET_OF_URL, PRONY_API_KEY, SECRET_OF_HEADER, SECRET_OF_HEADER_2";
        assert!(text.contains(&format!("{SECRETS} {variables}.\n")), "{text}");
        let said = mistakes(&read_text(&text));
        assert!(said.len() == 3 && said[0].contains("`PRONY_API_KEY` is not set"), "{said:?}");
    }

    #[test]
    fn the_token_of_nats_is_in_its_own_variable() {
        let text = written_of(&["--agents", "3,label=a:2", "--nats", "nats://h", "--nats-token", "t-1"]);
        let expected = "agents:\n  - 3\n  - 'label=a:2'\nnats: 'nats://h'\nnats_token: '${PRONY_NATS_TOKEN}'";
        assert_eq!(body(&text), expected);
        assert!(text.contains(&format!("{SECRETS} PRONY_NATS_TOKEN.\n")), "{text}");
    }

    #[test]
    fn references_to_variables_stay_what_they_are() {
        let read =
            read_text("api_key: ${MY_KEY}\nmodel: ${MODEL}\nheader: {Authorization: 'Bearer ${MY_KEY}'}\n");
        let again = written(&read.words, &read.references, &Keys::all());
        let expected =
            "model: llama\napi_key: '${MY_KEY}'\nheader: '{\"Authorization\":\"Bearer ${MY_KEY}\"}'";
        assert_eq!(body(&again), expected);
        assert!(again.contains(&format!("{SECRETS} MY_KEY.\n")), "{again}");
    }

    #[rstest]
    #[case::beside_it("header: {X-Token: '${MY_KEY}', X-Password: pw7}")]
    #[case::in_it("header: {X-Token: 'pw7${MY_KEY}'}")]
    #[case::as_a_default("api_key: '${MY_KEY:pw7}'")]
    #[case::as_another_default("header: {X-Token: '${MY_KEY:pw7}'}")]
    fn a_secret_beside_a_reference_is_not_written(#[case] text: &str) {
        let read = read_text(text);
        assert!(mistakes(&read).is_empty() && !read.references.is_empty());
        let again = written(&read.words, &read.references, &Keys::all());
        assert!(!again.contains("pw7") && again.contains("${"), "{again}");
        let keys = Keys::all();
        let said = read.words.iter().next().unwrap();
        let shown = values_shown(keys.find(&said.name).unwrap(), &said.values, &read.references);
        assert!(!shown.to_string().contains("pw7"), "{shown}");
    }
}
