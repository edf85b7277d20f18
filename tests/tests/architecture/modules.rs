//! The modules of a crate, and which file names what stands in which other one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use rstest::rstest;

use super::names::{Import, Names};

/// Imports of imports go no deeper: a name that imports itself ends here.
const DEEPEST: usize = 24;

/// A module of the crate.
#[derive(Debug)]
struct Module {
    file: PathBuf,
    /// Its number; the root is its own parent.
    parent: usize,
    children: BTreeMap<String, usize>,
    names: Names,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A module itself.
    Module(usize),
    /// Something that stands in this module.
    Item(usize),
}

impl Found {
    fn module(self) -> usize {
        match self {
            Self::Module(module) | Self::Item(module) => module,
        }
    }
}

/// A crate.
#[derive(Debug)]
pub(crate) struct Modules(Vec<Module>);

/// For each file, the files that it names something in.
pub(crate) type Graph = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

impl Modules {
    /// Reads the crate that begins in this file, and whatever it declares.
    pub(crate) fn read(root: &Path) -> Self {
        let mut modules = Self(Vec::new());
        let folder = root.parent().unwrap();
        modules.add(0, root, folder, Names::of(&parse(root).items));
        modules
    }

    /// Adds a module whose children's files stand in `folder`.
    fn add(&mut self, parent: usize, file: &Path, folder: &Path, mut names: Names) -> usize {
        let (inline, files) = (std::mem::take(&mut names.inline), std::mem::take(&mut names.files));
        let number = self.0.len();
        self.0.push(Module { file: file.to_owned(), parent, children: BTreeMap::new(), names });
        for (name, names) in inline {
            let child = self.add(number, file, &folder.join(&name), names);
            self.0[number].children.insert(name, child);
        }
        for name in files {
            let (flat, nested) = (folder.join(&name).with_extension("rs"), folder.join(&name).join("mod.rs"));
            let path = if flat.exists() { flat } else { nested };
            let names = Names::of(&parse(&path).items);
            let child = self.add(number, &path, &folder.join(&name), names);
            self.0[number].children.insert(name, child);
        }
        number
    }

    /// Which files name something that stands in another one, whatever it was imported through.
    ///
    /// A module that only passes on what stands in its children does not use them: they may use it.
    pub(crate) fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for (number, module) in self.0.iter().enumerate() {
            let named = graph.entry(module.file.clone()).or_default();
            for found in self.named(number) {
                if let Found::Item(other) = found {
                    named.insert(self.0[other].file.clone());
                }
            }
        }
        for (file, named) in &mut graph {
            named.remove(file);
        }
        graph
    }

    /// Every module that a file names, or names something in, by its place in the crate: `["report", "csv"]`.
    pub(crate) fn mentions(&self) -> Vec<(PathBuf, Vec<String>)> {
        let of = |number: usize| {
            let file = &self.0[number].file;
            let mentioned = self.0[number]
                .names
                .all_paths()
                .into_iter()
                .filter_map(move |path| self.resolve(number, path, 0));
            mentioned.map(|found| (file.clone(), self.place(found.module())))
        };
        (0..self.0.len()).flat_map(of).collect()
    }

    fn place(&self, number: usize) -> Vec<String> {
        let parent = self.0[number].parent;
        if parent == number {
            return Vec::new();
        }
        let name =
            self.0[parent].children.iter().find(|(_, child)| **child == number).map(|(name, _)| name.clone());
        self.place(parent).into_iter().chain(name).collect()
    }

    fn named(&self, number: usize) -> impl Iterator<Item = Found> {
        let names = &self.0[number].names;
        let paths = names.paths.iter().filter_map(move |path| self.resolve(number, path, 0));
        let imports = names.imports.iter().filter_map(move |import| {
            let found = self.resolve(number, &import.path, 0)?;
            (!import.is_reexport || !self.is_within(found.module(), number)).then_some(found)
        });
        paths.chain(imports)
    }

    fn is_within(&self, inner: usize, outer: usize) -> bool {
        inner == outer || (inner != 0 && self.is_within(self.0[inner].parent, outer))
    }

    /// What a path in a module names; `None` for what is of another crate, or of the language.
    fn resolve(&self, module: usize, path: &[String], depth: usize) -> Option<Found> {
        let (first, rest) = path.split_first().filter(|_| depth < DEEPEST)?;
        let mut found = match first.as_str() {
            "crate" => Found::Module(0),
            "self" => Found::Module(module),
            "super" => Found::Module(self.0[module].parent),
            name => self.look_up(module, name, rest.is_empty(), depth)?,
        };
        for (at, name) in rest.iter().enumerate() {
            let Found::Module(module) = found else { break };
            found = match name.as_str() {
                "super" => Found::Module(self.0[module].parent),
                name => self.look_up(module, name, at + 1 == rest.len(), depth)?,
            };
        }
        Some(found)
    }

    /// A name in a module. What a path ends with is an item, if there are an item and a module of that name.
    fn look_up(&self, number: usize, name: &str, is_last: bool, depth: usize) -> Option<Found> {
        let Module { children, names, .. } = &self.0[number];
        let child = children.get(name).map(|child| Found::Module(*child));
        let item = names.items.contains(name).then_some(Found::Item(number));
        let resolved = |import: &Import| self.resolve(number, &import.path, depth + 1);
        let imported: Vec<Found> = names
            .imports
            .iter()
            .filter(|import| import.name.as_deref() == Some(name))
            .filter_map(resolved)
            .collect();
        let imported_module = imported.iter().copied().find(|found| matches!(found, Found::Module(_)));
        let imported_item = imported.iter().copied().find(|found| matches!(found, Found::Item(_)));
        let globs = || {
            let globs = names.imports.iter().filter(|import| import.name.is_none()).filter_map(resolved);
            globs.filter_map(|found| match found {
                Found::Module(other) if other != number => self.look_up(other, name, is_last, depth + 1),
                _ => None,
            })
        };
        let (first, second) = (item.or(imported_item), child.or(imported_module));
        let known = if is_last { first.or(second) } else { second.or(first) };
        known.or_else(|| globs().next())
    }
}

