//! Histograms of latencies with cells of equal ratio: small, and merged by adding.

/// The lower end of the first cell, in milliseconds.
const LEAST: f64 = 1e-3;
/// The upper end of a cell by its lower one: a value that is read from a histogram is at most 1 % off.
const RATIO: f64 = 1.02;
/// Up to ten million milliseconds, nearly three hours.
const CELLS: usize = 1163;

/// How many values there are in each cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    /// Empty until there is a value.
    cells: Vec<u32>,
    count: u64,
}

impl Histogram {
    /// Counts a value in milliseconds.
    pub(super) fn add(&mut self, ms: f64) {
        if self.cells.is_empty() {
            self.cells = vec![0; CELLS];
        }
        self.cells[cell_of(ms)] += 1;
        self.count += 1;
    }

    /// Takes in what another one has counted.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.cells.is_empty() {
            self.cells.clone_from(&other.cells);
        } else {
            self.cells.iter_mut().zip(&other.cells).for_each(|(own, more)| *own += more);
        }
        self.count += other.count;
    }

    /// How many values it has.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The value that a share of all values does not exceed: the middle of its cell. Not a number where there is none.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let rank = share * self.count.saturating_sub(1) as f64;
        let mut below = 0_u64;
        for (at, count) in self.cells.iter().enumerate() {
            below += u64::from(*count);
            if below as f64 > rank {
                return edge(at as f64 + 0.5);
            }
        }
        f64::NAN
    }

    /// The cells from the first to the last one with a value, joined to at most so many: lower end, upper end, and count.
    pub(super) fn bars(&self, most: usize) -> Vec<(f64, f64, u64)> {
        let first = self.cells.iter().position(|count| *count > 0).unwrap_or(0);
        let end = self.cells.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        let joined = end.saturating_sub(first).div_ceil(most).max(1);
        let parts = self.cells.get(first..end).unwrap_or_default().chunks(joined).enumerate();
        parts
            .map(|(at, part)| {
                let from = first + at * joined;
                let count = part.iter().map(|count| u64::from(*count)).sum();
                (edge(from as f64), edge((from + joined) as f64), count)
            })
            .collect()
    }
}

fn edge(at: f64) -> f64 {
    LEAST * RATIO.powf(at)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped to the cells")]
fn cell_of(ms: f64) -> usize {
    let at = (ms / LEAST).ln() / RATIO.ln();
    if at.is_nan() { 0 } else { at.clamp(0.0, (CELLS - 1) as f64) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_the_width_of_a_cell() {
        let mut histogram = Histogram::default();
        for ms in 1..=1000 {
            histogram.add(f64::from(ms));
        }
        for share in [0.1, 0.5, 0.9, 0.99] {
            let (found, exact) = (histogram.quantile(share), 1.0 + (share * 999.0).floor());
            assert!((found / exact - 1.0).abs() < 0.011, "{found} for {exact}");
        }
        assert!(Histogram::default().quantile(0.5).is_nan());
    }

    #[test]
    fn values_beyond_the_cells_are_counted_at_their_ends() {
        let mut histogram = Histogram::default();
        for ms in [0.0, -1.0, 1e300, f64::NAN, f64::INFINITY] {
            histogram.add(ms);
        }
        let bars = histogram.bars(CELLS);
        assert_eq!((bars.len(), bars[0].2, bars[CELLS - 1].2), (CELLS, 3, 2));
    }

    #[test]
    fn merging_adds() {
        let (mut all, mut one, mut other) =
            (Histogram::default(), Histogram::default(), Histogram::default());
        for ms in [1.0, 5.0, 25.0] {
            one.add(ms);
            all.add(ms);
        }
        other.add(125.0);
        all.add(125.0);
        one.merge(&other);
        other.merge(&Histogram::default());
        assert_eq!((one.bars(50), one.count()), (all.bars(50), 4));
    }
}
