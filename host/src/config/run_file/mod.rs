//! The configuration file of a run: every setting that a flag has, in YAML.
//!
//! A file becomes words of a command line, which one reader reads. So a key has the name of its flag, and a value means what it
//! means there. What is decided here is what the command line has no words for: mappings, variables, places.

mod aiperf;
mod mistake;
mod node;
mod phases;
mod texts;
mod variables;
mod written;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

pub(crate) use self::{
    aiperf::setting_of_path,
    mistake::{Mistake, Problem},
    written::{values_shown, written},
};
use self::{
    node::{Content, Entry, Node, Scalar},
    texts::Said,
};
use super::{
    flags::{PHASES, PhaseText},
    keys::{Key, Keys},
    place::{FileName, Place},
    redact,
    words::{Said as Setting, Words},
    yaml::{self, Spot, YamlError},
};
use crate::{bounded, explain::Explain};

/// The key that says which version a file was written by.
const VERSION_KEY: &str = "prony";

/// A file that cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("read the configuration `{}`", .file.display())]
pub(crate) struct RunFileError {
    file: PathBuf,
    source: io::Error,
}

impl Explain for RunFileError {
    fn hint(&self) -> String {
        "name a file; `prony config init -o run.yaml` writes one".to_owned()
    }
}

/// Where a setting stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) key: Place,
    pub(crate) value: Place,
}

/// What a file says.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunFile {
    /// Its settings.
    pub(crate) words: Words,
    /// Where each of them stands, by its name.
    pub(crate) places: BTreeMap<String, Places>,
    /// Names of switches that are off, whatever a weaker place says.
    pub(crate) off: Vec<String>,
    /// The words of settings as they stand there, whose values hold secrets out of variables.
    pub(crate) references: BTreeMap<String, Vec<OsString>>,
    /// What is wrong with it.
    pub(crate) mistakes: Vec<Mistake>,
    /// Names of settings that are meant, and whose values are not known because of a mistake.
    pub(crate) unclear: Vec<String>,
    /// Values of variables with the names of secrets.
    pub(crate) secrets: Vec<String>,
    /// What should be known about it.
    pub(crate) warnings: Vec<String>,
    /// Its phases, in their order.
    pub(crate) phases: Vec<FilePhase>,
}

/// A phase as a file has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct FilePhase {
    /// All of it but its settings.
    pub(crate) text: PhaseText,
    /// Its settings, of which none was read.
    pub(crate) words: Words,
    /// Where each of them stands, by its name.
    pub(crate) places: BTreeMap<String, Places>,
    /// Settings that somebody stronger sets, so that these values do not matter.
    pub(crate) overridden: Vec<String>,
}

/// What a file is read with.
pub(crate) struct Reading<'a> {
    pub(crate) keys: &'a Keys,
    /// Whether somebody stronger sets a setting: its value does not matter then.
    pub(crate) is_overridden: &'a dyn Fn(&str) -> bool,
    /// The variables of the environment.
    pub(crate) look_up: &'a dyn Fn(&str) -> Option<String>,
}

/// Reads a file.
///
/// # Errors
/// There is none, or it is too large or no text. Everything else that is wrong with it is in what it says.
pub(crate) fn read(path: &Path, reading: &Reading<'_>) -> Result<RunFile, RunFileError> {
    let text = bounded::read_to_string(path, yaml::MOST_MEGABYTES)
        .map_err(|source| RunFileError { file: path.to_owned(), source })?;
    Ok(of_text(&text, FileName::of(path), reading))
}

fn of_text(text: &str, file: FileName, reading: &Reading<'_>) -> RunFile {
    let mut reader = Reader { file, reading, said: RunFile::default(), lines: BTreeMap::new() };
    // Some editors write a mark in front of the text.
    match node::read(text.trim_start_matches('\u{feff}')) {
        Ok(Node { content: Content::Nothing, .. }) => {}
        Ok(Node { content: Content::Map(entries), .. }) => reader.read(entries),
        Ok(node) => reader.add(node.spot, Problem::NoKeys(node.content.kind())),
        Err(YamlError { spot, text }) => reader.add(spot.unwrap_or(Spot::BEGIN), Problem::Yaml(text)),
    }
    reader.said.mistakes.sort_by_key(|mistake| mistake.place);
    reader.said
}

struct Reader<'a> {
    file: FileName,
    reading: &'a Reading<'a>,
    said: RunFile,
    /// In which line each setting stands that was seen.
    lines: BTreeMap<String, u32>,
}