fn parse(path: &Path) -> syn::File {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files that use each other, directly or by way of others: each set is as large as it can be.
pub(crate) fn cycles(graph: &Graph) -> BTreeSet<BTreeSet<PathBuf>> {
    let reached: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> =
        graph.keys().map(|file| (file, reachable(graph, file))).collect();
    let with = |file: &PathBuf| -> BTreeSet<PathBuf> {
        let others = reached[file].iter().filter(|other| reached[**other].contains(file));
        others.map(|other| (*other).clone()).collect()
    };
    graph.keys().map(with).filter(|cycle| cycle.len() > 1).collect()
}

fn reachable<'a>(graph: &'a Graph, from: &PathBuf) -> BTreeSet<&'a PathBuf> {
    let mut found = BTreeSet::new();
    let mut ahead: Vec<&PathBuf> = graph[from].iter().collect();
    while let Some(file) = ahead.pop() {
        if found.insert(file) {
            ahead.extend(&graph[file]);
        }
    }
    found
}

/// The files that use each other in a crate of these files, which begins in `lib.rs`.
fn cycles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let relative = |file: PathBuf| file.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
    let found = cycles(&Modules::read(&folder.path().join("lib.rs")).graph());
    found.into_iter().map(|cycle| cycle.into_iter().map(relative).collect()).collect()
}

#[rstest]
#[case::an_import_and_a_path("pub(crate) struct B;\nfn f(a: &crate::a::A) {}\n")]
#[case::a_path_from_the_parent("pub(crate) struct B;\nfn f(a: &super::a::A) {}\n")]
#[case::an_import_under_another_name("use crate::a::A as Other;\npub(crate) struct B(Other);\n")]
#[case::all_names("use crate::a::*;\npub(crate) struct B(A);\n")]
#[case::in_a_macro("pub(crate) struct B;\nfn f() { assert!(crate::a::A::is_good()); }\n")]
#[case::in_a_module_of_the_file("pub(crate) struct B;\nmod inner { use crate::a::A; }\n")]
fn two_files_that_use_each_other_are_a_cycle(#[case] b: &str) {
    let a = "use crate::b::B;\npub(crate) struct A(B);\n";
    assert_eq!(cycles_of(&[("lib.rs", "mod a;\nmod b;\n"), ("a.rs", a), ("b.rs", b)]), [["a.rs", "b.rs"]]);
}

#[rstest]
#[case::nothing("pub(crate) struct B;\n")]
#[case::a_test("pub(crate) struct B;\n#[cfg(test)]\nmod tests { use crate::a::A; }\n")]
#[case::another_crate("pub(crate) struct B;\nfn f(a: &::a::A) {}\n")]
#[case::a_text("pub(crate) struct B;\nfn f() { g(\"crate::a::A\") } // crate::a::A\n")]
fn a_file_that_is_used_and_does_not_use_back_is_in_no_cycle(#[case] b: &str) {
    let a = "use crate::b::B;\npub(crate) struct A(B);\n";
    let none: [[&str; 2]; 0] = [];
    assert_eq!(cycles_of(&[("lib.rs", "mod a;\nmod b;\n"), ("a.rs", a), ("b.rs", b)]), none);
}

#[test]
fn a_cycle_is_found_through_other_files_and_through_what_a_folder_passes_on() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\nmod c;\nmod d;\n"),
        ("a.rs", "use crate::b::B;\npub(crate) struct A(B);\n"),
        ("b/mod.rs", "mod inner;\npub(crate) use inner::B;\n"),
        ("b/inner.rs", "pub(crate) struct B;\nfn f(c: crate::c::C) {}\n"),
        ("c.rs", "pub(crate) struct C;\nfn f(a: crate::a::A) {}\n"),
        ("d.rs", "fn f(a: crate::a::A) {}\n"),
    ];
    assert_eq!(cycles_of(&files), [["a.rs", "b/inner.rs", "c.rs"]]);
}

/// What a folder says of its files is for all of them: only code of its own uses them.
#[test]
fn files_may_use_the_folder_that_only_passes_them_on() {
    let inner = ("a/inner.rs", "use super::Outer;\npub(crate) struct Inner(Outer);\n");
    let passes_on = ("a/mod.rs", "mod inner;\npub(crate) use inner::Inner;\npub(crate) struct Outer;\n");
    let none: [[&str; 2]; 0] = [];
    assert_eq!(cycles_of(&[("lib.rs", "mod a;\n"), passes_on, inner]), none);
    let uses = ("a/mod.rs", "mod inner;\npub(crate) struct Outer;\nfn f(inner: inner::Inner) {}\n");
    assert_eq!(cycles_of(&[("lib.rs", "mod a;\n"), uses, inner]), [["a/inner.rs", "a/mod.rs"]]);
}
