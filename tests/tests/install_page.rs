//! `docs/INSTALL.md`: its commands, as typed, make a folder that runs from anywhere, and give plugins to a program that has none. What the
//! package of Debian has and does before it is removed is looked at without Debian.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env,
    fmt::Write as _,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Output},
};

use prony_tests::{
    finish,
    pages::{page, root},
    program,
};
use serde_json::Value;

/// The commands below a title of the page.
fn commands(title: &str) -> Vec<String> {
    page("docs/INSTALL.md").section(title).code("sh")
}

/// A shell in a folder, with the programs of its `bin`.
fn shell(folder: &Path, commands: &str) -> Command {
    prony_tests::shell(folder, &folder.join("bin"), commands)
}

/// Runs commands in a folder. Returns what they print.
fn run(folder: &Path, commands: &str) -> String {
    let output = finish(&mut shell(folder, commands));
    let said = text(&output.stdout);
    assert!(output.status.success(), "{commands}\n{said}\n{}", text(&output.stderr));
    said
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a build leaves: the program and the libraries that the tests are made with.
fn built() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    symlink(program(), folder.path().join("prony")).unwrap();
    let installed = program().parent().unwrap().with_file_name("lib").join("prony");
    for file in fs::read_dir(installed).unwrap() {
        let file = file.unwrap();
        if file.path().extension().is_some_and(|extension| extension == "so") {
            symlink(file.path(), folder.path().join(file.file_name())).unwrap();
        }
    }
    folder
}

/// A script of the clone, with words.
fn packaging(script: &str, words: &str) -> String {
    format!("'{}' {words}\n", root().join("host/packaging").join(script).display())
}

/// Every file below a folder, as a path from there.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(one) = folders.pop() {
        for entry in fs::read_dir(one).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// What cargo-deb is told.
fn debian_package() -> Value {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root());
    let metadata: Value = serde_json::from_slice(&finish(&mut command).stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let host = packages.iter().find(|package| package["name"] == "prony").unwrap();
    host["metadata"]["deb"].clone()
}

/// What it is told to take: paths in the tree, which may end in `*` or `**/*`, and where they go.
fn assets_of_the_debian_package() -> Vec<(String, String)> {
    let package = debian_package();
    let assets = package["assets"].as_array().unwrap().iter();
    let word = |asset: &Value, place: usize| asset[place].as_str().unwrap().to_owned();
    assets
        .map(|asset| {
            let source = word(asset, 0);
            // The folder of the build, whatever its profile is, and the tree in it.
            (source.strip_prefix("target/release/package/").unwrap().to_owned(), word(asset, 1))
        })
        .collect()
}

fn takes(pattern: &str, file: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(folder) => match folder.strip_suffix("**/") {
            Some(top) => file.starts_with(top),
            None => file.strip_prefix(folder).is_some_and(|name| !name.contains('/')),
        },
        None => pattern == file,
    }
}

/// Whether Python is there, which writes the list of licences of a package.
fn has_python() -> bool {
    env::split_paths(&env::var_os("PATH").unwrap()).any(|folder| folder.join("python3").is_file())
}

