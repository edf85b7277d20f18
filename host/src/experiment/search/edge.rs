//! Where the edge is, as a distribution: [`Edge`]. The edge is the load at which a run breaks an objective as often as not.
//!
//! Every load in the range, on a logarithmic scale, is held for equally likely before the first run. Of several objectives, each has an
//! edge of its own, and the smallest one counts: the probability that it is above a load is the product of theirs.

use super::curve::{Point, log_likelihoods};

/// How far beyond the range, in logarithms, the edge is thought of.
const BEYOND: f64 = 1.5;

/// Cells on the scale of loads, and between two loads that were run.
const CELLS: u32 = 24;
const LEAST_CELLS: u32 = 3;

/// What is left out on both sides when the scale becomes finer.
const NEGLIGIBLE: f64 = 1e-3;

/// It becomes finer so often.
const LOOKS: usize = 2;

/// What is known of the edge.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Edge {
    /// Logarithms of loads, from the least to the largest.
    bounds: Vec<f64>,
    /// For each, how likely the edge is above it.
    above: Vec<f64>,
}

impl Edge {
    /// What these points say of an edge between `low` and `high`, or beyond; the points of each objective.
    pub(super) fn of(objectives: &[Vec<Point>], low: f64, high: f64) -> Self {
        let first = Self::within(objectives, (low.ln() - BEYOND, high.ln() + BEYOND));
        (0..LOOKS).fold(first, |edge, _| Self::within(objectives, edge.likely_part()))
    }

    fn within(objectives: &[Vec<Point>], window: (f64, f64)) -> Self {
        let bounds = cells(objectives, window);
        let widths: Vec<f64> = bounds.windows(2).map(|ends| ends[1] - ends[0]).collect();
        let centres: Vec<f64> = bounds.windows(2).map(|ends| f64::midpoint(ends[0], ends[1])).collect();
        let mut above = vec![1.0; bounds.len()];
        for points in objectives {
            let of_one = survival(&log_likelihoods(points, &centres), &widths);
            above.iter_mut().zip(of_one).for_each(|(all, one)| *all *= one);
        }
        Self { bounds, above }
    }

    /// From where to where the edge may be.
    fn likely_part(&self) -> (f64, f64) {
        let last = self.bounds.len() - 1;
        let first_below = self.above.iter().position(|above| *above < 1.0 - NEGLIGIBLE).unwrap_or(last);
        let first_beyond = self.above.iter().position(|above| *above < NEGLIGIBLE).unwrap_or(last);
        // A cell more on each side, since the likelihood is that of their middles.
        let from = first_below.saturating_sub(2).min(last - 1);
        (self.bounds[from], self.bounds[(first_beyond + 1).clamp(from + 1, last)])
    }

    /// How likely the edge is above a load.
    pub(super) fn is_above(&self, load: f64) -> f64 {
        let x = load.ln();
        let Some(next) = self.bounds.iter().position(|bound| *bound > x) else { return 0.0 };
        let Some(before) = next.checked_sub(1) else { return 1.0 };
        let part = (x - self.bounds[before]) / (self.bounds[next] - self.bounds[before]);
        self.above[before] + part * (self.above[next] - self.above[before])
    }

    /// The load that the edge is below with this probability.
    pub(super) fn quantile(&self, probability: f64) -> f64 {
        let left = 1.0 - probability;
        let last = self.bounds.len() - 1;
        let next = self.above.iter().position(|above| *above <= left).unwrap_or(last).max(1);
        let (high, low) = (self.above[next - 1], self.above[next]);
        let part = if high > low { ((high - left) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
        (self.bounds[next - 1] + part * (self.bounds[next] - self.bounds[next - 1])).exp()
    }

    /// The interval that the edge is in with this probability, and in each half of the rest with the same one.
    pub(super) fn interval(&self, confidence: f64) -> (f64, f64) {
        let beyond = (1.0 - confidence) / 2.0;
        (self.quantile(beyond), self.quantile(1.0 - beyond))
    }
}

/// The bounds of cells in a window. A step between two loads that were run is hidden from cells that are wider than what is between them.
fn cells(objectives: &[Vec<Point>], (low, high): (f64, f64)) -> Vec<f64> {
    let mut ends: Vec<f64> = objectives.iter().flatten().map(Point::x).collect();
    ends.retain(|x| *x > low && *x < high);
    ends.extend([low, high]);
    ends.sort_by(f64::total_cmp);
    ends.dedup();
    let of_gap = |gap: &[f64]| {
        let width = gap[1] - gap[0];
        let part = f64::from(CELLS) * width / (high - low);
        let cells = (LEAST_CELLS..CELLS).find(|cells| f64::from(*cells) >= part).unwrap_or(CELLS);
        let from = gap[0];
        (0..cells).map(move |cell| from + width * f64::from(cell) / f64::from(cells))
    };
    ends.windows(2).flat_map(of_gap).chain([high]).collect()
}

/// For the bounds of cells, what of the whole lies above them.
fn survival(logs: &[f64], widths: &[f64]) -> Vec<f64> {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let parts: Vec<f64> = logs.iter().zip(widths).map(|(log, width)| (log - most).exp() * width).collect();
    let whole: f64 = parts.iter().sum();
    let mut below = 0.0;
    let of_bounds = parts.iter().map(|part| {
        below += part;
        (1.0 - below / whole).clamp(0.0, 1.0)
    });
    std::iter::once(1.0).chain(of_bounds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(excesses: &[(f64, f64)]) -> Vec<Point> {
        excesses.iter().map(|(load, excess)| Point::of(*load, &[*excess]).unwrap()).collect()
    }

    #[test]
    fn before_the_first_run_every_load_is_as_likely() {
        let edge = Edge::of(&[Vec::new()], 1.0, 100.0);
        assert!((edge.quantile(0.5) - 10.0).abs() < 1e-6 && (edge.is_above(10.0) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn the_edge_is_between_what_is_far_below_and_what_is_far_above() {
        let runs = [(100.0, -2.0), (200.0, 2.0)].repeat(2);
        let edge = Edge::of(&[points(&runs)], 1.0, 2000.0);
        let (low, high) = edge.interval(0.95);
        assert!(low > 85.0 && high < 235.0 && high > 1.3 * low, "{low} {high}");
    }

    #[test]
    fn more_runs_make_it_closer() {
        let runs = |times: usize| {
            let one = [(90.0, -0.2), (95.0, -0.12), (105.0, 0.08), (110.0, 0.21)];
            points(&one.repeat(times))
        };
        let width = |times| {
            let (low, high) = Edge::of(&[runs(times)], 1.0, 2000.0).interval(0.95);
            assert!(low < 100.5 && 99.5 < high, "{low} {high}");
            high / low
        };
        assert!(width(4) < width(1) && width(16) < width(4) && width(16) < 1.03);
    }

    #[test]
    fn of_two_objectives_the_smaller_edge_counts() {
        let one = points(&[(90.0, -0.2), (110.0, 0.2)].repeat(5));
        let other = points(&[(180.0, -0.2), (220.0, 0.2)].repeat(5));
        let edge = Edge::of(&[one.clone(), other], 1.0, 2000.0).quantile(0.5);
        assert!((edge / Edge::of(&[one], 1.0, 2000.0).quantile(0.5) - 1.0).abs() < 0.02, "{edge}");
    }

    #[test]
    fn an_edge_beyond_the_range_is_seen_there() {
        let edge = Edge::of(&[points(&[(10.0, -1.5), (20.0, -1.2), (20.0, -1.3)])], 1.0, 20.0);
        assert!(edge.is_above(20.0) > 0.975, "{edge:?}");
    }
}
