//! Words that are no term of this field, where code has one as a name. Comments and texts may use them.

use std::collections::BTreeSet;

use proc_macro2::{LexError, TokenStream, TokenTree};

const PICTURES: [&str; 6] = ["crew", "ears", "errand", "leash", "parcel", "told"];

/// Those that are a name in this code.
pub(crate) fn in_code(text: &str) -> Result<BTreeSet<&'static str>, LexError> {
    let mut found = BTreeSet::new();
    collect(text.parse()?, &mut found);
    Ok(found)
}

fn collect(tokens: TokenStream, found: &mut BTreeSet<&'static str>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => collect(group.stream(), found),
            TokenTree::Ident(name) => {
                let name = name.to_string().to_lowercase();
                found.extend(PICTURES.into_iter().find(|picture| *picture == name));
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[test]
fn a_name_is_found_and_a_comment_is_not() {
    let code = "/// What it told.\nfn f() { let x = \"told\"; g(x, |Told| Told + 1) } // ears\n";
    assert_eq!(in_code(code).unwrap(), BTreeSet::from(["told"]));
    assert_eq!(in_code("fn told_twice() {}").unwrap(), BTreeSet::new());
}
