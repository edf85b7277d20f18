//! What a command says: results to stdout, everything else to stderr.
//!
//! A reader that has gone away (`prony report D | head`) is no error. Writing never panics. What goes to stderr may hold what
//! a server said, and is looked through for the run's secrets; reports are made from a journal that has none.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, ErrorKind, Write},
    os::fd::AsFd,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use super::exit::{Exit, Failure, Form};
use crate::{config::redact, report::console::painted, screen::Screen, stderr};

/// The screen that results go to.
pub(crate) fn screen() -> Screen {
    match KEPT.get() {
        Some(stdout) => Screen::of(stdout),
        None => Screen::of(&io::stdout()),
    }
}

/// Rows of cells as text, as wide as the screen that results go to.
pub(super) fn rows(rows: &[Vec<String>]) -> String {
    screen().list(rows).into_iter().map(|line| line + "\n").collect()
}

/// Bytes of the longest word that is printed whole. Paths may have 4096.
const LONGEST_WORD: usize = 4096;

/// Prints a result. A closed stdout ends it quietly.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    // On a terminal, warnings that came before it stand before it.
    stderr::flush();
    if let Some(mut stdout) = KEPT.get() {
        return printed(stdout.write_all(text.as_bytes()));
    }
    let mut stdout = io::stdout().lock();
    printed(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Prints the report of a run, in colours where the screen has any.
pub(crate) fn print_report(text: &str) -> Result<(), Failure> {
    if screen().has_colours() { print(&painted(text)) } else { print(text) }
}

/// Where results go that are written piece by piece.
pub(super) struct Results;

impl Write for Results {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match KEPT.get() {
            Some(mut stdout) => stdout.write(bytes),
            None => io::stdout().lock().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match KEPT.get() {
            Some(mut stdout) => stdout.flush(),
            None => io::stdout().lock().flush(),
        }
    }
}

/// Standard output, where nobody else writes to it.
static KEPT: OnceLock<File> = OnceLock::new();

/// Keeps standard output for results. What a plugin prints goes to standard error from now on.
pub(super) fn keep_standard_output() {
    // Where it is closed, or there is no descriptor left, it stays as it is.
    let Ok(own) = io::stdout().as_fd().try_clone_to_owned() else { return };
    if KEPT.set(File::from(own)).is_ok()
        && let Err(error) = rustix::stdio::dup2_stdout(io::stderr())
    {
        tracing::debug!(%error, "what plugins print stands in the report");
    }
}

fn printed(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failed, "write to standard output").caused_by(&error))
        }
        _ => Ok(()),
    }
}

/// Only errors are shown from now on.
static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// Has warnings and progress left out from now on, if that is wanted.
pub(super) fn be_quiet_if(is_wanted: bool) {
    IS_QUIET.fetch_or(is_wanted, Ordering::Relaxed);
}

/// Whether the user wants to hear of errors only.
pub(super) fn is_quiet() -> bool {
    IS_QUIET.load(Ordering::Relaxed)
}

/// Tells the user something that does not stop the command.
pub(crate) fn warn(text: &str) {
    if !is_quiet() {
        say_why(text);
    }
}

/// Tells the user why the process ends with another exit code than that of success. It is heard with `--quiet` as well.
pub(super) fn say_why(text: &str) {
    let text = redact::shown(text);
    stderr::write(Screen::of(&io::stderr()).paragraph("warning: ", &brief(&text)) + "\n");
}

/// Prints why a command failed: everything that is wrong, one after the other.
pub(crate) fn explain(failure: &Failure) {
    std::iter::once(failure).chain(&failure.beside).for_each(explain_one);
}

fn explain_one(failure: &Failure) {
    // Before it is broken into lines, and a secret with it.
    let shown = |text: &String| redact::shown(text).into_owned();
    let failure = Failure {
        message: shown(&failure.message),
        causes: failure.causes.iter().map(shown).collect(),
        hint: failure.hint.as_ref().map(shown),
        beside: Vec::new(),
        ..*failure
    };
    stderr::write(explanation(&failure, Screen::of(&io::stderr())));
}

