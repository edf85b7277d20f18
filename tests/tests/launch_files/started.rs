//! What the files start, started: processes of this machine stand for nodes, pods and containers.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use prony_tests::{MockServer, NatsServer, Run, Running, Tool, finish, pages::page, program, shell};
use serde_json::Value;

use super::{commands, file, texts, yaml};

/// The login of the page.
const TOKEN: &str = "a long random text";

/// The command of a task, as often as the job has tasks. The flags in front of it are for Slurm.
const SRUN: &str = "\
while [ \"${1#--}\" != \"$1\" ]; do shift; done
rank=0
while [ \"$rank\" -lt \"$SLURM_NTASKS\" ]; do
    SLURM_PROCID=$rank \"$@\" &
    rank=$((rank + 1))
done
wait";

/// A server of NATS which asks for the login of the page, where it is installed.
fn nats_with_login() -> Option<NatsServer> {
    if !NatsServer::is_here() {
        return None;
    }
    let settings =
        format!("authorization {{ token: \"{TOKEN}\" }}\njetstream {{ store_dir: \"jetstream\" }}\n");
    Some(NatsServer::start_with(&settings))
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Words behind the program's name, with what stands here for what is elsewhere.
fn here(words: &[String], replaced: &[(&str, &str)]) -> Vec<String> {
    let mut words = words[1..].to_vec();
    for (shown, here) in replaced {
        assert!(words.iter().any(|word| word.contains(shown)), "`{shown}` is not in {words:?}");
        for word in &mut words {
            *word = word.replace(shown, here);
        }
    }
    words
}

/// An agent of these words, with the settings that all of them have.
fn agent(words: &[String], nats: &NatsServer) -> Tool {
    Tool::new(words).env("PRONY_NATS", nats.url()).env("PRONY_NATS_TOKEN", TOKEN)
}

/// The names of the agents of a run, in order.
fn names(summary: &Value) -> Vec<String> {
    let agents = summary["agents"].as_array().unwrap();
    let mut names: Vec<String> =
        agents.iter().map(|agent| agent["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn summary(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("profile_export_prony.json")).unwrap()).unwrap()
}

/// Ends an agent as its machine does.
fn terminate(agent: Running) -> Run {
    agent.signal("TERM");
    agent.wait()
}

#[test]
fn the_job_of_slurm_makes_one_report_of_its_tasks() {
    let Some(nats) = NatsServer::program() else {
        eprintln!("not tested: nats-server is not installed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("bin")).unwrap();
    symlink(program(), at("bin/prony")).unwrap();
    symlink(nats, at("bin/nats-server")).unwrap();
    for (name, commands) in [("srun", SRUN), ("hostname", "echo 127.0.0.1")] {
        let path = at("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{commands}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let server = MockServer::start([]);
    let settings =
        format!("model: llama\nurl: {}\nstreaming: true\nconcurrency: 4\nrequest_count: 40\n", server.url());
    fs::write(at("run.yaml"), settings).unwrap();
    let script = file("agents.sbatch").replace("4222", &free_port().to_string());
    fs::write(at("agents.sbatch"), script).unwrap();

    let mut job = shell(folder.path(), &at("bin"), "bash agents.sbatch run.yaml");
    let output = finish(job.env("SLURM_NTASKS", "2").env("SLURM_CPUS_PER_TASK", "1"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut runs = fs::read_dir(at("artifacts")).unwrap().map(|entry| entry.unwrap().path());
    let summary = summary(&runs.next().unwrap());
    assert_eq!(summary["request_count"]["avg"], 40);
    let names = names(&summary);
    assert_eq!(names.len(), 2, "{names:?}");
    // The rank of the task is in the name.
    assert!(names[0].ends_with("-0") && names[1].ends_with("-1"), "{names:?}");
}

#[test]
fn the_pods_of_the_job_of_kubernetes_make_a_run() {
    let Some(nats) = nats_with_login() else {
        eprintln!("not tested: nats-server is not installed");
        return;
    };
    let job = &yaml("agents.yaml")["spec"];
    let environment = &job["template"]["spec"]["containers"][0]["env"];
    assert_eq!(environment[0]["value"].as_str(), Some("nats://nats:4222"));
    assert_eq!(environment[1]["name"].as_str(), Some("PRONY_NATS_TOKEN"));
    let words = here(&commands("agents.yaml")[0], &[("/var/lib/prony", "journals")]);
    let pods: Vec<Running> = (0..job["completions"].as_u64().unwrap())
        .map(|index| agent(&words, &nats).env("JOB_COMPLETION_INDEX", index.to_string()).spawn())
        .collect();

    // As the page says.
    assert!(
        page("docs/MANY_MACHINES.md")
            .text
            .contains("prony profile --agents label=kubernetes:3 --nats nats://nats:4222")
    );
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--agents", "label=kubernetes:3", "--nats", &nats.url()]);
    let run = run.args(["--concurrency", "6", "--request-count", "30"]).env("PRONY_NATS_TOKEN", TOKEN).run();
    let names = names(&run.succeeds().summary());
    let ends: Vec<bool> =
        (0..3).zip(&names).map(|(index, name)| name.ends_with(&format!("-{index}"))).collect();
    assert_eq!(ends, [true; 3], "{names:?}");
    // An indexed job is over when each of its pods has ended well.
    for pod in pods {
        pod.wait().succeeds();
    }
}

#[test]
fn the_containers_of_compose_make_a_run() {
    let Some(nats) = nats_with_login() else {
        eprintln!("not tested: nats-server is not installed");
        return;
    };
    let services = &yaml("compose.yaml")["services"];
    let command = |name: &str| texts(&services[name]["command"]);
    let port = free_port().to_string();
    let _mock = Tool::new(here(&command("mock"), &[("8000", port.as_str())])).spawn();
    let words = here(&command("agent"), &[]);
    let agents: Vec<Running> = (0..services["agent"]["deploy"]["replicas"].as_u64().unwrap())
        // The name of a container, which each has of its own.
        .map(|number| agent(&words, &nats).env("PRONY_AGENT_NAME", format!("container-{number}")).spawn())
        .collect();
    let target = format!("http://127.0.0.1:{port}");
    let controller = here(
        &command("controller"),
        &[("3000", "60"), ("http://mock:8000", target.as_str()), ("/artifacts/run", "artifacts/run")],
    );
    let run = agent(&controller, &nats).run();
    run.succeeds();
    let summary = summary(&run.dir().join("artifacts/run"));
    assert_eq!(summary["request_count"]["avg"], 60);
    assert_eq!(names(&summary), ["container-0", "container-1", "container-2"]);
    for agent in agents {
        terminate(agent).ends_with(143);
    }
}

#[test]
fn the_unit_of_systemd_starts_an_agent_with_the_settings_of_the_page() {
    let Some(nats) = nats_with_login() else {
        eprintln!("not tested: nats-server is not installed");
        return;
    };
    let blocks = page("docs/MANY_MACHINES.md").blocks();
    let installed = blocks.iter().find(|block| block.text.contains("/etc/prony/agent.env")).unwrap();
    let settings = installed.text.lines().filter(|line| line.starts_with("PRONY_"));
    let settings: Vec<(&str, &str)> = settings.map(|line| line.split_once('=').unwrap()).collect();
    assert_eq!(settings[1], ("PRONY_NATS_TOKEN", TOKEN));
    let words = here(&commands("prony-agent.service")[0], &[("%S", "state")]);
    let agent = settings.iter().fold(Tool::new(words), |agent, (name, value)| agent.env(name, value));
    // Of the page's settings, only the address is another one here.
    let agent = agent.env("PRONY_NATS", nats.url()).spawn();

    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--agents", "label=site-a:1", "--nats", &nats.url()]);
    run.args(["--request-count", "4"]).env("PRONY_NATS_TOKEN", TOKEN).run().succeeds();
    assert!(agent.dir().join("state/prony-agent").is_dir());
    // What systemd sends, and what it takes for a good end.
    terminate(agent).ends_with(143);
    assert!(file("prony-agent.service").contains("\nSuccessExitStatus=143\n"));
}

/// The page takes the command of the unit away and gives it another one, which differs in the range alone.
#[test]
fn the_page_changes_the_range_of_the_search_of_every_night() {
    let changed = page("docs/CI.md").code("ini").concat();
    let unit = file("prony-search.service");
    let command = unit.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    assert_eq!(changed.replace("1..500", "1..200"), format!("[Service]\nExecStart=\n{command}\n"));
}

#[test]
fn the_search_of_every_night_is_made_with_the_settings_of_the_page() {
    let blocks = page("docs/CI.md").code("sh");
    let installed = blocks.iter().find(|block| block.contains("/etc/prony/search.yaml")).unwrap();
    let (_, settings) = installed.split_once("'END'\n").unwrap();
    let (settings, _) = settings.split_once("\nEND\n").unwrap();
    let server = MockServer::start([]);
    // Of the page's settings, only the address is another one here. A night is shorter, too.
    let settings = settings.replace("http://localhost:8000", server.url());
    let elsewhere = [("/etc/prony/search.yaml", "search.yaml"), ("1..200", "20..40")];
    let search = Tool::new(here(&commands("prony-search.service")[0], &elsewhere));
    let search = search.args(["--benchmark-duration", "1s", "--max-runs", "1"]);
    search.file("search.yaml", settings);
    let run = search.run();
    // So few requests carry no p99.
    run.ends_with(6);
    let nights = fs::read_dir(run.dir().join("artifacts")).unwrap();
    let nights: Vec<_> = nights.map(|night| night.unwrap().path()).collect();
    assert!(matches!(&nights[..], [night] if night.join("search.json").is_file()), "{nights:?}");
}
