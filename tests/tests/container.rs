//! The image of `host/packaging/Dockerfile`, without an engine: what it copies and runs is there, nobody in it is root, and a run writes nothing
//! but its results. `tests/packages/lint` has a linter read the file, and `tests/packages/image` carries it out.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use prony_tests::Tool;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// An instruction and its words. A line goes on behind a backslash.
fn instructions() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("host/packaging/Dockerfile")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let text = lines.join("\n").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let split = |line: &str| line.split_once(' ').map(|(name, words)| (name.to_owned(), words.to_owned()));
    lines.map(|line| split(line).unwrap()).collect()
}

/// The words of all instructions of a name.
fn all(name: &str) -> Vec<String> {
    instructions().into_iter().filter(|(one, _)| one == name).map(|(_, words)| words).collect()
}

/// The words of the only instruction of a name. What it says holds for the last stage, behind whose beginning it stands.
fn of_the_image(name: &str) -> String {
    let all = instructions();
    let begin = all.iter().rposition(|(one, _)| one == "FROM").unwrap();
    let (before, image) = all.split_at(begin);
    assert!(name == "WORKDIR" || !before.iter().any(|(one, _)| one == name), "{before:?}");
    let words: Vec<&String> = image.iter().filter(|(one, _)| one == name).map(|(_, words)| words).collect();
    assert_eq!(words.len(), 1, "{name}: {words:?}");
    words[0].clone()
}

/// Words in the form that starts a program without a shell.
fn list(words: &str) -> Vec<String> {
    serde_json::from_str(words).unwrap()
}

#[test]
fn both_stages_are_one_release_of_debian_and_the_compiler_is_new_enough() {
    let stages = all("FROM");
    let [build, image] = &stages[..] else { panic!("two stages: {stages:?}") };
    let tag = build.strip_prefix("rust:").unwrap().split(' ').next().unwrap();
    let parts: Vec<&str> = tag.split('-').collect();
    let [version, "slim", release] = parts[..] else { panic!("{tag}") };
    assert_eq!(
        *image,
        format!("debian:{release}-slim"),
        "a C library that is older does not run the program"
    );
    let number =
        |version: &str| -> Vec<u32> { version.split('.').map(|part| part.parse().unwrap()).collect() };
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, needed) = manifest.split_once("\nrust-version = \"").unwrap();
    let needed = needed.split('"').next().unwrap();
    assert!(number(version) >= number(needed), "the tree needs Rust {needed}, and the image has {version}");
}

#[test]
fn what_is_copied_and_run_is_there() {
    let copies = all("COPY");
    let [context, packages] = &copies[..] else { panic!("two copies: {copies:?}") };
    assert_eq!(context, ". .");
    let ignored = fs::read_to_string(root().join("host/packaging/Dockerfile.dockerignore")).unwrap();
    for folder in [".git", "target"] {
        assert!(ignored.lines().any(|line| line == folder), "the image's build needs no `{folder}`");
    }
    let runs = all("RUN");
    let script = runs.iter().find(|run| run.starts_with("host/")).unwrap();
    let words: Vec<&str> = script.split(' ').collect();
    assert!(root().join(words[0]).is_file(), "{script}");
    let ["--into", into, "folder"] = words[1..] else { panic!("{script}") };
    // The script makes a folder `prony` there.
    let destination = packages.strip_prefix(&format!("--from=build {into}/prony ")).unwrap();
    let entry = list(&of_the_image("ENTRYPOINT"));
    assert_eq!(entry, [format!("{destination}/bin/prony")]);
    assert_eq!(list(&of_the_image("CMD")), ["--help"]);
    for run in runs.iter().filter(|run| run.contains("apt-get install")) {
        assert!(
            run.contains("--no-install-recommends") && run.contains("rm -rf /var/lib/apt/lists/*"),
            "{run}"
        );
    }
}

/// Kubernetes can tell by a number alone.
#[test]
fn nobody_in_the_image_is_root_and_the_volume_is_theirs() {
    let user = of_the_image("USER");
    let (uid, gid) = user.split_once(':').unwrap();
    for number in [uid, gid] {
        assert!(number.parse::<u32>().is_ok_and(|number| number > 0), "{user}");
    }
    let folder = of_the_image("WORKDIR");
    assert_eq!(list(&of_the_image("VOLUME")), [folder.as_str()]);
    assert_eq!(of_the_image("ENV"), format!("HOME={folder}"));
    let makes = format!("install -d -o {uid} -g {gid} {folder}");
    assert!(all("RUN").iter().any(|run| run.ends_with(&makes)), "no `{makes}`");
}

/// Nobody can write to `/proc`, not even root: it stands for a root file system that is read-only.
#[test]
fn a_run_writes_nothing_but_its_results() {
    let tool = Tool::new(["profile", "--mock", "--ui", "none", "--request-count", "1", "--osl", "4"]);
    let results = tool.dir().join("run");
    let mut tool = tool.arg("--artifact-dir").arg(&results);
    for name in ["HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
        tool = tool.env(name, "/proc");
    }
    let run = tool.under(&["sh", "-c", "cd /proc && exec \"$@\"", "sh"]).run();
    run.succeeds();
    assert_eq!(run.summary()["request_count"]["avg"], 1.0);
}
