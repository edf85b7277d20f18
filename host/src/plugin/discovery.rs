//! Where manifests are. From low to high: beside the program, system and user data folders (XDG Base Directory
//! Specification), `$PRONY_PLUGIN_PATH`, `--plugins`, and on an agent what its controller has sent. Never the working directory.
//!
//! A bad pack is reported and skipped: it does not take the rest down. Only a file that the user named must be good.

use std::{
    collections::HashSet,
    env,
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use prony_plugin_api::version::TARGET;
use serde::{Deserialize, Serialize};

use super::{
    entry::{Category, Entry, Origin, Tier},
    fault::Fault,
    locked::LockChoice,
    manifest::{self, FILE_NAME, Manifest, ManifestError, ManifestProblem},
    policy::{PolicyInForce, PolicyWishes},
    trust::Trust,
};
use crate::{config::policy::PluginPolicy, lockfile::Lockfile};

/// Folder of this program's data in an XDG data folder, and of packs in it.
const DATA_FOLDER: &str = "prony/plugins";

/// Where to look. A value, so that tests make their own and only [`DiscoveryOptions::from_env`] reads the environment;
/// child processes are sent their parent's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct DiscoveryOptions {
    /// Folder of the program itself.
    pub(crate) program_dir: Option<PathBuf>,
    /// Data folders of the system, the most important first.
    pub(crate) system_data_dirs: Vec<PathBuf>,
    /// The user's data folder.
    pub(crate) user_data_dir: Option<PathBuf>,
    /// `$PRONY_PLUGIN_PATH`: packs, folders of packs, or folders of libraries.
    pub(crate) plugin_path: Vec<PathBuf>,
    /// Manifests that the user named.
    pub(crate) manifests: Vec<PathBuf>,
    /// The manifest of what a controller has sent.
    pub(crate) received: Option<PathBuf>,
    /// What decides which of all these may be used.
    pub(crate) policy: PolicyWishes,
    /// What must be as it was locked.
    pub(crate) lock: LockChoice,
    /// What libraries must be besides, on an agent: what the controller of its run has locked. Of the run's other files, the
    /// controller has checked what it sends.
    pub(crate) lock_of_controller: Option<Arc<Lockfile>>,
}

impl DiscoveryOptions {
    /// What the environment says, and the manifests that the user named.
    pub(crate) fn from_env(manifests: Vec<PathBuf>) -> Self {
        let program = env::current_exe().and_then(|path| path.canonicalize()).ok();
        // A relative one would be a place in the working directory.
        let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        Self {
            program_dir: program.and_then(|path| path.parent().map(Path::to_owned)),
            system_data_dirs: paths_or(env::var_os("XDG_DATA_DIRS"), "/usr/local/share:/usr/share"),
            user_data_dir: env::var_os("XDG_DATA_HOME")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| home.map(|home| home.join(".local/share"))),
            plugin_path: paths(&env::var_os("PRONY_PLUGIN_PATH").unwrap_or_default()),
            manifests,
            received: None,
            policy: PolicyWishes::from_env(),
            lock: LockChoice::from_env(),
            lock_of_controller: None,
        }
    }

    /// The same, with a policy that the command line names, if it names one.
    pub(crate) fn with_policy(mut self, flag: Option<PluginPolicy>) -> Self {
        self.policy.flag = flag.or(self.policy.flag);
        self
    }

    /// The same with this lock, whatever the environment says.
    pub(crate) fn with_lock(self, lock: LockChoice) -> Self {
        Self { lock, ..self }
    }

    /// Where libraries are looked for that are not beside their manifest. Never in the working directory.
    pub(super) fn library_folders(&self) -> Vec<PathBuf> {
        self.plugin_path.iter().filter(|folder| folder.is_absolute()).cloned().collect()
    }

    /// The folder of the user's own packs.
    pub(super) fn user_packs(&self) -> Option<PathBuf> {
        self.user_data_dir.as_ref().map(|dir| dir.join(DATA_FOLDER))
    }
}

