//! What is gathered for the page while the journal is read: [`Gathered`].

use std::collections::BTreeMap;

use super::{
    buckets::Buckets,
    histogram::Histogram,
    row::{Ended, Needs, Row},
    sample::Sample,
};

/// Inputs are of one length when they differ by less than this ratio.
const LENGTHS: f64 = 1.25;

/// All measured requests as numbers, and some of all requests as rows.
#[derive(Debug, Default)]
pub(in crate::report) struct Gathered {
    pub(super) buckets: Buckets,
    pub(super) first_token: Histogram,
    pub(super) inter_token: Histogram,
    pub(super) latency: Histogram,
    /// Time to first token by input length.
    by_length: BTreeMap<u32, Histogram>,
    pub(super) sample: Sample,
}

impl Gathered {
    /// Takes in requests in the order of the journal.
    pub(in crate::report) fn take(&mut self, rows: Vec<Row>) {
        for row in rows {
            self.take_one(row);
        }
    }

    fn take_one(&mut self, row: Row) {
        if row.is_measured {
            self.buckets.add(&row);
        }
        if row.is_measured && row.ended == Ended::Ok {
            for (histogram, ms) in [
                (&mut self.first_token, row.first_token_ms),
                (&mut self.inter_token, row.inter_token_ms),
                (&mut self.latency, row.latency_ms),
            ] {
                if ms.is_finite() {
                    histogram.add(ms);
                }
            }
            if let Some(length) =
                row.input_tokens.filter(|length| *length > 0 && row.first_token_ms.is_finite())
            {
                self.by_length.entry(class_of(length)).or_default().add(row.first_token_ms);
            }
        }
        self.sample.offer(row);
    }

    /// What has to be known of the requests that come.
    pub(in crate::report) fn needs(&self) -> Needs {
        self.sample.needs()
    }

    /// The time to first token of inputs of about this many tokens, from short to long ones.
    pub(super) fn by_length(&self) -> impl Iterator<Item = (f64, &Histogram)> {
        self.by_length.iter().map(|(class, histogram)| (LENGTHS.powf(f64::from(*class) + 0.5), histogram))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a logarithm of a number of 32 bits is small"
)]
fn class_of(length: u32) -> u32 {
    (f64::from(length).ln() / LENGTHS.ln()) as u32
}
