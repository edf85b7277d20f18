//! How long a request is waited for: as a whole, until its answer begins, and while its answer pauses.
//!
//! One timer watches an exchange, whatever the limits are. It is set when the exchange begins, and looked after only
//! when it goes off: then it learns what has arrived meanwhile, and is set again. A token costs nothing.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use prony_plugin_api::ErrorDetails;
use tokio::{task::unconstrained, time::Sleep};

use super::{failure_kind::FailureKind, transport::AttemptStamps};
use crate::{
    clock::{Clock, RunNs, as_ns},
    schedule::pacer,
};

/// How long a request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From its start to the end of its answer.
    pub(crate) whole: Duration,
    /// From its last byte to the first one of its answer.
    pub(crate) first_byte: Option<Duration>,
    /// From any bytes of its answer to the next.
    pub(crate) idle: Option<Duration>,
    /// From its last byte to the moment at which it is cancelled on purpose.
    pub(crate) leave: Option<Duration>,
}

/// The deadlines with one request.
#[derive(Debug)]
pub(super) struct Deadlines<'a> {
    clock: Clock,
    limits: Limits,
    began: RunNs,
    alarm: Pin<&'a mut Sleep>,
    /// Whom the alarm has been told to wake.
    watched_by: Option<Waker>,
    has_left: bool,
}

/// A limit that a request went beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// [`Limits::whole`].
    Whole(Duration),
    /// [`Limits::first_byte`].
    FirstByte(Duration),
    /// [`Limits::idle`].
    Idle(Duration),
    /// [`Limits::leave`].
    Leave(Duration),
}

impl Limits {
    /// The same for a request that is cancelled so long after its last byte, if it is.
    pub(super) fn leaving_after(self, leave: Option<Duration>) -> Self {
        Self { leave, ..self }
    }

    /// The timer for an exchange that begins now, to be looked after by a [`Deadlines`].
    pub(super) fn alarm(&self, clock: Clock) -> Sleep {
        pacer::alarm(clock, self.soonest(clock.now()))
    }

    /// Before then nothing of what begins `now` is overdue.
    fn soonest(&self, now: RunNs) -> RunNs {
        let soonest =
            [self.first_byte, self.idle, self.leave].into_iter().flatten().fold(self.whole, Duration::min);
        now.saturating_add(as_ns(soonest))
    }

    /// What is due next of an exchange that `began` then, and when. What has not begun is due so long from `now`, at the
    /// earliest.
    fn next(&self, began: RunNs, sent: Option<RunNs>, read: Option<RunNs>, now: RunNs) -> (RunNs, Overdue) {
        let after = |since: RunNs, limit: Duration| since.saturating_add(as_ns(limit).max(1));
        let first_byte = self.first_byte.filter(|_| read.is_none());
        let all = [
            first_byte.map(|limit| (after(sent.unwrap_or(now), limit), Overdue::FirstByte(limit))),
            self.idle.map(|limit| (after(read.unwrap_or(now), limit), Overdue::Idle(limit))),
            self.leave.map(|limit| (after(sent.unwrap_or(now), limit), Overdue::Leave(limit))),
        ];
        let whole = (after(began, self.whole), Overdue::Whole(self.whole));
        all.into_iter().flatten().fold(whole, |first, other| if other.0 < first.0 { other } else { first })
    }
}

impl<'a> Deadlines<'a> {
    /// Begins now.
    pub(super) fn new(clock: Clock, limits: Limits, alarm: Pin<&'a mut Sleep>) -> Self {
        Self { clock, limits, began: clock.now(), alarm, watched_by: None, has_left: false }
    }

    /// Whether the exchange was cancelled on purpose.
    pub(super) fn has_left(&self) -> bool {
        self.has_left
    }

    /// The exchange is not cancelled on purpose any more: the server has taken the request, and works on it by itself.
    pub(super) fn stay(&mut self) {
        self.limits.leave = None;
    }

