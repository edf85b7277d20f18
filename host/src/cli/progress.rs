//! What is shown while a phase runs: a bar on a terminal, lines in a log, or nothing.

use std::{borrow::Cow, io, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use prony_plugin_api::live::RunNow;

use super::{agent_lines::AgentLines, bar::Terminal, terminal};
use crate::{
    config::redact,
    plan,
    run::{Observer, Snapshot},
    screen::Screen,
    stderr,
};

/// Time from one line to the next. Many a build server ends a job that says nothing for minutes.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Where progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Display {
    /// A line that is drawn again and again, for a terminal.
    Bar,
    /// A line every ten seconds, for a log.
    Lines,
    /// Nowhere.
    Nothing,
}

/// The progress of a run, shown on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    display: Display,
    /// Which one of several runs this is.
    place: String,
    phase: Option<Phase>,
    agents: AgentLines,
}

/// The phase that runs.
#[derive(Debug)]
struct Phase {
    goal: Goal,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    /// When the next line is due, since the start of the phase.
    Lines(Duration),
    Nothing,
}

/// What a phase is, and when it stops sending.
#[derive(Clone, Debug)]
struct Goal {
    name: String,
    requests: Option<u64>,
    seconds: Option<u64>,
}

impl Progress {
    /// One that is shown like this.
    pub(super) fn new(display: Display) -> Self {
        Self { display, place: String::new(), phase: None, agents: AgentLines::default() }
    }

    /// The same of one of several runs, which is called so.
    pub(super) fn at(self, place: String) -> Self {
        Self { place, ..self }
    }
}

impl Progress {
    /// What makes room for a line where a bar stands.
    fn begin_line(&self) -> &'static str {
        let is_bar = matches!(self.phase, Some(Phase { shown: Shown::Bar(_), .. }));
        if is_bar { "\r\u{1b}[2K" } else { "" }
    }
}

/// Prints something that the user should know, unless only errors are shown.
pub(super) fn print_notice(lead: &str, text: &str, begin_line: &str) {
    if !terminal::is_quiet() {
        let text = Screen::of(&io::stderr()).paragraph(lead, text);
        stderr::write(format!("{begin_line}{text}\n"));
    }
}

/// A text of a service's or a server's without the run's secrets, and without what would move the cursor.
pub(super) fn harmless(text: &str) -> String {
    terminal::printable(&redact::shown(text))
}

impl Observer for Progress {
    fn notice(&mut self, text: &str) {
        print_notice("warning: ", text, self.begin_line());
    }

    fn said(&mut self, text: &str) {
        print_notice("", &harmless(text), self.begin_line());
    }

    fn agents_take_part(&mut self, names: &[String]) {
        if self.display != Display::Nothing {
            let text = self.agents.begin(names);
            print_notice("", &harmless(&text), self.begin_line());
        }
    }

    fn same_agents_take_part(&mut self, _names: &[String]) {
        if self.display != Display::Nothing {
            self.agents.begin_silently();
        }
    }

    fn wants_now(&self) -> bool {
        self.agents.is_wanted()
    }

    fn now(&mut self, now: &RunNow) {
        for text in self.agents.changes(now) {
            print_notice("", &harmless(&text), self.begin_line());
        }
    }

    fn phase_started(&mut self, phase: &plan::Phase) {
        let mut goal = Goal::of(phase);
        if !self.place.is_empty() {
            goal.name = format!("{}, {}", self.place, goal.name);
        }
        let shown = match self.display {
            Display::Bar => Shown::Bar(goal.bar()),
            Display::Lines => Shown::Lines(LINE_EVERY),
            Display::Nothing => Shown::Nothing,
        };
        self.phase = Some(Phase { goal, shown });
    }

    fn snapshot(&mut self, snapshot: &Snapshot) {
        let Some(Phase { goal, shown }) = &mut self.phase else { return };
        match shown {
            Shown::Bar(bar) => draw(bar, goal, *snapshot),
            Shown::Lines(due) if snapshot.elapsed >= *due => {
                *due = snapshot.elapsed.saturating_add(LINE_EVERY);
                stderr::write(line(goal, *snapshot) + "\n");
            }
            Shown::Lines(_) | Shown::Nothing => {}
        }
    }

    /// Removes what would stand in the way of the report.
    fn phase_ended(&mut self) {
        if let Some(Phase { shown: Shown::Bar(bar), .. }) = self.phase.take() {
            bar.finish_and_clear();
        }
    }
}