/// The absolute paths of an XDG variable: the specification says to ignore relative ones.
fn paths_or(variable: Option<OsString>, default: &str) -> Vec<PathBuf> {
    let text = variable.filter(|text| !text.is_empty()).unwrap_or_else(|| default.into());
    paths(&text).into_iter().filter(|path| path.is_absolute()).collect()
}

/// The paths of a variable. An empty one would mean the working directory and is left out.
fn paths(variable: &OsString) -> Vec<PathBuf> {
    env::split_paths(variable).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// A manifest that was read.
#[derive(Clone, Debug)]
pub(crate) struct Pack {
    /// Its file, and how it was found.
    pub(crate) origin: Arc<Origin>,
    /// Number of its endpoints.
    pub(crate) endpoints: usize,
    /// Number of its services.
    pub(crate) services: usize,
}

/// What was wrong on the way. The rest works.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscoveryProblem {
    /// A pack's manifest is bad.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A folder of `$PRONY_PLUGIN_PATH` cannot be read.
    #[error("read the folder `{}` of PRONY_PLUGIN_PATH", .folder.display())]
    Folder {
        /// The folder, as the variable names it.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A folder of `$PRONY_PLUGIN_PATH` depends on the working directory.
    #[error("use the folder `{}` of PRONY_PLUGIN_PATH: it is not an absolute path", .0.display())]
    RelativeFolder(PathBuf),
    /// Only what ships with the program may be used.
    #[error("read the plugin manifest `{}`: {policy} leaves it out", .manifest.display())]
    Unread {
        /// A manifest that was named and may not be read.
        manifest: PathBuf,
        /// The policy that forbids it, and who set it.
        policy: PolicyInForce,
    },
    /// An external entry may only be used with a hash.
    #[error("use {withheld}: it has no `integrity`, and {policy} leaves it out")]
    Unpinned {
        /// The entry, and where it stands.
        withheld: Withheld,
        /// The policy that demands a hash, and who set it.
        policy: PolicyInForce,
    },
}

impl DiscoveryProblem {
    /// The file or folder that it is about.
    pub(crate) fn place(&self) -> &Path {
        match self {
            Self::Manifest(error) => &error.file,
            Self::Folder { folder, .. } | Self::RelativeFolder(folder) => folder,
            Self::Unread { manifest, .. } => manifest,
            Self::Unpinned { withheld, .. } => &withheld.manifest,
        }
    }

    /// Whether it is about one entry, rather than about a whole pack.
    pub(crate) fn is_one_entry(&self) -> bool {
        matches!(self, Self::Unpinned { .. })
    }

    /// Whether it is what somebody wanted, rather than a fault.
    pub(super) fn is_policy(&self) -> bool {
        matches!(self, Self::Unpinned { .. } | Self::Unread { .. })
    }
}

/// An entry that a policy leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Withheld {
    pub(crate) category: Category,
    pub(crate) name: String,
    /// The manifest it stands in.
    pub(crate) manifest: PathBuf,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} `{}` of `{}`", self.category, self.name, self.manifest.display())
    }
}

/// A manifest to be read.
#[derive(Clone, Debug)]
pub(super) struct SearchLocation {
    /// Its file, as it was reached.
    pub(super) manifest: PathBuf,
    /// How it was reached.
    pub(super) tier: Tier,
    /// The folder of packs that it was found in, if it was found in one.
    pub(super) packs: Option<PathBuf>,
}

/// Everything that was found, from low to high.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) manifests: Vec<(Arc<Origin>, Manifest)>,
    pub(super) problems: Vec<DiscoveryProblem>,
}

