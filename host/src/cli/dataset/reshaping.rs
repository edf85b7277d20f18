//! The arguments by which a file becomes another one that is like it.

use clap::Args;

use crate::{
    cli::{exit::Failure, terminal},
    config::{flags::ReshapingFlags, reshaping, units},
    dataset::{ReadFile, reshaped_file},
    seed::Seed,
};

use super::file::FileArgs;

/// What becomes of a file.
#[derive(Args, Debug)]
pub(super) struct ReshapingArgs {
    #[command(flatten)]
    flags: ReshapingFlags,

    /// Seed of what is drawn [default: 0].
    #[arg(long, value_name = "N", value_parser = units::whole)]
    random_seed: Option<u64>,
}

impl ReshapingArgs {
    /// Reads a file, and makes of it what was asked for. What changes nothing of it is reported.
    pub(super) fn read(&self, file: &FileArgs) -> Result<ReadFile, Failure> {
        let wanted = reshaping::of_flags(&self.flags)?;
        let seed = Seed::new(self.random_seed.unwrap_or(0));
        let (read, notes) = reshaped_file(&file.file, file.format(), &wanted, seed)?;
        for note in &notes {
            terminal::warn(note);
        }
        Ok(read)
    }
}
