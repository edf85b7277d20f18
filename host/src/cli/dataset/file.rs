//! The arguments that name an input file.

use std::path::PathBuf;

use clap::Args;

use crate::{config::flags::ChoiceParser, plan::FileFormat};

/// An input file.
#[derive(Args, Debug)]
pub(super) struct FileArgs {
    /// The file, as `prony profile --input-file` takes it.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,

    /// Its format [default: detected].
    #[arg(long, value_name = "TYPE", value_parser = ChoiceParser::<FileFormat>::new())]
    custom_dataset_type: Option<FileFormat>,
}

impl FileArgs {
    /// The format, or that it is to be detected.
    pub(super) fn format(&self) -> FileFormat {
        self.custom_dataset_type.unwrap_or_default()
    }
}
