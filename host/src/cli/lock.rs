//! `prony lock`: writes down what runs may open, by the SHA-256 of its files.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{
    exit::{Exit, Failure, HasExit},
    names, terminal,
};
use crate::{
    config::policy::PluginPolicy,
    dataset::{self, Tokenizer},
    lockfile::{Change, FILE_NAME, FileKind, FileSum, Lockfile, LockfileError},
    plugin::{DiscoveryOptions, LockChoice, Registry},
    screen::counted,
};

/// Version of the object that `--json` prints: within it, keys are only ever added.
const JSON_VERSION: u32 = 1;

/// What to lock, and where.
#[derive(Args, Debug)]
pub(super) struct LockArgs {
    /// Lock this tokenizer as well, as `prony profile --tokenizer` takes it; may be repeated.
    #[arg(long, value_name = "NAME")]
    tokenizer: Vec<String>,

    /// Revision of tokenizers that are in the cache of a model hub [default: main].
    #[arg(long, value_name = "REVISION")]
    tokenizer_revision: Option<String>,

    /// Lock this dataset as well, a file or all files below a folder; may be repeated. Files that its lines name are locked in the
    /// same way.
    #[arg(long, value_name = "FILE")]
    input_file: Vec<PathBuf>,

    /// Lock the file of this dataset as well, as `prony profile --public-dataset` takes it; may be repeated.
    #[arg(long, value_name = "NAME")]
    public_dataset: Vec<String>,

    /// Folder with tokenizers and datasets, which are looked up there by their names.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Read this manifest of plugins, too; may be repeated.
    #[arg(long = "plugins", value_name = "FILE")]
    manifests: Vec<PathBuf>,

    /// Remove plugins that are locked for this platform and are not found.
    #[arg(long)]
    prune: bool,

    /// The lock file, which need not exist [default: prony.lock].
    #[arg(long, short, visible_alias = "lock", value_name = "FILE")]
    output: Option<PathBuf>,

    /// Print JSON: `lock`, `changes` (`what`, `name`, `before`, `after`: the SHA-256, or null; both are null where
    /// only the version is another), `left_out`.
    #[arg(long)]
    json: bool,
}

impl HasExit for LockfileError {
    fn exit(&self) -> Exit {
        if self.is_usage() { Exit::Usage } else { Exit::Failed }
    }
}

/// Locks all plugins that are found, and what else is named. What is locked already stays, unless it is named again or pruned.
pub(super) fn run(args: &LockArgs) -> Result<Exit, Failure> {
    let path = args.output.as_deref().unwrap_or(Path::new(FILE_NAME));
    let (mut lock, is_new) = match LockChoice::read_file(path) {
        Ok(lock) => (lock, false),
        Err(LockfileError::Missing { .. }) => (Lockfile::empty(path), true),
        Err(error) => return Err(error.into()),
    };
    let (mut changes, left_out) = lock_plugins(args, &mut lock)?;
    for name in &args.tokenizer {
        changes.extend(lock_tokenizer(name, args, &mut lock)?);
    }
    for file in &args.input_file {
        changes.extend(lock_dataset(&file.to_string_lossy(), file, None, &mut lock)?);
    }
    for name in &args.public_dataset {
        let (file, version) = names::public_dataset_to_lock(name, args.data_dir.clone())?;
        changes.extend(lock_dataset(name, &file, version, &mut lock)?);
    }
    if is_new || !changes.is_empty() {
        lock.write()?;
    }
    for what in &left_out {
        terminal::warn(&format!("was not locked: {what}"));
    }
    let text = if args.json { as_json(&lock, &changes, &left_out) } else { as_text(&lock, &changes) };
    terminal::print(&text)?;
    Ok(Exit::Success)
}

/// Locks the libraries of all plugins. Gives what has changed, and what could not be locked.
fn lock_plugins(args: &LockArgs, lock: &mut Lockfile) -> Result<(Vec<Change>, Vec<String>), Failure> {
    // A policy that leaves out what is not locked yet would leave it out for ever; nothing is opened here.
    let options = DiscoveryOptions::from_env(args.manifests.clone()).with_policy(Some(PluginPolicy::Any));
    let registry = Registry::discover(&options.with_lock(LockChoice::None))?;
    let lockable = registry.lockable();
    let left_out = lockable.left_out.clone();
    Ok((lockable.lock(lock, args.prune), left_out))
}

fn lock_tokenizer(name: &str, args: &LockArgs, lock: &mut Lockfile) -> Result<Vec<Change>, Failure> {
    let (choice, version) =
        names::tokenizer_to_lock(name, args.tokenizer_revision.as_deref(), args.data_dir.clone())?;
    let files = Tokenizer::files_to_lock(&choice)?;
    if files.is_empty() {
        let message = format!("lock the tokenizer `{name}`: it is a part of prony and has no file");
        return Err(Failure::new(Exit::Usage, message).with_hint("leave it out: it needs no lock"));
    }
    let named = files.into_iter().map(|FileSum { path, sum }| {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (file, sum)
    });
    Ok(lock.lock_files(FileKind::Tokenizer, folder_of(name), version, named.collect()))
}

/// A tokenizer's folder, where its file is named: both mean the same tokenizer.
fn folder_of(name: &str) -> &str {
    let path = Path::new(name);
    let folder = path.parent().and_then(Path::to_str).filter(|folder| !folder.is_empty());
    folder.filter(|_| path.is_file()).unwrap_or(name)
}

fn lock_dataset(
    name: &str,
    path: &Path,
    version: Option<String>,
    lock: &mut Lockfile,
) -> Result<Vec<Change>, Failure> {
    if !path.is_file() && !path.is_dir() {
        let message = format!("lock the dataset `{name}`: there is no such file or folder");
        return Err(Failure::new(Exit::Usage, message)
            .with_hint("name a file or a folder; what comes through a pipe has to be a file to be locked"));
    }
    Ok(lock.lock_files(FileKind::Dataset, name, version, dataset::sums(path)?))
}

fn as_text(lock: &Lockfile, changes: &[Change]) -> String {
    let counts = lock.counts().map(|(count, what)| counted(count, what));
    let begin = if changes.is_empty() { "nothing has changed in" } else { "wrote" };
    let last = format!("{begin} `{}`: {}", lock.path().display(), counts.join(", "));
    let mut lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    lines.push(last);
    lines.join("\n") + "\n"
}

fn as_json(lock: &Lockfile, changes: &[Change], left_out: &[String]) -> String {
    let changes: Vec<Value> = changes
        .iter()
        .map(|Change { what, name, before, after }| {
            json!({ "what": what, "name": name, "before": before, "after": after })
        })
        .collect();
    let object = json!({
        "schema_version": JSON_VERSION, "lock": lock.path().display().to_string(), "changes": changes, "left_out": left_out,
    });
    format!("{object:#}\n")
}
