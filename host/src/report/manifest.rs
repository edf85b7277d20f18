//! `manifest.json`: what stands in the folder of a run, of an experiment or of a search, and what made it.
//!
//! It is written last and as a whole. Each file has its size and its SHA-256, so that a copy of the folder can be checked. What is made
//! after it is not in it: by `prony plot`, by `prony export`, and the charts of `--auto-plot`. Compatibility: within a major
//! [`SCHEMA_VERSION`], keys are only ever added.

use std::{
    fs::File,
    io::{self, ErrorKind},
    path::{Component, Path},
};

use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{file_names, hashed::Hashed, model::Report, verdict::why_incomplete};
use crate::{
    fingerprint,
    plugin::UsedPlugin,
    schemas::{self, Schema},
};

/// Version of the file.
pub(super) const SCHEMA_VERSION: &str = "1.0";

/// A file that may be in a folder.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Its path in the folder, with `/` between its parts.
    pub(super) name: String,
    /// Its schema, if it has one. A run may give its files other names than those that schemas know.
    pub(super) schema: Option<&'static Schema>,
    /// Its SHA-256, where that has been computed already: while the file was written.
    pub(super) hashed: Option<Hashed>,
}

impl Candidate {
    /// A file under its usual name.
    fn usual(name: &str) -> Self {
        Self { name: name.to_owned(), schema: schemas::of_file(name), hashed: None }
    }
}

/// A file of a folder.
#[derive(Debug, Serialize)]
struct Listed {
    /// Its path in the folder, with `/` between its parts.
    name: String,
    bytes: u64,
    /// In hexadecimal digits, as `sha256sum` prints it.
    sha256: String,
    /// The name of its JSON Schema, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_version: Option<&'static str>,
}

/// The manifest of a run. Of these files, those are in it that are in its folder.
///
/// # Errors
/// A file cannot be read.
pub(super) fn of_run(report: &Report, dir: &Path, candidates: &[Candidate]) -> io::Result<Vec<u8>> {
    let header = &report.header;
    let files = listed(dir, candidates)?;
    let has_plan = files.iter().any(|file| file.name == file_names::SETTINGS);
    text(&json!({
        "schema_version": SCHEMA_VERSION,
        "kind": "run",
        "run_id": header.run_id,
        "prony_version": header.version,
        "reported_by": env!("CARGO_PKG_VERSION"),
        "started": timestamp(header.wall_start_ns),
        "command": header.command,
        "random_seed": header.settings.random_seed,
        "plan": has_plan.then_some(file_names::SETTINGS),
        "is_complete": why_incomplete(report).is_none(),
        "host": header.host,
        "plugins": report.plugins().iter().map(plugin).collect::<Vec<_>>(),
        "files": files,
    }))
}

/// What made several runs.
#[derive(Debug)]
pub(crate) struct OfSeveral<'a> {
    /// `experiment` or `search`.
    pub(crate) kind: &'static str,
    /// The program that began it.
    pub(crate) prony_version: &'a str,
    /// Root of all seeds.
    pub(crate) random_seed: u64,
    /// The file with the settings of its runs.
    pub(crate) plan: &'static str,
    /// Whether all that was asked for was measured.
    pub(crate) is_complete: bool,
}

/// The manifest of an experiment or a search. Of `own`, those are in it that are files of its folder. Of its runs, which have these
/// folders below it, only the places of their own manifests are in it, and no sums: a report of a run makes the run's files again.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn of_several(
    what: &OfSeveral<'_>,
    dir: &Path,
    own: &[&str],
    runs: &[&str],
) -> io::Result<Vec<u8>> {
    let OfSeveral { kind, prony_version, random_seed, plan, is_complete } = *what;
    let own: Vec<Candidate> = own.iter().map(|name| Candidate::usual(name)).collect();
    let of_runs = runs.iter().map(|run| format!("{run}/{}", file_names::MANIFEST));
    let run_manifests: Vec<String> = of_runs.filter(|name| dir.join(name).is_file()).collect();
    text(&json!({
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "prony_version": prony_version,
        "reported_by": env!("CARGO_PKG_VERSION"),
        "random_seed": random_seed,
        "plan": plan,
        "is_complete": is_complete,
        "files": listed(dir, &own)?,
        "run_manifests": run_manifests,
    }))
}

fn text(manifest: &Value) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(manifest)?;
    text.push(b'\n');
    Ok(text)
}

