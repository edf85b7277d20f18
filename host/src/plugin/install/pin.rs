//! Writes hashes into a manifest's text, which keeps its comments, its order and its line endings.

use std::sync::Arc;

use crate::plugin::{
    entry::{Category, Class, Entry, Key, Origin},
    integrity::Digest,
    manifest::{self, Manifest},
    outline::{self, Block},
};

/// Why a hash cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PinProblem {
    /// The entry is written in a way that is not edited here.
    #[error("the {category} `{name}` is written in a style that cannot be edited")]
    Style { category: Category, name: String },
    /// The edited text would say something else.
    #[error("the copy would not say the same as the original")]
    Differs,
}

/// The text of a manifest with the hash of its library in every entry.
///
/// It is read back: apart from hashes, it says what `manifest` says.
pub(super) fn pinned(
    text: &str,
    manifest: &Manifest,
    digest: impl Fn(&Class) -> Option<Digest>,
) -> Result<String, PinProblem> {
    let origin = manifest.endpoints.first().map(|entry| &entry.origin);
    let origin = origin.or(manifest.services.first().map(|entry| &entry.origin));
    let Some(origin) = origin else { return Ok(text.to_owned()) };
    let mut text = text.to_owned();
    // An entry may be the alias of another: each edit can complete several.
    loop {
        let now = read(&text, origin)?;
        let Some((category, name, class)) = unpinned(&now) else {
            let same = same(&manifest.endpoints, &now.endpoints, &digest)
                && same(&manifest.services, &now.services, &digest);
            return if same { Ok(text) } else { Err(PinProblem::Differs) };
        };
        let style = || PinProblem::Style { category, name: name.clone() };
        let edited =
            digest(class).and_then(|digest| insert(&text, category, &name, digest)).ok_or_else(style)?;
        // It must have helped, or this would go on for ever.
        let pinned = |manifest: &Manifest| {
            unpinned(manifest).is_none_or(|(of, other, _)| (of, &other) != (category, &name))
        };
        if !read(&edited, origin).is_ok_and(|manifest| pinned(&manifest)) {
            return Err(style());
        }
        text = edited;
    }
}

fn read(text: &str, origin: &Arc<Origin>) -> Result<Manifest, PinProblem> {
    manifest::of_text(text, origin).map_err(|_| PinProblem::Differs)
}

/// The first entry without a hash.
fn unpinned(manifest: &Manifest) -> Option<(Category, String, &Class)> {
    let endpoint = manifest.endpoints.iter().find(|entry| entry.integrity.is_none());
    let endpoint = endpoint.map(|entry| (Category::Endpoint, entry.name.clone(), &entry.class));
    let service = manifest.services.iter().find(|entry| entry.integrity.is_none());
    endpoint.or(service.map(|entry| (Category::Service, entry.name.clone(), &entry.class)))
}

fn insert(text: &str, category: Category, name: &str, digest: Digest) -> Option<String> {
    let mut lines = outline::lines(text);
    let mut entries = outline::entries(&lines).into_iter();
    let (_, entry) = entries.find(|(of, block)| *of == category && Key::of(&block.key) == Key::of(name))?;
    let class = entry.children(&lines).into_iter().find(|field| field.key == "class");
    match class {
        Some(class) => insert_line(&mut lines, &class, digest),
        None => insert_into_braces(&mut lines, &entry, digest)?,
    }
    Some(lines.concat())
}

/// A line of its own, below that of the class.
fn insert_line(lines: &mut Vec<String>, class: &Block, digest: Digest) {
    let ending = if lines[class.lines.start].ends_with("\r\n") { "\r\n" } else { "\n" };
    let line = &mut lines[class.lines.start];
    if !line.ends_with('\n') {
        line.push_str(ending);
    }
    lines.insert(class.lines.start + 1, format!("{}integrity: {digest}{ending}", " ".repeat(class.indent)));
}