/// Prints what clap has to say: help and version are results, the rest are errors of usage.
pub(crate) fn answer(answer: &clap::Error) -> Result<Exit, Failure> {
    let text = answer.to_string();
    let shown = brief(&text);
    if shown != text {
        stderr::write(shown.into_owned());
        return Ok(Exit::Usage);
    }
    let result = answer.print();
    if answer.use_stderr() { Ok(Exit::Usage) } else { printed(result).map(|()| Exit::Success) }
}

/// What a server or a file says must not move the cursor or ring the bell.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The same with its line breaks.
fn printable_lines(text: &str) -> String {
    let text = brief(text.trim());
    let lines = text.lines().map(|line| printable(&line.replace('\t', " ")));
    lines.collect::<Vec<_>>().join("\n")
}

/// The text with its longest words cut: an error must not repeat all of what somebody gave in place of a name.
fn brief(text: &str) -> Cow<'_, str> {
    let is_long = |word: &str| word.len() > LONGEST_WORD;
    if !text.split_whitespace().any(is_long) {
        return text.into();
    }
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        match word.char_indices().nth(LONGEST_WORD / 4) {
            Some((end, _)) if is_long(word) => {
                let space = word.chars().last().filter(|last| last.is_whitespace());
                let left = word[end..].chars().count() - usize::from(space.is_some());
                format!(
                    "{}... ({left} more characters){}",
                    &word[..end],
                    space.map_or(String::new(), String::from)
                )
                .into()
            }
            _ => Cow::from(word),
        }
    });
    words.collect::<String>().into()
}

/// What failed, what lies behind it, what to do: a line each, unless a server said more or the screen is narrow. What
/// follows a first line is indented: no line of a server's looks like one of ours.
fn explanation(failure: &Failure, screen: Screen) -> String {
    let begin = match failure.form {
        Form::Attempt => "failed to ",
        Form::Statement => "",
    };
    let paragraph = |lead, text: &str| screen.paragraph(lead, text) + "\n";
    let error = format!("{begin}{}", printable_lines(&failure.message));
    let error = Some(paragraph("error: ", &error));
    let cause = printable_lines(&failure.causes.join(": "));
    let cause = (!cause.is_empty()).then(|| paragraph("cause: ", &cause));
    let help = failure.hint.as_ref().map(|hint| paragraph("help: ", hint));
    [error, cause, help].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_three_lines() {
        let failure = Failure {
            exit: Exit::Plugin,
            message: "load the plugin `x`".to_owned(),
            form: Form::Attempt,
            causes: vec!["open `libx.so`".to_owned(), "no such file".to_owned()],
            hint: Some("build it".to_owned()),
            beside: Vec::new(),
        };
        insta::assert_snapshot!(explanation(&failure, Screen::UNLIMITED), @r"
        error: failed to load the plugin `x`
        cause: open `libx.so`: no such file
        help: build it
        ");
    }

    #[test]
    fn a_servers_line_breaks_are_kept_and_its_commands_are_not() {
        let failure = Failure {
            causes: vec!["1 request failed".to_owned(), "no:\r\nerror: \tfaked\u{1b}[2J\n".to_owned()],
            ..Failure::new(Exit::Failed, "try")
        };
        insta::assert_snapshot!(explanation(&failure, Screen::UNLIMITED), @r"
        error: failed to try
        cause: 1 request failed: no:
               error:  faked�[2J
        ");
    }

    #[test]
    fn a_word_without_an_end_is_cut() {
        let text = format!("model `{}` is not known\n", "x".repeat(100_000));
        let expected = format!("model `{}... (98978 more characters) is not known\n", "x".repeat(1023));
        assert_eq!(brief(&text), expected);
        assert_eq!(brief("a b\nc "), "a b\nc ");
    }

    #[test]
    fn a_failure_without_cause_and_hint_is_one_line() {
        assert_eq!(
            explanation(&Failure::new(Exit::Failed, "try"), Screen::UNLIMITED),
            "error: failed to try\n"
        );
    }

    #[test]
    fn a_statement_stands_as_it_is() {
        let failure = Failure::statement(Exit::Usage, "`--model` is required");
        assert_eq!(explanation(&failure, Screen::UNLIMITED), "error: `--model` is required\n");
    }
}