#[test]
fn the_folder_runs_where_it_is_unpacked_and_by_a_link_and_the_debian_package_has_all_of_it() {
    if !has_python() {
        eprintln!("there is no python3, without which no package is made");
        return;
    }
    let blocks = commands("As a folder that runs anywhere");
    let [pack, unpack] = &blocks[..] else { panic!("two blocks of commands: {blocks:?}") };
    assert_eq!(pack, "host/packaging/build tar\n");
    let machine = tempfile::tempdir().unwrap();
    for folder in ["opt", "bin"] {
        fs::create_dir(machine.path().join(folder)).unwrap();
    }
    let (built, made) = (built(), tempfile::tempdir().unwrap());
    // To press the programs of tests together takes longer than everything else.
    let options = format!("--built '{}' --into '{}' folder", built.path().display(), made.path().display());
    run(machine.path(), &packaging("build", &options));
    let archive = machine.path().join("prony-0.0.0.tar.gz");
    run(made.path(), &format!("tar -cf '{}' prony", archive.display()));
    let tree = files(&made.path().join("prony"));
    drop(made);

    let here = machine.path().display().to_string();
    let unpack = unpack
        .replace(" -xzf", " -xf")
        .replace("/opt", &format!("{here}/opt"))
        .replace("/usr/local/bin", &format!("{here}/bin"));
    let said = run(machine.path(), &unpack);
    assert!(said.ends_with("the installation works\n"), "{said}");
    for file in [
        "share/man/man1/prony-profile.1.gz",
        "share/bash-completion/completions/prony",
        "share/zsh/site-functions/_prony",
        "share/fish/vendor_completions.d/prony.fish",
        "share/doc/prony/README.md",
        "share/doc/prony/copyright",
        "share/doc/prony/docs/INSTALL.md",
        "share/doc/prony/licences.txt",
        "lib/systemd/system/prony-agent.service",
        "lib/systemd/system/prony-search.service",
        "lib/systemd/system/prony-search.timer",
    ] {
        assert!(machine.path().join("opt/prony").join(file).metadata().unwrap().len() > 100, "{file}");
    }

    let assets = assets_of_the_debian_package();
    let mut wrong = String::new();
    for file in &tree {
        let count = assets.iter().filter(|(pattern, _)| takes(pattern, file)).count();
        if count != 1 {
            writeln!(wrong, "`{file}` is in the package of Debian {count} times").unwrap();
        }
    }
    for (pattern, _) in assets.iter().filter(|(pattern, _)| !tree.iter().any(|file| takes(pattern, file))) {
        writeln!(wrong, "nothing in the folder is `{pattern}`").unwrap();
    }
    assert!(wrong.is_empty(), "{wrong}");
    let goes = |from: &str, to: &str| assets.iter().any(|(pattern, dest)| pattern == from && dest == to);
    // The program finds its plugins in `../lib/prony` of its own folder.
    assert!(goes("bin/prony", "usr/bin/") && goes("lib/prony/*", "usr/lib/prony/"), "{assets:?}");
    // Where no file is named so, cargo-deb writes one of its own beside it.
    assert!(goes("share/doc/prony/copyright", "usr/share/doc/prony/copyright"), "{assets:?}");
}

/// `cargo install` brings the program alone.
#[test]
fn a_program_without_plugins_says_which_command_brings_them_and_that_one_does() {
    let blocks = commands("With cargo install");
    assert_eq!(blocks, ["cargo install --path host --locked\nhost/packaging/install-plugins\n"]);
    let machine = tempfile::tempdir().unwrap();
    let bin = machine.path().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::copy(program(), bin.join("prony")).unwrap();
    let measure = "prony profile --mock --request-count 1 --osl 4 --ui none --artifact-dir run";

    let Output { status, stderr, .. } = finish(&mut shell(machine.path(), measure));
    assert_eq!(status.code(), Some(2));
    assert!(text(&stderr).contains("`host/packaging/install-plugins` of the clone"), "{}", text(&stderr));

    let built = built();
    let options = format!("--built '{}' '{}'", built.path().display(), bin.display());
    for _again in 0..2 {
        let said = run(machine.path(), &packaging("install-plugins", &options));
        assert!(said.ends_with(&format!("libraries in {}/lib/prony\n", machine.path().display())), "{said}");
    }
    run(machine.path(), measure);
    let left = fs::read_dir(machine.path().join("lib")).unwrap();
    assert_eq!(left.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(), ["prony"]);
}

#[test]
fn plugins_are_not_put_where_there_is_no_program_and_nothing_is_laid_out_over_something() {
    let (folder, built) = (tempfile::tempdir().unwrap(), built());
    let refused = |script: &str, words: String| {
        let Output { status, stderr, .. } = finish(&mut shell(folder.path(), &packaging(script, &words)));
        assert_eq!(status.code(), Some(2), "{script} {words}");
        text(&stderr)
    };
    let said = refused(
        "install-plugins",
        format!("--built '{}' '{}'", built.path().display(), folder.path().display()),
    );
    assert!(said.contains("there is no program"), "{said}");
    let said = refused("tree", format!("'{}' '{}'", built.path().display(), folder.path().display()));
    assert!(said.contains("is there already"), "{said}");
    let said = refused("tree", format!("'{}' new", folder.path().display()));
    assert!(said.contains("there is no program"), "{said}");
    assert_eq!(files(folder.path()), Vec::<String>::new());
}