/// Reads all manifests that the policy allows.
///
/// # Errors
/// A manifest that the user named is bad.
pub(super) fn discover(
    options: &DiscoveryOptions,
    policy: &PolicyInForce,
    lock: Option<&Lockfile>,
) -> Result<Found, ManifestError> {
    let (places, problems) = places(options);
    let mut found = Found { problems, ..Found::default() };
    let trust = Trust::of_this_process();
    let mut seen = HashSet::new();
    for place in places {
        // Canonical, so that libraries are found beside the real file and one file is one pack. A path that cannot be
        // resolved cannot be read either, and the error should name it as it was given.
        let manifest = place.manifest.canonicalize().unwrap_or_else(|_| place.manifest.clone());
        let first = !seen.contains(&manifest);
        if place.tier != Tier::BuiltIn && policy.policy == PluginPolicy::Builtin {
            if first {
                seen.insert(manifest.clone());
                found.problems.push(DiscoveryProblem::Unread { manifest, policy: policy.clone() });
            }
            continue;
        }
        let origin = Arc::new(Origin { manifest, tier: place.tier });
        match read(&place, &origin, &trust) {
            // Reached before in another way: then its first place counts.
            Ok(entries) if seen.insert(origin.manifest.clone()) => found.manifests.push((origin, entries)),
            Ok(_) => {}
            // Somebody waits for just this one.
            Err(error) if matches!(place.tier, Tier::CommandLine | Tier::Controller) => return Err(error),
            Err(error) => found.problems.push(error.into()),
        }
    }
    if policy.policy == PluginPolicy::Pinned {
        found.leave_out_unpinned(policy, lock);
    }
    Ok(found)
}

fn read(place: &SearchLocation, origin: &Arc<Origin>, trust: &Trust) -> Result<Manifest, ManifestError> {
    match distrust(place, &origin.manifest, trust).into_iter().next() {
        None => manifest::read(origin),
        Some(fault) => Err(ManifestError {
            file: origin.manifest.clone(),
            line: None,
            problem: ManifestProblem::Untrusted(Box::new(fault)),
        }),
    }
}

