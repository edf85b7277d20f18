//! Names in paths.

/// A name, such as a model's, as one segment of a path: what would end the segment, or is not allowed in a path, is
/// percent-encoded.
pub fn path_segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push('%');
            for digit in [byte >> 4, byte & 15] {
                segment.extend(char::from_digit(digit.into(), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_segment_is_encoded() {
        assert_eq!(path_segment("org/m?é"), "org%2Fm%3F%C3%A9");
        assert_eq!(path_segment("gpt-4.1_x~:@0"), "gpt-4.1_x~:@0");
    }
}
