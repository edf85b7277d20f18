//! What a library may not use in a process of its own: what it does not state, if it states what it uses.
//!
//! A service has such a process to itself, beside the few threads of prony that talk to the parent. In the process of an isolated
//! endpoint prony sends the requests and reads the dataset, so that nothing can be denied there. Threads can be denied to nobody:
//! the host needs them.

use std::{
    borrow::Borrow,
    env, fs, iter,
    path::{Path, PathBuf},
};

use super::{
    entry::Category,
    ladder::{Hashing, Surveys},
    needs,
    trust::Trust,
};
use crate::child::{
    Variables,
    denial::{self, DeniedSockets, Unenforced},
    library_folders,
};

/// What may be read without the capability `files`: what is the same for all users of a machine and holds nothing of theirs. A
/// program reads it without its author's doing: other libraries, locales, time zones, random numbers, how many processors and how
/// much memory it may use, and what it is itself.
const OF_SYSTEM: [&str; 16] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
];

/// What may be read with the capability `network` as well: how names become addresses, and whom to trust for TLS.
///
/// Some are folders, since what keeps them up to date puts another file in the place of one.
const OF_NETWORK: [&str; 19] = [
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust",
    "/etc/crypto-policies",
    "/etc/ca-certificates",
];

const NETWORK: &str = "network";
const FILES: &str = "files";
const ENVIRONMENT: &str = "environment variables";

/// What is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    network: bool,
    files: bool,
    environment: bool,
}

impl Limits {
    /// Everything that can be denied and is not among these capabilities.
    fn of<S: Borrow<str>>(stated: &[S]) -> Self {
        let lacks = |capability: &str| !stated.iter().any(|one| Borrow::<str>::borrow(one) == capability);
        Self { network: lacks("network"), files: lacks("files"), environment: lacks("environment") }
    }

    fn is_empty(self) -> bool {
        !(self.network || self.files || self.environment)
    }

    /// Denies it by what does so, and notes what came of each.
    fn deny(
        self,
        sockets: impl FnOnce(DeniedSockets) -> Result<(), Unenforced>,
        files: impl FnOnce() -> Result<(), Unenforced>,
    ) -> Denied {
        let mut denied = Denied::default();
        if self.network {
            // Who may open files may need the sockets that are files.
            let kind = if self.files { DeniedSockets::All } else { DeniedSockets::OfNetwork };
            denied.note(NETWORK, sockets(kind));
        }
        if self.files {
            denied.note(FILES, files());
        }
        if self.environment {
            // Its process was started without them.
            denied.note(ENVIRONMENT, Ok(()));
        }
        denied
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Denied {
    denied: Vec<&'static str>,
    failed: Vec<(&'static str, Unenforced)>,
}

impl Denied {
    fn note(&mut self, what: &'static str, outcome: Result<(), Unenforced>) {
        match outcome {
            Ok(()) => self.denied.push(what),
            Err(reason) => self.failed.push((what, reason)),
        }
    }

    /// "no network; not enforced on this machine: files (this kernel has no Landlock)".
    fn in_words(&self) -> String {
        let denied: Vec<String> = self.denied.iter().map(|what| format!("no {what}")).collect();
        let failed = self.failed.iter().map(|(what, reason)| format!("{what} ({reason})"));
        let failed: Vec<String> = failed.collect();
        let failures = format!("not enforced on this machine: {}", failed.join(", "));
        match (denied.is_empty(), failed.is_empty()) {
            (_, true) => denied.join(", "),
            (true, false) => failures,
            (false, false) => format!("{}; {failures}", denied.join(", ")),
        }
    }
}

/// How the process of a service is limited before its library is opened.
#[derive(Clone, Debug)]
pub(crate) struct Confinement {
    limits: Limits,
    /// The files that are read to open it.
    libraries: Vec<PathBuf>,
}

/// What came of a [`Confinement`], for the report: a sentence without a final stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Enforcement {
    /// All of it is enforced.
    Whole(String),
    /// The kernel does not enforce some of it.
    Partial(String),
}

impl Confinement {
    /// That of a service whose entries have these libraries, in the order in which they are tried: what the first one states that
    /// nothing is wrong with. Nothing if it states nothing, or everything that can be denied.
    pub(super) fn of(libraries: &[PathBuf], trust: &Trust) -> Option<Self> {
        let mut surveys = Surveys::default();
        let mut found = libraries.iter().map(|library| surveys.of(library, trust, Hashing::LeftOut));
        let sound = found.find(|survey| survey.faults.is_empty())?;
        let limits = Limits::of(sound.descriptor.as_ref()?.capabilities.as_deref()?);
        // Another one is opened where the first cannot be: it is limited in the same way.
        let read = libraries.iter().flat_map(|library| needs::files(library, trust));
        (!limits.is_empty()).then(|| Self { limits, libraries: read.collect() })
    }

    /// That of a process which tries out one library. Nothing if that states nothing, or everything that can be denied.
    pub(super) fn of_one(library: &Path, stated: Option<&[String]>, trust: &Trust) -> Option<Self> {
        let limits = Limits::of(stated?);
        (!limits.is_empty()).then(|| Self { limits, libraries: needs::files(library, trust) })
    }

    /// What its process sees of our environment.
    pub(crate) fn variables(&self) -> Variables {
        if self.limits.environment { Variables::Needed } else { Variables::Ours }
    }

    /// In the process of this service, before it has further threads: has the kernel deny what it does not state.
    pub(crate) fn enforce(&self, service: &str) -> Enforcement {
        let denied = self.limits.deny(denial::deny_sockets, || denial::deny_files(&self.readable()));
        sentence(service, &denied)
    }

    fn readable(&self) -> Vec<PathBuf> {
        let of_network = OF_NETWORK.iter().filter(|_| !self.limits.network);
        let fixed = OF_SYSTEM.iter().chain(of_network).map(|path| Path::new(path).to_owned());
        // Names of functions, for a backtrace, stand in the file of the program.
        let found = library_folders().into_iter().chain(folders_of_linker()).chain(env::current_exe().ok());
        fixed.chain(found).chain(self.libraries.iter().cloned()).collect()
    }
}

/// Folders that the linker's own files name: what it finds in its cache may be there.
fn folders_of_linker() -> Vec<PathBuf> {
    let entries = fs::read_dir("/etc/ld.so.conf.d").into_iter().flatten().flatten();
    let parts =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "conf"));
    let files = iter::once(PathBuf::from("/etc/ld.so.conf")).chain(parts);
    files.filter_map(|file| fs::read_to_string(file).ok()).flat_map(|text| named_folders(&text)).collect()
}

