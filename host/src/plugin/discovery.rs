//! Where manifests are. From low to high: beside the program, system and user data folders (XDG Base Directory
//! Specification), `$PRONY_PLUGIN_PATH`, `--plugins`. Never the working directory.
//!
//! A bad pack is reported and skipped: it does not take the rest down. Only a file that the user named must be good.

use std::{
    collections::HashSet,
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    entry::{Origin, Tier},
    manifest::{self, FILE_NAME, Manifest, ManifestError},
};

/// Folder of this program's data in an XDG data folder, and of packs in it.
const DATA_FOLDER: &str = "prony/plugins";

/// Where to look. A value, so that tests make their own and only [`DiscoveryOptions::from_env`] reads the environment.
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
}

impl DiscoveryOptions {
    /// What the environment says, and the manifests that the user named.
    pub(crate) fn from_env(manifests: Vec<PathBuf>) -> Self {
        let program = env::current_exe().and_then(|path| path.canonicalize()).ok();
        let home = env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        Self {
            program_dir: program.and_then(|path| path.parent().map(Path::to_owned)),
            system_data_dirs: paths_or(env::var_os("XDG_DATA_DIRS"), "/usr/local/share:/usr/share"),
            user_data_dir: env::var_os("XDG_DATA_HOME")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| home.map(|home| home.join(".local/share"))),
            plugin_path: paths(&env::var_os("PRONY_PLUGIN_PATH").unwrap_or_default()),
            manifests,
        }
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
        /// Which one.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder of `$PRONY_PLUGIN_PATH` depends on the working directory.
    #[error("use the folder `{}` of PRONY_PLUGIN_PATH: it is not an absolute path", .0.display())]
    RelativeFolder(PathBuf),
}

/// Everything that was found, from low to high.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) manifests: Vec<(Arc<Origin>, Manifest)>,
    pub(super) problems: Vec<DiscoveryProblem>,
    seen: HashSet<PathBuf>,
}

/// Reads all manifests.
///
/// # Errors
/// A manifest that the user named is bad.
pub(super) fn discover(options: &DiscoveryOptions) -> Result<Found, ManifestError> {
    let mut found = Found::default();
    if let Some(dir) = &options.program_dir {
        let places = [dir.join(FILE_NAME), dir.join("../lib/prony").join(FILE_NAME)];
        if let Some(manifest) = places.into_iter().find(|place| place.exists()) {
            found.read_or_report(manifest, Tier::BuiltIn);
        }
    }
    for dir in options.system_data_dirs.iter().rev() {
        found.read_packs_of(&dir.join(DATA_FOLDER), Tier::System);
    }
    if let Some(dir) = &options.user_data_dir {
        found.read_packs_of(&dir.join(DATA_FOLDER), Tier::User);
    }
    for folder in options.plugin_path.iter().rev() {
        found.read_plugin_path(folder);
    }
    for manifest in &options.manifests {
        found.read(manifest.clone(), Tier::CommandLine)?;
    }
    Ok(found)
}

impl Found {
    /// Reads a manifest, unless it was reached before in another way: then its first place counts.
    fn read(&mut self, manifest: PathBuf, tier: Tier) -> Result<(), ManifestError> {
        // Canonical, so that libraries are found beside the real file and one file is one pack. A path that cannot be
        // resolved cannot be read either, and the error should name it as it was given.
        let manifest = manifest.canonicalize().unwrap_or(manifest);
        let origin = Arc::new(Origin { manifest, tier });
        let entries = manifest::read(&origin)?;
        if self.seen.insert(origin.manifest.clone()) {
            self.manifests.push((origin, entries));
        }
        Ok(())
    }

    fn read_or_report(&mut self, manifest: PathBuf, tier: Tier) {
        if let Err(error) = self.read(manifest, tier) {
            self.problems.push(error.into());
        }
    }

    /// Reads the packs of a folder that need not exist.
    fn read_packs_of(&mut self, folder: &Path, tier: Tier) {
        for manifest in packs_of(folder).unwrap_or_default() {
            self.read_or_report(manifest, tier);
        }
    }

    /// Reads a folder that the user named: a pack, or a folder of packs.
    fn read_plugin_path(&mut self, folder: &Path) {
        if folder.is_relative() {
            return self.problems.push(DiscoveryProblem::RelativeFolder(folder.to_owned()));
        }
        let own = folder.join(FILE_NAME);
        if own.exists() {
            return self.read_or_report(own, Tier::PluginPath);
        }
        match packs_of(folder) {
            Ok(packs) => {
                for manifest in packs {
                    self.read_or_report(manifest, Tier::PluginPath);
                }
            }
            Err(source) => self.problems.push(DiscoveryProblem::Folder { folder: folder.to_owned(), source }),
        }
    }
}

/// The manifests one level below a folder, in order.
fn packs_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    let mut manifests: Vec<PathBuf> = entries
        .into_iter()
        .map(|pack| pack.path().join(FILE_NAME))
        .filter(|manifest| manifest.exists())
        .collect();
    manifests.sort();
    Ok(manifests)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{super::testing::manifest_text, *};

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
        let found = discover(&DiscoveryOptions {
            program_dir: Some(world.path("bin")),
            system_data_dirs: vec![world.path("usr/local/share"), world.path("usr/share")],
            user_data_dir: Some(world.path("home")),
            plugin_path: vec![world.path("pack"), world.path("packs")],
            manifests: vec![named],
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
}
