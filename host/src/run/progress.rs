//! The progress line on the terminal while a phase runs.

use std::{borrow::Cow, sync::atomic::Ordering, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    config::{PhaseConfig, PhaseKind},
    record::recorder::Live,
};

/// Draws one line to standard error, or nothing.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    by_count: bool,
}

impl Progress {
    /// The line of one phase.
    pub(crate) fn begin(phase: &PhaseConfig, visible: bool) -> Self {
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let by_count = phase.request_count.is_some();
        let length = phase.request_count.or_else(|| phase.duration_s.map(whole_seconds)).unwrap_or(0);
        let bar = ProgressBar::with_draw_target(Some(length), target);
        let template = if by_count {
            "{prefix:>9} {wide_bar} {pos}/{len} requests {msg} [{elapsed}]"
        } else {
            "{prefix:>9} {wide_bar} {pos}/{len} s {msg}"
        };
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_prefix(match phase.kind {
            PhaseKind::Warmup => "warm-up",
            PhaseKind::Profiling => "profiling",
        });
        Self { bar, by_count }
    }

    /// Redraws it.
    pub(crate) fn update(&self, live: &Live, elapsed: Duration) {
        let succeeded = live.succeeded.load(Ordering::Relaxed);
        let failed = live.failed.load(Ordering::Relaxed);
        let tokens = live.output_tokens.load(Ordering::Relaxed) as f64 / elapsed.as_secs_f64().max(0.001);
        let failures: Cow<'_, str> =
            if failed == 0 { "".into() } else { format!("{failed} failed, ").into() };
        self.bar.set_position(if self.by_count {
            succeeded + failed
        } else {
            elapsed.as_secs().min(self.bar.length().unwrap_or(0))
        });
        self.bar.set_message(format!("({failures}{tokens:.0} tokens/s)"));
    }

    /// Removes it.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a checked, positive duration")]
fn whole_seconds(seconds: f64) -> u64 {
    seconds.ceil() as u64
}
