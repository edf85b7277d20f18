//! How many independent values values in a row are worth: [`count`], and by how much batches of them differ: [`spread`].

use super::{mean, variance};

/// The number of independent values that would say as much about the mean as these do. Batches of independent values have means that vary by the
/// variance of the values over their number; where neighbours are alike, the means vary by more.
///
/// Source: the method of batch means, as in Law, Simulation Modeling and Analysis, chapter 9.5.3. With 30 batches the result is good to a
/// third or so; it is never more than there are values.
pub(super) fn count(values: &[f64], batches: &[&[f64]]) -> f64 {
    let all = values.len() as f64;
    let means: Vec<f64> = batches.iter().map(|batch| mean(batch)).collect();
    let expected = variance(values) / (all / batches.len() as f64);
    let found = variance(&means);
    if found > expected { all * expected / found } else { all }
}

/// Standard deviation of the means of batches, as a part of the mean of all.
pub(super) fn spread(batches: &[&[f64]]) -> f64 {
    let means: Vec<f64> = batches.iter().map(|batch| mean(batch)).collect();
    variance(&means).sqrt() / mean(&means).max(f64::MIN_POSITIVE)
}
