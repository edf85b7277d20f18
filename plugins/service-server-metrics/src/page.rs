//! A page and what became of it so far: exports [`Page`]. Knows when asking is of use, not when it is time to.

use prony_plugin_api::{HostHandle, message::ServerMetricsSample};

use crate::fetch::Client;

/// One page that is scraped.
#[derive(Debug)]
pub(crate) struct Page {
    name: String,
    client: Client,
    state: PageState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PageState {
    /// Nothing is known against it.
    Good,
    /// It failed, which was reported in this phase. It is tried again.
    Reported,
    /// It does not exist. It is not asked for again.
    Gone,
}

impl Page {
    /// The page that this client asks for.
    pub(crate) fn new(name: String, client: Client) -> Self {
        Self { name, client, state: PageState::Good }
    }

    /// A new phase begins: the next failure is news again.
    pub(crate) fn begin_phase(&mut self) {
        if self.state == PageState::Reported {
            self.state = PageState::Good;
        }
    }

    /// Scrapes it. Gives nothing when there is nothing new to say.
    pub(crate) fn scrape(&mut self, host: HostHandle) -> Option<ServerMetricsSample> {
        if self.state == PageState::Gone {
            return None;
        }
        let sent_ns = host.now_ns();
        let mut answered_ns = sent_ns;
        let outcome = self.client.get(|| answered_ns = host.now_ns());
        let sample = ServerMetricsSample {
            url: self.name.clone(),
            at_ns: sent_ns.midpoint(answered_ns),
            latency_ns: host.now_ns().saturating_sub(sent_ns),
            ..ServerMetricsSample::default()
        };
        match outcome {
            Ok(families) => Some(ServerMetricsSample { families, ..sample }),
            Err(failure) => {
                let before = self.state;
                self.state = if failure.is_final { PageState::Gone } else { PageState::Reported };
                (before != self.state)
                    .then_some(ServerMetricsSample { error: Some(failure.details), ..sample })
            }
        }
    }
}
