//! Which entry is used, and what is reported when one cannot be.

use std::fs;

use prony_plugin_api::{
    Endpoint, EventSink, Parser, RequestWriter, TurnContext,
    abi::{EndpointVt_Ref, author::endpoint_table},
    version::TARGET,
};

use super::{
    super::{
        entry::Tier,
        testing::{manifest_text, mock_plugin},
    },
    *,
};
use crate::{
    config::policy::PluginPolicy,
    explain::Explain,
    lockfile::{LockedLibrary, Sum},
};

struct Fake;

impl Endpoint for Fake {
    type Parser = Self;

    fn new(options: &str) -> prony_plugin_api::Result<Self> {
        match options {
            "{}" => Ok(Self),
            r#"{"panic":true}"# => panic!("too much"),
            _ => Err(prony_plugin_api::PluginError::config("read `mood`: it is bad").hint("be glad")),
        }
    }
    fn format(
        &self,
        _turn: &TurnContext<'_>,
        request: &mut RequestWriter<'_>,
    ) -> prony_plugin_api::Result<()> {
        request.path("/fake");
        Ok(())
    }
    fn parser(&self) -> Self {
        Self
    }
}

impl Parser for Fake {
    fn event(&mut self, _name: &str, _data: &[u8], _out: &mut EventSink<'_>) -> prony_plugin_api::Result<()> {
        Ok(())
    }
    fn body(&mut self, _status: u32, _body: &[u8], _out: &mut EventSink<'_>) -> prony_plugin_api::Result<()> {
        Ok(())
    }
}

fn fake() -> EndpointVt_Ref {
    endpoint_table::<Fake>("Fake")
}

/// Packs in a temporary folder, the first one built-in.
struct World(tempfile::TempDir);

impl World {
    fn with(packs: &[(&str, &str)]) -> (Self, Registry) {
        let world = Self(tempfile::tempdir().unwrap());
        for (folder, manifest) in packs {
            fs::create_dir_all(world.path(folder)).unwrap();
            fs::write(world.path(folder).join("plugins.yaml"), manifest).unwrap();
        }
        let options = DiscoveryOptions {
            program_dir: Some(world.path("bin")),
            plugin_path: packs[1..].iter().map(|(folder, _)| world.path(folder)).collect(),
            ..DiscoveryOptions::default()
        };
        let registry = Registry::discover(&options).unwrap();
        (world, registry)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(path)
    }

    /// An error as three lines, without the world's own folder.
    fn lines(&self, error: &PluginError) -> String {
        let detail = error.detail().unwrap_or_default();
        format!("{error}\n{detail}\n{}", error.hint()).replace(&self.path("").display().to_string(), "/")
    }

    /// A lock file in which a library has these bytes.
    fn lock_with(&self, library: &str, bytes: &[u8]) -> Lockfile {
        let mut lock = Lockfile::empty(&self.path("prony.lock"));
        let library = LockedLibrary {
            library: library.to_owned(),
            name: "acme".to_owned(),
            version: "3.1.0".to_owned(),
            sum: Sum::of(bytes),
        };
        lock.lock_libraries(TARGET, &[library], |_| true);
        lock
    }

    fn load_error(&self, registry: &Registry, name: &str) -> String {
        self.lines(&registry.load_endpoint(name, "{}").unwrap_err())
    }
}

fn chat(priority: i32) -> String {
    manifest_text("chat", "acme:Chat", priority)
}

#[test]
fn a_registry_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Registry>();
}

#[test]
fn an_entry_is_known_in_any_spelling_without_its_library() {
    let (_world, registry) = World::with(&[("bin", &manifest_text("Acme-Chat", "acme:Chat", 0))]);
    let entry = registry.endpoint("acme_CHAT").unwrap();
    assert_eq!(
        (entry.name.as_str(), entry.metadata.endpoint_path.as_deref()),
        ("Acme-Chat", Some("/v1/talk"))
    );
    assert!(registry.services().is_empty());
}

/// The bytes of a library without code, whose descriptor has the endpoint of [`chat`].
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn acme() -> Vec<u8> {
    let descriptor = serde_json::json!({
        "schema": 1, "name": "acme", "version": "3.1.0", "epoch": 1, "minor": 0, "min_host_minor": 0,
        "rustc": "rustc 1.90.0", "target": "", "opt_level": "3", "panic": "unwind",
        "endpoints": [{"type": "Chat", "options": "{}"}], "services": [],
    });
    super::super::testing::library(descriptor.to_string().as_bytes())
}

