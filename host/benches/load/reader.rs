//! The floor of a report: what it costs to read its lines again.
//!
//! One thread and a general parser, which takes two numbers of each line: what a user's own script does in a compiled language.

use std::{
    ffi::OsString,
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use super::{
    process::{Spent, measure},
    program::Line,
};

/// The hidden argument that makes this program read the lines of a file.
pub(crate) const RUN: &str = "--run-reader";

/// Reads the lines in a process of its own, which says how many there are in the file `output`.
pub(crate) fn spent(lines: &Path, output: &Path) -> (Spent, u64) {
    let this = std::env::current_exe().expect("a program knows its own path");
    let arguments = vec![RUN.into(), lines.as_os_str().to_owned()];
    let spent = measure(&this, arguments, output);
    let number = std::fs::read_to_string(output).expect("what the reader said");
    (spent, number.trim().parse().expect("a number of lines"))
}

/// The other side of [`spent`].
pub(crate) fn run(mut arguments: impl Iterator<Item = OsString>) {
    let path = arguments.next().expect("a file of lines");
    let mut lines = BufReader::new(File::open(path).expect("the lines"));
    let (mut line, mut number) = (String::new(), 0_u64);
    while lines.read_line(&mut line).expect("text") > 0 {
        let parsed: Line = serde_json::from_str(&line).expect("a line of the export");
        // So that nothing of it can be left out.
        number += u64::from(parsed.first_token_ns() > 0);
        line.clear();
    }
    println!("{number}");
}
