//! The agents that are to send the load, and the NATS server through which they are reached.

use url::Url;

use super::{
    agents_list,
    error::ConfigError,
    machines_error::{ADDRESS_HINT, AddressError, MachinesError},
    problems::Problems,
    redact,
    spec::{Origin, RunSpec},
    url::TWO_LOGINS_HINT,
};
use crate::plan::{
    AgentsPlan, Load, MOST_AGENTS, NatsPlan, Phase, Ramp, Secret, SshHost, SshPlan, WantedAgents,
};

/// How long agents are waited for unless the user says otherwise, in seconds.
const TIMEOUT_S: f64 = 60.0;

/// What starts agents on other machines unless the user says otherwise.
const SSH: &str = "ssh";

/// What the addresses of NATS servers begin with.
const SCHEMES: [&str; 2] = ["nats", "tls"];

/// Those that are asked for, for a run with these phases.
pub(super) fn agents(spec: &RunSpec, phases: &[Phase], problems: &mut Problems) -> Option<AgentsPlan> {
    let Some((words, by)) = spec.agents.given() else {
        for flag in without_agents(spec) {
            problems.push(ConfigError::Needs { flag, needs: spec.agents.flag() });
        }
        return None;
    };
    check_nats(spec, problems);
    let (wanted, hosts) = problems.note(agents_list::wanted(words, by))?;
    let plan = AgentsPlan {
        ssh: ssh(spec, hosts, problems),
        wanted,
        timeout_s: spec.agents_timeout.value().unwrap_or(TIMEOUT_S),
        on_loss: spec.on_agent_loss.value().unwrap_or_default(),
        nats: nats(spec, problems),
    };
    let there = plan.wanted.iter().map(|wanted: &WantedAgents| u64::from(wanted.count.get()));
    let count: u64 = there.chain(plan.ssh.iter().map(|ssh| ssh.hosts.len() as u64)).sum();
    if count > u64::from(MOST_AGENTS) {
        problems.push(MachinesError::TooMany { by, count });
    } else {
        for phase in phases {
            problems.note_some(few_places(phase, plan.count(), by).map(Into::into));
        }
    }
    Some(plan)
}

/// Settings that say nothing where there are no agents.
fn without_agents(spec: &RunSpec) -> impl Iterator<Item = Origin> + use<> {
    let settings = [
        spec.agents_timeout.origin(),
        spec.on_agent_loss.origin(),
        spec.ssh.origin(),
        spec.nats.origin(),
        spec.nats_server.origin(),
        spec.nats_token.origin(),
        spec.nats_creds.origin(),
        spec.nats_tls_ca.origin(),
        spec.nats_tls_cert.origin(),
        spec.nats_tls_key.origin(),
    ];
    settings.into_iter().flatten()
}

/// The machines on which the run starts agents, if it starts any.
fn ssh(spec: &RunSpec, hosts: Vec<SshHost>, problems: &mut Problems) -> Option<SshPlan> {
    let command = spec.ssh.get().cloned().unwrap_or_else(|| SSH.to_owned());
    // The environment of a machine may name it, whatever is run there.
    let is_of_this_run = |by: &Origin| !matches!(by, Origin::Own(_));
    if let Some(by) = spec.ssh.origin().filter(is_of_this_run).filter(|_| hosts.is_empty()) {
        problems.push(MachinesError::SshAlone { by });
    }
    (!hosts.is_empty()).then_some(SshPlan { hosts, command })
}

/// What goes together of the settings about NATS.
fn check_nats(spec: &RunSpec, problems: &mut Problems) {
    problems.require(&spec.nats_token, &spec.nats);
    problems.require(&spec.nats_creds, &spec.nats);
    problems.require(&spec.nats_tls_ca, &spec.nats);
    problems.require(&spec.nats_tls_cert, &spec.nats);
    problems.require(&spec.nats_tls_key, &spec.nats_tls_cert);
    let has_login = spec.nats.get().is_some_and(|url| url.contains('@'));
    let url_with_login = spec.nats.origin().filter(|_| has_login);
    let one_login = "a client logs in once";
    let pairs = [
        (spec.nats_server.origin(), spec.nats.origin(), "the server runs already then, and none is started"),
        (spec.nats_creds.origin(), spec.nats_token.origin(), one_login),
        (spec.nats_token.origin(), url_with_login, one_login),
        (spec.nats_creds.origin(), url_with_login, one_login),
    ];
    for (flag, with, reason) in pairs {
        if let (Some(flag), Some(with)) = (flag, with) {
            problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
        }
    }
}

