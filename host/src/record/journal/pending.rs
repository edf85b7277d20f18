//! Records on their way out of a journal: as they stand there, with what was counted of them elsewhere in it.

use std::collections::VecDeque;

use super::older;
use crate::record::{CountedTokens, Record, Texts};

/// Records as they stand in a journal: checked and not decoded, which takes most of the time and can be done elsewhere.
#[derive(Debug)]
pub(crate) struct RawRecords {
    /// They are of version 1 or 2.
    are_older: bool,
    pub(super) payloads: Vec<u8>,
    /// Where each of them begins and ends.
    spans: Vec<(usize, usize)>,
    /// What is not in their frames: the place of a record among them, ascending, and what belongs to it.
    added: Vec<(usize, Added)>,
}

/// What is known of the tokens of a record that was written without.
#[derive(Debug)]
enum Added {
    Count(CountedTokens),
    /// They were not counted in the run, and can be.
    Texts(Texts),
    /// They were not counted, and cannot be.
    Nothing,
}

/// A record, decoded.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) record: Record,
    /// Its tokens are counted, or nobody wanted them to be.
    pub(crate) is_counted: bool,
}

/// A record, decoded, and what there is to count its tokens from.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) record: Record,
    /// Its tokens are counted, or nobody wanted them to be.
    pub(crate) is_counted: bool,
    /// What could be counted, of a record that is not.
    pub(crate) texts: Option<&'a Texts>,
}

impl RawRecords {
    /// None yet, of a journal of version 1 or 2 or of this version.
    pub(super) fn new(are_older: bool) -> Self {
        Self { are_older, payloads: Vec::new(), spans: Vec::new(), added: Vec::new() }
    }

    /// Decodes them, one at a time; `None` for one that is not understood. What the run has left uncounted, `count` counts.
    pub(crate) fn decode(
        &self,
        count: impl Fn(&Texts) -> Option<CountedTokens>,
    ) -> impl Iterator<Item = Option<Decoded>> {
        self.parts().map(move |parts| {
            let Parts { mut record, is_counted, texts } = parts?;
            let counted = texts.and_then(&count);
            if let Some(counted) = counted {
                record.add_count(counted);
            }
            Some(Decoded { record, is_counted: is_counted || counted.is_some() })
        })
    }

    /// Decodes them, one at a time, and counts nothing; `None` for one that is not understood.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Option<Parts<'_>>> {
        let mut added = self.added.iter().peekable();
        self.spans.iter().enumerate().map(move |(place, (start, end))| {
            let added = added.next_if(|(of, _)| *of == place).map(|(_, added)| added);
            let payload = &self.payloads[*start..*end];
            let mut record: Record =
                if self.are_older { older::record(payload) } else { rmp_serde::from_slice(payload).ok() }?;
            let (is_counted, texts) = match added {
                None => (true, None),
                Some(Added::Count(counted)) => {
                    record.add_count(*counted);
                    (true, None)
                }
                Some(Added::Texts(texts)) => (false, Some(texts)),
                Some(Added::Nothing) => (false, None),
            };
            Some(Parts { record, is_counted, texts })
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Size of all of them, as they stand in the journal.
    pub(crate) fn bytes(&self) -> usize {
        self.payloads.len()
    }

    /// What was appended from `start` on is one.
    pub(super) fn end_one(&mut self, start: usize) {
        self.spans.push((start, self.payloads.len()));
    }

    fn push(&mut self, payload: &[u8], added: Added) {
        self.added.push((self.spans.len(), added));
        let start = self.payloads.len();
        self.payloads.extend_from_slice(payload);
        self.end_one(start);
    }
}

/// So many bytes of records wait for the count of one before them. More are passed on out of their order.
const MOST_WAITING_BYTES: usize = 4 << 20;

/// So many buffers wait to be used again. With [`MOST_SPARE_BYTES`] each, they are a megabyte at most.
const MOST_SPARE: usize = 256;

/// Buffers with more room than this are not used again. Most records are a tenth of it.
const MOST_SPARE_BYTES: usize = 4 << 10;

/// Records that wait for their counts to come. They are passed on in the order in which they ended, though several threads count.
#[derive(Debug)]
pub(super) struct Pending {
    /// By their numbers, ascending.
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// With more bytes than these, records are passed on out of their order.
    most: usize,
    /// Buffers of records that were passed on, [`MOST_SPARE`] at most: asking for memory and giving it back takes longer than copying a record.
    spare: Vec<Vec<u8>>,
}

/// See [`Pending`].
#[derive(Debug)]
struct Waiting {
    number: u64,
    payload: Vec<u8>,
    counted: Option<CountedTokens>,
}

impl Default for Pending {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, most: MOST_WAITING_BYTES, spare: Vec::new() }
    }
}

impl Pending {
    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the record with this number, which has no count. Numbers ascend, as they do in a journal.
    pub(super) fn hold(&mut self, number: u64, payload: &[u8]) {
        debug_assert!(self.waiting.back().is_none_or(|last| last.number <= number), "numbers ascend");
        self.bytes += payload.len();
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.extend_from_slice(payload);
        self.waiting.push_back(Waiting { number, payload: kept, counted: None });
    }

