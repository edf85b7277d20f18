//! Settings under a name, as the user types them: `NAME: KEY=VALUE, KEY=VALUE`.

/// A name, and keys with their values; what the keys mean is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) values: Vec<(String, String)>,
}

/// Reads one; nothing if it is none. What stands behind a comma is a part of the value before it, unless it is a pair itself.
pub(super) fn variant(text: &str) -> Option<Variant> {
    let (name, pairs) = text.split_once(':')?;
    let mut values: Vec<(String, String)> = Vec::new();
    for part in pairs.split(',') {
        match (part.split_once('='), values.last_mut()) {
            (Some((key, value)), _) if is_key(key.trim()) => {
                values.push((key.trim().to_owned(), value.trim().to_owned()));
            }
            (_, Some((_, before))) => {
                before.push(',');
                before.push_str(part.trim());
            }
            _ => return None,
        }
    }
    let name = name.trim();
    (!name.is_empty() && !values.is_empty()).then(|| Variant { name: name.to_owned(), values })
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a: isl=5", Some("a|isl=5"))]
    #[case("long prompts: isl=5000,  osl=20", Some("long prompts|isl=5000|osl=20"))]
    #[case(
        "law: isl-distribution=lognormal:550,400, osl=5",
        Some("law|isl-distribution=lognormal:550,400|osl=5")
    )]
    #[case("a:isl=5,extra_inputs=x:1", Some("a|isl=5|extra_inputs=x:1"))]
    #[case("isl=5", None)]
    #[case(": isl=5", None)]
    #[case("a:", None)]
    #[case("a: 5, isl=5", None)]
    fn a_variant_is_a_name_and_pairs(#[case] text: &str, #[case] expected: Option<&str>) {
        let words = |Variant { name, values }| {
            let pairs = values.into_iter().map(|(key, value)| format!("{key}={value}"));
            std::iter::once(name).chain(pairs).collect::<Vec<_>>().join("|")
        };
        assert_eq!(variant(text).map(words).as_deref(), expected);
    }
}