/// Everything that lets others decide what this manifest says: it names the code that runs.
pub(super) fn distrust(place: &SearchLocation, real: &Path, trust: &Trust) -> Vec<Fault> {
    let mut folders: Vec<&Path> = Vec::new();
    for folder in [place.manifest.parent(), real.parent(), place.packs.as_deref()].into_iter().flatten() {
        if folder.exists() && !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    let folders = folders.into_iter().filter_map(|folder| trust.check_folder(folder).err());
    // What does not exist is reported by its reader.
    let file = fs::metadata(real).ok().and_then(|metadata| trust.check_file(real, &metadata).err());
    let way = fs::metadata(real).ok().and_then(|_| trust.check_way(&place.manifest).err());
    let mut seen = HashSet::new();
    folders.chain(file).chain(way).filter(|fault| seen.insert(fault.to_string())).collect()
}

/// Every manifest there is, from low to high, and what was wrong on the way. Reads none of them.
pub(super) fn places(options: &DiscoveryOptions) -> (Vec<SearchLocation>, Vec<DiscoveryProblem>) {
    let (mut places, mut problems) = (Vec::new(), Vec::new());
    if let Some(dir) = &options.program_dir {
        let shipped = [dir.join(FILE_NAME), dir.join("../lib/prony").join(FILE_NAME)];
        let shipped = shipped.into_iter().find(|place| place.exists());
        places.extend(shipped.map(|manifest| SearchLocation { manifest, tier: Tier::BuiltIn, packs: None }));
    }
    let system = options.system_data_dirs.iter().rev().map(|dir| (dir.join(DATA_FOLDER), Tier::System));
    for (folder, tier) in system.chain(options.user_packs().map(|folder| (folder, Tier::User))) {
        // It need not exist.
        places.extend(packs_of(&folder, tier).unwrap_or_default());
    }
    for folder in options.plugin_path.iter().rev() {
        match on_plugin_path(folder) {
            Ok(found) => places.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    let named = options.manifests.iter().cloned();
    places.extend(named.map(|manifest| SearchLocation { manifest, tier: Tier::CommandLine, packs: None }));
    let received = options.received.iter().cloned();
    places.extend(received.map(|manifest| SearchLocation { manifest, tier: Tier::Controller, packs: None }));
    (places, problems)
}

/// The manifests of a folder that the user named: a pack, or a folder of packs.
fn on_plugin_path(folder: &Path) -> Result<Vec<SearchLocation>, DiscoveryProblem> {
    if folder.is_relative() {
        return Err(DiscoveryProblem::RelativeFolder(folder.to_owned()));
    }
    let manifest = folder.join(FILE_NAME);
    if manifest.exists() {
        return Ok(vec![SearchLocation { manifest, tier: Tier::PluginPath, packs: None }]);
    }
    packs_of(folder, Tier::PluginPath)
        .map_err(|source| DiscoveryProblem::Folder { folder: folder.to_owned(), source })
}

impl Found {
    /// Takes the external entries out that have no hash, neither in their manifest nor in the lock file.
    fn leave_out_unpinned(&mut self, policy: &PolicyInForce, lock: Option<&Lockfile>) {
        for (origin, manifest) in &mut self.manifests {
            if origin.tier != Tier::BuiltIn {
                let mut withheld = take_unpinned(Category::Endpoint, &mut manifest.endpoints, lock);
                withheld.extend(take_unpinned(Category::Service, &mut manifest.services, lock));
                let problem = |withheld| DiscoveryProblem::Unpinned { withheld, policy: policy.clone() };
                self.problems.extend(withheld.into_iter().map(problem));
            }
        }
    }
}

fn take_unpinned<M>(
    category: Category,
    entries: &mut Vec<Entry<M>>,
    lock: Option<&Lockfile>,
) -> Vec<Withheld> {
    let is_locked = |library: &str| lock.is_some_and(|lock| lock.has_library(library, TARGET));
    let taken = entries.extract_if(.., |entry| entry.integrity.is_none() && !is_locked(&entry.class.library));
    let manifest = |entry: &Entry<M>| entry.origin.manifest.clone();
    taken.map(|entry| Withheld { category, manifest: manifest(&entry), name: entry.name }).collect()
}

/// The manifests one level below a folder, in order. Hidden folders are packs that are being installed.
fn packs_of(folder: &Path, tier: Tier) -> io::Result<Vec<SearchLocation>> {
    let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    let mut manifests: Vec<PathBuf> = entries
        .into_iter()
        .filter(|pack| !pack.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|pack| pack.path().join(FILE_NAME))
        .filter(|manifest| manifest.exists())
        .collect();
    manifests.sort();
    let packs = || Some(folder.to_owned());
    Ok(manifests.into_iter().map(|manifest| SearchLocation { manifest, tier, packs: packs() }).collect())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{super::testing::manifest_text, *};
    use crate::explain::Explain;

    fn discover(options: &DiscoveryOptions) -> Result<Found, ManifestError> {
        super::discover(options, &PolicyInForce::default(), None)
    }

    struct World {
        root: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            Self { root: tempfile::tempdir().unwrap() }
        }

        fn path(&self, path: &str) -> PathBuf {
            self.root.path().join(path)
        }

        fn write(&self, path: &str, text: &str) -> PathBuf {
            let file = self.path(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            file
        }

        /// A pack that holds one endpoint.
        fn pack(&self, folder: &str, endpoint: &str) -> PathBuf {
            self.write(&format!("{folder}/plugins.yaml"), &manifest_text(endpoint, "acme:Chat", 0))
        }
    }

    /// `name (tier)` of each endpoint, in the order in which it was found.
    fn names(found: &Found) -> Vec<String> {
        let entries = found.manifests.iter().flat_map(|(origin, manifest)| {
            manifest.endpoints.iter().map(|entry| format!("{} ({})", entry.name, origin.tier))
        });
        entries.collect()
    }

    #[test]
    fn packs_are_found_from_low_to_high() {
        let world = World::new();
        world.pack("bin", "shipped");
        world.pack("usr/share/prony/plugins/b", "share_b");
        world.pack("usr/share/prony/plugins/a", "share_a");
        world.pack("usr/local/share/prony/plugins/x", "local");
        world.pack("home/prony/plugins/y", "mine");
        world.pack("pack", "a_pack");
        world.pack("packs/one", "one_of_many");
        let named = world.pack("elsewhere", "named");
        let received = world.pack("libraries/0", "sent");
        let found = discover(&DiscoveryOptions {
            program_dir: Some(world.path("bin")),
            system_data_dirs: vec![world.path("usr/local/share"), world.path("usr/share")],
            user_data_dir: Some(world.path("home")),
            plugin_path: vec![world.path("pack"), world.path("packs")],
            manifests: vec![named],
            received: Some(received),
            policy: PolicyWishes::default(),
            lock: LockChoice::None,
            lock_of_controller: None,
        })
        .unwrap();
        assert_eq!(
            names(&found),
            [
                "shipped (built-in)",
                "share_a (system)",
                "share_b (system)",
                "local (system)",
                "mine (user)",
                "one_of_many (plugin path)",
                "a_pack (plugin path)",
                "named (command line)",
                "sent (controller)",
            ]
        );
        assert!(found.problems.is_empty());
    }

    #[rstest]
    #[case::beside_wins(&["bin", "lib/prony"], "bin")]
    #[case::installed(&["lib/prony"], "lib/prony")]
    fn the_shipped_manifest_is_beside_the_program_or_in_lib(
        #[case] folders: &[&str],
        #[case] expected: &str,
    ) {
        let world = World::new();
        fs::create_dir(world.path("bin")).unwrap();
        for folder in folders {
            world.pack(folder, &folder.replace('/', "_"));
        }
        let options =
            DiscoveryOptions { program_dir: Some(world.path("bin")), ..DiscoveryOptions::default() };
        let found = discover(&options).unwrap();
        assert_eq!(names(&found), [format!("{} (built-in)", expected.replace('/', "_"))]);
    }

    #[test]
    fn a_bad_pack_is_reported_with_its_line_and_the_others_work() {
        let world = World::new();
        world.pack("packs/good", "good");
        let bad = world.write("packs/bad/plugins.yaml", "schema_version: \"1.0\"\nendpiont: {}\n");
        let options = DiscoveryOptions {
            plugin_path: vec![world.path("packs"), world.path("nowhere"), PathBuf::from("packs")],
            ..DiscoveryOptions::default()
        };
        let found = discover(&options).unwrap();
        assert_eq!(names(&found), ["good (plugin path)"]);
        let problems: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "use the folder `packs` of PRONY_PLUGIN_PATH: it is not an absolute path".to_owned(),
                format!("read the folder `{}` of PRONY_PLUGIN_PATH", world.path("nowhere").display()),
                format!("read the plugin manifest `{}:2`", bad.canonicalize().unwrap().display()),
            ]
        );
    }

    #[test]
    fn a_bad_file_that_the_user_named_is_an_error_even_if_it_was_found_before() {
        let world = World::new();
        let bad = world.write("packs/bad/plugins.yaml", "");
        let options = DiscoveryOptions {
            plugin_path: vec![world.path("packs")],
            manifests: vec![bad],
            ..DiscoveryOptions::default()
        };
        assert!(discover(&options).unwrap_err().to_string().contains("packs/bad/plugins.yaml"));
    }

    #[test]
    fn one_file_that_is_reached_twice_is_one_pack() {
        let world = World::new();
        let shipped = world.pack("bin", "chat");
        let options = DiscoveryOptions {
            program_dir: Some(world.path("bin")),
            plugin_path: vec![world.path("bin")],
            manifests: vec![shipped],
            ..DiscoveryOptions::default()
        };
        assert_eq!(names(&discover(&options).unwrap()), ["chat (built-in)"]);
    }

    #[test]
    fn relative_and_empty_paths_of_the_environment_do_not_mean_the_working_directory() {
        let absolute =
            |variable: Option<&str>| paths_or(variable.map(Into::into), "/usr/local/share:/usr/share");
        assert_eq!(absolute(Some("share::/opt/share:.")), [PathBuf::from("/opt/share")]);
        assert_eq!(absolute(Some("")), ["/usr/local/share", "/usr/share"].map(PathBuf::from));
        assert_eq!(absolute(None), absolute(Some("")));
        assert_eq!(paths(&":/packs:".into()), [PathBuf::from("/packs")]);
    }

    /// `one` is pinned and `two` is not, in a user's pack; `chat` is built in.
    fn under(policy: PluginPolicy) -> (Vec<String>, Vec<String>) {
        let world = World::new();
        world.pack("bin", "chat");
        let pinned = manifest_text("one", "acme:Chat", 0).replace(
            "    class",
            "    integrity: sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\n    class",
        );
        world.write("home/prony/plugins/one/plugins.yaml", &pinned);
        world.pack("home/prony/plugins/two", "two");
        let options = DiscoveryOptions {
            program_dir: Some(world.path("bin")),
            user_data_dir: Some(world.path("home")),
            manifests: vec![world.path("home/prony/plugins/two/plugins.yaml")],
            ..DiscoveryOptions::default()
        };
        let policy = PolicyInForce { policy, ..PolicyInForce::default() };
        let found = super::discover(&options, &policy, None).unwrap();
        let root = world.root.path().canonicalize().unwrap().display().to_string();
        let problems = found.problems.iter().map(|problem| problem.to_string().replace(&root, ""));
        (names(&found), problems.collect())
    }

    #[test]
    fn a_policy_leaves_packs_out_and_says_so_once() {
        assert_eq!(
            under(PluginPolicy::Any),
            (vec!["chat (built-in)".into(), "one (user)".into(), "two (user)".into()], vec![])
        );
        assert_eq!(
            under(PluginPolicy::Pinned),
            (
                vec!["chat (built-in)".into(), "one (user)".into()],
                vec![
                    "use the endpoint `two` of `/home/prony/plugins/two/plugins.yaml`: it has no `integrity`, and the \
                     policy `pinned` of prony's default leaves it out"
                        .into()
                ]
            )
        );
        let unread = |pack| {
            format!(
                "read the plugin manifest `/home/prony/plugins/{pack}/plugins.yaml`: the policy `builtin` of prony's \
                 default leaves it out"
            )
        };
        assert_eq!(
            under(PluginPolicy::Builtin),
            (vec!["chat (built-in)".into()], vec![unread("one"), unread("two")])
        );
    }

    #[rstest]
    #[case::the_file("packs/acme/plugins.yaml")]
    #[case::its_folder("packs/acme")]
    #[case::the_folder_of_packs("packs")]
    fn a_manifest_that_everyone_can_change_is_refused(#[case] open: &str) {
        use std::os::unix::fs::PermissionsExt;

        let world = World::new();
        world.pack("packs/acme", "acme");
        let path = world.path(open).canonicalize().unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let options =
            DiscoveryOptions { plugin_path: vec![world.path("packs")], ..DiscoveryOptions::default() };
        let found = discover(&options).unwrap();
        assert!(found.manifests.is_empty());
        let [DiscoveryProblem::Manifest(error)] = &found.problems[..] else { panic!("{:?}", found.problems) };
        let text = format!("everyone may write to `{}` (mode 777)", path.display());
        assert!(error.problem.to_string().starts_with(&text), "{}", error.problem);
        assert_eq!(error.hint(), format!("take the right away: `chmod o-w {}`", path.display()));
    }

    #[test]
    fn a_pack_that_is_being_installed_is_not_there_yet() {
        let world = World::new();
        world.pack("home/prony/plugins/.acme.installing", "acme");
        let options =
            DiscoveryOptions { user_data_dir: Some(world.path("home")), ..DiscoveryOptions::default() };
        assert!(discover(&options).unwrap().manifests.is_empty());
    }
}
