//! The pages of the documentation: their lines, links, headings, and the blocks of commands on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, iter,
    path::{Component, Path, PathBuf},
    sync::LazyLock,
};

/// A file of sessions that a reader of the pages has.
pub const DAY: &str = "\
{\"prony_sessions\": 1}
{\"id\": \"a\", \"starts_ns\": 0, \"steps\": [{\"messages\": [{\"role\": \"user\", \"parts\": [{\"kind\": \"text\", \"data\": \"Hello\"}]}], \"max_tokens\": 4}]}
";

/// A page, by its place in the repository.
#[derive(Debug)]
pub struct Page {
    /// Its path below the root of the repository.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

/// What a line of a page is.
#[derive(Debug)]
pub enum Line<'page> {
    /// Text, without what stands between backticks.
    Prose(String),
    /// Within a block, by what stands behind the backticks that begin it.
    Code(&'page str),
}

/// A block of commands.
#[derive(Debug)]
pub struct Block {
    /// The number of the line that begins it.
    pub line: usize,
    /// What is typed: without what is printed, and of a pipeline's file its commands of prony alone.
    pub text: String,
    /// Whether it is of the file of a pipeline, whose job begins with nothing but the files of the repository.
    pub is_pipeline: bool,
}

impl Page {
    /// Reads the page at this place.
    ///
    /// # Panics
    /// When there is none.
    pub fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(root().join(&path)).expect("a page of the repository");
        Self { path, text }
    }

    /// Its lines but those that begin and end a block, with their numbers.
    pub fn lines(&self) -> Vec<(usize, &str, Line<'_>)> {
        let mut block = None;
        let mut lines = Vec::new();
        for (number, line) in iter::zip(1.., self.text.lines()) {
            match (line.trim_start().strip_prefix("```"), block) {
                (Some(mark), None) => block = Some(mark.trim()),
                (Some(_), Some(_)) => block = None,
                (None, Some(mark)) => lines.push((number, line, Line::Code(mark))),
                (None, None) => {
                    let prose = line.split('`').step_by(2).collect();
                    lines.push((number, line, Line::Prose(prose)));
                }
            }
        }
        lines
    }

    /// Where its links lead, with the numbers of their lines; without those to other sites.
    pub fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (number, _, line) in self.lines() {
            let Line::Prose(prose) = line else { continue };
            let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            let here = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
            links.extend(here.map(|target| (number, target.to_owned())));
        }
        links
    }

    /// The place of what a link of it leads to. A link that begins with `#` leads to the page itself.
    ///
    /// # Panics
    /// When the link leads out of the repository.
    pub fn place(&self, target: &str) -> PathBuf {
        let file = target.split('#').next().unwrap_or_default();
        if file.is_empty() {
            return self.path.clone();
        }
        let mut place = PathBuf::new();
        for part in self.path.parent().expect("a page stands in a folder").join(file).components() {
            match part {
                Component::ParentDir => assert!(place.pop(), "{}: {target} leads out", self.path.display()),
                part => place.push(part),
            }
        }
        place
    }

    /// The anchors of its headings, as GitHub and mdBook make them.
    pub fn anchors(&self) -> BTreeSet<String> {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut anchors = BTreeSet::new();
        for (_, line, kind) in self.lines() {
            if !line.starts_with('#') || matches!(kind, Line::Code(_)) {
                continue;
            }
            let anchor = anchor(line.trim_start_matches('#').trim());
            let times = seen.entry(anchor.clone()).or_default();
            anchors.insert(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
            *times += 1;
        }
        anchors
    }

    /// What stands below a title of its second level, up to the next one.
    ///
    /// # Panics
    /// When it has no such title.
    #[must_use]
    pub fn section(&self, title: &str) -> Self {
        let (_, rest) = self.text.split_once(&format!("\n## {title}\n")).expect("a title of the page");
        let text = rest.split("\n## ").next().unwrap_or_default().to_owned();
        Self { path: self.path.clone(), text }
    }

    /// What its blocks have in them behind whose first backticks stands just this.
    pub fn code(&self, language: &str) -> Vec<String> {
        let mut blocks: Vec<String> = Vec::new();
        let mut last = 0;
        for (number, line, kind) in self.lines() {
            if !matches!(kind, Line::Code(mark) if mark == language) {
                continue;
            }
            if blocks.is_empty() || number != last + 1 {
                blocks.push(String::new());
            }
            last = number;
            if let Some(block) = blocks.last_mut() {
                block.push_str(line);
                block.push('\n');
            }
        }
        blocks
    }

    /// Its blocks of commands, in order.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let (mut last, mut goes_on) = (0, false);
        for (number, line, kind) in self.lines() {
            let Line::Code(mark) = kind else { continue };
            let language = mark.split([' ', ',']).next().unwrap_or_default();
            let typed = match language {
                "sh" | "bash" => line,
                "console" | "yaml" | "groovy" if goes_on => line,
                // Behind a `$` stands what is typed; the rest is what is printed.
                "console" => line.strip_prefix("$ ").unwrap_or_default(),
                "yaml" | "groovy" => of_a_pipeline(line),
                _ => continue,
            };
            if blocks.is_empty() || number != last + 1 {
                let is_pipeline = matches!(language, "yaml" | "groovy");
                blocks.push(Block { line: number - 1, text: String::new(), is_pipeline });
            }
            last = number;
            goes_on = typed.ends_with('\\');
            if let Some(block) = blocks.last_mut() {
                block.text.push_str(typed);
                block.text.push('\n');
            }
        }
        blocks
    }
}