    /// Passes on those that have been counted, and all before them.
    pub(super) fn counted(&mut self, counts: Vec<(u64, CountedTokens)>, into: &mut RawRecords) {
        for (number, counted) in counts {
            if let Ok(place) = self.waiting.binary_search_by_key(&number, |waiting| waiting.number) {
                self.waiting[place].counted = Some(counted);
            }
        }
        while let Some(counted) = self.waiting.front().and_then(|first| first.counted)
            && let Some(first) = self.waiting.pop_front()
        {
            self.bytes -= first.payload.len();
            into.push(&first.payload, Added::Count(counted));
            self.use_again(first.payload);
        }
        if self.bytes > self.most {
            self.pass_on_counted(into);
            // Many whose counts are lost are not to be looked through with each count that comes.
            self.most = MOST_WAITING_BYTES.max(2 * self.bytes);
        }
    }

    fn use_again(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < MOST_SPARE && buffer.capacity() <= MOST_SPARE_BYTES {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    fn pass_on_counted(&mut self, into: &mut RawRecords) {
        let bytes = &mut self.bytes;
        self.waiting.retain(|Waiting { payload, counted, .. }| {
            let Some(counted) = counted else { return true };
            *bytes -= payload.len();
            into.push(payload, Added::Count(*counted));
            false
        });
    }

    /// Passes on those for which nothing more will come, up to a size together with their texts, into `records`. `find` is asked
    /// for the texts of each number, ascending.
    pub(super) fn release(
        &mut self,
        mut find: impl FnMut(u64) -> Option<Texts>,
        most: usize,
        mut records: RawRecords,
    ) -> RawRecords {
        let mut text_bytes = 0;
        while records.payloads.len() + text_bytes < most {
            let Some(Waiting { number, payload, counted }) = self.waiting.pop_front() else { break };
            self.bytes -= payload.len();
            if let Some(counted) = counted {
                records.push(&payload, Added::Count(counted));
                continue;
            }
            let texts = find(number);
            text_bytes += texts.as_ref().map_or(0, Texts::bytes);
            records.push(&payload, texts.map_or(Added::Nothing, Added::Texts));
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(output: u64) -> CountedTokens {
        CountedTokens { output: Some(output), ..CountedTokens::default() }
    }

    /// What was passed on: the first byte of each record, which says its number.
    fn passed_on(records: &RawRecords) -> Vec<u8> {
        records.spans.iter().map(|(start, _)| records.payloads[*start]).collect()
    }

    #[test]
    fn records_keep_their_order_however_their_counts_come() {
        let (mut pending, mut records) = (Pending::default(), RawRecords::new(false));
        (0..4).for_each(|number| pending.hold(number.into(), &[number]));
        pending.counted(vec![(2, count(2)), (1, count(1))], &mut records);
        assert!(passed_on(&records).is_empty());
        pending.counted(vec![(0, count(0))], &mut records);
        assert_eq!(passed_on(&records), [0, 1, 2]);
        assert_eq!(passed_on(&pending.release(|_| None, usize::MAX, RawRecords::new(false))), [3]);
        assert!(pending.is_empty());
    }

    #[test]
    fn a_buffer_that_is_used_again_has_nothing_of_the_record_before() {
        let (mut pending, mut records) = (Pending::default(), RawRecords::new(false));
        pending.hold(0, &[7; 100]);
        pending.counted(vec![(0, count(0))], &mut records);
        pending.hold(1, &[8]);
        pending.hold(2, &vec![9; MOST_SPARE_BYTES + 1]);
        pending.counted(vec![(1, count(1)), (2, count(2))], &mut records);
        assert_eq!(records.payloads, [vec![7; 100], vec![8], vec![9; MOST_SPARE_BYTES + 1]].concat());
        assert_eq!(pending.spare.len(), 1);
    }

    #[test]
    fn only_so_many_buffers_wait_to_be_used_again() {
        let (mut pending, mut records) = (Pending::default(), RawRecords::new(false));
        (0..300).for_each(|number| pending.hold(number, &[1]));
        let counts = (0..300).map(|number| (number, count(number))).collect();
        pending.counted(counts, &mut records);
        assert_eq!((records.len(), pending.spare.len()), (300, MOST_SPARE));
    }

    #[test]
    fn one_that_is_never_counted_holds_up_only_so_many() {
        let (mut pending, mut records) = (Pending::default(), RawRecords::new(false));
        pending.hold(0, &[0]);
        pending.hold(1, &[&[1][..], &vec![0; MOST_WAITING_BYTES]].concat());
        pending.counted(vec![(1, count(1))], &mut records);
        assert_eq!(passed_on(&records), [1]);
        assert_eq!(passed_on(&pending.release(|_| None, usize::MAX, RawRecords::new(false))), [0]);
    }
}
