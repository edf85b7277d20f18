//! The files of a new plugin: an example with its names replaced, and the contract; in Rust a manifest and a lock, too.

use std::path::Path;

use super::{kit, language::Language, name::Name};

/// Where the contract crate stands in the new one.
const CONTRACT_DIR: &str = "prony-plugin-api";

/// What the new plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Endpoint,
    Service,
}

/// One of the examples.
struct Template {
    files: &'static [(&'static str, &'static str)],
    /// Its name in four spellings: package, stem, type and title.
    names: [&'static str; 4],
    /// What makes a crate of it, if it is to be one.
    cargo: Option<Cargo>,
}

/// What a crate needs beside its files.
struct Cargo {
    dependencies: &'static str,
    lock: &'static str,
    description: &'static str,
}

const ENDPOINT: Template = Template {
    files: kit::ENDPOINT,
    names: ["example-vendor", "example_vendor", "ExampleVendor", "Example Vendor"],
    cargo: Some(Cargo {
        dependencies: kit::ENDPOINT_DEPENDENCIES,
        lock: kit::ENDPOINT_LOCK,
        description: "An endpoint for prony",
    }),
};

const SERVICE: Template = Template {
    files: kit::SERVICE,
    names: ["example-vendor-service", "example_vendor_service", "ExampleVendorService", "Example Vendor"],
    cargo: Some(Cargo {
        dependencies: kit::SERVICE_DEPENDENCIES,
        lock: kit::SERVICE_LOCK,
        description: "A service for prony",
    }),
};

const ENDPOINT_IN_C: Template = over_the_header(
    kit::ENDPOINT_IN_C,
    ["example-vendor-c", "example_vendor_c", "ExampleVendorC", "Example Vendor"],
);

const SERVICE_IN_C: Template = over_the_header(
    kit::SERVICE_IN_C,
    ["example-vendor-c-service", "example_vendor_c_service", "ExampleVendorCService", "Example Vendor"],
);

const ENDPOINT_IN_CPP: Template = over_the_header(
    kit::ENDPOINT_IN_CPP,
    ["example-vendor-cpp", "example_vendor_cpp", "ExampleVendorCpp", "Example Vendor"],
);

const SERVICE_IN_CPP: Template = over_the_header(
    kit::SERVICE_IN_CPP,
    ["example-vendor-cpp-service", "example_vendor_cpp_service", "ExampleVendorCppService", "Example Vendor"],
);

const ENDPOINT_IN_GO: Template = over_the_header(
    kit::ENDPOINT_IN_GO,
    ["example-vendor-go", "example_vendor_go", "ExampleVendorGo", "Example Vendor"],
);

const SERVICE_IN_GO: Template = over_the_header(
    kit::SERVICE_IN_GO,
    ["example-vendor-go-service", "example_vendor_go_service", "ExampleVendorGoService", "Example Vendor"],
);

const ENDPOINT_IN_ZIG: Template = over_the_header(
    kit::ENDPOINT_IN_ZIG,
    ["example-vendor-zig", "example_vendor_zig", "ExampleVendorZig", "Example Vendor"],
);

const SERVICE_IN_ZIG: Template = over_the_header(
    kit::SERVICE_IN_ZIG,
    ["example-vendor-zig-service", "example_vendor_zig_service", "ExampleVendorZigService", "Example Vendor"],
);

/// An example that is no crate.
const fn over_the_header(
    files: &'static [(&'static str, &'static str)],
    names: [&'static str; 4],
) -> Template {
    Template { files, names, cargo: None }
}

fn template(kind: Kind, language: Language) -> Template {
    match (kind, language) {
        (Kind::Endpoint, Language::Rust) => ENDPOINT,
        (Kind::Service, Language::Rust) => SERVICE,
        (Kind::Endpoint, Language::C) => ENDPOINT_IN_C,
        (Kind::Service, Language::C) => SERVICE_IN_C,
        (Kind::Endpoint, Language::Cpp) => ENDPOINT_IN_CPP,
        (Kind::Service, Language::Cpp) => SERVICE_IN_CPP,
        (Kind::Endpoint, Language::Go) => ENDPOINT_IN_GO,
        (Kind::Service, Language::Go) => SERVICE_IN_GO,
        (Kind::Endpoint, Language::Zig) => ENDPOINT_IN_ZIG,
        (Kind::Service, Language::Zig) => SERVICE_IN_ZIG,
    }
}

/// Paths and contents of everything in the folder. `None` when the type's name already means something in it.
pub(super) fn files(name: &Name, kind: Kind, language: Language) -> Option<Vec<(String, String)>> {
    let template = template(kind, language);
    let type_name = name.type_name();
    if template.means_something(&type_name) && type_name != template.names[2] {
        return None;
    }
    let mut files: Vec<(String, String)> = template
        .files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), template.renamed(text, name)))
        .collect();
    if let Some(cargo) = &template.cargo {
        files.push(("Cargo.toml".to_owned(), cargo.manifest(name)));
        files.push(("Cargo.lock".to_owned(), lock(cargo.lock, name)));
        let contract = |path: &str| format!("{CONTRACT_DIR}/{path}");
        files.push((contract("Cargo.toml"), kit::CONTRACT_MANIFEST.to_owned()));
        files.extend(kit::CONTRACT.iter().map(|(path, text)| (contract(path), (*text).to_owned())));
    } else {
        files.extend(kit::HEADER.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    }
    Some(files)
}

impl Template {
    /// Whether its code, not its prose, has a word.
    fn means_something(&self, word: &str) -> bool {
        let is_source = |path: &str| Path::new(path).extension().is_some_and(|extension| extension == "rs");
        let sources = self.files.iter().filter(|(path, _)| is_source(path));
        let code = sources.flat_map(|(_, text)| text.lines()).filter_map(|line| line.split("//").next());
        code.flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_'))
            .any(|found| found == word)
    }

