//! Pages: one file of HTML that fetches nothing.
//!
//! A page begins with a policy that forbids it to load, send or run anything but its own style and script, which are named by their
//! hashes. What is written between [`begin`] and [`end`] is markup already: texts of others go through [`crate::chart::escape`].

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::chart::{self, escape};

const STYLE: &str = include_str!("page.css");

/// Writes everything before the body's content. Nothing may come between `<style>` and its text: the policy has its hash.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn begin(title: &str, script: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    let style = format!("{}{STYLE}", chart::STYLE);
    let mut policy = format!(
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src {}",
        hash(&style)
    );
    if let Some(script) = script {
        let _ = write!(policy, "; script-src {}", hash(script));
    }
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{}</title>\n<style>{style}</style>\n</head>\n<body>\n",
        escape(title)
    )
}

/// Writes everything behind it. The script is the one that the page began with.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn end(script: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    if let Some(script) = script {
        writeln!(out, "<script>{script}</script>")?;
    }
    out.write_all(b"</body>\n</html>\n")
}

/// A section with a heading that links to it.
pub(crate) fn section(id: &str, heading: &str, content: &str) -> String {
    format!("<section id=\"{id}\"><h2>{}</h2>\n{content}</section>\n", escape(heading))
}

/// A chart with what is said below it, and the numbers behind it.
pub(crate) fn figure(svg: &str, title: &str, note: &str, table: &chart::Table) -> String {
    format!(
        "<figure>{svg}<figcaption>{}</figcaption><details><summary>Numbers of “{}”</summary>{}</details></figure>\n",
        escape(note),
        escape(title),
        table.html(title)
    )
}

/// The path of a file below the page's folder, with `/` between its parts, as a link names it.
pub(crate) fn link(path: &str) -> String {
    let part = |part: &str| {
        percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Text that is shown as it is, and can be opened.
pub(crate) fn verbatim(summary: &str, text: &str) -> String {
    format!(
        "<details><summary>{}</summary><pre tabindex=\"0\">{}</pre></details>\n",
        escape(summary),
        escape(text)
    )
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_its_script_and_style_by_their_hashes() {
        let mut page = Vec::new();
        begin("<x>", Some("let a = 1;"), &mut page).unwrap();
        end(Some("let a = 1;"), &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("<title>&lt;x&gt;</title>"), "{page}");
        for (before, behind) in [("<style>", "</style>"), ("<script>", "</script>")] {
            let text = page.split_once(before).unwrap().1.split_once(behind).unwrap().0;
            assert!(page.contains(&hash(text)), "{before}");
        }
        assert!(
            !page.contains("http:") && !page.contains("https:") && !page.contains("unsafe-inline"),
            "{page}"
        );
    }
}