/// The NATS server that is meant.
fn nats(spec: &RunSpec, problems: &mut Problems) -> NatsPlan {
    let url = spec.nats.given().and_then(|(text, by)| {
        problems.note(nats_address(text).map_err(|error| MachinesError::Address { by, error }))
    });
    let token = spec.nats_token.given().and_then(|(token, by)| {
        let token = if token.is_empty() { Err(MachinesError::EmptyToken { by }) } else { Ok(token.clone()) };
        problems.note(token)
    });
    NatsPlan {
        url,
        server: spec.nats_server.get().cloned(),
        token: token.map(Secret::new),
        creds: spec.nats_creds.get().cloned(),
        tls_ca: spec.nats_tls_ca.get().cloned(),
        tls_cert: spec.nats_tls_cert.get().cloned(),
        tls_key: spec.nats_tls_key.get().or(spec.nats_tls_cert.get()).cloned(),
    }
}

/// The address of a NATS server with its scheme, `nats://` where none is typed. It may hold a login.
///
/// # Errors
/// It is none.
pub(crate) fn nats_address(typed: &str) -> Result<String, AddressError> {
    let typed = typed.trim();
    let url = if typed.contains("://") { typed.to_owned() } else { format!("nats://{typed}") };
    let error = |reason, hint| Err(AddressError { url: redact::url(typed), reason, hint });
    let refused = |reason| error(reason, ADDRESS_HINT);
    if redact::has_hidden_login(&url) {
        return refused(
            "it may hold a password with a `/`, `?` or `#` in it, which are written `%2F`, `%3F`, `%23`",
        );
    }
    if redact::has_two_logins(&url) {
        return error("it has more than one `@` in front of its host", TWO_LOGINS_HINT);
    }
    match Url::parse(&url) {
        Ok(parsed) if !SCHEMES.contains(&parsed.scheme()) => {
            refused("it begins neither with `nats://` nor with `tls://`")
        }
        Ok(parsed) if parsed.host_str().is_none_or(str::is_empty) => refused("it names no host"),
        Ok(_) => Ok(url),
        Err(_) => refused("it is no address"),
    }
}

