//! A server of ssh of a test's own: the real one, where it is installed, as whoever runs the test. Its machines are names of this one, and
//! differ in the folders that what is started there finds in its environment.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    install::program,
    process::{Process, eventually, finish},
};

/// Where `sshd` is besides the folders of `PATH`, which often are not those of a user.
const MORE_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Machines that let us in.
const MACHINES: [&str; 2] = ["north", "south"];

/// A machine that does not.
const STRANGER: &str = "stranger";

/// A free port may be taken by somebody else before the server has it.
const TRIES: usize = 5;

/// An `sshd` at a free port of this machine, which has the names `north`, `south` and `stranger`. It ends with this value.
#[derive(Debug)]
pub struct SshServer {
    folder: TempDir,
    _process: Process,
}

impl SshServer {
    /// Whether it and its client are installed. Where they are not, a test says so and ends.
    pub fn is_here() -> bool {
        found("ssh").is_some() && found("ssh-keygen").is_some() && found("sshd").is_some() && is_possible()
    }

    /// Starts one whose machines share a place for copies of the program, which stays from one test to the next.
    ///
    /// # Panics
    /// When it is not installed, or does not come up.
    pub fn start() -> Self {
        let shared = shared_copies();
        Self::start_with(|_| shared.clone())
    }

    /// Starts one whose machines have no copies of anything.
    ///
    /// # Panics
    /// When it is not installed, or does not come up.
    pub fn start_empty() -> Self {
        Self::start_with(|folder| folder.join("cache"))
    }

    fn start_with(copies: impl Fn(&Path) -> PathBuf) -> Self {
        let folder = TempDir::new().expect("a folder");
        for key in ["host_key", "known", "unknown"] {
            let words = ["-q", "-t", "ed25519", "-N", "", "-f"];
            let made = finish(Command::new("ssh-keygen").args(words).arg(folder.path().join(key)));
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        if rustix::process::geteuid().is_root() {
            // Where nothing has started the system's own server since the machine began, nobody has made it.
            fs::create_dir_all("/run/sshd")
                .expect("the folder in which the server keeps apart what it does not trust");
        }
        for _ in 0..TRIES {
            if let Some((process, port)) = listening(folder.path()) {
                write(&folder.path().join("ssh_config"), &client_configuration(folder.path(), port, &copies));
                return Self { folder, _process: process };
            }
        }
        panic!("sshd finds no port");
    }

    /// What `--ssh` takes to reach its machines.
    pub fn ssh(&self) -> String {
        format!("ssh -F {}", self.folder.path().join("ssh_config").display())
    }

    /// A folder for a test's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of a machine, in which `cache` has copies (unless they are shared), and `state` what programs keep.
    pub fn machine(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Processes of agents on its machines, with their command lines.
    ///
    /// # Panics
    /// When the system does not list processes.
    pub fn agents(&self) -> Vec<(u32, String)> {
        let of_ours = self.folder.path().to_string_lossy().into_owned();
        let text = |process: u32, what: &str| {
            let bytes = fs::read(format!("/proc/{process}/{what}")).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        };
        let entries = fs::read_dir("/proc").expect("a list of processes").filter_map(Result::ok);
        let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let with_line = processes.map(|process| (process, text(process, "cmdline")));
        // The shell that becomes an agent has its whole command on its own line.
        let is_agent =
            |line: &str| line.split(' ').nth(1) == Some("agent") && line.contains("--started-by-ssh");
        let agents = with_line.filter(|(_, line)| is_agent(line));
        agents.filter(|(process, _)| text(*process, "environ").contains(&of_ours)).collect()
    }
}

fn found(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(MORE_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|program| program.is_file())
}

/// As root it gives away its rights to a user of its own, which an installation makes.
fn is_possible() -> bool {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    !rustix::process::geteuid().is_root() || users.lines().any(|line| line.starts_with("sshd:"))
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file in a temporary folder");
}

/// A server that listens, and its port; nothing where somebody else has taken it.
fn listening(folder: &Path) -> Option<(Process, u16)> {
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let at = folder.display();
    let configuration = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host_key\nAuthorizedKeysFile {at}/known.pub\nPidFile none\nUsePAM no\n\
         StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nPrintMotd no\n\
         MaxStartups 100\nAcceptEnv XDG_* PRONY_*\n"
    );
    let file = folder.join("sshd_config");
    write(&file, &configuration);
    let mut command = Command::new(found("sshd").expect("`sshd` is installed"));
    command.args(["-D", "-e", "-f"]).arg(file).stdin(Stdio::null());
    let mut process = Process::start(&mut command);
    let is_there = eventually("the ssh server says whether it listens", || {
        let listens = process.stderr().contains("Server listening on");
        (listens || process.has_ended()).then_some(listens)
    });
    let said = process.stderr();
    assert!(is_there || said.contains("Address already in use"), "sshd does not come up: {said}");
    is_there.then_some((process, port))
}

/// What `ssh` is to know of the machines.
fn client_configuration(folder: &Path, port: u16, copies: &impl Fn(&Path) -> PathBuf) -> String {
    let me = finish(Command::new("id").arg("-un"));
    let me = String::from_utf8(me.stdout).expect("the name of a user");
    let at = folder.display();
    let of_all = format!(
        "Host {} {STRANGER}\n  HostName 127.0.0.1\n  Port {port}\n  User {}\n  IdentitiesOnly yes\n  IdentityAgent none\n  \
         StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  GlobalKnownHostsFile /dev/null\n\
         Host {STRANGER}\n  IdentityFile {at}/unknown\n",
        MACHINES.join(" "),
        me.trim()
    );
    let of_each = MACHINES.map(|machine| {
        let own = folder.join(machine);
        let copies = copies(&own);
        let (own, copies) = (own.display(), copies.display());
        // The user's own plugins and settings are none of a test's.
        let variables = format!(
            "XDG_CACHE_HOME={copies} XDG_STATE_HOME={own}/state XDG_DATA_HOME={own}/data XDG_DATA_DIRS={own}/system \
             XDG_CONFIG_HOME={own}/config PRONY_WORKERS=1"
        );
        format!("Host {machine}\n  IdentityFile {at}/known\n  SetEnv {variables}\n")
    });
    of_all + &of_each.concat()
}

/// A place in the build folder for copies. Those of programs that were built before are removed.
fn shared_copies() -> PathBuf {
    let built = program().ancestors().nth(3).expect("the program is in a folder of the build folder");
    let shared = built.join("prony-ssh");
    let size = |path: &Path| path.metadata().map(|file| file.len()).ok();
    let copies = fs::read_dir(shared.join("prony")).into_iter().flatten().filter_map(Result::ok);
    for copy in copies.map(|entry| entry.path()) {
        let is_being_made = copy.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !is_being_made && size(&copy.join("bin/prony")) != size(program()) {
            // Another test may remove it at the same time.
            let _ = fs::remove_dir_all(&copy);
        }
    }
    shared
}
