//! The files that `host/ARCHITECTURE.md` names.

use std::{fs, path::Path};

use super::root;

/// The paths in a text: what stands between two backticks, outside of blocks of code, and has a `/` and no sign that is in no path of
/// the repository.
fn named_in(text: &str) -> Vec<&str> {
    let blocks = text.split("```").step_by(2);
    let spans = blocks.flat_map(|text| text.split('`').skip(1).step_by(2));
    spans.filter(|span| is_path(span)).collect()
}

fn is_path(span: &str) -> bool {
    let is_sign = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || "_-./".contains(sign);
    span.contains('/')
        && span.starts_with(|first: char| first.is_ascii_lowercase())
        && span.chars().all(is_sign)
}

/// Whether a path of the text leads anywhere: from the repository, the host or its sources. The file of a module may be left without its
/// ending, and may have become a folder.
fn exists(root: &Path, path: &str) -> bool {
    let module = path.strip_suffix(".rs").unwrap_or(path);
    let forms = [path.to_owned(), format!("{module}.rs"), format!("{module}/mod.rs")];
    ["", "host", "host/src"].iter().any(|from| forms.iter().any(|form| root.join(from).join(form).exists()))
}

#[test]
fn the_architecture_names_only_files_that_are_there() {
    let text = fs::read_to_string(root().join("host/ARCHITECTURE.md")).unwrap();
    let paths = named_in(&text);
    assert!(paths.len() > 100, "only {} paths are found", paths.len());
    for path in paths {
        assert!(exists(&root(), path), "host/ARCHITECTURE.md names `{path}`, which is not there");
    }
}

#[test]
fn paths_stand_between_backticks_and_outside_of_blocks() {
    let text = "see `a/b.rs`, `c`, `d/e` and `/proc/1/fd`\n```\n`f/g`\n```\nor `crate::h`, `i/*`, `j/k.rs`";
    assert_eq!(named_in(text), ["a/b.rs", "d/e", "j/k.rs"]);
}
