//! The files of a new crate: an example with its names replaced, a manifest, a lock, and the contract.

use std::path::Path;

use super::{kit, name::Name};

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
    dependencies: &'static str,
    lock: &'static str,
    /// Its name in four spellings: package, stem, type and title.
    names: [&'static str; 4],
    description: &'static str,
}

const ENDPOINT: Template = Template {
    files: kit::ENDPOINT,
    dependencies: kit::ENDPOINT_DEPENDENCIES,
    lock: kit::ENDPOINT_LOCK,
    names: ["example-vendor", "example_vendor", "ExampleVendor", "Example Vendor"],
    description: "An endpoint for prony",
};

const SERVICE: Template = Template {
    files: kit::SERVICE,
    dependencies: kit::SERVICE_DEPENDENCIES,
    lock: kit::SERVICE_LOCK,
    names: ["example-vendor-service", "example_vendor_service", "ExampleVendorService", "Example Vendor"],
    description: "A service for prony",
};

/// Paths and contents of everything in the crate. `None` when the type's name already means something in it.
pub(super) fn files(name: &Name, kind: Kind) -> Option<Vec<(String, String)>> {
    let template = match kind {
        Kind::Endpoint => ENDPOINT,
        Kind::Service => SERVICE,
    };
    let type_name = name.type_name();
    if template.means_something(&type_name) && type_name != template.names[2] {
        return None;
    }
    let mut files: Vec<(String, String)> = template
        .files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), template.renamed(text, name)))
        .collect();
    files.push(("Cargo.toml".to_owned(), template.manifest(name)));
    files.push(("Cargo.lock".to_owned(), lock(template.lock, name)));
    let contract = |path: &str| format!("{CONTRACT_DIR}/{path}");
    files.push((contract("Cargo.toml"), kit::CONTRACT_MANIFEST.to_owned()));
    files.extend(kit::CONTRACT.iter().map(|(path, text)| (contract(path), (*text).to_owned())));
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

    fn written(name: &str, kind: Kind) -> Vec<(String, String)> {
        files(&name.parse().unwrap(), kind).unwrap()
    }

    fn own(files: &[(String, String)]) -> impl Iterator<Item = &(String, String)> {
        files.iter().filter(|(path, _)| !path.starts_with(CONTRACT_DIR))
    }

    #[test]
    fn nothing_of_the_example_is_left_in_the_new_crate() {
        for kind in [Kind::Endpoint, Kind::Service] {
            let files = written("acme-chat", kind);
            for (path, text) in own(&files) {
                for rest in ["xample-vendor", "xample_vendor", "xampleVendor", "xample Vendor", "{crate}"] {
                    assert!(!text.contains(rest), "{path} contains `{rest}`");
                }
            }
            assert!(files.iter().any(|(path, text)| path == "src/lib.rs" && text.contains("AcmeChat")));
        }
    }

    #[test]
    fn the_template_is_the_example() {
        for (name, kind, folder) in [
            ("example-vendor", Kind::Endpoint, "../plugins/example-vendor"),
            ("example-vendor-service", Kind::Service, "../plugins/example-vendor-service"),
        ] {
            for (path, text) in own(&written(name, kind)).filter(|(path, _)| !path.starts_with("Cargo.")) {
                let tree = std::fs::read_to_string(format!("{}/{folder}/{path}", env!("CARGO_MANIFEST_DIR")));
                // The title of the service's example has a word more in a crate of that very name.
                assert_eq!(text.replace("Example Vendor Service", "Example Vendor"), tree.unwrap(), "{path}");
            }
        }
    }

    #[test]
    fn the_lock_is_sorted_by_name() {
        let files = written("acme-chat", Kind::Endpoint);
        let lock = &files.iter().find(|(path, _)| path == "Cargo.lock").unwrap().1;
        let names: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert!(names.contains(&"\"acme-chat\"") && names.contains(&"\"prony-plugin-api\""));
    }
}
