//! `prony agent`: has the workers of runs whose controller, `prony profile --agents`, is another program.
//!
//! What is typed stands over variables of the environment. The way to NATS has the same flags and variables as in `profile`.

use std::{
    env, fs,
    num::NonZeroU64,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    exit::{Exit, Failure, HasExit},
    limits,
    logging::LogFlags,
    nats_access::{NatsArgs, exit_of, hide_login},
    plugins::SearchArgs,
    resolved::cores,
};
use crate::{
    config::{
        redact,
        units::{self, UnitError},
        variables,
    },
    nats::Access,
    node::agent::messages::{BY_SSH, is_id},
    plugin::DiscoveryOptions,
    run::agent::{AgentConfig, ServeError, Served, serve},
    stderr,
};

/// Variables with the number of this process among those of its job: of Slurm, Open MPI, other kinds of MPI, and a Kubernetes job
/// that is indexed.
/// Sources: <https://slurm.schedmd.com/srun.html>, <https://docs.open-mpi.org/en/v5.0.x/tuning-apps/environment-var.html>,
/// <https://kubernetes.io/docs/concepts/workloads/controllers/job/>.
const RANKS: [&str; 4] = ["SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "JOB_COMPLETION_INDEX"];

/// Its name where the machine has none.
const NAMELESS: &str = "agent";

/// Where it waits for work, and as whom.
#[derive(Args, Debug)]
pub(super) struct AgentArgs {
    #[command(flatten)]
    nats: NatsArgs,

    /// Name of this agent, which no other one has [default: that of `PRONY_AGENT_NAME`, else the machine's with the rank].
    ///
    /// The rank is that of Slurm (`SLURM_PROCID`), MPI (`OMPI_COMM_WORLD_RANK`, `PMI_RANK`) or of an indexed job of Kubernetes
    /// (`JOB_COMPLETION_INDEX`), where there is one.
    #[arg(long, value_name = "NAME", value_parser = units::agent_word)]
    name: Option<String>,

    /// Words by which a run may choose this agent, as `--agents label=WORD` does; several separated by commas
    /// [default: those of `PRONY_AGENT_LABELS`].
    #[arg(long, value_name = "WORD", value_delimiter = ',', value_parser = units::agent_word)]
    labels: Vec<String>,

    /// Folder in which the journals of its runs are kept [default: that of `PRONY_AGENT_DIR`, else `prony/agent` in
    /// `XDG_STATE_HOME` or `~/.local/state`].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// End after so many runs [default: that of `PRONY_AGENT_RUNS`, else never].
    #[arg(long, value_name = "N", value_parser = units::requests)]
    runs: Option<NonZeroU64>,

    /// Threads that send its part of a load [default: that of `PRONY_WORKERS`, else one for each core but one; all cores where
    /// there are two or fewer].
    #[arg(long, value_name = "N", value_parser = units::positive::<usize>)]
    workers: Option<usize>,

    /// Run the library of a run's endpoint that the controller has and this agent lacks: code from the network, of any controller that may
    /// log in to the NATS server [default: that of `PRONY_AGENT_ACCEPT_PLUGINS`, else no].
    ///
    /// A `--plugin-policy` other than `any` forbids it.
    #[arg(long)]
    accept_plugins: bool,
    /// Address of this agent on NATS: prony gives this to an agent that it starts by ssh. The agent ends when its standard input ends.
    #[arg(long, value_name = "ID", hide = true)]
    started_by_ssh: Option<String>,

    #[command(flatten)]
    search: SearchArgs,
}

/// Waits for controllers, and does what they say.
pub(super) fn run(args: &AgentArgs, log: &LogFlags) -> Result<Exit, Failure> {
    limits::leave_no_core();
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let surroundings = Surroundings { variable: &variable, host: &host_name(&variable), cores: cores() };
    let config = config(args, &surroundings, args.search.options(), log.words())?;
    hide_login(&config.access);
    let mut say = |sentence: &str| stderr::write(format!("{}\n", redact::shown(sentence)));
    Ok(match serve(&config, &mut say)? {
        Served::AllRuns => Exit::Success,
        Served::Interrupted(interrupt) => interrupt.into(),
    })
}

impl HasExit for ServeError {
    fn exit(&self) -> Exit {
        match self {
            Self::Bus(error) => exit_of(error),
            Self::Folder { .. } | Self::Start(_) => Exit::Failed,
        }
    }
}

/// What the machine and the environment say.
struct Surroundings<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    /// Name of the machine.
    host: &'a str,
    /// Cores that this process may use.
    cores: usize,
}

