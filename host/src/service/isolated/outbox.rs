//! What a child has to say and has not said yet. Nobody who says something waits: what a service publishes and logs is
//! bounded, and its answers are few.

use std::{
    borrow::Cow,
    io,
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{self, Receiver, SyncSender, sync_channel},
    },
    thread,
};

use prony_plugin_api::PublishError;

use super::words::{Payload, Word};
use crate::{
    child::frame::FrameWriter,
    clock::RunNs,
    service::allowance::{Allowance, MessagePermit, beginning},
};

/// Log lines that may wait; more are left out.
const LINES: usize = 1024;

/// The way to the parent. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    items: mpsc::Sender<Item>,
    allowance: Allowance,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    lines: AtomicUsize,
    lost: AtomicU64,
    is_closed: AtomicBool,
    has_asked: AtomicBool,
}

/// Something to be said.
#[derive(Debug)]
enum Item {
    /// An answer, or a wish.
    Word(Word<'static>),
    /// A message, and its right to wait.
    Message(Word<'static>, MessagePermit),
    /// A log line.
    Line(Word<'static>),
    /// Say when everything before this has been said.
    End(SyncSender<()>),
}

impl Outbox {
    /// Starts the thread that writes to the parent.
    ///
    /// # Errors
    /// There is no thread left.
    pub(super) fn start(socket: UnixStream) -> io::Result<Self> {
        let (items, waiting) = mpsc::channel();
        let outbox = Self { items, allowance: Allowance::default(), counts: Arc::default() };
        let counts = Arc::clone(&outbox.counts);
        thread::Builder::new().name("to parent".into()).spawn(move || {
            // A parent that is gone is noticed by the thread that reads from it.
            let _ = write(FrameWriter::new(socket), &waiting, &counts);
        })?;
        Ok(outbox)
    }

    /// Says something that must be heard.
    pub(super) fn say(&self, word: Word<'static>) {
        // Without a writer there is no parent.
        let _ = self.items.send(Item::Word(word));
    }

    /// Publishes, unless it is too much.
    pub(super) fn publish(&self, message_type: &str, payload: &[u8], now: RunNs) -> Result<(), PublishError> {
        if self.counts.is_closed.load(Ordering::Relaxed) {
            return Err(PublishError::Closed);
        }
        let permit = self.allowance.take(message_type, payload.len(), now).inspect_err(|_| {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        })?;
        let (message_type, payload) =
            (Cow::Owned(message_type.to_owned()), Payload(Cow::Owned(payload.to_vec())));
        let item = Item::Message(Word::Publish { message_type, payload }, permit);
        self.items.send(item).map_err(|_| PublishError::Closed)
    }

    /// Publishes nothing more.
    pub(super) fn close(&self) {
        self.counts.is_closed.store(true, Ordering::Relaxed);
    }

    /// Asks for the end of the run. Once is enough.
    pub(super) fn request_stop(&self, reason: &str) {
        if !self.counts.has_asked.swap(true, Ordering::Relaxed) {
            self.say(Word::RequestStop { reason: beginning(reason).to_owned() });
        }
    }

    /// Writes a log line, unless too many wait.
    pub(super) fn log(&self, plugin: Option<String>, level: u8, source: &str, text: &str) {
        if self.counts.lines.fetch_add(1, Ordering::Relaxed) >= LINES {
            self.counts.lines.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let [source, text] = [source, text].map(|text| beginning(text).to_owned());
        let _ = self.items.send(Item::Line(Word::Log { plugin, level, source, text }));
    }

    /// Waits until everything has been said.
    pub(super) fn flush(&self) {
        let (said, all_said) = sync_channel(1);
        if self.items.send(Item::End(said)).is_ok() {
            let _ = all_said.recv();
        }
    }
}

fn write(mut parent: FrameWriter, items: &Receiver<Item>, counts: &Counts) -> io::Result<()> {
    while let Ok(item) = items.recv() {
        match item {
            Item::Word(word) => parent.write(&word)?,
            Item::Message(word, permit) => {
                parent.write(&word)?;
                drop(permit);
            }
            Item::Line(word) => {
                counts.lines.fetch_sub(1, Ordering::Relaxed);
                parent.write(&word)?;
            }
            Item::End(said) => {
                tell_lost(&mut parent, counts)?;
                let _ = said.send(());
            }
        }
        tell_lost(&mut parent, counts)?;
    }
    Ok(())
}

fn tell_lost(parent: &mut FrameWriter, counts: &Counts) -> io::Result<()> {
    match counts.lost.swap(0, Ordering::Relaxed) {
        0 => Ok(()),
        lost => parent.write(&Word::Lost(lost)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        child::frame::FrameReader,
        service::allowance::{LONGEST_TEXT, MESSAGES},
    };

    /// An outbox whose parent does not listen yet, so full that its thread waits, and the parent.
    fn full() -> (Outbox, FrameReader) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let outbox = Outbox::start(theirs).unwrap();
        outbox.publish("first", &vec![0; 4 << 20], 0).unwrap();
        (outbox, FrameReader::new(ours))
    }

    #[test]
    fn nobody_waits_for_a_parent_that_does_not_listen_and_losses_are_told_at_last() {
        let (outbox, mut parent) = full();
        let taken = (0..MESSAGES + 9).filter(|_| outbox.publish("t", &[1], 0).is_ok()).count();
        assert!(taken < MESSAGES + 9);
        outbox.close();
        assert_eq!(outbox.publish("t", &[1], 0), Err(PublishError::Closed));
        let (mut heard, mut lost) = (0, 0);
        while lost == 0 {
            match parent.read::<Word<'static>>().unwrap().unwrap() {
                Word::Publish { message_type, .. } if message_type == "t" => heard += 1,
                Word::Publish { .. } => {}
                Word::Lost(messages) => lost += messages,
                other => panic!("{other:?}"),
            }
        }
        // What was refused, and not that it is over.
        assert_eq!(lost, (MESSAGES + 9 - taken) as u64);
        while heard < taken {
            assert!(matches!(parent.read::<Word<'static>>().unwrap(), Some(Word::Publish { .. })));
            heard += 1;
        }
    }

    #[test]
    fn lines_are_bounded_in_number_and_length() {
        let (outbox, mut parent) = full();
        let long = "ü".repeat(LONGEST_TEXT);
        (0..2 * LINES).for_each(|_| outbox.log(None, 1, &long, &long));
        outbox.request_stop(&long);
        outbox.request_stop("two");
        let mut lines = 0;
        loop {
            match parent.read::<Word<'static>>().unwrap().unwrap() {
                Word::Log { source, text, .. } => {
                    assert_eq!((source.len(), text.len()), (LONGEST_TEXT, LONGEST_TEXT));
                    lines += 1;
                }
                Word::RequestStop { reason } => break assert_eq!(reason.len(), LONGEST_TEXT),
                _ => {}
            }
        }
        assert!(lines <= LINES, "{lines}");
    }
}
