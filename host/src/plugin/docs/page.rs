//! The page about one endpoint or service, and the list of all. Pure.

use prony_plugin_api::{descriptor::Language, version::EPOCH};
use serde_json::Value;

use super::{
    super::{inspection::uses, options::wanted},
    examples,
    facts::{Metadata, of_endpoint, of_service},
    job::Shown,
    markdown::{Fact, code, facts, prose, table},
    secrets::Secrets,
    subject::Subject,
};

/// What stands at the top of a page: anyone who changes it by hand loses that.
const MADE: &str = "<!-- Made by `prony plugins docs`: changes by hand are lost. -->\n";

/// The page of a subject, with what it has shown when it was made with these options, the text of a JSON object.
pub(crate) fn page(subject: &Subject, shown: Option<&Shown>, options: &str) -> String {
    let mut parts = vec![MADE.to_owned(), format!("# {}\n", prose(subject.name()))];
    parts.extend(subject.description().map(|text| prose(text) + "\n"));
    parts.push(use_of(subject));
    parts.push(facts(&about(subject)));
    if let Some(declared) = subject.metadata() {
        parts.push("## What it does\n".to_owned());
        parts.push(facts(&match declared {
            Metadata::Endpoint(declared) => of_endpoint(declared),
            Metadata::Service(declared) => of_service(subject.name(), declared),
        }));
    }
    if subject.is_service() {
        parts.extend(messages(subject));
    }
    parts.push("## Options\n".to_owned());
    parts.extend(option_table(subject));
    let declared = match subject.metadata() {
        Some(Metadata::Endpoint(declared)) => Some(declared),
        _ => None,
    };
    let shown = shown.cloned().map(|mut shown| {
        Secrets::of(&schema(subject), options).hide(&mut shown);
        shown
    });
    parts.extend(shown.iter().flat_map(|shown| examples::sections(shown, options, declared)));
    parts.join("\n")
}

fn schema(subject: &Subject) -> Value {
    serde_json::from_str(&subject.exported().options).unwrap_or_default()
}

/// How a user comes to it.
fn use_of(subject: &Subject) -> String {
    let name = subject.name();
    if !subject.is_declared() {
        return "No manifest names it: a `plugins.yaml` gives it the name under which a run can use it.\n"
            .to_owned();
    }
    let (flag, what) =
        if subject.is_service() { ("--service", "starts it") } else { ("--endpoint-type", "uses it") };
    format!("{} {what}.\n", code(&format!("prony profile {flag} {name}")))
}

/// What it is, and what its library says of itself.
fn about(subject: &Subject) -> Vec<Fact> {
    let descriptor = subject.descriptor();
    let what = if subject.is_service() {
        "a service: it runs beside the load"
    } else {
        "an endpoint: an API format"
    };
    let language = match descriptor.language {
        Language::Rust => "Rust",
        Language::C => "C, or a language that speaks it",
    };
    let place = if subject.is_isolated() { "in a process of its own" } else { "in the process of prony" };
    let place = if subject.is_isolated() || !subject.is_declared() {
        place.to_owned()
    } else {
        format!("{place}; {} gives it one of its own", code(&format!("--isolate {}", subject.name())))
    };
    vec![
        ("what it is", what.to_owned()),
        ("type", code(subject.type_name())),
        ("package", format!("{} {}", code(&descriptor.name), prose(&descriptor.version))),
        ("made in", language.to_owned()),
        (
            "contract",
            format!(
                "made for {EPOCH}.{}, needs {EPOCH}.{} or a later {EPOCH}.x",
                descriptor.minor, descriptor.min_host_minor
            ),
        ),
        ("uses", prose(&uses(descriptor.capabilities.as_deref()))),
        ("runs", place),
    ]
}

/// What a service hears and says.
fn messages(subject: &Subject) -> Vec<String> {
    let exported = subject.exported();
    let sentence = |verb: &str, types: Option<&Vec<String>>| match types.map(Vec::as_slice) {
        None => format!("What it {verb}, the library does not say.\n"),
        Some([]) => format!("It {verb} nothing.\n"),
        Some(types) => {
            let types: Vec<String> = types.iter().map(|one| code(one)).collect();
            format!("It {verb} {}.\n", types.join(", "))
        }
    };
    vec![
        "## Messages\n".to_owned(),
        sentence("hears", exported.subscriptions.as_ref()),
        sentence("publishes", exported.publishes.as_ref()),
    ]
}

/// The options that it takes, and how they are set.
fn option_table(subject: &Subject) -> Vec<String> {
    let schema = schema(subject);
    let Some(properties) = schema["properties"].as_object() else {
        return vec!["The library does not say which options it takes.\n".to_owned()];
    };
    if properties.is_empty() {
        return vec!["It takes none.\n".to_owned()];
    }
    let needed: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let rows =
        properties.iter().map(|(name, about)| option_row(name, about, needed.contains(&name.as_str())));
    let rows: Vec<Vec<String>> = rows.collect();
    let set = if subject.is_service() {
        code(&format!("--service-option {}.NAME=VALUE", subject.name()))
    } else {
        code("--endpoint-option NAME=VALUE")
    };
    vec![table(&["option", "takes", "unless it is set", "what it is"], &rows), format!("{set} sets one.\n")]
}

fn option_row(name: &str, about: &Value, is_needed: bool) -> Vec<String> {
    let default = about.get("default").map(|default| code(&default.to_string()));
    let default = if is_needed { "it must be set".to_owned() } else { default.unwrap_or_default() };
    let mut what = about["description"].as_str().map(prose).unwrap_or_default();
    if about["writeOnly"] == true {
        what.push_str(" It is a secret.");
    }
    if about["x-extra-input"] == true {
        what.push_str(" `--extra-inputs` takes it as well.");
    }
    vec![code(name), prose(&wanted(about)), default, what.trim().to_owned()]
}

/// The list of pages: each subject with its file.
pub(crate) fn index(pages: &[(&Subject, String)]) -> String {
    let rows = pages.iter().map(|(subject, file)| {
        let description = subject.description().map(prose).unwrap_or_default();
        vec![format!("[{}]({file})", prose(subject.name())), subject.category().to_string(), description]
    });
    let rows = table(&["name", "kind", "what it is"], &rows.collect::<Vec<_>>());
    format!("{MADE}\n# Endpoints and services\n\n{rows}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_option_is_a_row() {
        let about =
            json!({"type": "integer", "minimum": 1, "default": 5, "description": "How often, in <s>."});
        let row = option_row("interval", &about, false);
        assert_eq!(row, ["`interval`", "a whole number of at least 1", "`5`", "How often, in &lt;s>."]);
        let key =
            option_row("key", &json!({"type": "string", "writeOnly": true, "x-extra-input": true}), true);
        let what = "It is a secret. `--extra-inputs` takes it as well.";
        assert_eq!(key, ["`key`", "text", "it must be set", what]);
    }
}
