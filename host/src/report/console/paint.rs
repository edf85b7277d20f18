//! Colours for a terminal. They say nothing that the words do not.

/// Titles of sections, which begin a line.
const TITLES: [&str; 5] = ["Throughput", "Requests", "Client", "Errors", "Errors of the warm-up"];

/// What begins the titles of breakdowns, and the head of the table.
const HEADS: [&str; 2] = ["By ", "Metric "];

/// What lines begin with, and the style of that: yellow, cyan.
const LEADS: [(&str, &str); 2] = [("warning:", "33"), ("note:", "36")];

/// Words of the verdict and their styles: green, yellow, red, each bold.
const VERDICTS: [(&str, &str); 3] = [("sound", "1;32"), ("doubtful", "1;33"), ("invalid", "1;31")];

/// The text of a report with colours. It has no control characters of its own.
pub(crate) fn painted(text: &str) -> String {
    text.split_inclusive('\n').map(line).collect()
}

fn line(line: &str) -> String {
    let bare = line.trim_end_matches('\n');
    if TITLES.contains(&bare) || HEADS.iter().any(|head| bare.starts_with(head)) {
        return styled(bare, "1") + &line[bare.len()..];
    }
    if let Some(rest) = line.strip_prefix("verdict  ") {
        let found = VERDICTS.iter().find_map(|(word, style)| Some((word, style, rest.strip_prefix(word)?)));
        return found.map_or_else(
            || line.to_owned(),
            |(word, style, rest)| format!("verdict  {}{rest}", styled(word, style)),
        );
    }
    let lead = LEADS.iter().find_map(|(lead, style)| Some((lead, style, line.strip_prefix(lead)?)));
    lead.map_or_else(|| line.to_owned(), |(lead, style, rest)| styled(lead, style) + rest)
}

fn styled(text: &str, style: &str) -> String {
    format!("\u{1b}[{style}m{text}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without what a terminal takes for a style.
    fn bare(text: &str) -> String {
        let mut pieces = text.split("\u{1b}[");
        let first = pieces.next().unwrap_or_default().to_owned();
        first + &pieces.filter_map(|piece| piece.split_once('m')).map(|(_, text)| text).collect::<String>()
    }

    #[test]
    fn colours_change_no_word() {
        let text =
            "verdict  doubtful: 3 of 4\n\nClient\n  ok\nwarning: a [b]\nnote: c\nMetric  avg\n  Clients\n";
        let painted = painted(text);
        assert_eq!(bare(&painted), text);
        assert!(painted.starts_with("verdict  \u{1b}[1;33mdoubtful\u{1b}[0m: 3"), "{painted:?}");
        assert!(painted.contains("\n\u{1b}[1mClient\u{1b}[0m\n  ok\n"), "{painted:?}");
        assert!(painted.contains("\u{1b}[33mwarning:\u{1b}[0m a"), "{painted:?}");
    }
}
