//! What `host/ARCHITECTURE.md` names is there: files, folders, and what stands in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{names::Names, names_in, parsed, root, sources};

/// How names of files end.
const ENDS: [&str; 6] = [".c", ".h", ".js", ".md", ".py", ".rs"];

/// What stands in backticks, with its line.
type Quoted<'a> = (usize, &'a str);

/// The paragraphs, the items of lists and the rows of tables of a page, each with its first line. Code between fences is in none.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let (mut is_code, mut is_open) = (false, false);
    for (number, line) in (1..).zip(page.lines()) {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        if is_fence || is_code || line.is_empty() {
            is_open = false;
            continue;
        }
        if !is_open || line.starts_with("| ") || line.starts_with("- ") {
            blocks.push((number, String::new()));
        }
        if let Some((_, text)) = blocks.last_mut() {
            text.extend([line, "\n"]);
        }
        is_open = true;
    }
    blocks
}

fn quoted((first, text): &(usize, String)) -> Vec<Quoted<'_>> {
    let mut line = *first;
    let mut found = Vec::new();
    for (at, piece) in text.split('`').enumerate() {
        if at % 2 == 1 {
            found.push((line, piece));
        }
        line += piece.matches('\n').count();
    }
    found
}

/// Whether a text is meant as a path of this tree.
fn is_path(text: &str) -> bool {
    let is_plain = text.chars().all(|sign| sign.is_ascii_alphanumeric() || "_./*-".contains(sign));
    let is_elsewhere = text.starts_with(['/', '-']) || text.starts_with("..");
    is_plain && !is_elsewhere && (text.contains('/') || ENDS.iter().any(|end| text.ends_with(end)))
}

/// The paths in a page that lead nowhere, seen from `root` and the folders of the host, and from the folders that the same block
/// has named before.
fn lost(page: &str, root: &Path) -> Vec<String> {
    let mut lost = Vec::new();
    for block in blocks(page) {
        let mut folders = ["", "host", "host/src"].map(|base| root.join(base)).to_vec();
        for (line, path) in quoted(&block).into_iter().filter(|(_, text)| is_path(text)) {
            match folders.iter().find_map(|folder| folder_of(folder, path)) {
                Some(folder) => folders.extend([folder.join("src"), folder]),
                None => lost.push(format!("line {line}: `{path}`")),
            }
        }
    }
    lost
}

/// The folder that a path leads to, or to a file of: a module may be named without `.rs`, and `a/b-*` is all that begins like this.
fn folder_of(from: &Path, path: &str) -> Option<PathBuf> {
    let target = from.join(path.trim_end_matches('*'));
    let parent = target.parent()?;
    if path.ends_with('*') {
        let beginning = target.file_name()?.to_str()?;
        let mut entries = fs::read_dir(parent).ok()?.flatten();
        return entries
            .any(|entry| entry.file_name().to_string_lossy().starts_with(beginning))
            .then(|| parent.to_owned());
    }
    let is_file = target.is_file() || from.join(format!("{path}.rs")).is_file();
    if target.is_dir() { Some(target) } else { is_file.then(|| parent.to_owned()) }
}

/// Whether `module::Item::member` is defined in these files: the item in a file of the module, if there is one, and the member where the
/// item is named.
fn is_defined(name: &str, files: &[(PathBuf, String)]) -> bool {
    let segments: Vec<&str> = name.split("::").collect();
    let small = segments.iter().take_while(|segment| segment.starts_with(char::is_lowercase)).count();
    let (modules, names) = segments.split_at(small.min(segments.len() - 1));
    let module: PathBuf = modules.iter().collect();
    let is_module = |path: &Path| {
        let path = path.with_extension("");
        let path = if path.ends_with("mod") { path.parent().unwrap() } else { path.as_path() };
        modules.is_empty() || path.ends_with(&module)
    };
    let defines = |(path, text): &(PathBuf, String)| {
        is_module(path)
            && text.contains(names[0])
            && Names::of(&parsed(path, text).items).items.contains(names[0])
    };
    let has_all = |(path, text): &(PathBuf, String)| {
        let all = names_in(path, text);
        names.iter().all(|name| all.contains(*name))
    };
    let is_candidate = |(_, text): &&(PathBuf, String)| names.iter().all(|name| text.contains(*name));
    files.iter().any(defines) && files.iter().filter(is_candidate).any(has_all)
}

#[test]
fn the_architecture_describes_what_is_there() {
    let page = fs::read_to_string(root().join("host/ARCHITECTURE.md")).unwrap();
    assert_eq!(lost(&page, &root()), Vec::<String>::new(), "paths of host/ARCHITECTURE.md that lead nowhere");

    let files = ["host/src", "plugin-api/src", "plugins"].map(sources).concat();
    let blocks = blocks(&page);
    let paths = blocks.iter().flat_map(quoted).filter(|(_, text)| is_path(text)).count();
    assert!(paths > 100, "only {paths} paths are found");
    let is_name = |text: &str| {
        text.contains("::") && text.chars().all(|sign| sign.is_alphanumeric() || sign == '_' || sign == ':')
    };
    let names: Vec<Quoted<'_>> = blocks.iter().flat_map(quoted).filter(|(_, text)| is_name(text)).collect();
    assert!(!names.is_empty());
    for (line, name) in names {
        assert!(is_defined(name, &files), "host/ARCHITECTURE.md, line {line}: there is no `{name}`");
    }
}

#[test]
fn a_path_that_leads_nowhere_is_found_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["host/src/a/b.rs", "host/src/c.rs", "plugins/one-more/src/d.rs"] {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let good = "`a/b.rs`, `c.rs`, `host/src/c`, `a/`: `b.rs`,\n`/proc/stat`, `../x`, `a b/c`, `--a/b`, `plugins/one-*`\n\
                | `plugins/one-more` | `d.rs` |\n\n```\n`x/y.rs`\n```\n";
    assert_eq!(lost(good, folder.path()), Vec::<String>::new());
    let bad = "`a/c.rs` and\n`b.rs`\n\n- `a`, `plugins/two-*`\n- `a/b`\n\n`d.rs`\n";
    let expected = ["line 1: `a/c.rs`", "line 2: `b.rs`", "line 4: `plugins/two-*`", "line 7: `d.rs`"];
    assert_eq!(lost(bad, folder.path()), expected);
}

#[test]
fn a_name_that_is_not_defined_is_found() {
    let file = |path: &str, text: &str| (PathBuf::from(path), text.to_owned());
    let files = [
        file("src/a/mod.rs", "mod b; pub(crate) struct Budget { left: u8 }"),
        file("src/a/b.rs", "use super::Budget; impl Budget { fn spend(&self) {} } fn f() {}"),
    ];
    for name in ["Budget::left", "a::Budget", "Budget::spend", "a::Budget::spend", "a::b::f"] {
        assert!(is_defined(name, &files), "{name}");
    }
    for name in ["a::b::Budget", "b::Budget", "Budget::earn", "a::f", "Money::left"] {
        assert!(!is_defined(name, &files), "{name}");
    }
}
