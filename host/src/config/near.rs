//! Names that are close to what was typed. Flags and keys of rows are suggested by the same measure.

/// A beginning of so many characters is enough to tell what was meant.
const LEAST_PREFIX: usize = 5;

/// The known name that was probably meant: one that begins like what was typed, or is a few keystrokes away. Capital letters
/// are as good as small ones.
pub(crate) fn near<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let length = typed.chars().count();
    let distance = |name: &str| match name.to_lowercase() {
        name if length >= LEAST_PREFIX && name.starts_with(&typed) => 0,
        name => strsim::damerau_levenshtein(&typed, &name),
    };
    let (distance, name) = known.into_iter().map(|name| (distance(name), name)).min()?;
    (distance <= (length / 4).max(1)).then_some(name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::swapped("txet", Some("text"))]
    #[case::capital("Text", Some("text"))]
    #[case::beginning("output", Some("output_length"))]
    #[case::several_keystrokes("ouput_lenght", Some("output_length"))]
    #[case::far("temperature", None)]
    #[case::nothing("", None)]
    fn only_near_names_are_suggested(#[case] typed: &str, #[case] expected: Option<&str>) {
        assert_eq!(near(typed, ["text", "texts", "output_length", "image"]), expected);
    }
}
