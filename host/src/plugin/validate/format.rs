//! What a manifest says, with every mistake in it.
//!
//! The parser stops at the first mistake. So that it finds the next one, the mistake that it found is mended in a copy
//! of the text, line for line, and parsed again: a misspelt key is spelled right, a key that may be left out is, and
//! everything else takes its whole entry out. The mending goes by the parser's words, because it says no more than
//! words; where they are not understood, the entry is taken out, so that a change of words can hide a second mistake in
//! an entry and never a first.

use std::collections::HashSet;

use super::{
    examined::{Examined, Subject},
    finding::Severity,
};
use crate::{
    explain::Explain,
    plugin::{
        catalogue::nearest,
        entry::{Category, Key},
        manifest::{self, ManifestError, ManifestProblem},
        outline::{self, Block},
    },
};

/// Stands in the place of a class that is none.
const STAND_IN: &str = "unknown:Unknown";

/// Keys of an entry that may be left out.
const OPTIONAL: [&str; 3] = ["priority", "isolation", "integrity"];

/// Reads a manifest as far as it can be read.
pub(super) fn check(one: &mut Examined, text: &str) {
    let mut draft = Draft::of(text);
    one.lines.clone_from(&draft.lines);
    if draft.lacks_a_version() {
        let hint = "begin it with `schema_version: \"1.0\"`".to_owned();
        one.find(Severity::Error, Some(1), "`schema_version` is missing".to_owned(), hint);
        draft.append_a_version();
    }
    // Every step takes something out, so there are no more steps than lines and keys in them.
    for _ in 0..=text.len() {
        match manifest::of_text(&draft.text(), &one.origin) {
            Ok(manifest) => {
                one.manifest = manifest;
                break;
            }
            Err((line, problem)) => {
                let known = draft.is_consequence(&problem);
                let mended = draft.mend(line, &problem);
                let near = if let Mended::Renamed(near) = &mended { Some(near.clone()) } else { None };
                if !known {
                    report(one, line, problem, near);
                }
                if mended == Mended::Not {
                    break;
                }
            }
        }
    }
    one.subjects = subjects(one, &draft.taken_out);
    let known =
        |subject: &Subject| !draft.without_library.contains(&(subject.category, Key::of(&subject.name)));
    one.subjects.retain(known);
}

fn report(one: &mut Examined, line: Option<usize>, problem: ManifestProblem, near: Option<String>) {
    let error = ManifestError { file: one.origin.manifest.clone(), line, problem };
    let hint = near.map_or_else(|| error.hint(), |near| format!("did you mean `{near}`?"));
    one.find(Severity::Error, line, error.problem.to_string(), hint);
}

/// The entries that are right, and what can be guessed of the others.
fn subjects(one: &Examined, taken_out: &[(Category, Block)]) -> Vec<Subject> {
    let line = |category, name: &str| outline::line_of(&one.lines, category, name);
    let endpoints = one.manifest.endpoints.iter().map(|entry| Subject {
        category: Category::Endpoint,
        name: entry.name.clone(),
        class: entry.class.clone(),
        integrity: entry.integrity,
        line: line(Category::Endpoint, &entry.name),
        is_whole: true,
    });
    let services = one.manifest.services.iter().map(|entry| Subject {
        category: Category::Service,
        name: entry.name.clone(),
        class: entry.class.clone(),
        integrity: entry.integrity,
        line: line(Category::Service, &entry.name),
        is_whole: true,
    });
    let guessed = taken_out.iter().filter_map(|(category, block)| {
        let text = one.lines.get(block.lines.clone())?.concat();
        let (class, integrity) = manifest::library_of(&text)?;
        Some(Subject {
            category: *category,
            name: block.key.clone(),
            class,
            integrity,
            line: Some(block.line()),
            is_whole: false,
        })
    });
    endpoints.chain(services).chain(guessed).collect()
}

/// What was done about a mistake.
#[derive(Debug, PartialEq, Eq)]
enum Mended {
    /// A key is spelled like this now.
    Renamed(String),
    /// Something is gone.
    Removed,
    /// Nothing could be done.
    Not,
}

/// A manifest's text, getting better.
struct Draft {
    lines: Vec<String>,
    taken_out: Vec<(Category, Block)>,
    /// Anchors that were taken out: an alias of one is no mistake.
    lost_anchors: HashSet<String>,
    /// Keys that were spelled right: one that stands there twice then was misspelt once.
    renamed: HashSet<String>,
    /// Entries whose class is none.
    without_library: HashSet<(Category, Key)>,
}

impl Draft {
    fn of(text: &str) -> Self {
        Self {
            lines: outline::lines(text),
            taken_out: Vec::new(),
            lost_anchors: HashSet::new(),
            renamed: HashSet::new(),
            without_library: HashSet::new(),
        }
    }

    fn text(&self) -> String {
        self.lines.concat()
    }

