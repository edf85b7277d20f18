//! The only code that sleeps.
//!
//! The runtime's own timer has a resolution of one millisecond, which is too coarse for a schedule. On Linux a timer
//! descriptor wakes the worker within some tens of microseconds, without spinning.

use std::time::Duration;

use crate::clock::{Clock, RunNs};

/// Waits for instants of the run. One per worker: it waits for one instant at a time.
#[derive(Debug)]
pub(crate) struct Pacer {
    clock: Clock,
    timer: Timer,
}

#[derive(Debug)]
enum Timer {
    /// The runtime's, to the next millisecond. Also obeys a test's paused clock.
    Runtime,
    #[cfg(target_os = "linux")]
    Descriptor(tokio::net::unix::pipe::Receiver),
}

impl Pacer {
    /// A pacer with the finest timer there is. Call it inside the worker's runtime.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, timer: finest_timer() }
    }

    /// A pacer on the runtime's timer.
    #[cfg(test)]
    pub(crate) fn coarse(clock: Clock) -> Self {
        Self { clock, timer: Timer::Runtime }
    }

    /// Waits until `at`, or not at all when it is past.
    pub(crate) async fn wait_until(&mut self, at: RunNs) {
        match &mut self.timer {
            Timer::Runtime => wait_coarsely(self.clock, at).await,
            #[cfg(target_os = "linux")]
            Timer::Descriptor(timer) => {
                let left = at.saturating_sub(self.clock.now());
                if left > 0 && descriptor::wait(timer, left).await.is_err() {
                    wait_coarsely(self.clock, at).await;
                }
            }
        }
    }
}

/// Waits about so long, to the next millisecond.
#[expect(clippy::disallowed_methods, reason = "this is the only code that sleeps")]
pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// A timer that goes off at `at`, or up to a millisecond later.
#[expect(clippy::disallowed_methods, reason = "this is the only code that sleeps")]
pub(crate) fn alarm(clock: Clock, at: RunNs) -> tokio::time::Sleep {
    tokio::time::sleep_until(clock.instant(at))
}

#[expect(clippy::disallowed_methods, reason = "this is the only code that sleeps")]
async fn wait_coarsely(clock: Clock, at: RunNs) {
    tokio::time::sleep_until(clock.instant(at)).await;
}

#[cfg(target_os = "linux")]
fn finest_timer() -> Timer {
    descriptor::open().map_or(Timer::Runtime, Timer::Descriptor)
}

#[cfg(not(target_os = "linux"))]
fn finest_timer() -> Timer {
    Timer::Runtime
}

#[cfg(target_os = "linux")]
mod descriptor {
    use std::io;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::net::unix::pipe::Receiver;

    /// A timer descriptor behind the runtime's pipe reader: like a pipe, it becomes readable and is read. The
    /// runtime's own wrapper for any descriptor cannot be made without unsafe code.
    pub(super) fn open() -> io::Result<Receiver> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Receiver::from_owned_fd_unchecked(timerfd_create(TimerfdClockId::Monotonic, flags)?)
    }

    /// Waits `left_ns` from now. Cancelling the wait is fine: the next one sets the timer anew.
    pub(super) async fn wait(timer: &mut Receiver, left_ns: u64) -> io::Result<()> {
        let seconds = i64::try_from(left_ns / 1_000_000_000).unwrap_or(i64::MAX);
        let nanoseconds = i64::try_from(left_ns % 1_000_000_000).unwrap_or(0);
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: seconds, tv_nsec: nanoseconds },
        };
        timerfd_settime(&mut *timer, TimerfdTimerFlags::empty(), &once)?;
        loop {
            timer.readable().await?;
            match timer.try_read(&mut [0; 8]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read.map(drop),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_at_its_instant() {
        let clock = Clock::start();
        let mut pacer = Pacer::coarse(clock);
        pacer.wait_until(5_000_000).await;
        assert_eq!(clock.now() / 1_000_000, 5);
        pacer.wait_until(1_000_000).await;
        assert_eq!(clock.now() / 1_000_000, 5);
    }

    /// A cancelled wait must not end the next one early.
    #[tokio::test]
    async fn a_cancelled_wait_leaves_nothing_behind() {
        let clock = Clock::start();
        let mut pacer = Pacer::new(clock);
        tokio::select! {
            biased;
            () = std::future::ready(()) => {}
            () = pacer.wait_until(1_000) => {}
        }
        pacer.wait_until(2_000_000).await;
        assert!(clock.now() >= 2_000_000);
    }
}