/// The command of ours in a line of a pipeline's file; nothing where there is none.
fn of_a_pipeline(line: &str) -> &str {
    let line = line.trim_start();
    let line = line.strip_prefix("- ").unwrap_or(line);
    let line = line.strip_prefix("run: ").unwrap_or(line);
    if line.starts_with("prony ") { line } else { "" }
}

/// The folder of the repository.
///
/// # Panics
/// Never: the package of the tests stands in it.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a package stands in a folder")
}

/// The Markdown files of a folder and below it, in order.
fn markdown(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).expect("a folder of the repository") {
        let place = folder.join(entry.expect("a file of the repository").file_name());
        if root().join(&place).is_dir() {
            found.extend(markdown(&place));
        } else if place.extension().is_some_and(|extension| extension == "md") {
            found.push(place);
        }
    }
    found.sort();
    found
}

/// What users and developers read.
pub fn pages() -> &'static [Page] {
    static PAGES: LazyLock<Vec<Page>> = LazyLock::new(|| {
        let host = markdown(Path::new("host")).into_iter();
        let host = host.filter(|path| path.parent() == Some(Path::new("host")));
        let others = ["README.md", "plugin-api/README.md"].map(PathBuf::from);
        markdown(Path::new("docs")).into_iter().chain(host).chain(others).map(Page::read).collect()
    });
    &PAGES
}

/// The pages of the example plugins, which stand beside their sources and not in the book.
pub fn pages_of_examples() -> &'static [Page] {
    static PAGES: LazyLock<Vec<Page>> =
        LazyLock::new(|| markdown(Path::new("plugins")).into_iter().map(Page::read).collect());
    &PAGES
}

/// The page at this place.
///
/// # Panics
/// When there is none.
pub fn page(path: &str) -> &'static Page {
    pages().iter().find(|page| page.path == Path::new(path)).expect("a page of the documentation")
}

/// Compares a page of `docs` with what it is made from, and writes it where it is missing.
///
/// # Panics
/// When they differ, and when it is missing: what was written is looked at first.
pub fn compare(name: &str, made: &str) {
    let file = root().join("docs").join(name);
    let kept = fs::read_to_string(&file).unwrap_or_default();
    if kept.is_empty() {
        fs::write(&file, made).expect("a page that can be written");
    }
    assert!(
        kept == made,
        "docs/{name} is not what the sources say: remove it, run this test, look at what it wrote, and run it again"
    );
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    // Of a link, its text is the heading.
    let mut text = String::new();
    for (at, part) in heading.split("](").enumerate() {
        let part = if at == 0 { part } else { part.split_once(')').map_or("", |(_, rest)| rest) };
        text.push_str(part);
    }
    let keep = |sign: char| {
        let stays = sign.is_alphanumeric() || matches!(sign, '_' | '-');
        if stays { Some(sign) } else { sign.is_whitespace().then_some('-') }
    };
    text.to_lowercase().chars().filter_map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_has_the_anchor_of_its_text() {
        assert_eq!(anchor("What `--slo` says, of [a run](RUN.md#x) (once)"), "what---slo-says-of-a-run-once");
    }

    #[test]
    fn a_section_has_its_own_code() {
        let text =
            "# A\n\n## B\n\n```sh\nb\n```\n```yaml\nc: 1\n```\n```sh\nd\ne\n```\n\n## F\n\n```sh\nf\n```\n";
        let page = Page { path: PathBuf::from("a.md"), text: text.to_owned() };
        assert_eq!(page.section("B").code("sh"), ["b\n", "d\ne\n"]);
        assert_eq!(page.code("yaml"), ["c: 1\n"]);
    }

    #[test]
    fn blocks_have_what_is_typed() {
        let text = "```sh\nprony runs\n```\n```console\n$ prony show last\nsound\n```\n\
                    ```yaml\njobs:\n  - run: prony doctor \\\n      --json\n  - echo\n```\n";
        let page = Page { path: PathBuf::from("a.md"), text: text.to_owned() };
        let blocks = page.blocks();
        let typed: Vec<(usize, &str, bool)> =
            blocks.iter().map(|block| (block.line, block.text.trim(), block.is_pipeline)).collect();
        let in_a_pipeline = "prony doctor \\\n      --json";
        assert_eq!(
            typed,
            [(1, "prony runs", false), (4, "prony show last", false), (8, in_a_pipeline, true)]
        );
    }
}
