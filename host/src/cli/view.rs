//! What shows a run while it goes on: a bar, lines, the dashboard, or nothing.

use std::io::IsTerminal;

use super::{
    dashboard::{self, Dashboard},
    progress::{Display, Progress},
    terminal,
};
use crate::{
    config::flags::{ProfileFlags, Ui},
    run::Observer,
};

/// How runs are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Progress(Display),
    Dashboard,
}

impl View {
    /// What is asked for, as far as standard error can show it. Warns of a dashboard that there cannot be.
    pub(super) fn of(flags: &ProfileFlags) -> Self {
        if flags.ui == Some(Ui::Dashboard) {
            match dashboard::why_impossible() {
                None => return Self::Dashboard,
                Some(why) => {
                    terminal::warn(&format!("`--ui dashboard` shows what `--ui simple` does: {why}"));
                }
            }
        }
        Self::Progress(match flags.ui {
            _ if flags.quiet => Display::Nothing,
            Some(Ui::None) => Display::Nothing,
            _ if std::io::stderr().is_terminal() => Display::Bar,
            _ => Display::Lines,
        })
    }

    /// Shows a run; of one of several, `place` says which it is.
    pub(super) fn observer(self, place: String) -> Box<dyn Observer> {
        match self {
            Self::Progress(display) => Box::new(Progress::new(display).at(place)),
            Self::Dashboard => Box::new(Dashboard::new(place)),
        }
    }
}
