//! A thread that sends the tokens of many streams, each when it is due.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::Instant,
};

use crate::stream::{Sent, Stream};

/// A stream to send, and who waits for its end.
#[derive(Debug)]
pub(crate) struct Job {
    stream: Stream,
    ended: Sender<io::Result<Sent>>,
}

/// Starts a thread, which ends when nobody can give it jobs any more.
pub(crate) fn start() -> Sender<Job> {
    let (sender, jobs) = mpsc::channel();
    thread::spawn(move || work(&jobs));
    sender
}

/// Has a stream sent, and waits until all of it is.
///
/// # Errors
/// The client has gone.
pub(crate) fn send(sender: &Sender<Job>, stream: Stream) -> io::Result<Sent> {
    let (ended, end) = mpsc::channel();
    let gone = || io::Error::other("the thread that sends has ended");
    sender.send(Job { stream, ended }).map_err(|_| gone())?;
    end.recv().map_err(|_| gone())?
}

fn work(jobs: &Receiver<Job>) {
    let mut due = Due::default();
    loop {
        let job = match due.next() {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => jobs.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        match job {
            Ok(job) => due.insert(job),
            Err(RecvTimeoutError::Timeout) => due.send_next(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Streams by the instant of their next token.
#[derive(Debug, Default)]
struct Due {
    order: BinaryHeap<Reverse<(Instant, usize)>>,
    jobs: Vec<Option<Job>>,
    free: Vec<usize>,
}

impl Due {
    fn next(&self) -> Option<Instant> {
        self.order.peek().map(|Reverse((at, _))| *at)
    }

    fn insert(&mut self, job: Job) {
        let at = job.stream.due();
        let place = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(None);
            self.jobs.len() - 1
        });
        self.jobs[place] = Some(job);
        self.order.push(Reverse((at, place)));
    }

    fn send_next(&mut self) {
        let Some(Reverse((_, place))) = self.order.pop() else { return };
        let Some(mut job) = self.jobs[place].take() else { return };
        match job.stream.send_next().transpose() {
            None => {
                self.order.push(Reverse((job.stream.due(), place)));
                self.jobs[place] = Some(job);
            }
            Some(ended) => {
                self.free.push(place);
                // The thread that waits for it cannot have gone.
                let _ = job.ended.send(ended);
            }
        }
    }
}