impl Surroundings<'_> {
    /// A variable, if it is set to anything.
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// The same, read as the flag is that stands over it.
    fn read<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, UnitError>,
    ) -> Result<Option<T>, Failure> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = |error: UnitError| {
            let failure =
                Failure::new(Exit::Usage, format!("use the variable `{name}`, which is `{text}`: {error}"));
            failure.with_hint("correct the variable, or remove it")
        };
        parse(text.trim()).map(Some).map_err(wrong)
    }

    fn path(&self, typed: Option<&PathBuf>, name: &str) -> Option<PathBuf> {
        typed.cloned().or_else(|| self.get(name).map(PathBuf::from))
    }
}

/// All of it together.
fn config(
    args: &AgentArgs,
    around: &Surroundings<'_>,
    discovery: DiscoveryOptions,
    log_words: Vec<&'static str>,
) -> Result<AgentConfig, Failure> {
    let name = args
        .name
        .clone()
        .map_or_else(|| around.read("PRONY_AGENT_NAME", units::agent_word), |name| Ok(Some(name)));
    let labels = match &args.labels[..] {
        [] => around.read("PRONY_AGENT_LABELS", words)?.unwrap_or_default(),
        labels => labels.to_vec(),
    };
    let runs = match args.runs {
        None => around.read("PRONY_AGENT_RUNS", units::requests)?,
        runs => runs,
    };
    let workers = match args.workers {
        None => around.read("PRONY_WORKERS", units::positive::<usize>)?,
        workers => workers,
    };
    let accepts_plugins =
        args.accept_plugins || around.read("PRONY_AGENT_ACCEPT_PLUGINS", yes_or_no)?.unwrap_or(false);
    check_start(args.started_by_ssh.as_deref(), &labels)?;
    let by_cores = if around.cores > 2 { around.cores - 1 } else { around.cores.max(1) };
    Ok(AgentConfig {
        name: name?.unwrap_or_else(|| name_of(around)),
        started_by_ssh: args.started_by_ssh.clone(),
        labels,
        access: access(args, around)?,
        dir: dir(args.dir.as_ref(), around)?,
        runs,
        workers: workers.unwrap_or(by_cores),
        discovery,
        accepts_plugins,
        log_words,
    })
}

/// What the variable of a switch says.
fn yes_or_no(text: &str) -> Result<bool, UnitError> {
    variables::is_on(text).ok_or(UnitError::Number { expected: "`true` or `false`" })
}

/// Only an agent that a controller has started has the label of these, and an address by which it is found.
fn check_start(id: Option<&str>, labels: &[String]) -> Result<(), Failure> {
    if id.is_some_and(|id| !is_id(id)) {
        let message = "use `--started-by-ssh`: it is no address of an agent";
        return Err(Failure::new(Exit::Usage, message).with_hint(STARTS_ITSELF));
    }
    if id.is_none() && labels.iter().any(|label| label == BY_SSH) {
        let message =
            format!("use the label `{BY_SSH}`: it is that of agents which a run has started for itself");
        return Err(Failure::new(Exit::Usage, message).with_hint("give the agent another label"));
    }
    Ok(())
}

/// What to do in place of a flag that is for prony's own use.
const STARTS_ITSELF: &str = "leave it out: `prony profile --agents ssh:HOST` starts such agents by itself";

/// Labels that stand in one text.
fn words(text: &str) -> Result<Vec<String>, UnitError> {
    text.split(',').map(|word| units::agent_word(word.trim())).collect()
}

/// The NATS server and the login.
fn access(args: &AgentArgs, around: &Surroundings<'_>) -> Result<Access, Failure> {
    args.nats.access(&|name: &str| around.get(name))?.ok_or_else(|| {
        Failure::statement(Exit::Usage, "`--nats` is missing").with_hint(
            "name the NATS server, as in `prony agent --nats nats://HOST:4222`, or in the variable `PRONY_NATS`; a `prony profile \
             --agents` that starts a server prints the line for its agents",
        )
    })
}

