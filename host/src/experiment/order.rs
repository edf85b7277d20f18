//! In which order runs go.

use rand::seq::SliceRandom;

use crate::{config::flags::SweepMode, seed::Seed};

/// How runs are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// What is repeated: everything, or each cell.
    pub(crate) mode: SweepMode,
    /// Cells go in an order that the seed decides, another one each time.
    pub(crate) is_shuffled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlannedRun {
    /// Its cell, by the place in the design.
    pub(crate) cell: usize,
    /// Which run of the cell it is, from 1.
    pub(crate) repeat: u32,
}

impl Order {
    pub(super) fn runs(self, cells: usize, repeats: u32, seed: Seed) -> Vec<PlannedRun> {
        let cells_of = |round: u32| {
            let mut cells: Vec<usize> = (0..cells).collect();
            if self.is_shuffled {
                cells.shuffle(&mut seed.stream(&format!("experiment.order.{round}")));
            }
            cells
        };
        match self.mode {
            SweepMode::Repeated => {
                let round =
                    |repeat| cells_of(repeat).into_iter().map(move |cell| PlannedRun { cell, repeat });
                (1..=repeats).flat_map(round).collect()
            }
            SweepMode::Alternating => {
                let round = |repeat: u32| {
                    let is_reversed = repeat.is_multiple_of(2);
                    // The order of the repetition before it, if it is drawn.
                    let mut cells = cells_of(if is_reversed { repeat - 1 } else { repeat });
                    if is_reversed {
                        cells.reverse();
                    }
                    cells.into_iter().map(move |cell| PlannedRun { cell, repeat })
                };
                (1..=repeats).flat_map(round).collect()
            }
            SweepMode::Independent => {
                let of_cell = |cell| (1..=repeats).map(move |repeat| PlannedRun { cell, repeat });
                cells_of(1).into_iter().flat_map(of_cell).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn order(mode: SweepMode, is_shuffled: bool, seed: u64) -> String {
        let runs = Order { mode, is_shuffled }.runs(4, 2, Seed::new(seed));
        let words: Vec<String> = runs
            .iter()
            .map(|run| format!("{}{}", run.cell, if run.repeat == 1 { "" } else { "'" }))
            .collect();
        words.join(" ")
    }

    #[rstest]
    #[case(SweepMode::Repeated, "0 1 2 3 0' 1' 2' 3'")]
    #[case(SweepMode::Alternating, "0 1 2 3 3' 2' 1' 0'")]
    #[case(SweepMode::Independent, "0 0' 1 1' 2 2' 3 3'")]
    fn everything_is_repeated_or_each_cell(#[case] mode: SweepMode, #[case] expected: &str) {
        assert_eq!(order(mode, false, 1), expected);
    }

    #[rstest]
    fn a_shuffled_order_has_the_same_runs_and_is_the_same_for_a_seed(
        #[values(SweepMode::Repeated, SweepMode::Alternating, SweepMode::Independent)] mode: SweepMode,
    ) {
        let sorted = |text: &str| {
            let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            words.sort();
            words
        };
        let orders: Vec<String> = (0..20).map(|seed| order(mode, true, seed)).collect();
        assert_eq!(order(mode, true, 3), orders[3]);
        assert!(orders.iter().all(|other| sorted(other) == sorted(&order(mode, false, 0))));
        assert!(orders.iter().any(|other| *other != orders[0]));
    }
}
