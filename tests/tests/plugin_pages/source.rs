//! The types of the contract as its sources have them: names, comments, fields. It reads lines as rustfmt writes them.

use std::{collections::BTreeMap, fs, mem};

use prony_tests::pages::root;

/// A type with fields or with variants.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: String,
    /// Its comment, line by line.
    pub(super) comment: String,
    pub(super) is_enum: bool,
    pub(super) members: Vec<Member>,
}

/// A field, or a variant.
#[derive(Debug)]
pub(super) struct Member {
    /// Its name where it is written.
    pub(super) name: String,
    /// Its type in Rust. Of a variant, that of the value which it is written as, if it has one.
    pub(super) of: String,
    /// Its comment, in one line.
    pub(super) comment: String,
    /// It is not written where it is empty.
    pub(super) is_left_out: bool,
}

/// What some files of the contract have.
#[derive(Debug, Default)]
pub(super) struct Source {
    types: Vec<Type>,
    /// The types that are messages, and the name of each.
    messages: BTreeMap<String, String>,
}

impl Source {
    /// Reads these files.
    pub(super) fn read(files: &[&str]) -> Self {
        let mut source = Self::default();
        for file in files {
            source.add(&code(file));
        }
        source
    }

    /// The comment of what begins like this.
    pub(super) fn comment_of(file: &str, beginning: &str) -> String {
        let code = code(file);
        let (before, _) = code.split_once(beginning).unwrap();
        let lines = before.lines().rev().skip(1).map(str::trim);
        let mut comment: Vec<&str> =
            lines.map_while(|line| line.strip_prefix("///")).map(str::trim).collect();
        comment.reverse();
        comment.join("\n")
    }

