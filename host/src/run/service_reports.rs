//! How the services of a run fared, for its report.

use crate::{
    record::{ServiceReport, ServiceState},
    service::{supervisor::ServiceEnd, wanted::Wanted},
};

/// How a service fared that was ended.
pub(super) fn report(end: ServiceEnd) -> ServiceReport {
    ServiceReport {
        state: if end.error.is_some() { ServiceState::Failed } else { ServiceState::Stopped },
        pid: end.pid,
        error: end.error,
        published: end.published,
        received: end.received,
        lost: end.lost,
        most_waiting: end.most_waiting,
        ..not_waited_for(&end.wanted)
    }
}

/// How one fared whose end nobody waited for.
pub(super) fn not_waited_for(wanted: &Wanted) -> ServiceReport {
    let Wanted { name, required, isolated, .. } = wanted.clone();
    ServiceReport { name, required, isolated, state: ServiceState::Abandoned, ..ServiceReport::default() }
}
