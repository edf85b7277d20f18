//! `docs/INSTALL.md`: its commands, as typed, make a folder that runs from anywhere.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use prony_tests::{finish, program};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The commands below a title of the page.
fn commands(title: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/INSTALL.md")).unwrap();
    let (_, section) = page.split_once(&format!("\n## {title}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Runs commands in a folder. Returns what they print.
fn run(folder: &Path, commands: &str) -> String {
    let mut path = vec![folder.join("bin")];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap()));
    let mut shell = Command::new("sh");
    shell.args(["-euc", commands]).current_dir(folder).env("PATH", env::join_paths(path).unwrap());
    for name in ["XDG_DATA_HOME", "XDG_DATA_DIRS", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_STATE_HOME"] {
        shell.env(name, folder.join("none"));
    }
    let output = finish(&mut shell);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{commands}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// A clone after its build: the program and the libraries that the tests are made with.
fn clone() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let built = folder.path().join("target/release");
    fs::create_dir_all(&built).unwrap();
    symlink(program(), built.join("prony")).unwrap();
    let installed = program().parent().unwrap().with_file_name("lib").join("prony");
    for file in fs::read_dir(installed).unwrap() {
        let file = file.unwrap();
        if file.path().extension().is_some_and(|extension| extension == "so") {
            symlink(file.path(), built.join(file.file_name())).unwrap();
        }
    }
    symlink(root().join("plugins.yaml"), folder.path().join("plugins.yaml")).unwrap();
    folder
}

#[test]
fn the_folder_runs_where_it_is_unpacked_and_by_a_link() {
    let blocks = commands("As a folder that runs anywhere");
    let [pack, unpack] = &blocks[..] else { panic!("two blocks of commands: {blocks:?}") };
    let clone = clone();
    // To press the programs of tests together takes longer than everything else.
    run(clone.path(), &pack.replace("-czf", "-cf"));

    let machine = tempfile::tempdir().unwrap();
    for folder in ["opt", "bin"] {
        fs::create_dir(machine.path().join(folder)).unwrap();
    }
    fs::rename(clone.path().join("prony.tar.gz"), machine.path().join("prony.tar.gz")).unwrap();
    drop(clone);
    let here = machine.path().display().to_string();
    let unpack = unpack
        .replace(" -xzf", " -xf")
        .replace("/opt", &format!("{here}/opt"))
        .replace("/usr/local/bin", &format!("{here}/bin"));
    let said = run(machine.path(), &unpack);
    assert!(said.ends_with("the installation works\n"), "{said}");
    for file in ["share/man/man1/prony-profile.1", "share/bash-completion/completions/prony"] {
        assert!(machine.path().join("opt/prony").join(file).metadata().unwrap().len() > 100, "{file}");
    }
}

/// The commands that take what was installed away name the folders into which it went.
#[test]
fn what_is_removed_is_what_was_installed() {
    let page = fs::read_to_string(root().join("docs/INSTALL.md")).unwrap();
    let unpack = commands("As a folder that runs anywhere").remove(1);
    assert!(unpack.contains("/opt/prony") && unpack.contains("/usr/local/bin/prony"), "{unpack}");
    assert!(page.contains("`rm -r /opt/prony /usr/local/bin/prony`"));
}