impl Goal {
    fn of(phase: &plan::Phase) -> Self {
        Self {
            name: phase.name.clone(),
            requests: phase.stop.requests(),
            seconds: phase.stop.duration_s().map(whole_seconds),
        }
    }

    fn bar(&self) -> ProgressBar {
        let length = self.requests.or(self.seconds).unwrap_or(0);
        let terminal = ProgressDrawTarget::term_like(Box::new(Terminal::default()));
        let bar = ProgressBar::with_draw_target(Some(length), terminal);
        let template = if self.requests.is_some() {
            "{prefix:>9} {wide_bar} {pos}/{len} requests {msg} [{elapsed}]"
        } else {
            "{prefix:>9} {wide_bar} {pos}/{len} s {msg}"
        };
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(self.name.clone());
        bar
    }
}

fn tokens_per_s(snapshot: Snapshot) -> f64 {
    snapshot.output_tokens as f64 / snapshot.elapsed.as_secs_f64().max(0.001)
}

fn draw(bar: &ProgressBar, goal: &Goal, state: Snapshot) {
    let failures: Cow<'_, str> =
        if state.failed == 0 { "".into() } else { format!("{} failed, ", state.failed).into() };
    bar.set_position(match goal.requests {
        Some(_) => state.ended(),
        None => state.elapsed.as_secs().min(bar.length().unwrap_or(0)),
    });
    bar.set_message(format!("({failures}{:.0} tokens/s)", tokens_per_s(state)));
}

/// One line for a log. Parts that would say zero are left out, but for what is counted to the goal.
fn line(goal: &Goal, state: Snapshot) -> String {
    let elapsed = state.elapsed.as_secs();
    let time = match goal.seconds {
        Some(all) if elapsed <= all => format!("{elapsed} of {all} s"),
        Some(all) => format!("{elapsed} s ({all} s are over)"),
        None => format!("{elapsed} s"),
    };
    let ended = state.ended();
    let requests = match goal.requests {
        Some(all) => format!("{ended} of {all} requests"),
        None if ended == 1 => "1 request".to_owned(),
        None => format!("{ended} requests"),
    };
    let failed = (state.failed > 0).then(|| format!("{} failed", state.failed));
    let in_flight = (state.in_flight > 0).then(|| format!("{} in flight", state.in_flight));
    let tokens = (state.output_tokens > 0).then(|| format!("{:.0} tokens/s", tokens_per_s(state)));
    let parts = [Some(requests), failed, in_flight, tokens].into_iter().flatten();
    format!("{}: {time}, {}", goal.name, parts.collect::<Vec<_>>().join(", "))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a checked, positive duration")]
fn whole_seconds(seconds: f64) -> u64 {
    seconds.ceil() as u64
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn by_count() -> Goal {
        Goal { name: "warm-up".into(), requests: Some(500), seconds: None }
    }

    fn by_time() -> Goal {
        Goal { name: "profiling".into(), requests: None, seconds: Some(60) }
    }

    fn state(seconds: u64, succeeded: u64, failed: u64, in_flight: u64, output_tokens: u64) -> Snapshot {
        Snapshot {
            elapsed: Duration::from_secs(seconds),
            succeeded,
            cancelled_on_purpose: 0,
            overflowed: 0,
            failed,
            in_flight,
            output_tokens,
        }
    }

    #[rstest]
    #[case::by_count(
        by_count(),
        state(20, 118, 2, 8, 4000),
        "warm-up: 20 s, 120 of 500 requests, 2 failed, 8 in flight, 200 tokens/s"
    )]
    #[case::by_time(by_time(), state(10, 1, 0, 0, 0), "profiling: 10 of 60 s, 1 request")]
    #[case::nothing_came(by_time(), state(30, 0, 0, 4, 0), "profiling: 30 of 60 s, 0 requests, 4 in flight")]
    #[case::after_the_end(
        by_time(),
        state(70, 9, 0, 1, 700),
        "profiling: 70 s (60 s are over), 9 requests, 1 in flight, 10 tokens/s"
    )]
    fn a_line_says_how_far_the_phase_is(#[case] goal: Goal, #[case] state: Snapshot, #[case] expected: &str) {
        assert_eq!(line(&goal, state), expected);
    }
}
