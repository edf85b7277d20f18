//! What a command says: results to stdout, everything else to stderr.
//!
//! A reader that has gone away (`prony report D | head`) is no error. Writing never panics.

use std::io::{self, ErrorKind, Write};

use super::exit::{Exit, Failure, Form};
use crate::stderr;

/// Prints a result. A closed stdout ends it quietly.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    // On a terminal, warnings that came before it stand before it.
    stderr::flush();
    let mut stdout = io::stdout().lock();
    printed(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

fn printed(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failed, "write to standard output").caused_by(&error))
        }
        _ => Ok(()),
    }
}

/// Tells the user something that does not stop the command.
pub(crate) fn warn(text: &str) {
    stderr::write(format!("warning: {text}\n"));
}

/// Prints why a command failed.
pub(crate) fn explain(failure: &Failure) {
    stderr::write(explanation(failure));
}

/// Prints what clap has to say: help and version are results, the rest are errors of usage.
pub(crate) fn answer(answer: &clap::Error) -> Result<Exit, Failure> {
    let result = answer.print();
    if answer.use_stderr() { Ok(Exit::Usage) } else { printed(result).map(|()| Exit::Success) }
}

/// What a server or a file says must not move the cursor or ring the bell.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The same with its line breaks. What follows the first line is indented: no line of it looks like one of ours.
fn paragraph(text: &str) -> String {
    let lines = text.trim().lines().map(|line| printable(&line.replace('\t', " ")));
    lines.collect::<Vec<_>>().join("\n       ")
}

/// What failed, what lies behind it, what to do: a line each, unless a server said more.
fn explanation(failure: &Failure) -> String {
    let begin = match failure.form {
        Form::Attempt => "failed to ",
        Form::Statement => "",
    };
    let error = Some(format!("error: {begin}{}\n", paragraph(&failure.message)));
    let cause = paragraph(&failure.causes.join(": "));
    let cause = (!cause.is_empty()).then(|| format!("cause: {cause}\n"));
    let help = failure.hint.as_ref().map(|hint| format!("help: {hint}\n"));
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
        };
        insta::assert_snapshot!(explanation(&failure), @r"
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
        insta::assert_snapshot!(explanation(&failure), @r"
        error: failed to try
        cause: 1 request failed: no:
               error:  faked�[2J
        ");
    }

    #[test]
    fn a_failure_without_cause_and_hint_is_one_line() {
        assert_eq!(explanation(&Failure::new(Exit::Failed, "try")), "error: failed to try\n");
    }

    #[test]
    fn a_statement_stands_as_it_is() {
        let failure = Failure::statement(Exit::Usage, "`--model` is required");
        assert_eq!(explanation(&failure), "error: `--model` is required\n");
    }
}