    /// Only asked of texts that have sections: others have worse to answer for.
    fn lacks_a_version(&self) -> bool {
        let sections = outline::sections(&self.lines);
        !sections.is_empty() && sections.iter().all(|section| section.key != "schema_version")
    }

    /// At the end, so that no line moves.
    fn append_a_version(&mut self) {
        self.lines.push("\nschema_version: \"1.0\"\n".to_owned());
    }

    fn is_consequence(&self, problem: &ManifestProblem) -> bool {
        let ManifestProblem::Format(text) = problem else { return false };
        let anchor = text.contains("unknown anchor") && !self.lost_anchors.is_empty();
        anchor || self.renamed.iter().any(|key| text.contains(&format!("duplicate field `{key}`")))
    }

    fn mend(&mut self, line: Option<usize>, problem: &ManifestProblem) -> Mended {
        let (ManifestProblem::Format(text), Some(line)) = (problem, line) else { return Mended::Not };
        let entry = outline::entries(&self.lines).into_iter().find(|(_, block)| block.holds(line));
        let Some((category, block)) = entry else { return self.mend_section(line) };
        if let Some(near) = self.rename(line, text) {
            return Mended::Renamed(near);
        }
        if is_about(text, "class") && self.replace_class(&block, line) {
            self.without_library.insert((category, Key::of(&block.key)));
            return Mended::Removed;
        }
        if line != block.line() && self.drop_key(&block, line, text) {
            return Mended::Removed;
        }
        self.take_out(&block);
        self.taken_out.push((category, block));
        Mended::Removed
    }

    /// A key of the top level that is wrong as a whole.
    fn mend_section(&mut self, line: usize) -> Mended {
        let sections = outline::sections(&self.lines);
        let Some(section) = sections.into_iter().find(|section| section.holds(line)) else {
            return Mended::Not;
        };
        self.take_out(&section);
        if section.key == "schema_version" {
            self.append_a_version();
        }
        Mended::Removed
    }

    /// Spells an unknown key right, if it is clear which one was meant.
    fn rename(&mut self, line: usize, text: &str) -> Option<String> {
        let (_, rest) = text.split_once("unknown field `")?;
        let (typo, known) = rest.split_once('`')?;
        let known: Vec<String> = known.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let near = nearest(typo, &known)?;
        let line = self.lines.get_mut(line - 1)?;
        let at = line.match_indices(typo).map(|(at, _)| at).find(|at| is_key(line, *at, typo.len()))?;
        line.replace_range(at..at + typo.len(), near);
        self.renamed.insert(near.to_owned());
        Some(near.to_owned())
    }

    /// Puts a class in the place of one that is none, so that the rest of the entry can be read.
    fn replace_class(&mut self, entry: &Block, line: usize) -> bool {
        let mut fields = entry.children(&self.lines).into_iter();
        let Some(field) = fields.find(|field| field.key == "class" && field.line() == line) else {
            return false;
        };
        let good = format!("{}class: {STAND_IN}\n", " ".repeat(field.indent));
        let replaced = self.lines[line - 1] != good && field.lines.len() == 1;
        if replaced {
            self.lines[line - 1] = good;
        }
        replaced
    }

    /// Takes out a key that the entry can do without.
    fn drop_key(&mut self, entry: &Block, line: usize, text: &str) -> bool {
        let fields = entry.children(&self.lines);
        if let Some((_, key)) = text.split_once("duplicate field `") {
            return self.drop_double(&fields, key.split('`').next().unwrap_or_default());
        }
        let unwanted = text.contains("unknown field `");
        let Some(field) = fields.into_iter().find(|field| field.holds(line)) else { return false };
        let optional = OPTIONAL.contains(&field.key.as_str()) && is_about(text, &field.key);
        if field.line() == line && (optional || unwanted) {
            // An unknown key inside `metadata: {…}` is on that line as well, and `metadata` must stay.
            return field.key != "metadata" && {
                self.take_out(&field);
                true
            };
        }
        let below = field.children(&self.lines).into_iter().find(|below| below.line() == line);
        match below {
            Some(below) if unwanted => {
                self.take_out(&below);
                true
            }
            _ => false,
        }
    }

    /// Takes out the later one of two keys. The parser points at the beginning of what holds them.
    fn drop_double(&mut self, fields: &[Block], key: &str) -> bool {
        let below = fields.iter().map(|field| field.children(&self.lines));
        let siblings = below.chain([fields.to_vec()]);
        let doubles =
            siblings.map(|blocks| blocks.into_iter().filter(|block| block.key == key).collect::<Vec<_>>());
        let later =
            doubles.filter(|doubles| doubles.len() > 1).find_map(|doubles| doubles.into_iter().next_back());
        later.is_some_and(|block| {
            self.take_out(&block);
            true
        })
    }

    /// Empties lines and keeps their number.
    fn take_out(&mut self, block: &Block) {
        for line in &mut self.lines[block.lines.clone()] {
            self.lost_anchors.extend(anchors(line));
            *line = if line.ends_with('\n') { "\n".to_owned() } else { String::new() };
        }
    }
}