/// A plugin without the paths of the machine.
fn plugin(used: &UsedPlugin) -> Value {
    json!({
        "category": used.category,
        "name": used.name,
        "class": used.class,
        "package": used.package,
        "version": used.version,
        "contract": used.contract,
        "rustc": used.rustc,
        "opt_level": used.opt_level,
        "library": used.library.file_name().map(|name| name.to_string_lossy()),
        "integrity": used.sha256,
        "tier": used.tier,
    })
}

/// An instant in nanoseconds since 1970 as RFC 3339; nothing for 0, which is no instant of a run.
fn timestamp(wall_ns: u64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(wall_ns.into()).ok()?;
    time.format(&Rfc3339).ok().filter(|_| wall_ns > 0)
}

/// Reads those of which nothing is known, on all cores: they may be large.
fn listed(dir: &Path, candidates: &[Candidate]) -> io::Result<Vec<Listed>> {
    let files: Vec<Option<Listed>> =
        candidates.par_iter().map(|candidate| one(dir, candidate)).collect::<io::Result<_>>()?;
    Ok(files.into_iter().flatten().collect())
}

/// Nothing where there is no such file, or where its name leads out of the folder.
fn one(dir: &Path, Candidate { name, schema, hashed }: &Candidate) -> io::Result<Option<Listed>> {
    if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(None);
    }
    let failed = |error: io::Error| io::Error::new(error.kind(), format!("read `{name}`: {error}"));
    let mut file = match File::open(dir.join(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let Hashed { sha256, bytes, .. } = match hashed.filter(|hashed| hashed.is_of(&metadata)) {
        Some(known) => known,
        None => Hashed::of_file(&mut file).map_err(failed)?,
    };
    Ok(Some(Listed {
        name: name.clone(),
        bytes,
        sha256: fingerprint::hex(&sha256),
        schema: schema.map(|schema| schema.name),
        schema_version: schema.map(|schema| schema.version),
    }))
}

#[cfg(test)]
mod tests {
    use std::{fs, time::SystemTime};

    use super::*;

    #[test]
    fn a_file_has_its_size_and_its_sum_and_what_is_no_file_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(file_names::SUMMARY), "abc").unwrap();
        fs::create_dir(dir.path().join("runs")).unwrap();
        let outside = format!("../{}/{}", dir.path().file_name().unwrap().display(), file_names::SUMMARY);
        let candidates = ["nothing.txt", "runs", file_names::SUMMARY, &outside].map(Candidate::usual);
        let files = listed(dir.path(), &candidates).unwrap();
        let [file] = files.as_slice() else { panic!("{files:?}") };
        assert_eq!((file.name.as_str(), file.bytes), (file_names::SUMMARY, 3));
        assert_eq!(file.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((file.schema, file.schema_version), (Some("run"), Some("2.0")));
    }

    #[test]
    fn a_sha256_that_is_known_is_not_computed_again_unless_the_file_is_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(file_names::SUMMARY);
        fs::write(&path, "abc").unwrap();
        let known = |bytes| Some(Hashed::of_written(([1; 32], bytes), &fs::metadata(&path).unwrap()));
        let listed = |hashed| {
            let candidate = Candidate { hashed, ..Candidate::usual(file_names::SUMMARY) };
            listed(dir.path(), &[candidate]).unwrap()[0].sha256.clone()
        };
        assert_eq!(listed(known(3)), "01".repeat(32));
        assert!(listed(known(2)).starts_with("ba7816bf"), "it had another size");
        let before = known(3);
        File::options().write(true).open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(listed(before).starts_with("ba7816bf"), "it was written to");
        #[cfg(unix)]
        {
            let before = known(3);
            let other = dir.path().join("other");
            fs::write(&other, "abc").unwrap();
            File::options().write(true).open(&other).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            fs::rename(&other, &path).unwrap();
            assert!(listed(before).starts_with("ba7816bf"), "another file has its name");
        }
    }

    #[test]
    fn a_plugin_is_told_without_paths() {
        let used = UsedPlugin {
            name: "chat".into(),
            library: "/home/somebody/libchat.so".into(),
            manifest: "/home/somebody/plugins.yaml".into(),
            ..UsedPlugin::default()
        };
        let text = plugin(&used).to_string();
        assert!(text.contains("\"libchat.so\"") && !text.contains("somebody"), "{text}");
    }
}
