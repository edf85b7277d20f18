//! The range of one setting that a recipe sweeps over: [`Axis`].

use std::num::NonZeroU32;

use super::{
    super::exit::{Exit, Failure},
    steps::{MOST, steps},
    words::WordsOfAiperf,
};

/// A setting that a recipe sweeps over, as far as it is typed.
pub(super) struct Axis {
    pub(super) setting: &'static str,
    low: Option<NonZeroU32>,
    high: Option<NonZeroU32>,
    steps: Option<NonZeroU32>,
    /// The same three where they are not typed.
    usual: [u32; 3],
}

impl Axis {
    /// Source of the usual ones: those of AIPerf's recipes.
    pub(super) fn of_concurrency(words: &WordsOfAiperf, usual: [u32; 3]) -> Self {
        let (low, high) = (words.concurrency_min, words.concurrency_max);
        Self { setting: "concurrency", low, high, steps: words.concurrency_steps, usual }
    }

    pub(super) fn of_input(words: &WordsOfAiperf, usual: [u32; 3]) -> Self {
        Self { setting: "isl", low: words.isl_min, high: words.isl_max, steps: words.isl_steps, usual }
    }

    pub(super) fn of_output(words: &WordsOfAiperf, usual: [u32; 3]) -> Self {
        Self { setting: "osl", low: words.osl_min, high: words.osl_max, steps: words.osl_steps, usual }
    }

    /// As a value of `--sweep`.
    ///
    /// # Errors
    /// The range has no numbers, or it has too few or too many steps.
    pub(super) fn sweep(&self) -> Result<String, Failure> {
        let [low, high, most] = self.usual;
        let typed_or = |typed: Option<NonZeroU32>, usual: u32| typed.map_or(usual, NonZeroU32::get);
        let (low, high, most) =
            (typed_or(self.low, low), typed_or(self.high, high), typed_or(self.steps, most));
        let setting = self.setting;
        if low > high {
            let message = format!("sweep `--{setting}` from {low} to {high}");
            let hint = format!("raise `--{setting}-max`, or lower `--{setting}-min`");
            return Err(Failure::new(Exit::Usage, message).with_hint(hint));
        }
        if low < high && !(2..=MOST).contains(&most) {
            let message = format!("sweep `--{setting}` from {low} to {high} in {most} steps");
            let hint =
                format!("`--{setting}-steps` may be from 2 to {MOST}, both ends of the range among them");
            return Err(Failure::new(Exit::Usage, message).with_hint(hint));
        }
        Ok(swept(setting, &steps(low.into(), high.into(), most, true)))
    }
}

/// A value of `--sweep`.
pub(super) fn swept(setting: &str, values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    format!("{setting}={}", values.join(","))
}