/// Where its journals are: state that survives a program and is no configuration (XDG Base Directory Specification 0.8).
fn dir(typed: Option<&PathBuf>, around: &Surroundings<'_>) -> Result<PathBuf, Failure> {
    if let Some(dir) = around.path(typed, "PRONY_AGENT_DIR") {
        return Ok(dir);
    }
    let folder = |name: &str| around.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
    state.map(|state| state.join("prony/agent")).ok_or_else(|| {
        let message =
            "find a folder for the journals of this agent: neither XDG_STATE_HOME nor HOME names one";
        Failure::new(Exit::Usage, message).with_hint("name one with `--dir DIR`")
    })
}

/// What the machine is called.
fn host_name(variable: &dyn Fn(&str) -> Option<String>) -> String {
    let of_kernel = fs::read_to_string(Path::new("/proc/sys/kernel/hostname")).ok();
    of_kernel.or_else(|| variable("HOSTNAME")).unwrap_or_default().trim().to_owned()
}

/// The name of the machine, and behind it the number that this process has in its job, so that each has another name.
fn name_of(around: &Surroundings<'_>) -> String {
    let is_number = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let rank = RANKS.iter().find_map(|name| around.get(name).filter(is_number));
    let end = rank.map(|rank| format!("-{rank}")).unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let host: String = around.host.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    let host = host.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    // The pods of an indexed job have their numbers in their names.
    let host = if end.is_empty() { host } else { host.strip_suffix(end.as_str()).unwrap_or(host) };
    let host: String = host.chars().take(units::MOST_AGENT_WORD.saturating_sub(end.len())).collect();
    if host.is_empty() { format!("{NAMELESS}{end}") } else { host + &end }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use rstest::rstest;

    use super::*;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        agent: AgentArgs,
    }

    /// An agent on a machine called `box.lan` with 8 cores.
    fn agent(line: &str, variables: &[(&str, &str)]) -> Result<AgentConfig, Failure> {
        let words = Words::try_parse_from(["agent"].into_iter().chain(line.split_whitespace())).unwrap();
        let home = [("HOME", "/home/me")];
        let variable = |name: &str| {
            let found = variables.iter().chain(&home).find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let around = Surroundings { variable: &variable, host: "box.lan", cores: 8 };
        config(&words.agent, &around, DiscoveryOptions::default(), Vec::new())
    }

    #[test]
    fn an_address_is_enough() {
        let agent = agent("--nats h:4222", &[]).unwrap();
        assert_eq!((agent.name.as_str(), agent.access.url.as_str()), ("box.lan", "nats://h:4222"));
        assert_eq!(agent.dir, Path::new("/home/me/.local/state/prony/agent"));
        assert_eq!((agent.labels.len(), agent.runs, agent.workers), (0, None, 7));
        assert!(agent.access.token.is_none() && agent.access.creds.is_none());
        assert!(!agent.accepts_plugins, "code from the network is asked for");
    }

    #[test]
    fn one_that_a_run_has_started_has_an_address() {
        let id = "0123456789abcdef0123456789abcdef";
        let agent = agent(&format!("--nats h --labels ssh,h --started-by-ssh {id}"), &[]).unwrap();
        assert_eq!((agent.started_by_ssh.as_deref(), agent.labels.len()), (Some(id), 2));
    }

    #[test]
    fn the_environment_says_what_is_not_typed() {
        let variables = [
            ("PRONY_NATS", "tls://h"),
            ("PRONY_NATS_TOKEN", "a-token-1"),
            ("PRONY_NATS_TLS_CERT", "me.pem"),
            ("PRONY_AGENT_NAME", "a"),
            ("PRONY_AGENT_LABELS", "site-a, gpu"),
            ("PRONY_AGENT_DIR", "/d"),
            ("PRONY_AGENT_RUNS", "2"),
            ("PRONY_WORKERS", "3"),
            ("PRONY_AGENT_ACCEPT_PLUGINS", "yes"),
        ];
        let from_variables = agent("", &variables).unwrap();
        assert_eq!(from_variables.access.url, "tls://h");
        assert_eq!(from_variables.access.token.as_deref(), Some("a-token-1"));
        assert_eq!(from_variables.access.tls.key.as_deref(), Some(Path::new("me.pem")));
        assert_eq!((from_variables.name.as_str(), from_variables.dir.as_path()), ("a", Path::new("/d")));
        assert_eq!(from_variables.labels, ["site-a", "gpu"]);
        assert_eq!((from_variables.runs.map(NonZeroU64::get), from_variables.workers), (Some(2), 3));
        assert!(from_variables.accepts_plugins);

        let typed =
            agent("--nats g --nats-creds c --name b --labels x,y --dir e --runs 5 --workers 1", &variables)
                .unwrap();
        assert_eq!((typed.access.url.as_str(), typed.access.token), ("nats://g", None));
        assert_eq!((typed.name.as_str(), typed.dir.as_path()), ("b", Path::new("e")));
        assert_eq!(typed.labels, ["x", "y"]);
        assert_eq!((typed.runs.map(NonZeroU64::get), typed.workers), (Some(5), 1));
    }

    #[rstest]
    #[case("--nats-token a-token-1", "tls://h:4222")]
    #[case("--nats-creds c", "tls://h:4222")]
    #[case("", "tls://u:a-secret-1@h:4222")]
    fn a_login_that_is_typed_stands_over_that_of_an_address_in_the_environment(
        #[case] line: &str,
        #[case] expected: &str,
    ) {
        let access = agent(line, &[("PRONY_NATS", "tls://u:a-secret-1@h:4222")]).unwrap().access;
        assert_eq!(access.url, expected);
        assert_eq!(access.token.is_some(), line.contains("token"));
    }

    #[rstest]
    #[case::alone("box.lan", &[], "box.lan")]
    #[case::slurm("box", &[("SLURM_PROCID", "3")], "box-3")]
    #[case::open_mpi("box", &[("OMPI_COMM_WORLD_RANK", "0")], "box-0")]
    #[case::mpi("box", &[("PMI_RANK", "12")], "box-12")]
    #[case::kubernetes("agents-4", &[("JOB_COMPLETION_INDEX", "4")], "agents-4")]
    #[case::no_rank("box", &[("SLURM_PROCID", "")], "box")]
    #[case::nameless("", &[("PMI_RANK", "1")], "agent-1")]
    #[case::no_name_of_a_folder("../büro box", &[], "b-ro-box")]
    #[case::long("a123456789b123456789c123456789d123456789e123456789f123456789g123456789", &[("PMI_RANK", "7")], "a123456789b123456789c123456789d123456789e123456789f123456789g1-7")]
    fn a_name_is_that_of_the_machine_and_of_the_rank(
        #[case] host: &str,
        #[case] variables: &[(&str, &str)],
        #[case] expected: &str,
    ) {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let name = name_of(&Surroundings { variable: &variable, host, cores: 1 });
        assert_eq!(name, expected);
        assert_eq!(units::agent_word(&name), Ok(name.clone()));
    }

    #[rstest]
    #[case("", &[], "`--nats` is missing")]
    #[case("--nats http://u:a-secret@h", &[], "reach NATS at `http://<redacted>@h`: it begins neither with")]
    #[case("--nats h --labels a,ssh", &[], "use the label `ssh`")]
    #[case("--nats h --started-by-ssh a", &[], "use `--started-by-ssh`: it is no address")]
    #[case("--nats t@h --nats-creds c", &[], "log in to the NATS server twice")]
    #[case("--nats h --nats-token=", &[], "the token for NATS is empty")]
    #[case("--nats h --nats-tls-key k", &[], "`--nats-tls-key` requires `--nats-tls-cert`")]
    #[case("--nats h", &[("PRONY_AGENT_NAME", "a b")], "use the variable `PRONY_AGENT_NAME`, which is `a b`: it must be a word")]
    #[case("--nats h", &[("PRONY_AGENT_ACCEPT_PLUGINS", "2")], "use the variable `PRONY_AGENT_ACCEPT_PLUGINS`, which is `2`: it must be")]
    #[case("--nats h", &[("PRONY_AGENT_RUNS", "0")], "use the variable `PRONY_AGENT_RUNS`, which is `0`: it must be")]
    fn what_cannot_be_meant_is_refused(
        #[case] line: &str,
        #[case] variables: &[(&str, &str)],
        #[case] text: &str,
    ) {
        let Err(failure) = agent(line, variables) else { panic!("it was not refused") };
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.starts_with(text) && failure.hint.is_some(), "{failure:?}");
    }

    #[test]
    fn a_name_that_is_no_word_is_refused() {
        let words = ["agent", "--nats", "h", "--name", "../a"];
        assert!(Words::try_parse_from(words).is_err());
    }
}