/// The first key inside `name: {…}`.
fn insert_into_braces(lines: &mut [String], entry: &Block, digest: Digest) -> Option<()> {
    let line = lines.get_mut(entry.lines.start)?;
    let value = line.find(&format!("{}:", entry.key))? + entry.key.len() + 1;
    let brace = value + line[value..].find('{')?;
    // Nothing but the brace itself may stand between: it could be that of a tag or an anchor's value.
    if !line[value..brace].trim().is_empty() {
        return None;
    }
    line.insert_str(brace + 1, &format!("integrity: {digest}, "));
    Some(())
}

/// Whether the entries are what they were, each with the right hash.
fn same<M: Clone + PartialEq>(
    before: &[Entry<M>],
    after: &[Entry<M>],
    digest: &impl Fn(&Class) -> Option<Digest>,
) -> bool {
    let expected: Vec<Entry<M>> =
        before.iter().map(|entry| Entry { integrity: digest(&entry.class), ..entry.clone() }).collect();
    expected == after
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::plugin::entry::Tier;

    const METADATA: &str = "metadata: {endpoint_path: null, supports_streaming: true, produces_tokens: true, tokenizes_input: true}";

    fn pin(text: &str) -> Result<String, PinProblem> {
        let origin = Arc::new(Origin { manifest: "/acme/plugins.yaml".into(), tier: Tier::User });
        let manifest = manifest::of_text(text, &origin).unwrap();
        let digest = Digest::of(b"abc");
        let pinned = pinned(text, &manifest, |_| Some(digest))?;
        Ok(pinned.replace(&digest.to_string(), "sha256-ABC").replace(METADATA, "METADATA"))
    }

    #[test]
    fn text_and_comments_stay() {
        let text = format!(
            "# Ours.\nschema_version: \"1.0\"\nendpoint:\n  # The first.\n  one:\n    class: acme:One # here\n    \
             description: 'It''s one.'\n    {METADATA}\n\n  two: {{class: acme:Two, description: Two., {METADATA}}}\n"
        );
        insta::assert_snapshot!(pin(&text).unwrap(), @r#"
        # Ours.
        schema_version: "1.0"
        endpoint:
          # The first.
          one:
            class: acme:One # here
            integrity: sha256-ABC
            description: 'It''s one.'
            METADATA

          two: {integrity: sha256-ABC, class: acme:Two, description: Two., METADATA}
        "#);
    }

    #[test]
    fn line_endings_stay_and_a_last_line_gets_one() {
        let text = format!(
            "schema_version: \"1.0\"\r\nendpoint:\r\n  one:\r\n    description: x\r\n    {METADATA}\r\n    class: acme:One"
        );
        assert!(pin(&text).unwrap().ends_with("class: acme:One\n    integrity: sha256-ABC\n"));
        let crlf = pin(&format!("{text}\r\n")).unwrap();
        assert!(crlf.ends_with("class: acme:One\r\n    integrity: sha256-ABC\r\n"), "{crlf:?}");
    }

    #[test]
    fn what_is_pinned_already_is_left_alone() {
        let digest = Digest::of(b"abc");
        let text = format!(
            "schema_version: \"1.0\"\nendpoint:\n  one: {{class: a:A, description: x, integrity: {digest}, {METADATA}}}\n"
        );
        assert_eq!(
            pin(&text).unwrap(),
            text.replace(&digest.to_string(), "sha256-ABC").replace(METADATA, "METADATA")
        );
    }

    #[test]
    fn an_alias_is_pinned_with_what_it_stands_for() {
        let text = format!(
            "schema_version: \"1.0\"\nendpoint:\n  one: &one\n    class: acme:One\n    description: x\n    {METADATA}\n  two: *one\n"
        );
        let pinned = pin(&text).unwrap();
        assert_eq!(pinned.matches("integrity").count(), 1, "{pinned}");
    }

    #[rstest]
    #[case::all_in_braces(
        "{schema_version: \"1.0\", endpoint: {one: {class: a:A, description: x, METADATA}}}"
    )]
    #[case::brace_below(
        "schema_version: \"1.0\"\nendpoint:\n  one:\n    {class: a:A, description: x, METADATA}\n"
    )]
    fn a_style_that_is_not_understood_is_an_error(#[case] text: &str) {
        let error = pin(&text.replace("METADATA", METADATA)).unwrap_err();
        assert_eq!(error.to_string(), "the endpoint `one` is written in a style that cannot be edited");
    }
}