    /// What `work` gives, unless the exchange is overdue before. `stamps` are those of the attempt that it works on.
    pub(super) async fn during<T>(
        &mut self,
        stamps: &AttemptStamps,
        work: impl Future<Output = T>,
    ) -> Result<T, Overdue> {
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll_overdue(stamps, context).map(Err),
        })
        .await
    }

    /// What `work` gives until `deadline`, however long the exchange has taken. Nothing is set up for work that is done at
    /// once. It is the last thing that this deadlines is asked for.
    pub(super) async fn until<T>(&mut self, deadline: RunNs, work: impl Future<Output = T>) -> Option<T> {
        if self.clock.now() >= deadline {
            return None;
        }
        let mut work = pin!(work);
        let mut is_set = false;
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            if !is_set {
                is_set = true;
                self.alarm.as_mut().reset(self.clock.instant(deadline));
            }
            pin!(unconstrained(self.alarm.as_mut())).poll(context).map(|()| None)
        })
        .await
    }

    /// Waits so long before the next attempt, unless the exchange as a whole is overdue before.
    pub(super) async fn pause(&mut self, pause: Duration) -> Result<(), Overdue> {
        let overdue = self.began.saturating_add(as_ns(self.limits.whole));
        let until = self.clock.now().saturating_add(as_ns(pause));
        self.alarm.as_mut().reset(self.clock.instant(until.min(overdue)));
        self.alarm.as_mut().await;
        if overdue <= until {
            return Err(Overdue::Whole(self.limits.whole));
        }
        // An attempt's limits may be shorter than what was left of the one before.
        let soonest = self.limits.soonest(self.clock.now());
        self.alarm.as_mut().reset(self.clock.instant(soonest.min(overdue)));
        self.watched_by = None;
        Ok(())
    }

    fn poll_overdue(&mut self, stamps: &AttemptStamps, context: &mut Context<'_>) -> Poll<Overdue> {
        // With each token this is asked, nearly always for the same task: the alarm need not be told of it again before it has gone off.
        let is_watched = self.watched_by.as_ref().is_some_and(|task| task.will_wake(context.waker()));
        if is_watched && !self.alarm.is_elapsed() {
            return Poll::Pending;
        }
        self.watched_by = Some(context.waker().clone());
        loop {
            // Unconstrained: an answer that never pauses must not keep its own end from being noticed.
            ready!(pin!(unconstrained(self.alarm.as_mut())).poll(context));
            let now = self.clock.now();
            let (due, overdue) = self.limits.next(self.began, stamps.sent(), stamps.latest_read(), now);
            if due <= now {
                self.has_left = matches!(overdue, Overdue::Leave(_));
                return Poll::Ready(overdue);
            }
            self.alarm.as_mut().reset(self.clock.instant(due));
        }
    }
}

