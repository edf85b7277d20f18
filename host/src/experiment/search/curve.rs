//! How a value rises with the load, near its bound: [`log_likelihoods`] of the load at which it reaches the bound.
//!
//! An *excess* is the logarithm of the value over its bound: 0 at the bound, above 0 where the objective is broken. With x the logarithm of
//! the load, e that of the load at the bound and t = s (x - e), the curve is
//!
//! * t, where the value is a power of the load: the latency of a closed loop on a server that is full;
//! * -ln(1 - t), where it is a hyperbola: waiting times in a queue, which grow as 1 / (capacity - load);
//! * ln(b + (1 - b) / (1 - t)), where that comes on top of a time b that is always there: flat for long, and then steep.
//!
//! Slopes s from 0.1 to some 70 stand for everything from a value that hardly depends on the load to a step. Noise is normal in the
//! logarithm, with a variance that nobody knows: it is integrated out under an inverse gamma prior, as in Gelman et al., Bayesian Data
//! Analysis (3rd edition), section 3.3 and chapter 14. No curve is to be believed far from the bound: the means of loads deviate by
//! themselves there, by an amount that grows with the squares of the excess and of the distance ([`DOUBT`], [`DOUBT_AWAY`]), and is
//! measured in units of the noise between runs of one load. What holds everywhere is the side: a load below the edge keeps to the bound.

/// Excesses beyond this are all the same: the load is far from the one that is looked for.
pub(super) const FAR: f64 = 2.0;

/// The deviation of a real curve from both of ours, at an excess of 1.
const DOUBT: f64 = 0.3;

/// The same at a load that is e times the one at the bound, or an e-th of it.
const DOUBT_AWAY: f64 = 0.5;

/// It is no larger than this.
const MOST_DOUBT: f64 = 0.5;

/// What is known of the noise before any run: as much as so many runs would say, whose standard deviation is this.
const PRIOR_RUNS: f64 = 2.0;
const PRIOR_DEVIATION: f64 = 0.2;

/// The slopes that are thought of: so many, each in this proportion to the one before.
const SLOPES: i32 = 15;
const LEAST_SLOPE: f64 = 0.1;
const SLOPE_STEP: f64 = 1.6;

/// What a hyperbola has left of its capacity where it is as far above the bound as can be told.
const LEAST_FREE: f64 = 0.1;

/// What the runs of one load say of an objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// The logarithm of the load.
    x: f64,
    runs: f64,
    /// Mean of their excesses.
    mean: f64,
    /// Sum of the squares of their distances from the mean.
    squares: f64,
}

impl Point {
    /// Of the excesses of runs; nothing if there are none.
    pub(super) fn of(load: f64, excesses: &[f64]) -> Option<Self> {
        let runs = excesses.len() as f64;
        let near: Vec<f64> = excesses.iter().map(|excess| excess.clamp(-FAR, FAR)).collect();
        let mean = near.iter().sum::<f64>() / runs;
        let squares = near.iter().map(|excess| (excess - mean).powi(2)).sum();
        (!near.is_empty()).then(|| Self { x: load.ln(), runs, mean, squares })
    }
}

impl Point {
    /// The logarithm of the load.
    pub(super) fn x(&self) -> f64 {
        self.x
    }

    /// All runs are so far from the bound that only the side counts.
    fn is_far(&self) -> bool {
        self.mean.abs() >= FAR
    }
}

/// The curves.
#[derive(Clone, Copy)]
enum Shape {
    Power,
    /// So much of the value at the bound is there without any load.
    Hyperbola {
        base: f64,
    },
}

impl Shape {
    const ALL: [Self; 3] = [Self::Power, Self::Hyperbola { base: 0.0 }, Self::Hyperbola { base: 0.6 }];

    fn excess(self, t: f64) -> f64 {
        match self {
            Self::Power => t.clamp(-FAR, FAR),
            Self::Hyperbola { base } => {
                let waiting = (1.0 - base) / (1.0 - t).max(LEAST_FREE);
                (base + waiting).ln().clamp(-FAR, FAR)
            }
        }
    }
}