/// Whether some of so many agents would have no place in a phase while others have one. A limit that changes with time is looked
/// at when the load is shared out.
fn few_places(phase: &Phase, agents: u32, by: Origin) -> Option<MachinesError> {
    let limit = phase.load.in_flight().and_then(|limit| limit.as_constant());
    // Without a session, an agent of a closed loop needs no place.
    let (limit, active) = match &phase.load {
        Load::Closed { sessions } => (None, sessions.most().min(agents)),
        Load::Open { .. } | Load::Replay { .. } | Load::Users { .. } => (limit, agents),
    };
    let prefill = phase.rules.prefill.as_ref().and_then(Ramp::as_constant);
    let limits = [("requests in flight", limit), ("requests that wait for their first token", prefill)];
    limits.into_iter().find_map(|(places, most)| {
        let most = most.filter(|most| *most < active)?;
        Some(MachinesError::FewPlaces { by, phase: phase.name.clone(), places, most, agents })
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        config::{
            load,
            spec::tests::{spec, spec_of},
        },
        plan::OnLoss,
    };

    fn read(line: &str) -> Result<Option<AgentsPlan>, String> {
        let (spec, mut problems) = (spec(line), Problems::default());
        let phases = load::phases(&spec, &mut problems);
        let agents = agents(&spec, &phases, &mut problems);
        problems.finish().map(|()| agents).map_err(|errors| errors.to_string())
    }

    #[test]
    fn a_run_has_none_unless_it_asks_for_them() {
        assert_eq!(read("--concurrency 4").unwrap(), None);
    }

    #[test]
    fn agents_have_defaults() {
        let plan = read("--agents 3,label=site-a,label=site-b:2 --concurrency 2").unwrap().unwrap();
        let wanted: Vec<String> = plan.wanted.iter().map(ToString::to_string).collect();
        assert_eq!(wanted, ["3", "label=site-a:1", "label=site-b:2"]);
        assert_eq!((plan.count(), plan.timeout_s, plan.on_loss), (6, 60.0, OnLoss::Abort));
        assert_eq!(plan.nats, NatsPlan::default());
    }

    #[test]
    fn everything_that_is_said_of_them_is_kept() {
        let line = "--agents 2 --agents-timeout 2m --on-agent-loss continue --nats h --nats-token a-token-1 \
                    --nats-tls-ca ca.pem --nats-tls-cert me.pem";
        let plan = read(line).unwrap().unwrap();
        assert_eq!((plan.timeout_s, plan.on_loss), (120.0, OnLoss::Continue));
        assert_eq!(plan.nats.url.as_deref(), Some("nats://h"));
        assert_eq!(plan.nats.token.map(|token| token.expose().clone()).as_deref(), Some("a-token-1"));
        // A certificate's key is in the same file.
        assert_eq!((plan.nats.tls_cert, plan.nats.tls_key), (Some("me.pem".into()), Some("me.pem".into())));
    }

    #[test]
    fn machines_that_ssh_reaches_are_agents_as_well() {
        let plan = read("--agents 2,ssh:a,me@b --concurrency 4").unwrap().unwrap();
        let ssh = plan.ssh.clone().unwrap();
        let hosts: Vec<&str> = ssh.hosts.iter().map(SshHost::address).collect();
        assert_eq!((plan.count(), hosts, ssh.command.as_str()), (4, vec!["a", "me@b"], "ssh"));
        let spec = spec_of(&["--agents", "ssh:a", "--ssh", "ssh -p 2222"]);
        let ssh = agents(&spec, &[], &mut Problems::default()).unwrap().ssh.unwrap();
        assert_eq!(ssh.command, "ssh -p 2222");
    }

    #[rstest]
    #[case("localhost:4222", Ok("nats://localhost:4222"))]
    #[case(" nats://a-token-1@h:4222 ", Ok("nats://a-token-1@h:4222"))]
    #[case("tls://[::1]:4222", Ok("tls://[::1]:4222"))]
    #[case(
        "http://u:p@h",
        Err("reach NATS at `http://<redacted>@h`: it begins neither with `nats://` nor with `tls://`")
    )]
    #[case(
        "nats://u:p@q@h",
        Err("reach NATS at `nats://<redacted>@h`: it has more than one `@` in front of its host")
    )]
    #[case("nats:///u:pw@h", Err("reach NATS at `nats:///<redacted>@h`: it names no host"))]
    #[case("nats://", Err("reach NATS at `nats://`: it names no host"))]
    #[case("nats://h:many", Err("reach NATS at `nats://h:many`: it is no address"))]
    fn an_address_of_nats_has_a_scheme_and_a_host(#[case] typed: &str, #[case] expected: Result<&str, &str>) {
        let address = nats_address(typed).map_err(|error| error.to_string());
        assert_eq!(address, expected.map(str::to_owned).map_err(str::to_owned));
    }

    #[rstest]
    #[case("--nats h", "`--nats` requires `--agents`")]
    #[case("--agents-timeout 5", "`--agents-timeout` requires `--agents`")]
    #[case("--on-agent-loss continue", "`--on-agent-loss` requires `--agents`")]
    #[case("--ssh s", "`--ssh` requires `--agents`")]
    #[case("--agents 2 --ssh s", "`--ssh` requires a machine in `--agents`")]
    #[case("--agents a,b", "use `a` of `--agents`: no `ssh:` stands in front of it")]
    #[case("--agents 2 --nats-token t", "`--nats-token` requires `--nats`")]
    #[case("--agents 2 --nats h --nats-tls-key k", "`--nats-tls-key` requires `--nats-tls-cert`")]
    #[case(
        "--agents 2 --nats h --nats-token=",
        "the token for NATS is empty: `--nats-token` is set to nothing"
    )]
    #[case(
        "--agents 2 --nats h --nats-server s",
        "use `--nats-server` together with `--nats`: the server runs already then, and none is started"
    )]
    #[case(
        "--agents 2 --nats t@h --nats-creds c",
        "use `--nats-creds` together with `--nats`: a client logs in once"
    )]
    #[case(
        "--agents 600,label=a:401",
        "wait for 1001 agents, which `--agents` asks for: a run has 1000 at most"
    )]
    #[case(
        "--agents 3 --request-rate 5 --concurrency 2",
        "share requests in flight out among the 3 agents of `--agents`, in the phase `profiling`: there are only 2"
    )]
    #[case(
        "--agents 3 --streaming --concurrency 8 --prefill-concurrency 1",
        "share requests that wait for their first token out among the 3 agents of `--agents`, in the phase `profiling`: there is \
         only 1"
    )]
    fn what_agents_cannot_do_is_refused(#[case] line: &str, #[case] text: &str) {
        assert_eq!(read(line).unwrap_err(), text);
    }

    #[rstest]
    #[case::more_agents_than_sessions("--agents 3 --concurrency 2")]
    #[case::no_limit("--agents 3 --request-rate 5")]
    #[case::a_place_for_each("--agents 3 --request-rate 5 --concurrency 3")]
    #[case::idle_agents_need_none("--agents 3 --streaming --concurrency 2 --prefill-concurrency 2")]
    fn what_agents_can_do_is_not(#[case] line: &str) {
        assert!(read(line).unwrap().is_some());
    }
}