impl Reader<'_> {
    fn add(&mut self, spot: Spot, problem: Problem) {
        self.said.mistakes.push(Mistake { place: self.place(spot), problem });
    }

    fn place(&self, spot: Spot) -> Place {
        Place { file: self.file, spot }
    }

    fn read(&mut self, entries: Vec<Entry>) {
        let entries = if aiperf::is_one(&entries) {
            let aiperf::Translated { entries, foreign } = aiperf::translated(entries, self.reading.keys);
            for (spot, problem) in foreign {
                self.add(spot, problem);
            }
            entries
        } else {
            entries
        };
        for entry in &entries {
            self.read_entry(entry);
        }
    }

    fn read_entry(&mut self, entry: &Entry) {
        if entry.key == VERSION_KEY {
            self.check_version(&entry.value);
            return;
        }
        let Some(key) = self.reading.keys.find(&entry.key) else {
            let near = self.reading.keys.near(&entry.key);
            self.said.unclear.extend(near.map(|key| key.name.clone()));
            let near = near.map(Key::in_file);
            self.add(entry.spot, Problem::Unknown { key: entry.key.clone(), near });
            return;
        };
        if let Some(line) = self.lines.insert(key.name.clone(), entry.spot.line) {
            self.add(entry.spot, Problem::Twice { key: entry.key.clone(), line });
            return;
        }
        let places = self.places(entry);
        self.said.places.insert(key.name.clone(), places);
        if key.name == PHASES {
            self.read_phases(entry);
        } else if !(self.reading.is_overridden)(&key.name) && self.set(key, entry).is_none() {
            self.said.unclear.push(key.name.clone());
        }
    }

    fn places(&self, entry: &Entry) -> Places {
        Places { key: self.place(entry.spot), value: self.place(entry.value.spot) }
    }

    /// Reads the value of a setting. Nothing where something is wrong with it.
    fn set(&mut self, key: &Key, entry: &Entry) -> Option<()> {
        match self.values(key, entry)? {
            Said::Set(values) => self.said.words.set(setting(key, values)),
            Said::Off => self.said.off.push(key.name.clone()),
        }
        Some(())
    }

    /// The words of a value. Nothing where something is wrong with it.
    fn values(&mut self, key: &Key, entry: &Entry) -> Option<Said> {
        let mut node = entry.value.clone();
        let is_secret = self.expand(&entry.key, &mut node)?;
        if let Some((spot, problem)) = texts::unreadable(key, &node) {
            self.add(spot, problem);
            return None;
        }
        let said = match texts::of(key, &node) {
            Ok(said) => said,
            Err(wrong) => {
                let (key, expected) = (entry.key.clone(), wrong.expected);
                let problem = match wrong.found {
                    Some(found) => Problem::Kind { key, found, expected },
                    None => Problem::NoValue { key, expected },
                };
                self.add(wrong.spot, problem);
                return None;
            }
        };
        let as_written = if is_secret { texts::of(key, &entry.value).ok() } else { None };
        if let (Said::Set(_), Some(Said::Set(as_written))) = (&said, as_written) {
            let as_written = as_written.into_iter().map(OsString::from).collect();
            self.said.references.insert(key.name.clone(), as_written);
        }
        Some(said)
    }

    /// Puts variables into all texts of a value. Says whether one of them is a secret; nothing where something is wrong.
    fn expand(&mut self, key: &str, node: &mut Node) -> Option<bool> {
        match &mut node.content {
            Content::Nothing => Some(false),
            Content::Scalar(scalar) => match variables::expand(scalar, self.reading.look_up) {
                Ok(expanded) => {
                    let is_secret =
                        expanded.has_secret || (expanded.has_variable && redact::is_sensitive(key));
                    if is_secret {
                        self.said.secrets.extend(expanded.secrets);
                        self.said.secrets.push(expanded.scalar.text.clone());
                    }
                    *scalar = expanded.scalar;
                    Some(is_secret)
                }
                Err(error) => {
                    self.add(node.spot, Problem::Variable { key: key.to_owned(), error });
                    None
                }
            },
            Content::List(items) => {
                self.expand_all(items.iter_mut().map(|item| (key.to_owned(), item)).collect())
            }
            Content::Map(entries) => {
                let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
                let twice = entries.iter().find_map(|entry| {
                    let line = seen.insert(&entry.key, entry.spot.line)?;
                    Some((entry.spot, Problem::Twice { key: entry.key.clone(), line }))
                });
                if let Some((spot, problem)) = twice {
                    self.add(spot, problem);
                    return None;
                }
                let parts = entries.iter_mut().map(|entry| (entry.key.clone(), &mut entry.value));
                self.expand_all(parts.collect())
            }
        }
    }

    fn expand_all(&mut self, parts: Vec<(String, &mut Node)>) -> Option<bool> {
        let are_secret: Vec<Option<bool>> =
            parts.into_iter().map(|(key, part)| self.expand(&key, part)).collect();
        let are_secret: Option<Vec<bool>> = are_secret.into_iter().collect();
        are_secret.map(|are_secret| are_secret.contains(&true))
    }

    fn check_version(&mut self, node: &Node) {
        let own = env!("CARGO_PKG_VERSION");
        match &node.content {
            Content::Scalar(Scalar { text, .. }) if text == own => {}
            Content::Scalar(Scalar { text, .. }) => self.said.warnings.push(format!(
                "`{}` was written by prony {text}, and this is {own}: it may not send exactly the same",
                self.file
            )),
            content => {
                let (key, expected) = (VERSION_KEY.to_owned(), "a version".to_owned());
                let found = content.kind();
                self.add(node.spot, Problem::Kind { key, found, expected });
            }
        }
    }
}

/// A setting with these values.
fn setting(key: &Key, values: Vec<String>) -> Setting {
    Setting { name: key.name.clone(), values: values.into_iter().map(OsString::from).collect() }
}

#[cfg(test)]
mod tests;
