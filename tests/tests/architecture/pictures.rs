//! Words that are no term of this field, where code has one in a name. Comments and texts may use them.

use std::collections::BTreeSet;

const PICTURES: [&str; 7] = ["crew", "ears", "errand", "leash", "parcel", "told", "untold"];

/// Those of these names that have such a word in them.
pub(crate) fn among(names: &BTreeSet<String>) -> Vec<&String> {
    let is_picture = |word: &String| PICTURES.contains(&word.as_str());
    names.iter().filter(|name| words(name).iter().any(is_picture)).collect()
}

/// The words of a name, which `_` and capital letters keep apart: those of `is_told` and `IsTold` are `is` and `told`.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let is_small = |letter: Option<&char>| letter.is_some_and(|letter| !letter.is_uppercase());
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let begins = letter.is_uppercase() && (is_small(before) || is_small(letters.get(at + 1)));
        if *letter == '_' || begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| *letter != '_') {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

#[test]
fn a_picture_is_found_wherever_it_stands_in_a_name() {
    let found = |name: &str| !among(&BTreeSet::from([name.to_owned()])).is_empty();
    for name in ["told", "Told", "is_told", "IsTold", "isTold", "MOST_TOLD", "TOLD", "HTTPTold", "untold"] {
        assert!(found(name), "{name}");
    }
    for name in ["years", "appears", "toldest", "retold", "crewed"] {
        assert!(!found(name), "{name}");
    }
}
