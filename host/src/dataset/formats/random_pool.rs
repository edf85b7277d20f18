//! The `random-pool` format: pools of contents, from which requests are drawn at random.
//!
//! A pool is a file of rows of [`single_turn`](super::single_turn). A folder has a pool a file: a request has one row of each, in
//! the order of the files' names, and texts without a name get the name of their pool's file. Rows are drawn with replacement,
//! by the run's seed; there are as many requests as asked for, or 100. Source: AIPerf.
//!
//! ```json
//! {"text": "What does it cost?"}
//! ```

use std::path::{Path, PathBuf};

use prony_plugin_api::PartKind;
use rand::{Rng, RngExt};
use serde_json::{Map, Value};

use super::{FileError, conversations, input::Input};
use crate::{
    dataset::{Message, Script, Step, script::session_id},
    plan::FileFormat,
};

/// How many requests there are if nobody says it. AIPerf's number.
const REQUESTS: usize = 100;

/// Requests from the pool of a file.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    Ok(drawn(input, &[pool(&input.whole())?]))
}

/// Requests from pools, a file each.
pub(super) fn read_files(input: &Input<'_>, files: &[PathBuf]) -> Result<Vec<Script>, FileError> {
    let mut pools = Vec::new();
    for file in files {
        let mut pool = pool(&input.at(file))?;
        let parts = pool.iter_mut().flat_map(|step| &mut step.messages).flat_map(|said| &mut said.parts);
        parts
            .filter(|part| part.name.is_empty() && part.kind == PartKind::TEXT)
            .for_each(|part| part.name = name(file));
        pools.push(pool);
    }
    pools.retain(|pool| !pool.is_empty());
    Ok(drawn(input, &pools))
}

/// The name of a file's pool: that of the file without its endings.
fn name(file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn pool(input: &Input<'_>) -> Result<Vec<Step>, FileError> {
    let scripts = conversations::read(input, FileFormat::SingleTurn)?;
    Ok(scripts.into_iter().flat_map(|script| script.steps).collect())
}

fn drawn(input: &Input<'_>, pools: &[Vec<Step>]) -> Vec<Script> {
    let mut rng = input.seed().stream("dataset.loader.random_pool");
    let count = if pools.is_empty() { 0 } else { input.most.or(input.draws).unwrap_or(REQUESTS) };
    (0..count as u64).map(|number| Script::single(session_id(number), request(pools, &mut rng))).collect()
}

/// A request with a row of each pool.
fn request(pools: &[Vec<Step>], rng: &mut impl Rng) -> Step {
    let (mut merged, mut extra) = (Step::first(Message::user(Vec::new())), Map::<String, Value>::new());
    for pool in pools {
        let step = &pool[rng.random_range(0..pool.len())];
        merged.messages[0].parts.extend(step.parts().cloned());
        merged.max_tokens = merged.max_tokens.or(step.max_tokens);
        merged.headers.extend(step.headers.iter().cloned());
        extra.extend(serde_json::from_str::<Map<String, Value>>(&step.extra_json).unwrap_or_default());
    }
    if !extra.is_empty() {
        merged.extra_json = Value::Object(extra).to_string();
    }
    merged
}
