//! What is said to the shell of another machine: the texts of commands, and [`quoted`] words in them. Nothing here does anything.
//!
//! The login shell there may be any (sshd gives it the command as one text), so that a command is `sh -c '…'`, on one line, without `'`,
//! `!` and `\`: between such quotes every shell leaves it as it is. Inside it is for a POSIX shell. What must not stand in a list of
//! processes, such as a token, is in no command: it comes by standard input.

/// Marks the lines that are said to us: a login shell may print others.
pub(super) const MARK: &str = "prony-";

/// How the shell ends when a copy is not written, is not whole, or does not run.
pub(super) const NOT_WRITTEN: i32 = 10;
pub(super) const NOT_WHOLE: i32 = 11;
pub(super) const NOT_RUNNING: i32 = 12;

/// Which program becomes the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// A copy of this one.
    Copy,
    /// One that is installed there.
    Installed,
}

/// How an agent is started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    pub(super) program: Program,
    /// SHA-256 of the list of files that a copy has, in hexadecimal digits.
    pub(super) digest: &'a str,
    /// What the agent is called.
    pub(super) name: &'a str,
    /// Its address on NATS.
    pub(super) id: &'a str,
    /// The label that all such agents have.
    pub(super) label: &'a str,
}

/// Where copies are, and a function that says whether one in a folder is whole: by its digests, or by sizes where there is nothing
/// that makes digests.
fn places(digest: &str) -> String {
    format!(
        "digest={digest}; cache=\"${{XDG_CACHE_HOME:-$HOME/.cache}}/prony\"; copy=\"$cache/$digest\"; \
         whole() ( cd \"$1\" 2> /dev/null || exit 1; if command -v sha256sum > /dev/null; then \
         [ \"$(sha256sum < SHA256SUMS | cut -c 1-64)\" = \"$digest\" ] && sha256sum -c SHA256SUMS > /dev/null 2>&1; \
         else while read -r bytes file; do [ $(wc -c < \"$file\") -eq \"$bytes\" ] || exit 1; done < SIZES; fi ); "
    )
}

/// Says what the machine is, whether the copy is there, and where the agent will keep its journals; then takes variables from standard
/// input, a line each up to an empty one, and becomes the agent. Where the copy is missing it ends instead.
pub(super) fn start(start: &Start<'_>) -> String {
    let Start { program, digest, name, id, label } = *start;
    let find = match program {
        Program::Copy => {
            "if whole \"$copy\"; then program=\"$copy/bin/prony\"; \
             else echo \"prony-missing $(prony --version 2> /dev/null)\"; exit 0; fi; "
        }
        Program::Installed => "program=prony; ",
    };
    let places = places(digest);
    in_sh(&format!(
        "{places}echo \"prony-system $(uname -sm)\"; {find}\
         echo \"prony-dir ${{PRONY_AGENT_DIR:-${{XDG_STATE_HOME:-$HOME/.local/state}}/prony/agent}}\"; \
         while IFS= read -r line && [ -n \"$line\" ]; do export \"$line\"; done; \
         [ -n \"$PRONY_NATS\" ] || exit 1; \
         exec \"$program\" agent --name {name} --labels {label},{name} --runs 1 --started-by-ssh {id}"
    ))
}

/// Reads an archive from standard input into a folder of this `id`, tries it, and gives it the name of the copy: what is cut never has
/// that name. A broken copy is removed before, and a whole one left alone, which somebody else may have made meanwhile; what was moved
/// into that, where two machines have one home, is removed. So are folders that an earlier day has left behind half written.
pub(super) fn copy(digest: &str, id: &str) -> String {
    let places = places(digest);
    in_sh(&format!(
        "{places}umask 022; fresh=\"$cache/.copying-{id}\"; gone() {{ rm -rf \"$fresh\"; }}; \
         if [ -e \"$copy\" ]; then if whole \"$copy\"; then exit 0; fi; rm -rf \"$copy\"; fi; \
         trap gone EXIT; trap \"exit 1\" HUP INT TERM; \
         mkdir -p \"$fresh\" || exit {NOT_WRITTEN}; \
         find \"$cache\" -path \"$cache/.copying-*\" -prune -mtime +0 -exec rm -rf {{}} + 2> /dev/null; \
         ( cd \"$fresh\" && tar -xof - ) || exit {NOT_WRITTEN}; \
         whole \"$fresh\" || exit {NOT_WHOLE}; \
         \"$fresh/bin/prony\" --version > /dev/null || exit {NOT_RUNNING}; \
         if [ -e \"$copy\" ]; then whole \"$copy\" || exit {NOT_WHOLE}; exit 0; fi; \
         mv \"$fresh\" \"$copy\" || exit {NOT_WRITTEN}; rm -rf \"$copy/.copying-{id}\"; \
         command -v sha256sum > /dev/null || echo prony-by-size"
    ))
}

fn in_sh(script: &str) -> String {
    format!("sh -c {}", quoted(script))
}

/// A text as one word of a POSIX shell.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read as _,
        process::{Command, Stdio},
        thread,
        time::Duration,
    };

    use rstest::rstest;

    use super::*;
    use crate::clock::{Clock, as_ns};

    /// How long a shell may take to read a command before a test gives up.
    const TIMEOUT: Duration = Duration::from_secs(60);

    fn all() -> [String; 3] {
        let of = |program| start(&Start { program, digest: "d1", name: "a", id: "i1", label: "ssh" });
        [of(Program::Copy), of(Program::Installed), copy("d1", "i1")]
    }

    #[test]
    fn a_command_is_left_as_it_is_by_every_shell() {
        for command in all() {
            let script = command.strip_prefix("sh -c '").and_then(|rest| rest.strip_suffix('\'')).unwrap();
            assert!(!script.contains(['\'', '!', '\\', '\n']), "{script}");
        }
    }

    #[test]
    fn a_posix_shell_understands_every_command() {
        for command in all() {
            let script = command.replacen("sh -c", "sh -n -c", 1);
            let (is_understood, said) = read_by_a_shell(&script);
            assert!(is_understood, "{said}");
        }
    }

    /// Whether a POSIX shell understands a script, and what it says of it: a few lines, for which a pipe has room.
    fn read_by_a_shell(script: &str) -> (bool, String) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut shell = command.spawn().unwrap();
        let clock = Clock::start();
        let status = loop {
            if let Some(status) = shell.try_wait().unwrap() {
                break status;
            }
            if clock.now() >= as_ns(TIMEOUT) {
                shell.kill().unwrap();
                panic!("the shell does not end: {script}");
            }
            thread::sleep(Duration::from_millis(5));
        };
        let mut said = String::new();
        shell.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.success(), said)
    }

    #[rstest]
    #[case("/home/me/a-b_c.d", "/home/me/a-b_c.d")]
    #[case("", "''")]
    #[case("a b", "'a b'")]
    #[case("it's $HOME", "'it'\\''s $HOME'")]
    fn a_text_becomes_one_word(#[case] text: &str, #[case] word: &str) {
        assert_eq!(quoted(text), word);
    }
}
