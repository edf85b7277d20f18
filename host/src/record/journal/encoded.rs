//! Records that are encoded beside the thread that writes the journal: [`EncodedRecords`].

use crate::record::Record;

/// Payloads of records whose tokens are counted, next to each other.
#[derive(Debug, Default)]
pub(crate) struct EncodedRecords {
    payloads: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl EncodedRecords {
    /// Encodes one more.
    ///
    /// # Errors
    /// It cannot be encoded: our bug. The others stay as they are.
    pub(crate) fn push(&mut self, record: &Record) -> Result<(), rmp_serde::encode::Error> {
        let start = self.payloads.len();
        let encoded = rmp_serde::encode::write_named(&mut self.payloads, record);
        match encoded {
            Ok(()) => self.ends.push(self.payloads.len()),
            Err(_) => self.payloads.truncate(start),
        }
        encoded
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The payload of each.
    pub(super) fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.payloads[start..*end])
    }
}
