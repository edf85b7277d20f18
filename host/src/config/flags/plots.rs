//! The flags about charts that are written as files when a run is over.

use clap::Args;

use super::choice::OUTPUT;

/// Whether charts are written, and whether it matters if they cannot be.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlotFlags {
    /// Write the charts as SVG and PNG files, too, into `plots` in the folder of the results, as `prony plot` does.
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) auto_plot: bool,

    /// Write none, as without any flag.
    #[arg(long, hide = true, help_heading = OUTPUT)]
    pub(crate) no_auto_plot: bool,

    /// End with 1 if these charts cannot be written; it is a warning otherwise.
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) plot_required: bool,
}