/// A package that goes to others names somebody who answers for it.
#[test]
fn a_release_needs_somebody_who_can_be_written_to() {
    let folder = tempfile::tempdir().unwrap();
    for words in ["", "--maintainer", "--maintainer Acme", "--maintainer 'Acme <acme@localhost>'"] {
        let Output { status, stderr, .. } = finish(&mut shell(folder.path(), &packaging("release", words)));
        assert_eq!(status.code(), Some(2), "{words}");
        assert!(text(&stderr).contains("nobody who can be written to"), "{}", text(&stderr));
    }
}

/// What dpkg runs before it takes the package's files away or replaces them. What systemd is asked stands in a file.
#[test]
fn an_agent_that_was_enabled_ends_with_its_package() {
    assert_eq!(debian_package()["maintainer-scripts"], "packaging/debian");
    let machine = tempfile::tempdir().unwrap();
    let path = |name: &str| machine.path().join(name);
    let (system, wants) = ("etc/systemd/system", "etc/systemd/system/multi-user.target.wants");
    for folder in ["bin", "run/systemd/system", wants] {
        fs::create_dir_all(path(folder)).unwrap();
    }
    fs::write(path("bin/systemctl"), "#!/bin/sh\necho \"$*\" >> asked\n").unwrap();
    fs::set_permissions(path("bin/systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
    let link = path(wants).join("prony-agent.service");
    symlink("/usr/lib/systemd/system/prony-agent.service", &link).unwrap();
    let before = |words: &str| {
        let script = packaging("debian/prerm", words);
        run(machine.path(), &format!("DPKG_ROOT='{}' {script}", machine.path().display()));
        link.is_symlink()
    };

    assert!(before("upgrade 2.0"), "the agent of an upgrade stays");
    assert!(!path("asked").exists());
    // The administrator's own unit starts another program.
    fs::write(path(system).join("prony-agent.service"), "[Unit]\n").unwrap();
    assert!(before("remove"), "what is not of the package stays");
    let asked = || fs::read_to_string(path("asked")).unwrap();
    assert!(!asked().contains("agent"), "{}", asked());
    fs::remove_file(path(system).join("prony-agent.service")).unwrap();

    assert!(!before("remove"));
    assert!(asked().ends_with("disable --now prony-agent.service\n"), "{}", asked());
    assert!(asked().contains("disable --now prony-search.timer\n"), "{}", asked());
    assert!(!path(wants).exists() && path(system).is_dir());
    // Where there is no agent, it has nothing to do.
    assert!(!before("remove"));
}

/// The commands that take what was installed away name the folders into which it went.
#[test]
fn what_is_removed_is_what_was_installed() {
    let page = &page("docs/INSTALL.md").text;
    let unpack = commands("As a folder that runs anywhere").remove(1);
    assert!(unpack.contains("/opt/prony") && unpack.contains("/usr/local/bin/prony"), "{unpack}");
    assert!(page.contains("`rm -r /opt/prony /usr/local/bin/prony`"));
    assert!(page.contains("`cargo uninstall prony` and `rm -r ~/.cargo/lib/prony`"));
    // The folder of a user that systemd makes up is a link, and what it stands for is in `private`.
    for name in ["prony-agent", "prony-search"] {
        let unit = fs::read_to_string(root().join(format!("docs/launch/{name}.service"))).unwrap();
        assert!(unit.contains(&format!("\nStateDirectory={name}\n")), "{unit}");
        assert!(unit.contains("\nDynamicUser=yes\n"), "{unit}");
        assert!(page.contains(&format!(" /var/lib/private/{name} /var/lib/{name}")), "{name}");
    }
}
