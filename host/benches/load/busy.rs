//! Threads that do nothing and never rest: what a client is measured beside.

use std::{
    hint,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

/// They end with this value.
#[derive(Debug)]
pub(crate) struct BusyLoops {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl BusyLoops {
    /// Starts so many.
    pub(crate) fn start(count: usize) -> Self {
        let ended = Arc::<AtomicBool>::default();
        let spin = || {
            let ended = Arc::clone(&ended);
            thread::spawn(move || {
                while !ended.load(Relaxed) {
                    hint::spin_loop();
                }
            })
        };
        let threads = (0..count).map(|_| spin()).collect();
        Self { ended, threads }
    }
}

impl Drop for BusyLoops {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("a loop that does nothing does not panic");
        }
    }
}
