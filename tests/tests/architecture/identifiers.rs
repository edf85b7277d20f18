//! The names in code, whatever they name: keywords, too, and what stands in macros. Comments and texts have none.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

/// All names in this code but those of tests, which are sentences.
pub(crate) fn identifiers(code: &str) -> Result<BTreeSet<String>, LexError> {
    let mut found = BTreeSet::new();
    collect(code.parse()?, &mut found);
    Ok(found)
}

fn collect(tokens: TokenStream, found: &mut BTreeSet<String>) {
    let mut tokens = tokens.into_iter();
    // A `#` was the last token; an attribute says that the next function is a test.
    let (mut is_attribute, mut is_test) = (false, false);
    while let Some(token) = tokens.next() {
        let begins_attribute = matches!(&token, TokenTree::Punct(sign) if sign.as_char() == '#');
        match token {
            TokenTree::Ident(name) if name == "fn" && is_test => drop(tokens.next()),
            TokenTree::Ident(name) => {
                found.insert(name.to_string());
            }
            TokenTree::Group(group) => {
                let inner = group.stream();
                is_test |= is_attribute && makes_a_test(&inner);
                is_test &= group.delimiter() != Delimiter::Brace;
                collect(inner, found);
            }
            TokenTree::Punct(sign) => is_test &= sign.as_char() != ';',
            TokenTree::Literal(_) => {}
        }
        is_attribute = begins_attribute;
    }
}

/// `test`, `rstest`, `tokio::test(…)`; not `cfg(test)`.
fn makes_a_test(attribute: &TokenStream) -> bool {
    attribute
        .clone()
        .into_iter()
        .any(|token| matches!(token, TokenTree::Ident(name) if name == "test" || name == "rstest"))
}

#[test]
fn names_stand_in_code_alone() {
    let code = "/// What it told.\nfn f() { let x = \"ears\"; g!(x, |Told| Told + 1) } // leash\n";
    let expected = ["Told", "doc", "f", "fn", "g", "let", "x"].map(str::to_owned);
    assert_eq!(identifiers(code).unwrap(), BTreeSet::from(expected));
}

#[test]
fn the_name_of_a_test_is_left_out_and_nothing_else_of_it() {
    for attributes in [
        "#[test]",
        "#[rstest] #[case(1)]",
        "#[tokio::test(start_paused = true)] async",
        "#[test] #[ignore = \"slow\"] pub(crate)",
    ] {
        let found = identifiers(&format!("{attributes} fn a_name(an_argument: u8) {{ a_local }}")).unwrap();
        assert!(!found.contains("a_name"), "{attributes}: {found:?}");
        assert!(found.contains("an_argument") && found.contains("a_local"), "{attributes}: {found:?}");
    }
    for before in ["#[cfg(test)]", "#[test] fn f() {}", "#[test] const A: u8 = 1;", "[test]"] {
        let found = identifiers(&format!("{before} fn a_name() {{}}")).unwrap();
        assert!(found.contains("a_name"), "{before}: {found:?}");
    }
}