    /// The type of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Type> {
        self.types.iter().find(|kept| kept.name == name)
    }

    /// The type that is the message of this name.
    pub(super) fn message(&self, name: &str) -> &Type {
        let (of, _) = self.messages.iter().find(|(_, kept)| *kept == name).unwrap();
        self.named(of).unwrap()
    }

    /// The names of all messages.
    pub(super) fn messages(&self) -> impl Iterator<Item = &str> {
        self.messages.values().map(String::as_str)
    }

    /// The type of this name and those within it, in the order in which they are met, behind those that are found already.
    pub(super) fn reach<'source>(&'source self, name: &str, found: &mut Vec<&'source Type>) {
        let Some(new) = self.named(name).filter(|new| found.iter().all(|kept| kept.name != new.name)) else {
            return;
        };
        found.push(new);
        for member in &new.members {
            for word in member.of.split(|sign: char| !sign.is_ascii_alphanumeric()) {
                self.reach(word, found);
            }
        }
    }

    /// What a page says in the place of a link of a comment. `known` has what stands for names of constants.
    fn place(&self, path: &str, known: &[(&str, String)]) -> String {
        let last = path.rsplit("::").next().unwrap_or(path);
        if let Some((_, text)) = known.iter().find(|(name, _)| *name == path) {
            text.clone()
        } else if let Some(message) = self.messages.get(last) {
            format!("[`{message}`](#{message})")
        } else if self.named(last).is_some() {
            format!("[`{last}`](#{})", last.to_lowercase())
        } else {
            format!("`{path}`")
        }
    }

    /// A comment as a page has it.
    pub(super) fn words(&self, comment: &str, known: &[(&str, String)]) -> String {
        let mut words = String::new();
        let mut rest = comment;
        while let Some((before, link)) = rest.split_once("[`") {
            let (path, behind) = link.split_once("`]").unwrap();
            words.push_str(before);
            // A link with a place of its own: its text says enough.
            let (text, behind) = match behind.strip_prefix('(').and_then(|place| place.split_once(')')) {
                Some((_, behind)) => (format!("`{path}`"), behind),
                None => (self.place(path, known), behind),
            };
            words.push_str(&text);
            rest = behind;
        }
        words.push_str(rest);
        words.replace("`None`", "null")
    }

    /// What a field holds.
    pub(super) fn kind(&self, of: &str) -> String {
        match within(of) {
            ("Option", inner) => format!("{}, or null", self.kind(inner)),
            ("Vec", inner) => format!("array of {}", self.several(inner)),
            ("BTreeMap", inner) => {
                format!("object of {}", self.several(inner.trim_start_matches("String, ")))
            }
            ("u16" | "u32" | "u64" | "i64", _) => "whole number".to_owned(),
            ("f64", _) => "number".to_owned(),
            ("bool", _) => "`true` or `false`".to_owned(),
            ("String", _) => "text".to_owned(),
            (other, _) => self.place(other, &[]),
        }
    }

    /// The same of several.
    fn several(&self, of: &str) -> String {
        match within(of) {
            ("Vec", inner) => format!("arrays of {}", self.several(inner)),
            ("u16" | "u32" | "u64" | "i64", _) => "whole numbers".to_owned(),
            ("f64", _) => "numbers".to_owned(),
            ("String", _) => "texts".to_owned(),
            (other, _) => self.place(other, &[]),
        }
    }

    fn add(&mut self, code: &str) {
        let (mut comment, mut attributes) = (Vec::new(), String::new());
        let (mut is_within, mut message) = (false, String::new());
        for line in code.lines() {
            let text = line.trim();
            if let Some(words) = text.strip_prefix("///") {
                comment.push(words.trim());
                continue;
            }
            if text.starts_with("#[") {
                attributes.push_str(text);
                continue;
            }
            if let Some((is_enum, name)) = beginning(line) {
                is_within = true;
                let (name, comment) = (name.to_owned(), comment.join("\n"));
                self.types.push(Type { name, comment, is_enum, members: Vec::new() });
            } else if line == "}" {
                is_within = false;
            } else if let Some(of) = line.strip_prefix("impl Message for ") {
                of.trim_end_matches(" {").clone_into(&mut message);
            } else if let Some(name) = text.strip_prefix("const TYPE: &'static str = \"") {
                self.messages.insert(mem::take(&mut message), name.trim_end_matches("\";").to_owned());
            } else if is_within && let Some(last) = self.types.last_mut() {
                last.members.extend(member(text, last.is_enum, &comment.join(" "), &attributes));
            }
            comment.clear();
            attributes.clear();
        }
    }
}

/// The code of a file of the contract, without its tests.
fn code(file: &str) -> String {
    let text = fs::read_to_string(root().join("plugin-api/src").join(file)).unwrap();
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

/// Whether a line begins a type with variants, and the type's name.
fn beginning(line: &str) -> Option<(bool, &str)> {
    let line = line.strip_suffix(" {")?;
    let of_fields = line.strip_prefix("pub struct ").map(|name| (false, name));
    of_fields.or_else(|| line.strip_prefix("pub enum ").map(|name| (true, name)))
}

/// A generic type and what it is of.
fn within(of: &str) -> (&str, &str) {
    of.strip_suffix('>').and_then(|of| of.split_once('<')).unwrap_or((of, ""))
}

fn member(line: &str, is_enum: bool, comment: &str, attributes: &str) -> Option<Member> {
    let line = line.strip_suffix(',')?;
    let (name, of) = if is_enum {
        let (name, of) = line.split_once('(').unwrap_or((line, ""));
        // All are single words.
        (name.to_lowercase(), of.trim_end_matches(')'))
    } else {
        let (name, of) = line.strip_prefix("pub ")?.split_once(": ")?;
        (name.to_owned(), of)
    };
    let renamed = attributes.split_once("rename = \"").and_then(|(_, name)| name.split('"').next());
    Some(Member {
        name: renamed.map_or(name, str::to_owned),
        of: of.to_owned(),
        comment: comment.to_owned(),
        is_left_out: attributes.contains("skip_serializing_if"),
    })
}
