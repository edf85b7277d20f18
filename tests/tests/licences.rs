//! Every dependency comes from crates.io and is under a licence that `.deny.toml` allows. cargo-deny checks the same and more, and takes
//! minutes to be installed; this reads what cargo knows.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    fs,
    iter::Peekable,
    path::{Path, PathBuf},
    process::Command,
    str::SplitWhitespace,
};

use prony_tests::finish;
use rstest::rstest;
use serde_json::Value;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn tool(variable: &str, name: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| name.into())
}

/// A package that something of ours is built with on this machine.
struct Package {
    name: String,
    version: String,
    licence: String,
    /// `None` for those of this repository.
    source: Option<String>,
}

fn packages() -> Vec<Package> {
    let compiler = finish(Command::new(tool("RUSTC", "rustc")).arg("-vV"));
    let compiler = String::from_utf8(compiler.stdout).unwrap();
    let target = compiler.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let mut command = Command::new(tool("CARGO", "cargo"));
    command.args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", target]);
    let output = finish(command.current_dir(root()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let used: BTreeSet<&str> = nodes.iter().map(|node| node["id"].as_str().unwrap()).collect();
    let all = metadata["packages"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    all.filter(|package| used.contains(package["id"].as_str().unwrap()))
        .map(|package| Package {
            name: text(&package["name"]).unwrap(),
            version: text(&package["version"]).unwrap(),
            licence: text(&package["license"]).unwrap_or_default(),
            source: text(&package["source"]),
        })
        .collect()
}

/// What `.deny.toml` allows: for everything, and for one package each.
#[derive(Debug)]
struct Allowed {
    all: BTreeSet<String>,
    of_one: BTreeMap<String, BTreeSet<String>>,
}

impl Allowed {
    fn read() -> Self {
        let text = fs::read_to_string(root().join(".deny.toml")).unwrap();
        let list = |name: &str| {
            let (_, behind) = text.split_once(&format!("\n{name} = [\n")).unwrap();
            let lines = behind.split("\n]\n").next().unwrap().lines().map(str::trim);
            lines.filter(|line| !line.starts_with('#')).map(quoted).collect::<Vec<_>>()
        };
        let of_one = list("exceptions").into_iter().map(|words| {
            let (name, licences) = words.split_first().unwrap();
            (name.clone(), licences.iter().cloned().collect())
        });
        Self { all: list("allow").concat().into_iter().collect(), of_one: of_one.collect() }
    }

    fn has(&self, package: &str, licence: &str) -> bool {
        self.all.contains(licence) || self.of_one.get(package).is_some_and(|one| one.contains(licence))
    }
}

/// The texts in quotation marks.
fn quoted(line: &str) -> Vec<String> {
    line.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether one can keep to an expression of SPDX with licences that are allowed. Older packages write `/` for `OR`.
fn is_allowed(expression: &str, has: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let allowed = one_of(&mut words, has);
    assert_eq!(words.next(), None, "`{expression}` goes on");
    allowed
}

fn one_of(words: &mut Peekable<SplitWhitespace<'_>>, has: &dyn Fn(&str) -> bool) -> bool {
    let mut good = all_of(words, has);
    while words.next_if_eq(&"OR").is_some() {
        good |= all_of(words, has);
    }
    good
}

fn all_of(words: &mut Peekable<SplitWhitespace<'_>>, has: &dyn Fn(&str) -> bool) -> bool {
    let mut good = single(words, has);
    while words.next_if_eq(&"AND").is_some() {
        good &= single(words, has);
    }
    good
}

fn single(words: &mut Peekable<SplitWhitespace<'_>>, has: &dyn Fn(&str) -> bool) -> bool {
    let name = words.next().unwrap_or_default();
    if name == "(" {
        let good = one_of(words, has);
        assert_eq!(words.next(), Some(")"));
        return good;
    }
    if words.next_if_eq(&"WITH").is_some() {
        return has(&format!("{name} WITH {}", words.next().unwrap_or_default()));
    }
    has(name)
}

#[test]
fn every_dependency_is_from_crates_io_and_under_a_licence_that_is_allowed() {
    let (packages, allowed) = (packages(), Allowed::read());
    assert!(packages.len() > 100 && !allowed.all.is_empty(), "{} packages, {allowed:?}", packages.len());
    let mut wrong = Vec::new();
    for Package { name, version, licence, source } in &packages {
        if source.as_ref().is_some_and(|source| source != CRATES_IO) {
            wrong.push(format!("{name} {version} is from {source:?}"));
        }
        if !is_allowed(licence, &|one| allowed.has(name, one)) {
            wrong.push(format!("{name} {version} is under `{licence}`, which `.deny.toml` does not allow"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for name in allowed.of_one.keys() {
        let is_used = packages.iter().any(|package| &package.name == name);
        assert!(is_used, "`.deny.toml` makes an exception for `{name}`, which nothing uses");
    }
}

#[rstest]
#[case("MIT", true)]
#[case("GPL-3.0-only", false)]
#[case("", false)]
#[case("GPL-3.0-only OR MIT", true)]
#[case("GPL-3.0-only/MIT", true)]
#[case("MIT AND GPL-3.0-only", false)]
#[case("(MIT OR GPL-3.0-only) AND ISC", true)]
#[case("GPL-3.0-only OR (MIT AND ISC)", true)]
#[case("Apache-2.0 WITH LLVM-exception", false)]
#[case("Apache-2.0 WITH LLVM-exception OR MIT", true)]
fn an_expression_is_allowed_if_one_can_keep_to_it(#[case] expression: &str, #[case] expected: bool) {
    let has = |licence: &str| ["MIT", "ISC", "Apache-2.0"].contains(&licence);
    assert_eq!(is_allowed(expression, &has), expected);
}
