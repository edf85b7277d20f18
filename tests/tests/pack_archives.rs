//! Packs without a folder: archives and OCI layouts to install from, and what `prony plugins export` makes for machines without a
//! network.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use prony_tests::{MockPlugin, Run, Tool, finish, mock_plugin, sha256};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A user's machine: where packs are installed, and a pack with the endpoint `acme` in the folder `acme-chat`.
struct Machine {
    home: TempDir,
    #[expect(dead_code, reason = "it is held, that is all")]
    made: MockPlugin,
    pack: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let made = mock_plugin("acme", "bad_panics:PanickingEndpoint", "bad-panics");
        let home = tempfile::tempdir().unwrap();
        let pack = home.path().join("acme-chat");
        fs::create_dir(&pack).unwrap();
        for file in ["plugins.yaml", "libbad_panics.so"] {
            fs::copy(made.dir().join(file), pack.join(file)).unwrap();
        }
        Self { home, made, pack }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn tool<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Tool {
        Tool::new(words).env("XDG_DATA_HOME", self.home.path())
    }

    fn add(&self, path: &Path) -> Run {
        self.tool(["plugins", "add", "--json"]).arg(path).run()
    }

    fn export(&self, what: &Path, to: &str) -> Run {
        self.tool(["plugins", "export"]).arg(what).arg(self.path(to)).run()
    }

    /// Packs the folder of the pack as other programs do.
    fn tar(&self, words: &[&str], to: &str) -> PathBuf {
        let archive = self.path(to);
        let mut command = Command::new("tar");
        command.args(words).arg(&archive).arg("-C").arg(self.home.path()).arg("acme-chat");
        assert!(finish(&mut command).status.success());
        archive
    }

    /// Whether the endpoint of the pack can be used, by the hash of its library.
    fn is_installed(&self) -> bool {
        let run = self.tool(["plugins", "show", "endpoint", "acme", "--json"]).run();
        let shown: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
        let library = sha256(fs::read(self.pack.join("libbad_panics.so")).unwrap());
        shown["entries"][0]["integrity"] == json!(format!("sha256-{library}"))
    }
}

#[rstest]
#[case::packed("out.tar.gz")]
#[case::packed_with_a_short_name("out.tgz")]
#[case::plain("out.tar")]
#[case::a_folder("acme-out")]
fn what_is_exported_is_installed_on_another_machine(#[case] to: &str) {
    let (here, there) = (Machine::new(), Machine::new());
    let run = here.export(&here.pack, to);
    assert!(run.succeeds().stdout.contains("exported `acme-chat`: "), "{}", run.stdout);
    let added = there.add(&here.path(to));
    let added: Value = serde_json::from_str(&added.succeeds().stdout).unwrap();
    let name = if to == "acme-out" { "acme-out" } else { "acme-chat" };
    assert_eq!(added["pack"], name);
    assert!(there.is_installed());
}

#[test]
fn an_installed_pack_is_exported_by_its_name_and_is_the_same_bytes() {
    let machine = Machine::new();
    machine.add(&machine.pack).succeeds();
    for to in ["one.tar.gz", "two.tar.gz"] {
        machine.export(Path::new("acme-chat"), to).succeeds();
    }
    let [one, two] = ["one.tar.gz", "two.tar.gz"].map(|name| fs::read(machine.path(name)).unwrap());
    assert!(one == two, "the same pack is the same bytes");
    let again = machine.export(Path::new("acme-chat"), "one.tar.gz");
    again.ends_with(2);
    assert!(again.stderr.contains("it is there already"), "{}", again.stderr);
    machine.export(Path::new("nobody"), "three.tar.gz").ends_with(2);
    assert!(!machine.path("three.tar.gz").exists());
}

#[rstest]
#[case::with_gzip(&["-czf"], "acme-1.0.tar.gz")]
#[case::without(&["-cf"], "acme.tar")]
fn an_archive_of_another_program_is_installed(#[case] words: &[&str], #[case] name: &str) {
    let machine = Machine::new();
    let archive = machine.tar(words, name);
    let added: Value = serde_json::from_str(&machine.add(&archive).succeeds().stdout).unwrap();
    assert_eq!((&added["pack"], &added["libraries"][0]["from"]), (&json!("acme-chat"), &json!(archive)));
    assert!(machine.is_installed());
}

/// Writes an OCI layout with the pack as its one layer.
fn layout(machine: &Machine) -> PathBuf {
    let folder = machine.path("acme-image");
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let blob = |bytes: &[u8]| {
        fs::write(blobs.join(sha256(bytes)), bytes).unwrap();
        format!("sha256:{}", sha256(bytes))
    };
    let layer = fs::read(machine.tar(&["-czf"], "layer.tar.gz")).unwrap();
    let layer = json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": blob(&layer), "size": layer.len()});
    let image = json!({"schemaVersion": 2, "layers": [layer]}).to_string();
    let index = json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": blob(image.as_bytes()), "size": image.len(),
    }]});
    fs::write(folder.join("oci-layout"), "{\"imageLayoutVersion\": \"1.0.0\"}").unwrap();
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    folder
}

#[test]
fn an_oci_layout_is_installed_and_one_with_another_byte_is_not() {
    let machine = Machine::new();
    let folder = layout(&machine);
    machine.add(&folder).succeeds();
    assert!(machine.is_installed());

    let other = Machine::new();
    let folder = layout(&other);
    for blob in fs::read_dir(folder.join("blobs/sha256")).unwrap() {
        let path = blob.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes.push(0);
        fs::write(path, bytes).unwrap();
    }
    let run = other.add(&folder);
    run.ends_with(2);
    assert!(run.stderr.contains("and not what its name says"), "{}", run.stderr);
    assert!(!other.path("prony/plugins/acme-chat").exists());
}

#[test]
fn what_is_no_archive_of_a_pack_is_refused_and_leaves_nothing() {
    let machine = Machine::new();
    let refused = |name: &str, expected: &str| {
        let run = machine.add(&machine.path(name));
        run.ends_with(2);
        assert!(run.stderr.contains(expected) && run.stderr.contains("help: "), "{name}: {}", run.stderr);
        assert!(!machine.path("prony/plugins/acme-chat").exists(), "{name}");
    };
    fs::write(machine.path("empty.tar.gz"), "").unwrap();
    refused("empty.tar.gz", "there is no plugins.yaml at its top");
    fs::write(machine.path("text.tar.gz"), "no archive").unwrap();
    refused("text.tar.gz", "unpack the plugin package `");
    refused("gone.tar.gz", "find a plugin package in `");

    let whole = fs::read(machine.tar(&["-czf"], "whole.tar.gz")).unwrap();
    fs::write(machine.path("cut.tar.gz"), &whole[..whole.len() / 2]).unwrap();
    refused("cut.tar.gz", "unpack the plugin package `");
    std::os::unix::fs::symlink("/etc/passwd", machine.pack.join("link")).unwrap();
    machine.tar(&["-czf"], "link.tar.gz");
    refused("link.tar.gz", "neither a file nor a folder");
    fs::remove_file(machine.pack.join("link")).unwrap();
    machine.tar(&["-czf"], "open.tar.gz");
    fs::set_permissions(machine.path("open.tar.gz"), fs::Permissions::from_mode(0o666)).unwrap();
    refused("open.tar.gz", "everyone may write to");
}