impl From<Overdue> for ErrorDetails {
    fn from(overdue: Overdue) -> Self {
        let (kind, message, hint) = match overdue {
            Overdue::Whole(limit) => (
                FailureKind::Timeout,
                format!("no complete response within {} s", limit.as_secs_f64()),
                "raise `--request-timeout-seconds` if the server may take longer",
            ),
            Overdue::FirstByte(limit) => (
                FailureKind::FirstByteTimeout,
                format!("no byte of a response within {} s of the request", limit.as_secs_f64()),
                "raise `--first-byte-timeout-seconds` if the server may take longer to begin",
            ),
            Overdue::Idle(limit) => (
                FailureKind::IdleTimeout,
                format!("nothing came for {} s in the middle of the response", limit.as_secs_f64()),
                "raise `--idle-timeout-seconds` if the server may pause for longer",
            ),
            Overdue::Leave(delay) => (
                FailureKind::RequestCancelled,
                format!(
                    "cancelled {} s after its last byte, as `--request-cancellation-rate` asks",
                    delay.as_secs_f64()
                ),
                "",
            ),
        };
        Self { kind: kind.into(), message, hint: hint.into(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use rstest::rstest;
    use tokio::{task::yield_now, time::timeout};

    use super::*;

    const SECOND: Duration = Duration::from_micros(1);
    const LIMITS: Limits = Limits {
        whole: Duration::from_micros(9),
        first_byte: Some(SECOND),
        idle: Some(SECOND.saturating_mul(2)),
        leave: None,
    };

    #[rstest]
    #[case::not_yet_sent(None, None, 500, 1500, Overdue::FirstByte(SECOND))]
    #[case::sent(Some(300), None, 500, 1300, Overdue::FirstByte(SECOND))]
    #[case::answering(Some(300), Some(700), 800, 2700, Overdue::Idle(SECOND * 2))]
    #[case::for_long(Some(300), Some(8000), 8100, 9100, Overdue::Whole(SECOND * 9))]
    fn the_soonest_limit_is_due_next(
        #[case] sent: Option<RunNs>,
        #[case] read: Option<RunNs>,
        #[case] now: RunNs,
        #[case] due: RunNs,
        #[case] overdue: Overdue,
    ) {
        assert_eq!(LIMITS.next(100, sent, read, now), (due, overdue));
    }

    #[rstest]
    #[case::not_yet_sent(None, 500, 800)]
    #[case::sent(Some(400), 500, 700)]
    #[case::overdue(Some(100), 500, 400)]
    fn a_request_is_cancelled_so_long_after_its_last_byte(
        #[case] sent: Option<RunNs>,
        #[case] now: RunNs,
        #[case] due: RunNs,
    ) {
        let delay = Duration::from_nanos(300);
        let limits = LIMITS.leaving_after(Some(delay));
        assert_eq!(limits.next(100, sent, None, now), (due, Overdue::Leave(delay)));
    }

    /// A timer that was set for a late first byte must not sleep through a short silence after an early one.
    #[test]
    fn a_look_comes_before_anything_can_be_overdue() {
        let limits = Limits { first_byte: Some(SECOND * 5), idle: Some(SECOND), ..LIMITS };
        assert_eq!(limits.next(0, Some(10), None, 20).0, 1020);
    }

    #[test]
    fn a_limit_of_next_to_nothing_is_not_over_before_it_begins() {
        let limits = Limits { idle: Some(Duration::ZERO), first_byte: None, ..LIMITS };
        assert_eq!(limits.next(0, None, None, 20).0, 21);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_when_it_is_over_or_everything_is() {
        let (clock, pause) = (Clock::start(), Duration::from_secs(40));
        let limits = Limits { whole: pause + SECOND, first_byte: None, idle: Some(SECOND), leave: None };
        let alarm = pin!(limits.alarm(clock));
        let mut deadlines = Deadlines::new(clock, limits, alarm);
        // Longer than an answer may be silent: nobody answers now.
        assert_eq!(deadlines.pause(pause).await, Ok(()));
        assert_eq!(deadlines.pause(pause).await, Err(Overdue::Whole(limits.whole)));
        assert_eq!(clock.now() / 1_000_000_000, 40);
    }

    /// It goes off and is set again each second, and is looked at each hundredth of one.
    #[tokio::test(start_paused = true)]
    async fn an_alarm_goes_off_however_often_it_was_looked_at_before() {
        let (clock, second) = (Clock::start(), Duration::from_secs(1));
        let limits = Limits { whole: second * 7 / 2, first_byte: None, idle: Some(second), leave: None };
        let alarm = pin!(limits.alarm(clock));
        let mut deadlines = Deadlines::new(clock, limits, alarm);
        let work = async {
            for _ in 0..1000 {
                pacer::pause(second / 100).await;
            }
        };
        let stamps = AttemptStamps::default();
        assert_eq!(deadlines.during(&stamps, work).await, Err(Overdue::Whole(limits.whole)));
        assert_eq!(clock.now() / 100_000_000, 35);
        // What has been overdue is overdue.
        let more = deadlines.during(&stamps, pending::<()>()).await;
        assert_eq!(more, Err(Overdue::Whole(limits.whole)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_waited_for_until_then_is_no_longer_overdue() {
        let clock = Clock::start();
        let limits = Limits { whole: SECOND, first_byte: Some(SECOND), idle: Some(SECOND), leave: None };
        let alarm = pin!(limits.alarm(clock));
        let mut deadlines = Deadlines::new(clock, limits, alarm);
        pacer::pause(Duration::from_secs(1)).await;
        let deadline = clock.now() + 250_000_000;
        assert_eq!(deadlines.until(deadline, std::future::ready(7)).await, Some(7));
        assert_eq!(deadlines.until(deadline, pending::<u8>()).await, None);
        assert!((deadline..deadline + 2_000_000).contains(&clock.now()));
        assert_eq!(deadlines.until(deadline, std::future::ready(7)).await, None, "a flood ends as well");
    }

    /// The answer after a pause is looked after as closely as the one before.
    #[tokio::test(start_paused = true)]
    async fn a_pause_sets_the_timer_for_what_comes_after_it() {
        let (clock, second) = (Clock::start(), Duration::from_secs(1));
        let limits =
            Limits { whole: second * 99, first_byte: Some(second * 2), idle: Some(second * 50), leave: None };
        let alarm = pin!(limits.alarm(clock));
        let mut deadlines = Deadlines::new(clock, limits, alarm);
        deadlines.pause(second * 40).await.unwrap();
        assert_eq!(deadlines.alarm.deadline(), clock.instant(42_000_000_000));
    }

    /// An attempt that came to nothing has been looked after by the same timer.
    #[tokio::test(start_paused = true)]
    async fn what_comes_after_a_pause_is_looked_after_once_more() {
        let (clock, second) = (Clock::start(), Duration::from_secs(1));
        let limits =
            Limits { whole: second * 99, first_byte: Some(second * 2), idle: Some(second * 50), leave: None };
        let alarm = pin!(limits.alarm(clock));
        let mut deadlines = Deadlines::new(clock, limits, alarm);
        assert_eq!(deadlines.during(&AttemptStamps::default(), yield_now()).await, Ok(()));
        deadlines.pause(second * 40).await.unwrap();
        let stamps = AttemptStamps::kept(0, clock.now());
        let silence = timeout(second * 20, deadlines.during(&stamps, pending::<()>())).await;
        assert_eq!(silence, Ok(Err(Overdue::FirstByte(second * 2))));
        assert_eq!(clock.now() / 1_000_000_000, 42);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_last_is_told_that_it_is_overdue() {
        let (clock, second) = (Clock::start(), Duration::from_secs(1));
        let limits =
            Limits { whole: second * 99, first_byte: Some(second * 2), idle: Some(second * 50), leave: None };
        let alarm = pin!(limits.alarm(clock));
        let mut deadlines = Deadlines::new(clock, limits, alarm);
        let stamps = AttemptStamps::kept(0, clock.now());
        let mut silence = pin!(deadlines.during(&stamps, pending::<()>()));
        let mut nobody = Context::from_waker(Waker::noop());
        assert!(silence.as_mut().poll(&mut nobody).is_pending());
        let silence = timeout(second * 20, silence).await;
        assert_eq!(silence, Ok(Err(Overdue::FirstByte(second * 2))));
        assert_eq!(clock.now() / 1_000_000_000, 2);
    }
}