/// Whether the parser refuses the value of this key: it puts the path in front.
fn is_about(text: &str, key: &str) -> bool {
    text.split(": ").next().is_some_and(|path| path.rsplit('.').next() == Some(key))
}

/// Whether a whole word of a line is followed by a colon.
fn is_key(line: &str, at: usize, length: usize) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let before = line[..at].chars().next_back();
    let after = line[at + length..].trim_start_matches(['"', '\'', ' ']);
    !before.is_some_and(word) && after.starts_with(':')
}

/// Names of the anchors that a line sets.
fn anchors(line: &str) -> impl Iterator<Item = String> {
    line.split_whitespace().filter_map(|word| word.strip_prefix('&')).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::plugin::entry::{Origin, Tier};

    const GOOD: &str = r#"# A comment.
schema_version: "1.0"

endpoint:
  chat:
    class: acme:Chat
    description: Chat.
    priority: 3
    metadata: &chat
      endpoint_path: /v1/talk
      supports_streaming: true
      produces_tokens: true
      tokenizes_input: true
  rank: {class: acme:Rank, description: Rank., metadata: *chat}
service:
  billing:
    class: acme:Billing
    description: >
      Over several
      lines.
    metadata: {required: false, auto_start: true}
"#;

    fn examined(text: &str) -> Examined {
        let mut one =
            Examined::new(Arc::new(Origin { manifest: "/acme/plugins.yaml".into(), tier: Tier::User }));
        check(&mut one, text);
        one
    }

    /// Line and text of each finding.
    fn findings(text: &str) -> Vec<(Option<usize>, String)> {
        examined(text).findings.into_iter().map(|finding| (finding.line, finding.text)).collect()
    }

    #[test]
    fn a_good_manifest_is_read_whole() {
        let one = examined(GOOD);
        assert_eq!(one.findings, []);
        let lines: Vec<_> =
            one.subjects.iter().map(|subject| (subject.name.as_str(), subject.line)).collect();
        assert_eq!(lines, [("chat", Some(5)), ("rank", Some(14)), ("billing", Some(16))]);
    }

    #[test]
    fn who_refers_to_an_entry_that_is_wrong_is_not_to_blame() {
        let found = findings(&GOOD.replace("    description: Chat.\n", ""));
        assert_eq!(found, [(Some(6), "endpoint.chat: missing field `description`".to_owned())]);
    }

    #[test]
    fn a_misspelt_key_that_stands_there_in_its_right_spelling_as_well_is_one_finding() {
        let found = findings(&GOOD.replace("    priority: 3\n", "    priority: 3\n    priorty: 4\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].1.starts_with("endpoint.chat: unknown field `priorty`"), "{found:?}");
    }

    /// Something that happens to a text.
    #[derive(Clone, Debug)]
    enum Accident {
        Insert(usize, String),
        RemoveLine(usize),
        RepeatLine(usize),
        Cut(usize),
    }

    impl Accident {
        fn befalls(&self, text: &str) -> String {
            let boundary =
                |at: usize| (0..=at % (text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
            match self {
                Self::Insert(at, what) => {
                    let (before, after) = text.split_at(boundary(*at));
                    return format!("{before}{what}{after}");
                }
                Self::Cut(at) => return text[..boundary(*at)].to_owned(),
                Self::RemoveLine(at) if !lines.is_empty() => drop(lines.remove(at % lines.len())),
                Self::RepeatLine(at) if !lines.is_empty() => {
                    let line = lines[at % lines.len()];
                    lines.push(line);
                }
                Self::RemoveLine(_) | Self::RepeatLine(_) => {}
            }
            lines.concat()
        }
    }

    fn accident() -> impl Strategy<Value = Accident> {
        let at = any::<prop::sample::Index>().prop_map(|index| index.index(100_000));
        prop_oneof![
            (at.clone(), "[ -~\n\t]{0,4}|é|&a|\\*b|: ").prop_map(|(at, what)| Accident::Insert(at, what)),
            at.clone().prop_map(Accident::RemoveLine),
            at.clone().prop_map(Accident::RepeatLine),
            at.prop_map(Accident::Cut),
        ]
    }

    proptest! {
        /// The reader that is used and the one that tells everything agree on what is right.
        #[test]
        fn there_are_findings_exactly_where_a_manifest_is_refused(
            accidents in prop::collection::vec(accident(), 0..5)
        ) {
            let text = accidents.iter().fold(GOOD.to_owned(), |text, accident| accident.befalls(&text));
            let one = examined(&text);
            let refused = manifest::of_text(&text, &one.origin).is_err();
            prop_assert_eq!(refused, !one.findings.is_empty(), "{}\n{:?}", text, one.findings);
        }

        #[test]
        fn any_text_can_be_examined(text in any::<String>()) {
            findings(&text);
        }
    }
}
