//! The M/M/c queue in formulas.

/// Rates that differ by a smaller part are equal: the formula of different ones divides by their difference.
const EQUAL: f64 = 1e-6;

/// A queue with Poisson arrivals, exponential service times and so many servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queue {
    pub(crate) servers: u32,
    /// Mean time of a service, in seconds.
    pub(crate) service_s: f64,
}

impl Queue {
    /// Requests a second that it can serve.
    pub(crate) fn capacity(self) -> f64 {
        f64::from(self.servers) / self.service_s
    }

    /// The probability that an arrival has to wait, at this rate.
    ///
    /// Source: Erlang's C formula; Gross, Shortle, Thompson and Harris, Fundamentals of Queueing Theory (4th edition), section 2.3.
    fn waits(self, rate: f64) -> f64 {
        let offered = rate * self.service_s;
        // Erlang's B formula by its recursion over the number of servers.
        let blocked = (1..=self.servers)
            .fold(1.0, |blocked, servers| offered * blocked / (f64::from(servers) + offered * blocked));
        let used = rate / self.capacity();
        blocked / (1.0 - used * (1.0 - blocked))
    }

    /// The probability that a request takes longer than this from its arrival to its end, in the long run.
    ///
    /// Source: the same book: waiting is exponential with the rate c/s - rate for those that wait; the sum of that and of an
    /// exponential service, which is Erlang's law where both rates are equal.
    pub(crate) fn takes_longer(self, time_s: f64, rate: f64) -> f64 {
        let (served, left) = (1.0 / self.service_s, self.capacity() - rate);
        let waits = self.waits(rate);
        let (by_service, by_queue) = ((-served * time_s).exp(), (-left * time_s).exp());
        if (left - served).abs() < EQUAL * served {
            return (waits * served).mul_add(time_s, 1.0) * by_service;
        }
        (1.0 - waits) * by_service + waits * (left * by_service - served * by_queue) / (left - served)
    }

    /// The rate at which so many of the requests take longer than this.
    pub(crate) fn rate_at(self, time_s: f64, part: f64) -> f64 {
        let (mut low, mut high) = (0.0, self.capacity());
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.takes_longer(time_s, middle) < part { low = middle } else { high = middle }
        }
        low
    }
}