/// For each of these logarithms of loads, the logarithm of how likely the points are if the value is at its bound there, up to a
/// constant.
pub(super) fn log_likelihoods(points: &[Point], edges: &[f64]) -> Vec<f64> {
    let slopes: Vec<f64> = (0..SLOPES).map(|power| LEAST_SLOPE * SLOPE_STEP.powi(power)).collect();
    let noise = noise(points);
    let of_edge = |edge: &f64| {
        let all = Shape::ALL.iter().flat_map(|shape| slopes.iter().map(move |slope| (*shape, *slope)));
        let all: Vec<f64> =
            all.map(|(shape, slope)| log_likelihood(points, *edge, shape, slope, noise)).collect();
        log_sum(&all)
    };
    edges.iter().map(of_edge).collect()
}

fn log_likelihood(points: &[Point], edge: f64, shape: Shape, slope: f64, noise: f64) -> f64 {
    let (mut runs, mut squares, mut logs) = (PRIOR_RUNS, PRIOR_RUNS * PRIOR_DEVIATION.powi(2), 0.0);
    for point in points {
        let away = point.x - edge;
        let expected = shape.excess(slope * away);
        let is_across = point.mean * expected < 0.0;
        if point.is_far() && !is_across {
            continue;
        }
        let doubt = (DOUBT * expected * expected + DOUBT_AWAY * away * away).min(MOST_DOUBT);
        // In proportion to the variance of the noise of one run.
        let alone = 1.0 / point.runs;
        let variance = alone + (doubt / noise).powi(2);
        let missed = (point.mean - expected).powi(2) / variance;
        // However far a real curve is from ours, it is not on the other side of the bound: from there on, only noise counts.
        let least = if is_across { point.mean.powi(2) / alone } else { 0.0 };
        runs += point.runs;
        squares += point.squares + missed.max(least);
        logs += variance.ln();
    }
    -0.5 * (logs + runs * squares.ln())
}

/// How far apart runs of one load are, as a standard deviation. What is known before any run counts as well.
fn noise(points: &[Point]) -> f64 {
    let near = || points.iter().filter(|point| !point.is_far());
    let squares: f64 = near().map(|point| point.squares).sum();
    let runs: f64 = near().map(|point| point.runs - 1.0).sum();
    ((squares + PRIOR_RUNS * PRIOR_DEVIATION.powi(2)) / (runs + PRIOR_RUNS)).sqrt()
}

/// The logarithm of the sum of what these are logarithms of.
fn log_sum(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + logs.iter().map(|log| (log - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(points: &[Point]) -> f64 {
        let edges: Vec<f64> = (0..400).map(|at| 3.0 + f64::from(at) * 0.01).collect();
        let likely = log_likelihoods(points, &edges);
        let best = (0..edges.len()).max_by(|one, other| likely[*one].total_cmp(&likely[*other])).unwrap();
        edges[best].exp()
    }

    fn points(loads: &[f64], excess: impl Fn(f64) -> f64) -> Vec<Point> {
        loads.iter().map(|load| Point::of(*load, &[excess(*load)]).unwrap()).collect()
    }

    #[test]
    fn a_power_of_the_load_is_at_its_bound_where_it_is() {
        let edge = best(&points(&[50.0, 90.0, 95.0, 105.0, 110.0, 200.0], |load| 2.0 * (load / 100.0).ln()));
        assert!((edge / 100.0 - 1.0).abs() < 0.02, "{edge}");
    }

    #[test]
    fn a_queue_is_at_its_bound_where_it_is() {
        let waiting = |load: f64| -((1.0 - load / 125.0) / 0.2).max(0.001).ln();
        let edge = best(&points(&[50.0, 90.0, 96.0, 104.0, 110.0, 200.0], waiting));
        assert!((edge / 100.0 - 1.0).abs() < 0.02, "{edge}");
    }

    #[test]
    fn far_from_the_bound_only_the_side_counts() {
        let of = |excess: f64| log_likelihoods(&points(&[90.0], |_| excess), &[85_f64.ln(), 95_f64.ln()]);
        assert_eq!(of(3.0), of(5.0));
        assert!(of(3.0)[0] > of(3.0)[1] + 2.0, "{:?}", of(3.0));
    }

    #[test]
    fn no_runs_are_no_point() {
        assert_eq!(Point::of(5.0, &[]), None);
    }
}
