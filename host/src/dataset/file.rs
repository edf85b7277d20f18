//! Files: from what a user names to the sessions of a run. A small file is kept in memory, a large one is read as it is played.

use std::{path::Path, sync::Arc};

use super::{
    Script, Source,
    acceptance::{self, Audience},
    ahead::Ahead,
    context,
    error::DatasetError,
    facts::Facts,
    formats::{self, StoredFile},
    large_file::LargeFile,
    locked,
    preparation::Preparation,
    prompted::{PromptWriter, Prompted},
    replay, reshaping,
    sampling::Order,
    timing,
    tokenizer::Tokenizer,
    tools,
};
use crate::{
    lockfile::Lockfile,
    plan::{DatasetConfig, FileFormat, RecordedTiming, Reshaping, SequenceLaw, SessionOrder, SystemPrompt},
    seed::Seed,
};

/// What a run makes of a file.
#[derive(Debug)]
pub(super) struct FileContent<'a> {
    path: &'a Path,
    entries: Option<usize>,
    pool_requests: Option<usize>,
    format: FileFormat,
    osl: Option<&'a SequenceLaw>,
    delay_ratio: f64,
    timing: RecordedTiming,
    reshaping: Reshaping,
    system: Option<&'a SystemPrompt>,
    media: Option<&'a Path>,
}

impl<'a> FileContent<'a> {
    /// The file of a dataset, if it is one.
    pub(super) fn of(config: &'a DatasetConfig) -> Option<Self> {
        match config {
            DatasetConfig::File {
                path,
                entries,
                pool_requests,
                osl,
                format,
                delay_ratio,
                timing,
                reshaping,
                system,
                media,
            } => Some(Self {
                path,
                entries: *entries,
                pool_requests: *pool_requests,
                format: *format,
                osl: osl.as_ref(),
                delay_ratio: *delay_ratio,
                timing: *timing,
                reshaping: *reshaping,
                system: system.as_ref(),
                media: media.as_deref(),
            }),
            DatasetConfig::RawPayloads { path, entries } => Some(Self {
                path,
                entries: *entries,
                pool_requests: None,
                format: FileFormat::RawPayload,
                osl: None,
                delay_ratio: 1.0,
                timing: RecordedTiming::default(),
                reshaping: Reshaping::default(),
                system: None,
                media: None,
            }),
            DatasetConfig::Synthetic { .. } | DatasetConfig::Rankings { .. } => None,
        }
    }

    /// Opens it: all of it is read once, and is what the audience takes, and what was locked, if it must be.
    ///
    /// # Errors
    /// It cannot be read, replayed or sent, or it is not what was locked.
    pub(super) fn open(
        &self,
        order: SessionOrder,
        tokenizer: Option<&Arc<Tokenizer>>,
        seed: Seed,
        audience: Option<Audience<'_>>,
        lock: Option<&Lockfile>,
    ) -> Result<(Source, Facts), DatasetError> {
        if self.entries == Some(0) {
            return Err(DatasetError::NoScripts);
        }
        let (file, sum) = match lock {
            Some(lock) => locked::sealed(self.path, lock)?,
            None => (StoredFile::of(self.path)?, None),
        };
        let opened = self.read(file, order, tokenizer, seed, audience)?;
        if let Some(lock) = lock {
            locked::check_read(self.path, sum.as_ref(), &opened.0, lock)?;
        }
        Ok(opened)
    }

    fn read(
        &self,
        file: StoredFile,
        order: SessionOrder,
        tokenizer: Option<&Arc<Tokenizer>>,
        seed: Seed,
        audience: Option<Audience<'_>>,
    ) -> Result<(Source, Facts), DatasetError> {
        let replay = order.replay();
        let order = Order::of(order.sampling(), seed);
        let mut file = file.with_media_in(self.media);
        file.wanted = self.entries;
        let preparation = Preparation {
            delay_ratio: self.delay_ratio,
            timing: self.timing,
            system: self.system.map(context::system_message).transpose()?,
            ..Preparation::new(replay, self.osl, tokenizer, seed)
        };
        let prompts = || PromptWriter::new(tokenizer, seed);
        // What is cut between sessions depends on how long all sessions before take, and what they share on all of them.
        let is_one_by_one = self.timing.most_idle_s.is_none() && self.reshaping.is_unchanged();
        let large = if is_one_by_one {
            LargeFile::open(&file, (self.format, self.entries), replay, audience)?
        } else {
            None
        };
        if let Some((large, facts)) = large {
            let known = (large.starts(), large.categories());
            let prompts = facts.has_prompts.then(prompts);
            let (count, secrets) = (large.len(), facts.secrets.iter().cloned().collect());
            let written = Ahead::start(large.playing(preparation, prompts), Some(count), order);
            let written = written.map_err(DatasetError::Thread)?;
            return Ok((Source::of_large_file(known, secrets, written, file), facts));
        }
        let input = file.input(self.entries).seeded(seed).drawing(self.pool_requests);
        let input = input.with_blocks_of(self.reshaping.block_size);
        let formats::ReadFile { format, mut scripts } = formats::read(&input, self.format)?;
        for (number, script) in scripts.iter_mut().enumerate() {
            tools::take_apart(script, number)?;
        }
        let (mut scripts, notes) = reshaping::reshaped(scripts, format, &self.reshaping, seed)?;
        if let Some(replay) = replay {
            scripts = replay::replayed(scripts, replay)?;
        }
        if let Some(audience) = audience {
            acceptance::check(&scripts, audience)?;
        }
        let mut facts = Facts::of_all(&scripts);
        facts.notes = notes;
        preparation.prepare_all(&mut scripts);
        reshaping::cap_outputs(&mut scripts, &self.reshaping);
        if let Some(most_s) = self.timing.most_idle_s {
            timing::cap_between(&mut scripts, most_s, preparation.speed);
        }
        if facts.has_prompts {
            return Ok((prompted(scripts, (prompts(), order), file)?, facts));
        }
        Ok((Source::of_file(scripts, file), facts))
    }
}

/// Scripts of a recording, whose prompts are written while the run goes on.
fn prompted(
    scripts: Vec<Script>,
    (prompts, order): (PromptWriter, Order),
    file: StoredFile,
) -> Result<Source, DatasetError> {
    let scripts: Arc<[Arc<Script>]> = scripts.into_iter().map(Arc::new).collect();
    let (count, prompts) = (scripts.len() as u64, Prompted::new(Arc::clone(&scripts), prompts));
    let written = Ahead::start(prompts, Some(count), order).map_err(DatasetError::Thread)?;
    Ok(Source::prompted(scripts, written, file))
}
