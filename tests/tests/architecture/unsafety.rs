//! The keyword `unsafe` in code. Comments and texts may use the word.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

/// What the keyword stands in front of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unsafe {
    /// A block, a function, a trait, an implementation, or what is foreign.
    Code,
    /// An attribute that gives a symbol its name or its section.
    Attribute,
}

/// What of it a text has.
pub(crate) fn in_code(text: &str) -> Result<BTreeSet<Unsafe>, LexError> {
    let mut found = BTreeSet::new();
    collect(text.parse()?, &mut found);
    Ok(found)
}

fn collect(tokens: TokenStream, found: &mut BTreeSet<Unsafe>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if word == "unsafe" => {
                let is_attribute = tokens.peek().is_some_and(is_in_parentheses);
                found.insert(if is_attribute { Unsafe::Attribute } else { Unsafe::Code });
            }
            TokenTree::Group(group) => collect(group.stream(), found),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

fn is_in_parentheses(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis)
}

#[test]
fn unsafe_code_is_found_in_each_of_its_forms() {
    for code in [
        "fn f() { unsafe { g() } }",
        "unsafe\nfn f() {}",
        "unsafe extern \"C\" { fn f(); }",
        "unsafe trait A {}",
        "unsafe impl A for B {}",
        "macro_rules! m { () => { unsafe { f() } } }",
    ] {
        assert_eq!(in_code(code).unwrap(), BTreeSet::from([Unsafe::Code]), "{code}");
    }
    let attribute = "#[unsafe(no_mangle)] fn f() {}";
    assert_eq!(in_code(attribute).unwrap(), BTreeSet::from([Unsafe::Attribute]));
    for code in ["// unsafe {", "fn f() { g(\"unsafe fn\") }", "#![forbid(unsafe_code)]"] {
        assert_eq!(in_code(code).unwrap(), BTreeSet::new(), "{code}");
    }
}
