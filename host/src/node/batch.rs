//! A dataset on its way into a child: what scripts share, they share there as well, and it travels once.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::dataset::{Part, Script};

/// Weight of something that has no texts, in bytes: about its size.
pub(super) const LIGHT: usize = 64;

/// Parts of fewer bytes are not worth the bookkeeping.
const LARGE: usize = 4096;

/// About how many bytes of a dataset go into one frame.
const FULL: usize = 4 << 20;

/// Some scripts, in order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct DatasetBatch {
    scripts: Vec<Script>,
    /// Parts that were left empty, in order.
    repeats: Vec<Repeat>,
}

/// A part whose data has been sent before.
#[derive(Debug, Serialize, Deserialize)]
struct Repeat {
    /// Positions of its script in the batch, and of itself among all parts of the script.
    place: (usize, usize),
    /// Position among all large data that was sent.
    of: usize,
}

/// Makes batches of a dataset.
#[derive(Debug)]
pub(super) struct Packer<'a> {
    rest: &'a [Arc<Script>],
    /// Position among all large data that was sent, by address.
    sent: HashMap<*const u8, usize>,
}

impl<'a> Packer<'a> {
    /// Begins with the first script.
    pub(super) fn new(dataset: &'a [Arc<Script>]) -> Self {
        Self { rest: dataset, sent: HashMap::new() }
    }

    fn pack(&mut self, script: &Script, batch: &mut DatasetBatch) {
        let mut light = script.clone();
        for (at, part) in parts(&mut light).enumerate().filter(|(_, part)| part.data.len() >= LARGE) {
            let next = self.sent.len();
            let of = *self.sent.entry(part.data.as_ptr()).or_insert(next);
            if of < next {
                batch.repeats.push(Repeat { place: (batch.scripts.len(), at), of });
                part.data = Arc::from("");
            }
        }
        batch.scripts.push(light);
    }
}

impl Iterator for Packer<'_> {
    type Item = DatasetBatch;

    fn next(&mut self) -> Option<DatasetBatch> {
        let (mut batch, mut bytes) = (DatasetBatch::default(), 0);
        while let Some((first, rest)) = self.rest.split_first().filter(|_| bytes < FULL) {
            self.pack(first, &mut batch);
            bytes += batch.scripts.last().map_or(0, weight);
            self.rest = rest;
        }
        (!batch.scripts.is_empty()).then_some(batch)
    }
}

/// All parts of a script, in order.
fn parts(script: &mut Script) -> impl Iterator<Item = &mut Part> {
    let messages = script.steps.iter_mut().flat_map(|step| step.messages.iter_mut().chain(&mut step.reply));
    messages.flat_map(|message| &mut message.parts)
}

/// About how many bytes a script has.
fn weight(script: &Script) -> usize {
    let steps = script.steps.iter().map(|step| {
        let messages = step.messages.iter().chain(&step.reply).map(|message| {
            let parts = message.parts.iter().map(|part| part.name.len() + part.data.len() + LIGHT);
            message.role.len() + parts.sum::<usize>()
        });
        step.extra_json.len() + 2 * LIGHT + messages.sum::<usize>()
    });
    script.id.len() + steps.sum::<usize>()
}

/// Makes a dataset of batches.
#[derive(Debug, Default)]
pub(super) struct Unpacker {
    dataset: Vec<Script>,
    /// All large data that has come.
    large: Vec<Arc<str>>,
}

impl Unpacker {
    /// Takes in the next batch.
    pub(super) fn unpack(&mut self, batch: DatasetBatch) {
        let mut repeats = batch.repeats.into_iter().peekable();
        for (number, mut script) in batch.scripts.into_iter().enumerate() {
            for (at, part) in parts(&mut script).enumerate() {
                let repeat = repeats.next_if(|repeat| repeat.place == (number, at));
                self.restore(part, repeat.map(|repeat| repeat.of));
            }
            self.dataset.push(script);
        }
    }

    fn restore(&mut self, part: &mut Part, repeats: Option<usize>) {
        match repeats.and_then(|of| self.large.get(of)) {
            Some(data) => part.data = Arc::clone(data),
            None if part.data.len() >= LARGE => self.large.push(Arc::clone(&part.data)),
            None => {}
        }
    }

    /// The first script that came.
    pub(super) fn first(&self) -> Option<&Script> {
        self.dataset.first()
    }

    /// All that came.
    pub(super) fn finish(self) -> Vec<Script> {
        self.dataset
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::PartKind;

    use super::*;
    use crate::dataset::{Message, Step};

    fn script(id: &str, data: &[&Arc<str>]) -> Arc<Script> {
        let part =
            |data: &&Arc<str>| Part { kind: PartKind::IMAGE, name: String::new(), data: Arc::clone(data) };
        let step = Step::first(Message::user(data.iter().map(part).collect()));
        Arc::new(Script::single(id.into(), step))
    }

    fn sent(dataset: &[Arc<Script>]) -> (usize, Vec<Arc<Script>>) {
        let (mut bytes, mut unpacker) = (0, Unpacker::default());
        for batch in Packer::new(dataset) {
            let frame = rmp_serde::to_vec_named(&batch).unwrap();
            bytes += frame.len();
            unpacker.unpack(rmp_serde::from_slice(&frame).unwrap());
        }
        (bytes, unpacker.finish().into_iter().map(Arc::new).collect())
    }

    #[test]
    fn what_scripts_share_travels_once_and_is_shared_again() {
        let [a, b]: [Arc<str>; 2] = ["a", "b"].map(|letter| letter.repeat(1 << 20).into());
        let small: Arc<str> = "small".into();
        let dataset: Vec<_> = (0..100)
            .map(|number| script(&number.to_string(), &[&small, &a, if number % 2 == 0 { &a } else { &b }]))
            .collect();
        let (bytes, arrived) = sent(&dataset);
        assert_eq!(arrived, dataset);
        assert!(bytes < 3 << 20, "{bytes}");
        let addresses = |place: usize| {
            let parts = arrived.iter().map(move |script| &script.steps[0].messages[0].parts[place]);
            parts.map(|part| part.data.as_ptr()).collect::<std::collections::HashSet<_>>().len()
        };
        assert_eq!((addresses(1), addresses(2)), (1, 2));
    }

    #[test]
    fn a_dataset_that_shares_nothing_arrives_in_frames_of_bounded_size() {
        let dataset: Vec<_> = (0..20)
            .map(|number| script(&number.to_string(), &[&number.to_string().repeat(1 << 20).into()]))
            .collect();
        assert_eq!(sent(&dataset).1, dataset);
        let longest = Packer::new(&dataset).map(|batch| rmp_serde::to_vec_named(&batch).unwrap().len()).max();
        assert!(longest.unwrap() < 2 * FULL, "{longest:?}");
    }

    /// What is not weighed makes frames that are too long to be read.
    #[test]
    fn a_script_weighs_about_what_it_takes_in_a_frame() {
        let text = || "x".repeat(10_000);
        let part = Part { kind: PartKind::TEXT, name: text(), data: text().into() };
        let message = Message { role: text(), parts: vec![part] };
        let step = Step { extra_json: text(), reply: Some(message.clone()), ..Step::first(message) };
        let script = Script::single(text(), step);
        let bytes = rmp_serde::to_vec_named(&script).unwrap().len();
        assert!(weight(&script) * 10 > bytes * 9, "{} of {bytes}", weight(&script));
    }
}
