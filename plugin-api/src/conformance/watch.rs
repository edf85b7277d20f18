//! A suite in a thread of its own, so that a call which never returns is a finding and not the end of the test.

use std::{
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use super::{
    cases::{CALLS_RETURN, SUITE_RUNS},
    report::{Check, Report, Verdict},
    Witness,
};

enum Notice {
    Step(String),
    Checked(Check),
}

struct Notifier(Sender<Notice>);

impl Witness for Notifier {
    fn begins(&mut self, step: &str) {
        // Nobody listens any more after a hang.
        let _ = self.0.send(Notice::Step(step.to_owned()));
    }

    fn checked(&mut self, check: Check) {
        let _ = self.0.send(Notice::Checked(check));
    }
}

pub(super) fn watched(
    subject: &str,
    deadline: Duration,
    suite: impl FnOnce(&mut dyn Witness) + Send + 'static,
) -> Report {
    let mut report = Report { subject: subject.to_owned(), checks: Vec::new() };
    let (sender, notices) = mpsc::channel();
    let started =
        thread::Builder::new().name("conformance".to_owned()).spawn(move || suite(&mut Notifier(sender)));
    let thread = match started {
        Ok(thread) => thread,
        Err(error) => {
            let text = format!("the suite's thread cannot be started: {error}");
            report.checks.push(Check::found(SUITE_RUNS, Verdict::Fail, text));
            return report;
        }
    };
    let mut step = "the first call".to_owned();
    loop {
        match notices.recv_timeout(deadline) {
            Ok(Notice::Step(next)) => step = next,
            Ok(Notice::Checked(check)) => report.checks.push(check),
            Err(RecvTimeoutError::Timeout) => {
                let text = format!("no return within {deadline:?} while checking {step}");
                report.checks.push(Check::found(CALLS_RETURN, Verdict::Fail, text));
                return report;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if thread.join().is_err() {
        let text = format!("a panic outside of the boundary while checking {step}");
        report.checks.push(Check::found(SUITE_RUNS, Verdict::Fail, text));
    }
    report
}
