//! What a library brings along: other libraries, whose code runs as soon as it is opened.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use prony_tests::{MockPlugin, Tool, finish_within, mock_plugin};
use rstest::rstest;
use serde_json::Value;

/// A sound pack with the endpoint `acme`.
fn acme() -> MockPlugin {
    mock_plugin("acme", "bad_panics:PanickingEndpoint", "bad-panics")
}

/// Adds the hash of its library to its manifest.
fn pin(pack: &MockPlugin) {
    let words = ["plugins", "show", "endpoint", "acme", "--json", "--plugins"];
    let run = Tool::new(words).arg(pack.path()).run();
    let shown: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
    let hash = shown["entries"][0]["library"]["sha256"].as_str().unwrap();
    let text = fs::read_to_string(pack.path()).unwrap();
    pack.manifest(&text.replace("    class", &format!("    integrity: {hash}\n    class")));
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A short profile with the endpoint `acme` of a pack, of a server that is not there.
fn tool(pack: &MockPlugin) -> Tool {
    let words =
        ["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--endpoint-type", "acme"];
    Tool::new(words)
        .args(["--request-count", "1", "--url", "http://127.0.0.1:9", "--plugins"])
        .arg(pack.path())
}

/// Makes a shared library of C code, with these words for the linker.
fn shared_library(file: &Path, code: &str, words: &[&str]) {
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-x", "c", "-", "-o"]).arg(file).args([
        "-x",
        "none",
        "-Wl,--no-as-needed",
    ]);
    compile(command.args(words), code);
}

fn compile(command: &mut Command, code: &str) {
    let output = finish_within(Duration::from_secs(300), command, code.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A library that leaves a file behind when it is opened.
fn marking(file: &Path) -> PathBuf {
    let mark = file.with_extension("ran");
    let code = format!(
        "#include <stdio.h>\n__attribute__((constructor)) static void ran(void) {{ FILE *f = fopen(\"{}\", \"w\"); if (f) \
         fclose(f); }}\n",
        mark.display()
    );
    shared_library(file, &code, &[]);
    mark
}

/// Makes a library need another file, whose path must be no longer than the name that it replaces.
fn need(library: &Path, path: &str) {
    const NEEDED: &[u8] = b"libgcc_s.so.1\0";
    let mut bytes = fs::read(library).unwrap();
    let at = bytes.windows(NEEDED.len()).position(|window| window == NEEDED).unwrap();
    let name = format!("{path}{}", "\0".repeat(NEEDED.len() - path.len()));
    bytes[at..at + NEEDED.len()].copy_from_slice(name.as_bytes());
    fs::write(library, bytes).unwrap();
}

/// A file in `/tmp` whose path is short, gone with this value.
struct Short(PathBuf);

impl Short {
    fn new(kind: char) -> Self {
        Self(PathBuf::from(format!("/tmp/{kind}{:06}", std::process::id() % 1_000_000)))
    }
}

impl Drop for Short {
    fn drop(&mut self) {
        // A test that failed early has made nothing.
        let _ = fs::remove_file(&self.0);
        let _ = fs::remove_file(self.0.with_extension("ran"));
    }
}

/// The hash of the manifest is right, and the library brings another one along, which anybody may write.
#[rstest]
#[case::pinned("pinned", 'p', true)]
#[case::any("any", 'q', false)]
fn what_a_library_needs_must_not_be_writable_for_others(
    #[case] policy: &str,
    #[case] kind: char,
    #[case] pinned: bool,
) {
    let pack = acme();
    let needed = Short::new(kind);
    let mark = marking(&needed.0);
    need(&pack.dir().join("libbad_panics.so"), needed.0.to_str().unwrap());
    if pinned {
        pin(&pack);
    }
    let run = || tool(&pack).args(["--plugin-policy", policy]).run();
    // As long as it is the user's alone, it is as good as the library itself.
    run().ends_with(4);
    assert!(mark.exists(), "the library was not opened");
    fs::remove_file(&mark).unwrap();

    mode(&needed.0, 0o777);
    let run = run();
    run.ends_with(3);
    assert!(!mark.exists(), "it ran");
    let needs = format!("it needs `{}`: everyone may write to `", needed.0.display());
    assert!(run.stderr.contains(&needs), "{}", run.stderr);
    assert!(run.stderr.contains("help: take the right away: `chmod o-w "), "{}", run.stderr);
}

/// Looked at from outside, each in the way in which the linker would find it.
#[rstest]
#[case::relative(&["-Wl,-soname,x", "lib/liba.so"], None, "it needs `lib/liba.so`: its place depends on the working directory")]
#[case::open_folder(&["lib/liba.so"], Some("-Wl,-rpath,{}/lib"), "it looks for libraries in `{}/lib`: everyone may write to `{}/lib`")]
#[case::old_kind(&["-Wl,--disable-new-dtags", "lib/liba.so"], Some("-Wl,-rpath,{}/lib"), "everyone may write to `{}/lib`")]
#[case::beside_itself(&["lib/liba.so"], Some("-Wl,-rpath,$ORIGIN/lib"), "everyone may write to `{}/lib`")]
#[case::relative_folder(&["lib/liba.so"], Some("-Wl,-rpath,lib"), "it looks for libraries in `lib`: its place depends on the working directory")]
#[case::missing_folder(&["lib/liba.so"], Some("-Wl,-rpath,/tmp/is/not/there"), "it looks for libraries in `/tmp/is/not/there`: everyone may write to `/tmp`")]
#[case::further_down(&["far/libb.so"], Some("-Wl,-rpath,{}/far"), "it needs `libb.so`: it looks for libraries in `{}/lib`: everyone may write to `{}/lib`")]
#[case::filter(&["-Wl,-F,/tmp/is/not/there"], None, "it needs `/tmp/is/not/there`: everyone may write to `/tmp`")]
fn a_place_where_others_could_put_a_needed_library_is_refused(
    #[case] words: &[&str],
    #[case] folder: Option<&str>,
    #[case] expected: &str,
) {
    let world = tempfile::tempdir().unwrap();
    let root = world.path().canonicalize().unwrap();
    let named = |text: &str| text.replace("{}", &root.display().to_string());
    fs::create_dir(root.join("lib")).unwrap();
    fs::create_dir(root.join("far")).unwrap();
    // Without a name of their own, they are needed by the path that the linker was given, as far as it has one.
    let relative = words.contains(&"-Wl,-soname,x");
    let name = if relative { "-Wl,-z,now" } else { "-Wl,-soname,liba.so" };
    shared_library(&root.join("lib/liba.so"), "int a;", &[name]);
    let of_far = ["-Wl,-soname,libb.so".to_owned(), named("-Wl,-rpath,{}/lib"), named("{}/lib/liba.so")];
    shared_library(&root.join("far/libb.so"), "int b;", &of_far.each_ref().map(String::as_str));
    let mut linker: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    linker.extend(folder.map(named));
    let library = root.join("libacme.so");
    let mut command = Command::new("cc");
    command.current_dir(&root).args(["-shared", "-fPIC", "-x", "c", "/dev/null", "-o"]).arg(&library);
    compile(command.args(["-x", "none", "-Wl,--no-as-needed"]).args(&linker), "");

    mode(&root.join("lib"), 0o777);
    let run = Tool::new(["plugins", "check"]).arg(&library).run();
    run.ends_with(3);
    let output = format!("{}{}", run.stdout, run.stderr);
    assert!(output.contains(&named(expected)), "{output}");
}