/// The folders in a file of the linker: one per line, up to a remark. Other lines name no folder.
fn named_folders(text: &str) -> Vec<PathBuf> {
    let lines = text.lines().filter_map(|line| line.split('#').next()).map(str::trim);
    lines.filter(|line| line.starts_with('/')).map(PathBuf::from).collect()
}

fn sentence(service: &str, denied: &Denied) -> Enforcement {
    let text = format!("the service `{service}` may use only what its library states: {}", denied.in_words());
    if denied.failed.is_empty() { Enforcement::Whole(text) } else { Enforcement::Partial(text) }
}

/// Whether what a library states is enforced on this machine, in words.
pub(crate) fn enforced<S: Borrow<str>>(category: Category, stated: Option<&[S]>) -> String {
    let limits = stated.map(Limits::of);
    in_words(category, limits, |limits| limits.deny(|_| denial::can_deny_sockets(), denial::can_deny_files))
}

fn in_words(category: Category, limits: Option<Limits>, try_out: impl FnOnce(Limits) -> Denied) -> String {
    match (category, limits) {
        (Category::Endpoint, _) => {
            "no: in the process of an isolated endpoint prony itself sends the requests".to_owned()
        }
        (Category::Service, None) => "no: it does not state what it uses".to_owned(),
        (Category::Service, Some(limits)) if limits.is_empty() => {
            "nothing is denied: it states network, files and environment".to_owned()
        }
        (Category::Service, Some(limits)) => {
            format!("in a process of its own: {}", try_out(limits).in_words())
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ALL: [&str; 3] = [NETWORK, FILES, ENVIRONMENT];

    fn works(limits: Limits) -> Denied {
        limits.deny(|_| Ok(()), || Ok(()))
    }

    fn fails(limits: Limits) -> Denied {
        limits.deny(|_| Ok(()), || Err(Unenforced::Processor))
    }

    #[rstest]
    #[case::nothing(&[], &ALL)]
    #[case::threads(&["threads"], &ALL)]
    #[case::network(&["network", "threads"], &[FILES, ENVIRONMENT])]
    #[case::of_a_later_version(&["files", "gpu", "environment"], &[NETWORK])]
    #[case::everything(&["network", "files", "threads", "environment"], &[])]
    fn what_is_not_stated_is_denied(#[case] stated: &[&str], #[case] expected: &[&str]) {
        assert_eq!(works(Limits::of(stated)).denied, expected);
    }

    #[rstest]
    #[case::files_denied(&[], DeniedSockets::All)]
    #[case::files_stated(&["files"], DeniedSockets::OfNetwork)]
    fn sockets_of_this_machine_are_left_to_who_may_open_files(
        #[case] stated: &[&str],
        #[case] expected: DeniedSockets,
    ) {
        let mut asked = None;
        let sockets = |kind| {
            asked = Some(kind);
            Ok(())
        };
        drop(Limits::of(stated).deny(sockets, || Ok(())));
        assert_eq!(asked, Some(expected));
    }

    #[test]
    fn the_report_says_what_is_denied_and_what_is_not() {
        let limits = Limits::of(&["environment"]);
        let text = "the service `acme` may use only what its library states: no network";
        assert_eq!(sentence("acme", &works(limits)), Enforcement::Whole(format!("{text}, no files")));
        let reason = Unenforced::Processor;
        let text = format!("{text}; not enforced on this machine: files ({reason})");
        assert_eq!(sentence("acme", &fails(limits)), Enforcement::Partial(text));
    }

    #[test]
    fn folders_of_the_linker_are_whole_lines() {
        let text = "include /etc/ld.so.conf.d/*.conf\n# /of/a/remark\n/opt/rocm/lib\n  /opt/acme/lib # ours\nlib\n\n";
        assert_eq!(named_folders(text), ["/opt/rocm/lib", "/opt/acme/lib"].map(PathBuf::from));
    }

    #[rstest]
    #[case(&["network", "files", "environment"], "nothing is denied: it states ")]
    #[case(&["network", "environment"], "in a process of its own: not enforced on this machine: files (")]
    #[case(&["files", "environment"], "in a process of its own: no network")]
    fn whether_it_is_enforced_is_said(#[case] stated: &[&str], #[case] expected: &str) {
        let words = in_words(Category::Service, Some(Limits::of(stated)), fails);
        assert!(words.starts_with(expected), "{words}");
    }

    #[rstest]
    #[case(Category::Endpoint, "no: in the process of an isolated endpoint ")]
    #[case(Category::Service, "no: it does not state ")]
    fn whoever_states_nothing_is_not_limited(#[case] category: Category, #[case] expected: &str) {
        let words = in_words(category, None, works);
        assert!(words.starts_with(expected), "{words}");
    }
}
