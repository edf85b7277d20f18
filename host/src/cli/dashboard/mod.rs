//! The dashboard: all that is known of a run while it goes on, on the whole terminal. `--ui dashboard`.
//!
//! It is an observer of the run, which only notes what it hears. A thread of its own draws it ([`drawer`]), five times a second
//! and when a key is pressed: a [`model`] becomes a [`frame`], both pure. The terminal is given back when the dashboard ends, whatever ends it
//! ([`screen`]), and what was said meanwhile is printed then.

mod agents;
mod drawer;
mod frame;
mod keys;
mod model;
mod panels;
mod screen;
#[cfg(test)]
mod tests;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use prony_plugin_api::live::RunNow;

use self::{
    drawer::Drawer,
    model::{Model, lock},
};
use super::progress::{self, Display, Progress};
use crate::{
    plan::Phase,
    run::{Observer, Snapshot},
};

pub(super) use self::screen::why_impossible;

/// Shows a run on the whole terminal, from its first phase on.
#[derive(Debug)]
pub(super) struct Dashboard {
    model: Arc<Mutex<Model>>,
    shown: Shown,
    /// Names of the run's agents, if it has any: for lines, where there is no dashboard.
    agents: Vec<String>,
}

#[derive(Debug)]
enum Shown {
    /// No phase has begun.
    NotYet,
    Drawn(#[expect(dead_code, reason = "it draws, and gives the terminal back when it is dropped")] Drawer),
    /// The terminal was not to be had: progress is shown.
    Instead(Progress),
}

impl Dashboard {
    /// One of a run; of one of several, `place` says which it is.
    pub(super) fn new(place: String) -> Self {
        let model = Arc::new(Mutex::new(Model::new(place)));
        Self { model, shown: Shown::NotYet, agents: Vec::new() }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        lock(&self.model)
    }

    fn show(&mut self) {
        let drawer = Drawer::start(Arc::clone(&self.model));
        self.shown = match drawer {
            Ok(drawer) => Shown::Drawn(drawer),
            Err(error) => self.instead(&error),
        };
    }

    fn instead(&self, error: &io::Error) -> Shown {
        let place = self.model().place.clone();
        let mut progress = Progress::new(Display::Lines).at(place);
        progress.notice(&format!("there is no dashboard: the terminal cannot be used: {error}"));
        if !self.agents.is_empty() {
            progress.agents_take_part(&self.agents);
        }
        Shown::Instead(progress)
    }
}

impl Observer for Dashboard {
    /// On the dashboard, and behind it.
    fn notice(&mut self, text: &str) {
        self.model().notice(&format!("warning: {}", progress::harmless(text)));
        progress::print_notice("warning: ", text, "");
    }

    fn said(&mut self, text: &str) {
        let text = progress::harmless(text);
        self.model().notice(&text);
        progress::print_notice("", &text, "");
    }

    fn agents_take_part(&mut self, names: &[String]) {
        self.agents = names.to_vec();
    }

    fn same_agents_take_part(&mut self, names: &[String]) {
        self.agents_take_part(names);
    }

    fn phase_started(&mut self, phase: &Phase) {
        self.model().phase_started(phase);
        if matches!(self.shown, Shown::NotYet) {
            self.show();
        }
        if let Shown::Instead(progress) = &mut self.shown {
            progress.phase_started(phase);
        }
    }

    fn snapshot(&mut self, snapshot: &Snapshot) {
        self.model().snapshot(*snapshot);
        if let Shown::Instead(progress) = &mut self.shown {
            progress.snapshot(snapshot);
        }
    }

    fn wants_now(&self) -> bool {
        true
    }

    fn now(&mut self, now: &RunNow) {
        self.model().now(now);
        if let Shown::Instead(progress) = &mut self.shown {
            progress.now(now);
        }
    }

    fn phase_ended(&mut self) {
        self.model().phase_ended();
        if let Shown::Instead(progress) = &mut self.shown {
            progress.phase_ended();
        }
    }
}
