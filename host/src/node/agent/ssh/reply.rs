//! What another machine, and ssh, say: lines that mean something to us, and why ssh gave up. Pure.

use super::script::MARK;

/// A line of the shell on the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Its operating system and processor, as `uname -sm` has them.
    System(String),
    /// There is no copy of this program, and what `prony --version` says there, if anything.
    Missing(String),
    /// Where an agent will keep its journals.
    Dir(String),
    /// There is nothing that makes digests: the copy was checked by its sizes.
    BySize,
}

/// What a line means; nothing where a login shell has printed it.
pub(super) fn reply(line: &str) -> Option<Reply> {
    let said = line.trim().strip_prefix(MARK)?;
    let (word, rest) = said.split_once(' ').unwrap_or((said, ""));
    let rest = rest.trim().to_owned();
    match word {
        "system" => Some(Reply::System(rest)),
        "missing" => Some(Reply::Missing(rest)),
        "dir" => Some(Reply::Dir(rest)),
        "by-size" => Some(Reply::BySize),
        _ => None,
    }
}

/// The port there that leads to this one here, from what OpenSSH says once it has one:
/// `Allocated port 43215 for remote forward to 127.0.0.1:4222`. The user's configuration may have others.
pub(super) fn allocated_port(line: &str, here: u16) -> Option<u16> {
    let (port, to) = allocated(line)?;
    (to == format!("127.0.0.1:{here}")).then(|| port.parse().ok())?
}

/// A port there, and what it leads to.
fn allocated(line: &str) -> Option<(&str, &str)> {
    line.trim().strip_prefix("Allocated port ")?.split_once(" for remote forward to ")
}

/// What ssh says in every session, or only while it connects: nothing that anybody needs to know.
pub(super) fn is_noise(line: &str) -> bool {
    allocated(line).is_some() || line.starts_with("Warning: Permanently added")
}

/// Why ssh has given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nobody knows the machine's name.
    UnknownName,
    /// It does not answer.
    Unreachable,
    /// It shows another key than it did, or one that nobody has seen.
    UnknownKey,
    /// It does not let us in.
    Login,
    /// It gives us no port there.
    NoPort,
    /// A port of this machine is in use that the user's configuration forwards.
    LocalPort,
    /// Something else.
    Other,
}

impl Refusal {
    /// From the lines that ssh has said, as OpenSSH words them.
    pub(super) fn of<'a>(said: impl IntoIterator<Item = &'a str>) -> Self {
        const SIGNS: [(&str, Refusal); 11] = [
            ("Could not resolve hostname", Refusal::UnknownName),
            ("Host key verification failed", Refusal::UnknownKey),
            ("Permission denied", Refusal::Login),
            ("Too many authentication failures", Refusal::Login),
            ("remote port forwarding failed", Refusal::NoPort),
            ("Could not request local forwarding", Refusal::LocalPort),
            ("Connection refused", Refusal::Unreachable),
            ("timed out", Refusal::Unreachable),
            ("No route to host", Refusal::Unreachable),
            ("Network is unreachable", Refusal::Unreachable),
            ("Connection closed", Refusal::Unreachable),
        ];
        let mut found = said
            .into_iter()
            .filter_map(|line| SIGNS.iter().find(|(sign, _)| line.contains(sign)).map(|(_, it)| *it));
        found.next().unwrap_or(Self::Other)
    }
}

/// What is to be done on a machine without a copy of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Send one.
    Copy,
    /// Take the one of the same version that is installed there.
    Installed,
    /// It can be neither.
    Neither,
}

/// Decides it, from what `uname -sm` and `prony --version` say there. A copy that was tried and does not run is not tried again.
pub(super) fn need(system: &str, installed: &str, copy_runs: bool) -> Need {
    let is_ours = system.split_whitespace().eq(own_system());
    let is_same = installed.split_whitespace().eq(["prony", env!("CARGO_PKG_VERSION")]);
    match (is_ours && copy_runs, is_same) {
        (true, _) => Need::Copy,
        (false, true) => Need::Installed,
        (false, false) => Need::Neither,
    }
}

/// What `uname -sm` says here.
pub(super) fn own_system() -> [&'static str; 2] {
    let system = match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "Darwin",
        "freebsd" => "FreeBSD",
        other => other,
    };
    let processor = match (system, std::env::consts::ARCH) {
        ("Darwin", "aarch64") => "arm64",
        ("FreeBSD", "x86_64") => "amd64",
        (_, other) => other,
    };
    [system, processor]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("prony-system Linux x86_64", Some(Reply::System("Linux x86_64".to_owned())))]
    #[case("prony-missing ", Some(Reply::Missing(String::new())))]
    #[case("prony-missing", Some(Reply::Missing(String::new())))]
    #[case("prony-missing prony 0.1.0\r", Some(Reply::Missing("prony 0.1.0".to_owned())))]
    #[case("prony-dir /home/my name/x", Some(Reply::Dir("/home/my name/x".to_owned())))]
    #[case("prony-by-size", Some(Reply::BySize))]
    #[case("prony-1 is a nice machine", None)]
    #[case("Welcome!", None)]
    fn lines_to_us_are_told_from_others(#[case] line: &str, #[case] expected: Option<Reply>) {
        assert_eq!(reply(line), expected);
    }

    #[test]
    fn the_port_there_is_read_from_what_ssh_says() {
        let port = |line| allocated_port(line, 4222);
        assert_eq!(port("Allocated port 43215 for remote forward to 127.0.0.1:4222\r"), Some(43215));
        assert_eq!(port("Allocated port many for remote forward to 127.0.0.1:4222"), None);
        assert_eq!(port("Warning: Permanently added '[127.0.0.1]:2222' to the list"), None);
        // One of the user's own.
        assert_eq!(port("Allocated port 43216 for remote forward to 127.0.0.1:80"), None);
        assert_eq!(port("Allocated port 43216 for remote forward to 127.0.0.1:42220"), None);
    }

    #[rstest]
    #[case("ssh: Could not resolve hostname nowhere: Name or service not known", Refusal::UnknownName)]
    #[case("ssh: connect to host h port 22: Connection refused", Refusal::Unreachable)]
    #[case("me@h: Permission denied (publickey).", Refusal::Login)]
    #[case("Host key verification failed.", Refusal::UnknownKey)]
    #[case("Error: remote port forwarding failed for listen port 0", Refusal::NoPort)]
    #[case("Could not request local forwarding.", Refusal::LocalPort)]
    #[case("something else", Refusal::Other)]
    fn why_ssh_gave_up_is_read_from_what_it_says(#[case] line: &str, #[case] expected: Refusal) {
        assert_eq!(Refusal::of(["Warning: x", line]), expected);
    }

    #[test]
    fn a_machine_like_this_one_gets_a_copy_and_another_one_must_have_the_program() {
        let (own, version) = (own_system().join(" "), format!("prony {}", env!("CARGO_PKG_VERSION")));
        assert_eq!(need(&own, "", true), Need::Copy);
        assert_eq!(need(&own, &version, true), Need::Copy);
        assert_eq!(need(&own, &version, false), Need::Installed);
        assert_eq!(need("Linux riscv64", &version, true), Need::Installed);
        assert_eq!(need("Linux riscv64", "prony 0.0.1", true), Need::Neither);
        assert_eq!(need("", "", true), Need::Neither);
    }
}