    fn renamed(&self, text: &str, name: &Name) -> String {
        let names = [name.package(), name.stem(), name.type_name(), name.title()];
        self.names.iter().zip(&names).fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
    }
}

impl Cargo {
    fn manifest(&self, name: &Name) -> String {
        let Self { dependencies, description, .. } = self;
        format!(
            r#"[package]
name = "{package}"
version = "0.1.0"
description = "{description}."
edition = "2024"
rust-version = "1.85"
publish = false

[lib]
# The first is the library that prony opens, the second is for the tests.
crate-type = ["cdylib", "rlib"]

[dependencies]
prony-plugin-api = {{ path = "{CONTRACT_DIR}" }}
{dependencies}
[dev-dependencies]
prony-plugin-api = {{ path = "{CONTRACT_DIR}", features = ["testing"] }}

# prony refuses a library whose panics abort: they would end the run of a customer.
[profile.dev]
panic = "unwind"

# The packages of others are built faster without: only the first build takes long.
[profile.dev.package."*"]
debug = false

[profile.release]
panic = "unwind"
codegen-units = 1

# A workspace of its own, wherever this folder stands.
[workspace]
exclude = ["{CONTRACT_DIR}"]
"#,
            package = name.package()
        )
    }
}

/// The lock with the crate's own name, whose entry moves to where cargo wants it.
fn lock(template: &str, name: &Name) -> String {
    const ENTRY: &str = "[[package]]\n";
    let text = template.replace("{crate}", &name.package());
    let mut parts = text.split(ENTRY);
    let head = parts.next().unwrap_or_default();
    let mut entries: Vec<&str> = parts.collect();
    entries.sort_by_key(|entry| entry.lines().next().map(str::to_owned));
    let entries: Vec<String> = entries.iter().map(|entry| format!("{ENTRY}{entry}")).collect();
    format!("{head}{}\n", entries.concat().trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(Kind, Language, &str, &str); 10] = [
        (Kind::Endpoint, Language::Rust, "example-vendor", "src/lib.rs"),
        (Kind::Service, Language::Rust, "example-vendor-service", "src/lib.rs"),
        (Kind::Endpoint, Language::C, "example-vendor-c", "plugin.c"),
        (Kind::Service, Language::C, "example-vendor-c-service", "plugin.c"),
        (Kind::Endpoint, Language::Cpp, "example-vendor-cpp", "plugin.cpp"),
        (Kind::Service, Language::Cpp, "example-vendor-cpp-service", "plugin.cpp"),
        (Kind::Endpoint, Language::Go, "example-vendor-go", "binding.c"),
        (Kind::Service, Language::Go, "example-vendor-go-service", "binding.c"),
        (Kind::Endpoint, Language::Zig, "example-vendor-zig", "plugin.zig"),
        (Kind::Service, Language::Zig, "example-vendor-zig-service", "plugin.zig"),
    ];

    fn written(name: &str, kind: Kind, language: Language) -> Vec<(String, String)> {
        files(&name.parse().unwrap(), kind, language).unwrap()
    }

    fn own(files: &[(String, String)]) -> impl Iterator<Item = &(String, String)> {
        files.iter().filter(|(path, _)| !path.starts_with(CONTRACT_DIR))
    }

    #[test]
    fn nothing_of_the_example_is_left_in_the_new_plugin() {
        for (kind, language, _, source) in ALL {
            let files = written("acme-chat", kind, language);
            for (path, text) in own(&files) {
                for rest in ["xample-vendor", "xample_vendor", "xampleVendor", "xample Vendor", "{crate}"] {
                    assert!(!text.contains(rest), "{path} contains `{rest}`");
                }
            }
            assert!(files.iter().any(|(path, text)| path == source && text.contains("AcmeChat")));
        }
    }

    #[test]
    fn the_template_is_the_example() {
        for (kind, language, name, _) in ALL {
            let files = written(name, kind, language);
            for (path, text) in own(&files).filter(|(path, _)| !path.starts_with("Cargo.")) {
                let tree = std::fs::read_to_string(format!(
                    "{}/../plugins/{name}/{path}",
                    env!("CARGO_MANIFEST_DIR")
                ));
                // The title of an example has more words in a plugin of that very name.
                let title = name.parse::<Name>().unwrap().title();
                assert_eq!(text.replace(&title, "Example Vendor"), tree.unwrap(), "{path}");
            }
        }
    }

    #[test]
    fn a_plugin_over_the_header_has_it_and_nothing_of_cargo() {
        let header = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../plugin-api/include/prony_plugin.h"
        ));
        for (kind, language, ..) in ALL.into_iter().filter(|(_, language, ..)| *language != Language::Rust) {
            let files = written("acme-chat", kind, language);
            let carried = files.iter().find(|(path, _)| path == "include/prony_plugin.h");
            let carried = carried.map(|(_, text)| text.as_str());
            assert_eq!(carried, header.as_deref().ok(), "build prony again");
            assert!(!files.iter().any(|(path, _)| path.contains("Cargo") || path.starts_with(CONTRACT_DIR)));
        }
    }

    #[test]
    fn the_lock_is_sorted_by_name() {
        let files = written("acme-chat", Kind::Endpoint, Language::Rust);
        let lock = &files.iter().find(|(path, _)| path == "Cargo.lock").unwrap().1;
        let names: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert!(names.contains(&"\"acme-chat\"") && names.contains(&"\"prony-plugin-api\""));
    }
}
