//! `${NAME}` and `${NAME:default}` in the texts of a file.

use super::node::{Kind, Scalar};
use crate::config::redact::is_sensitive;

/// Why a reference to a variable cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VariableError {
    #[error("the variable `{0}` is not set")]
    NotSet(String),
    #[error("there is no `}}` behind a `${{`")]
    Open,
    #[error("`${{{0}}}` names no variable: a name has letters, digits and `_`, and begins with no digit")]
    Name(String),
}

/// A text with its variables in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) scalar: Scalar,
    /// A variable of those that it was made from has the name of a secret.
    pub(super) has_secret: bool,
    /// It was made from a variable.
    pub(super) has_variable: bool,
    /// The values of variables with names of secrets.
    pub(super) secrets: Vec<String>,
}

/// Puts variables in place. `$${` is `${` itself; any other `$` means nothing.
///
/// # Errors
/// A variable is not set and has no default, or a reference is none.
pub(super) fn expand(
    scalar: &Scalar,
    look_up: &dyn Fn(&str) -> Option<String>,
) -> Result<Expanded, VariableError> {
    let mut expanded =
        Expanded { scalar: scalar.clone(), has_secret: false, has_variable: false, secrets: Vec::new() };
    let mut text = String::new();
    let mut rest = scalar.text.as_str();
    while let Some((before, behind)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            text.push_str(before);
            text.push_str("${");
            rest = behind;
            continue;
        }
        let (reference, behind) = behind.split_once('}').ok_or(VariableError::Open)?;
        let (name, default) = match reference.split_once(':') {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        if !is_name(name) {
            return Err(VariableError::Name(reference.to_owned()));
        }
        let value = look_up(name).or_else(|| default.map(str::to_owned));
        let value = value.ok_or_else(|| VariableError::NotSet(name.to_owned()))?;
        text.push_str(before);
        text.push_str(&value);
        expanded.has_variable = true;
        if is_sensitive(name) {
            expanded.has_secret = true;
            expanded.secrets.push(value);
        }
        rest = behind;
    }
    text.push_str(rest);
    let kind = if expanded.has_variable && scalar.kind == Kind::Plain { kind_of(&text) } else { scalar.kind };
    expanded.scalar = Scalar { text, kind };
    Ok(expanded)
}

/// Whether a text is the name of a variable.
pub(super) fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.chars().next().is_some_and(|c| !c.is_ascii_digit())
}

/// What a word is that stands without quotes.
fn kind_of(text: &str) -> Kind {
    match text {
        "true" => Kind::Switch(true),
        "false" => Kind::Switch(false),
        text if serde_json::from_str::<serde_json::Number>(text).is_ok() => Kind::Number,
        _ => Kind::Plain,
    }
}

/// The variables that a text cannot be read without.
pub(super) fn needed(text: &str) -> Vec<String> {
    let references = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    references.map(|(name, _)| name).filter(|name| is_name(name)).map(str::to_owned).collect()
}

/// A text of which nothing is put in place when it is read.
pub(super) fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn expanded(text: &str, kind: Kind) -> Result<Expanded, VariableError> {
        let look_up = |name: &str| match name {
            "HOST" => Some("h:1".to_owned()),
            "NUMBER" => Some("5".to_owned()),
            "EMPTY" => Some(String::new()),
            "MY_TOKEN" => Some("tk-1".to_owned()),
            _ => None,
        };
        expand(&Scalar { text: text.to_owned(), kind }, &look_up)
    }

    #[rstest]
    #[case::none("$5 and $HOST", "$5 and $HOST")]
    #[case::one("http://${HOST}/v1", "http://h:1/v1")]
    #[case::several("${HOST}${NUMBER}", "h:15")]
    #[case::default("${NONE:a:b}", "a:b")]
    #[case::set("${HOST:other}", "h:1")]
    #[case::empty_default("${NONE:}", "")]
    #[case::set_to_nothing("a${EMPTY:x}", "a")]
    #[case::itself("$${HOST} is ${HOST}", "${HOST} is h:1")]
    fn variables_are_put_in_place(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(expanded(text, Kind::Plain).unwrap().scalar.text, expected);
    }

    #[rstest]
    #[case("${NONE}", "the variable `NONE` is not set")]
    #[case("${HOST", "there is no `}` behind a `${`")]
    #[case(
        "${MY HOST}",
        "`${MY HOST}` names no variable: a name has letters, digits and `_`, and begins with no digit"
    )]
    #[case("${}", "`${}` names no variable: a name has letters, digits and `_`, and begins with no digit")]
    fn what_cannot_be_put_in_place_is_told(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(expanded(text, Kind::Plain).unwrap_err().to_string(), expected);
    }

    #[rstest]
    #[case::plain("${NUMBER}", Kind::Plain, Kind::Number)]
    #[case::switch("${NONE:true}", Kind::Plain, Kind::Switch(true))]
    #[case::quoted("${NUMBER}", Kind::Quoted, Kind::Quoted)]
    #[case::no_variable("5 s", Kind::Plain, Kind::Plain)]
    fn a_word_without_quotes_is_what_it_became(
        #[case] text: &str,
        #[case] kind: Kind,
        #[case] expected: Kind,
    ) {
        assert_eq!(expanded(text, kind).unwrap().scalar.kind, expected);
    }

    #[test]
    fn values_of_variables_with_names_of_secrets_are_known() {
        let found = expanded("Bearer ${MY_TOKEN} of ${HOST}", Kind::Plain).unwrap();
        assert!(found.has_secret);
        assert_eq!(found.secrets, ["tk-1"]);
        assert!(!expanded("${HOST}", Kind::Plain).unwrap().has_secret);
    }

    #[test]
    fn a_variable_without_a_default_is_needed() {
        assert_eq!(needed("${A} ${B:c} ${D_1}"), ["A", "D_1"]);
    }

    #[test]
    fn an_escaped_text_is_read_as_it_was() {
        let text = "a ${HOST} b";
        assert_eq!(expanded(&escaped(text), Kind::Plain).unwrap().scalar.text, text);
    }
}
