//! The page of the manifest.

use std::fmt::Write as _;

use prony_plugin_api::metadata::{EndpointMetadata, ServiceMetadata};
use prony_tests::{
    Tool,
    pages::{compare, page},
};
use serde_json::{Value, json};

use super::{keys, source::Source};

const BEGINNING: &str = r#"# The manifest of a plugin package

A `plugins.yaml` says what is in a package, so that nothing has to be opened to list it. This page has every key. The tables of
`metadata` are made from the sources of `plugin-api`; a test compares the keys of all tables with those that the program takes.
`prony plugins validate FILE` says what is wrong in a file, with its line.

```yaml
schema_version: "1.0"

endpoint:
  acme_chat:
    class: acme:AcmeChat
    description: Chat with the servers of Acme.
    metadata: {endpoint_path: /v1/chat, supports_streaming: true, produces_tokens: true, tokenizes_input: true}

service:
  acme_billing:
    class: acme:AcmeBilling
    description: Counts what a run would have cost.
    metadata: {required: false, auto_start: false}
```

A file has `schema_version`, which is `"1.0"`, and one or both of the categories `endpoint` and `service`. Below a category stands
each entry under its name: letters, digits, `-` and `_`. Upper and lower case do not differ in names, and neither do `-` and `_`.
A key that is not on this page is an error, and so is a name or a category that stands there twice. [PLUGINS.md](PLUGINS.md) says where
prony looks for packages, and which one is used where several have an entry of one name.

## An entry

| key | holds | if left out | is |
|---|---|---|---|
| `class` | text | an error | where the code is, `library:Type`: the name of the library's file without `lib` and `.so`, and the type that it exports. Both have letters, digits, `-` and `_`. The library lies beside the manifest, or in a folder of `PRONY_PLUGIN_PATH` |
| `description` | text | an error | one sentence for lists |
| `priority` | whole number | `0` | of several entries with one name, the one with the highest number is used |
| `isolation` | `none` or `process` | `none` | where the code runs: in prony's process, or in a child process of its own |
| `integrity` | text | nothing is compared | `sha256-` and the 64 hexadecimal digits of the library's hash. Another library is refused. `prony plugins add` writes it |
| `metadata` | object | an error | the keys of its category, below |
"#;

/// What a category's `metadata` is read as, and written again. `None` where it cannot be read.
type Read = fn(Value) -> Option<Value>;

/// A table of `metadata`: its title, its type, an example with all keys that there must be, and how it is read.
struct Table {
    title: &'static str,
    of: &'static str,
    example: Value,
    read: Read,
}

fn tables() -> [Table; 2] {
    [
        Table {
            title: "`metadata` of an endpoint",
            of: "EndpointMetadata",
            example: json!({"endpoint_path": "/v1", "supports_streaming": true, "produces_tokens": true, "tokenizes_input": true}),
            read: |value| Some(json!(serde_json::from_value::<EndpointMetadata>(value).ok()?)),
        },
        Table {
            title: "`metadata` of a service",
            of: "ServiceMetadata",
            example: json!({"required": false, "auto_start": true}),
            read: |value| Some(json!(serde_json::from_value::<ServiceMetadata>(value).ok()?)),
        },
    ]
}

/// What a key is where it is left out.
fn left_out(key: &str, table: &Table) -> String {
    let mut object = (table.read)(table.example.clone()).unwrap();
    object.as_object_mut().unwrap().remove(key);
    (table.read)(object).map_or("an error".to_owned(), |read| format!("`{}`", read[key]).replace('"', ""))
}

/// The values that `stream_framing` has.
fn framings(source: &Source) -> String {
    let framing = source.named("StreamFraming").unwrap();
    let comment = source.words(&framing.comment, &[]);
    let mut text = format!("\n### `StreamFraming`\n\n{comment}\n\n| value | is |\n|---|---|\n");
    for value in &framing.members {
        writeln!(text, "| `{}` | {} |", value.name, source.words(&value.comment, &[])).unwrap();
    }
    text
}

/// The page.
fn made() -> String {
    let source = Source::read(&["metadata.rs"]);
    let mut page = BEGINNING.to_owned();
    for table in tables() {
        write!(page, "\n## {}\n\n| key | holds | if left out | is |\n|---|---|---|---|\n", table.title)
            .unwrap();
        let members = &source.named(table.of).unwrap().members;
        for member in members {
            let (holds, is) = (source.kind(&member.of), source.words(&member.comment, &[]));
            writeln!(page, "| `{}` | {holds} | {} | {is} |", member.name, left_out(&member.name, &table))
                .unwrap();
        }
        if members.iter().any(|member| member.of == "StreamFraming") {
            page.push_str(&framings(&source));
        }
    }
    page
}

#[test]
fn the_page_of_the_manifest_is_what_the_sources_say() {
    compare("PLUGIN_MANIFEST.md", &made());
}

/// The program is given a key that there is not, in each place, and lists those that there are.
#[test]
fn the_keys_of_the_page_are_those_that_the_program_takes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugins.yaml");
    let endpoint =
        "{endpoint_path: /v1, supports_streaming: true, produces_tokens: true, tokenizes_input: true";
    let manifest = format!(
        "schema_version: \"1.0\"\nendpoint:\n  a:\n    class: a:A\n    description: x\n    nothing: 1\n    metadata: {endpoint}}}\n  \
         b:\n    class: a:B\n    description: x\n    metadata: {endpoint}, nothing: 1}}\nservice:\n  c:\n    class: a:C\n    \
         description: x\n    metadata: {{required: false, auto_start: false, nothing: 1}}\n"
    );
    std::fs::write(&file, manifest).unwrap();
    let run = Tool::new(["plugins", "validate"]).arg(&file).run();
    let said = format!("{}{}", run.stdout, run.stderr);
    let places = [
        ("endpoint.a: unknown field `nothing`, expected one of ", "An entry"),
        ("endpoint.b.metadata: unknown field `nothing`, expected one of ", "`metadata` of an endpoint"),
        ("service.c.metadata: unknown field `nothing`, expected one of ", "`metadata` of a service"),
    ];
    for (beginning, title) in places {
        let (_, listed) = said.split_once(beginning).unwrap_or_else(|| panic!("{title}: {said}"));
        let listed: Vec<&str> = listed.lines().next().unwrap().split('`').skip(1).step_by(2).collect();
        let section = page("docs/PLUGIN_MANIFEST.md").section(title);
        let (table, _) = section.text.split_once("\n### ").unwrap_or((section.text.as_str(), ""));
        assert_eq!(keys(table), listed, "{title}");
    }
}

/// The example has nothing wrong but that its library is not there.
#[test]
fn the_example_of_the_page_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugins.yaml");
    std::fs::write(&file, &page("docs/PLUGIN_MANIFEST.md").code("yaml")[0]).unwrap();
    let run = Tool::new(["plugins", "validate", "--json"]).arg(&file).run();
    let printed: Value = serde_json::from_str(&run.stdout).unwrap();
    for finding in printed["findings"].as_array().unwrap() {
        let text = finding["text"].as_str().unwrap();
        assert!(finding["severity"] == "warning" || text.starts_with("the library does not exist"), "{text}");
    }
}