/// What runs in another process was opened there.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn a_plugin_that_nobody_opened_here_is_named_from_its_file() {
    let (world, registry) = World::with(&[("bin", &chat(0))]);
    let library = world.path("bin").join(registry.endpoint("chat").unwrap().class.file_name());
    fs::write(&library, acme()).unwrap();
    let wanted = [(Category::Endpoint, "Chat"), (Category::Service, "nobody")];
    let [used] = &registry.used(&wanted)[..] else { panic!("{:?}", registry.used(&wanted)) };
    assert_eq!((used.package.as_str(), used.version.as_str(), &used.library), ("acme", "3.1.0", &library));
    assert!(registry.used(&[]).is_empty());
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let (world, registry) = World::with(&[("bin", &chat(0))]);
    let error = world.lines(&registry.endpoint("chatt").unwrap_err());
    assert_eq!(error, "unknown endpoint `chatt`\n\ndid you mean `chat`? there are `chat`");
    assert_eq!(world.load_error(&registry, "chatt"), error);
}

#[test]
fn a_missing_library_is_three_lines() {
    let (world, registry) = World::with(&[("bin", &chat(0)), ("pack", "schema_version: \"1.0\"")]);
    insta::assert_snapshot!(world.load_error(&registry, "chat").replace(".dylib", ".so"), @r"
    load the endpoint `chat` from `/bin/libacme.so`
    the library does not exist; looked for `libacme.so` in `/bin`, `/pack`
    install the library beside its manifest, or name its folder in PRONY_PLUGIN_PATH
    ");
}

#[test]
fn a_text_file_in_the_place_of_a_library_is_three_lines_and_stays_refused() {
    let (world, registry) = World::with(&[("bin", &chat(0))]);
    let library = world.path("bin").join(registry.endpoint("chat").unwrap().class.file_name());
    fs::write(&library, "I am a library.").unwrap();
    let error = world.load_error(&registry, "chat");
    insta::assert_snapshot!(error.replace(".dylib", ".so"), @r#"
    load the endpoint `chat` from `/bin/libacme.so`
    its 15 bytes are not a shared library: Could not read file magic
    install the library again, or build it with `crate-type = ["cdylib"]`
    "#);

    fs::remove_file(&library).unwrap();
    assert_eq!(world.load_error(&registry, "chat"), error);
}

#[test]
fn two_packs_with_equal_right_are_an_error_for_that_name_only() {
    let good = manifest_text("other", "acme:Other", 0);
    let (world, registry) = World::with(&[("bin", &good), ("one", &chat(5)), ("two", &chat(5))]);
    let error = registry.endpoint("chat").unwrap_err();
    insta::assert_snapshot!(world.lines(&error), @r"
    choose the endpoint `chat`: both `/two/plugins.yaml` and `/one/plugins.yaml` declare it with priority 5

    give one of them a higher `priority`, or remove one
    ");
    assert_eq!(world.load_error(&registry, "chat"), world.lines(&error));
    assert!(registry.list(Category::Endpoint)[0].conflicting);
    registry.endpoint("other").unwrap();
}

#[test]
fn a_name_is_isolated_if_any_of_its_entries_asks_for_it() {
    let isolated = chat(0).replace("    class", "    isolation: process\n    class");
    let (_world, registry) = World::with(&[("bin", &isolated), ("pack", &chat(9))]);
    assert_eq!(registry.isolation(Category::Endpoint, "Chat").unwrap(), Isolation::Process);
    let (_world, registry) = World::with(&[("bin", &chat(0)), ("pack", &chat(9))]);
    assert_eq!(registry.isolation(Category::Endpoint, "chat").unwrap(), Isolation::None);
    assert!(registry.isolation(Category::Service, "chat").is_err());
}

#[test]
fn if_the_winner_fails_the_next_one_is_used_and_a_note_says_so_once() {
    let (world, registry) = World::with(&[("bin", &chat(0)), ("pack", &chat(1))]);
    {
        let mut shelves = registry.lock();
        let built_in = &mut shelves.endpoints.get_mut("chat").unwrap()[1];
        assert_eq!(built_in.entry.origin.tier, Tier::BuiltIn);
        built_in.outcome = Some(Ok(fake()));
    }
    registry.load_endpoint("chat", "{}").unwrap();
    registry.load_endpoint("Chat", "{}").unwrap();
    let [note] = &registry.notes()[..] else { panic!("{:?}", registry.notes()) };
    let note = note.replace(&world.path("").display().to_string(), "/").replace(".dylib", ".so");
    assert!(
        note.starts_with("failed to load the endpoint `chat` from `/pack/libacme.so`: the library does"),
        "{note}"
    );
    assert!(
        note.ends_with("in `/pack/plugins.yaml`; the one of `/bin/plugins.yaml` was used in its place."),
        "{note}"
    );
}

#[test]
fn if_all_fail_the_winners_error_is_told() {
    let (world, registry) = World::with(&[("bin", &chat(0)), ("pack", &chat(1))]);
    assert!(world.load_error(&registry, "chat").starts_with("load the endpoint `chat` from `/pack/"));
    assert!(registry.notes().is_empty());
}

/// On an agent, its own lock and that of its controller.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn what_is_used_in_the_place_of_another_must_be_in_both_locks() {
    let (world, registry) = World::with(&[("bin", &chat(0)), ("pack", &chat(1))]);
    let entry = registry.endpoint("chat").unwrap();
    let bytes = acme();
    fs::write(world.path("bin").join(entry.class.file_name()), &bytes).unwrap();
    let locking = |bytes: &[u8]| world.lock_with(&entry.class.library, bytes);
    let load = |own: &[u8], controllers: &[u8]| {
        let options = DiscoveryOptions {
            lock: LockChoice::Read(Arc::new(locking(own))),
            lock_of_controller: Some(Arc::new(locking(controllers).of_libraries())),
            ..registry.search().clone()
        };
        let registry = Registry::discover(&options).unwrap();
        // What is made in a process of its own is found as this one finds it.
        Registry::discover(registry.search()).unwrap().load_endpoint("chat", "{}").unwrap_err()
    };
    let of_own = load(b"another", &bytes);
    assert!(of_own.breaks_the_lock(), "{}", world.lines(&of_own));
    let of_controller = load(&bytes, b"another");
    assert!(of_controller.breaks_the_lock(), "{}", world.lines(&of_controller));
    let expected = format!("the lock of the controller demands {}", Sum::of(b"another"));
    assert!(world.lines(&of_controller).contains(&expected), "{}", world.lines(&of_controller));
}

/// The controller cannot say for the machine of an agent what may be used there.
#[test]
fn under_the_policy_pinned_the_lock_of_a_controller_is_not_enough() {
    let built_in = manifest_text("other", "acme:Other", 0);
    let (world, registry) = World::with(&[("bin", &built_in), ("pack", &chat(0))]);
    let lock = world.lock_with(&registry.endpoint("chat").unwrap().class.library, b"a library");
    let of_controller = DiscoveryOptions {
        lock_of_controller: Some(Arc::new(lock.of_libraries())),
        ..registry.search().clone().with_policy(Some(PluginPolicy::Pinned))
    };
    let error = Registry::discover(&of_controller).unwrap().endpoint("chat").unwrap_err();
    assert!(matches!(error, PluginError::Unpinned { .. }), "{}", world.lines(&error));
    let of_both = DiscoveryOptions { lock: LockChoice::Read(Arc::new(lock)), ..of_controller };
    Registry::discover(&of_both).unwrap().endpoint("chat").unwrap();
}

#[test]
fn a_mock_is_there_for_its_scope() {
    let (_world, registry) = World::with(&[("bin", &chat(7))]);
    {
        let _chat = mock_plugin(&registry, "chat", fake());
        let _again = mock_plugin(&registry, "CHAT", fake());
        let _new = mock_plugin(&registry, "brand_new", fake());
        assert_eq!(registry.endpoint("chat").unwrap().metadata.endpoint_path.as_deref(), Some("/mock"));
        registry.load_endpoint("chat", "{}").unwrap();
        registry.load_endpoint("brand-new", "{}").unwrap();
    }
    assert_eq!(registry.endpoint("chat").unwrap().metadata.endpoint_path.as_deref(), Some("/v1/talk"));
    registry.endpoint("brand_new").unwrap_err();
}

#[test]
fn a_panic_in_new_is_the_plugins_fault_and_not_the_users() {
    let (world, registry) = World::with(&[("bin", &chat(0))]);
    let _mock = mock_plugin(&registry, "chat", fake());
    let error = registry.load_endpoint("chat", r#"{"panic":true}"#).unwrap_err();
    assert!(!error.is_usage());
    assert!(world.lines(&error).starts_with("start the endpoint `chat`\npanic: too much\n"));
}

#[test]
fn what_the_author_says_about_options_is_the_users_fault_and_no_reason_to_fall_back() {
    let (world, registry) = World::with(&[("bin", &chat(0))]);
    let _mock = mock_plugin(&registry, "chat", fake());
    let error = registry.load_endpoint("chat", "[]").unwrap_err();
    assert!(error.is_usage());
    assert_eq!(world.lines(&error), "start the endpoint `chat`\nconfig: read `mood`: it is bad\nbe glad");
}
