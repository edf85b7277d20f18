//! Text inside of markup.

use std::fmt::Write;

/// The text as it stands between tags and in quoted attributes, of HTML and SVG. What neither may hold, becomes U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            _ if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') || is_direction(c) => {
                escaped.push('\u{fffd}');
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Characters that turn the direction of what is written behind them, also of what is not theirs.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Appends a place in a picture, to a tenth of a unit.
pub(super) fn place(out: &mut String, value: f64) {
    let tenths = (value * 10.0).round();
    // A picture has no negative zero.
    let rounded = if tenths == 0.0 { 0.0 } else { tenths / 10.0 };
    let _ = write!(out, "{rounded}");
}

/// The same as a text.
pub(super) fn placed(value: f64) -> String {
    let mut text = String::new();
    place(&mut text, value);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        assert_eq!(escape("</script>&'\""), "&lt;/script&gt;&amp;&#39;&quot;");
        assert_eq!(escape("a\u{0}b\u{202e}c\u{1b}\nd"), "a\u{fffd}b\u{fffd}c\u{fffd}\nd");
    }

    #[test]
    fn places_are_short() {
        assert_eq!([0.0, -0.01, 12.34, 500.0].map(placed), ["0", "0", "12.3", "500"]);
    }
}
