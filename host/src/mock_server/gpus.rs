//! GPUs that the server pretends to have, as the page of a DCGM exporter: their power follows from the requests in flight, and their
//! energy is its integral, so that what a client measures can be compared with what they are. A counter never goes back: a request whose
//! end is told after a later change counts until that change.

use std::fmt::Write as _;

use crate::clock::RunNs;

/// Watts of each GPU without any request.
const IDLE_W: f64 = 60.0;

/// Watts that each request in flight adds, to all GPUs together.
const REQUEST_W: f64 = 20.0;

/// Per cent of a GPU that a request keeps busy, if there is one GPU.
const REQUEST_UTIL: f64 = 10.0;

/// Mebibytes that the model takes of each.
const MODEL_MIB: u64 = 40_960;
const TOTAL_MIB: u64 = 81_920;

/// How busy a server was since its start, whatever its truth was reset to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Busy {
    in_flight: u64,
    /// Nanoseconds of all requests together, up to the last change.
    served_ns: u128,
    changed_ns: RunNs,
}

impl Busy {
    /// A request arrives.
    pub(super) fn arrive(&mut self, now: RunNs) {
        self.advance(now);
        self.in_flight += 1;
    }

    /// A request ends, at the latest change if that is later.
    pub(super) fn end(&mut self, now: RunNs) {
        self.advance(now);
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// The same at a later instant.
    pub(super) fn at(mut self, now: RunNs) -> Self {
        self.advance(now);
        self
    }

    fn advance(&mut self, now: RunNs) {
        let passed = now.saturating_sub(self.changed_ns);
        self.served_ns += u128::from(self.in_flight) * u128::from(passed);
        self.changed_ns = self.changed_ns.max(now);
    }

    /// Joules of each of so many GPUs since the start.
    fn energy_j(self, gpus: u32) -> f64 {
        let requests = REQUEST_W * self.served_ns as f64 / 1e9 / f64::from(gpus);
        IDLE_W * self.changed_ns as f64 / 1e9 + requests
    }

    /// Watts of each of so many GPUs now.
    fn power_w(self, gpus: u32) -> f64 {
        IDLE_W + REQUEST_W * self.in_flight as f64 / f64::from(gpus)
    }
}

/// Writes the page of a server with so many GPUs.
pub(super) fn render(busy: Busy, gpus: u32) -> String {
    let utilization = (REQUEST_UTIL * busy.in_flight as f64 / f64::from(gpus)).min(100.0);
    let power = busy.power_w(gpus);
    let fields = [
        ("DCGM_FI_DEV_SM_CLOCK", "gauge", "SM clock frequency (in MHz).", "1980".to_owned()),
        ("DCGM_FI_DEV_MEM_CLOCK", "gauge", "Memory clock frequency (in MHz).", "2619".to_owned()),
        ("DCGM_FI_DEV_GPU_TEMP", "gauge", "GPU temperature (in C).", format!("{:.0}", 25.0 + power / 10.0)),
        ("DCGM_FI_DEV_POWER_USAGE", "gauge", "Power draw (in W).", format!("{power:.3}")),
        (
            "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
            "counter",
            "Total energy consumption since boot (in mJ).",
            format!("{:.0}", busy.energy_j(gpus) * 1e3),
        ),
        ("DCGM_FI_DEV_GPU_UTIL", "gauge", "GPU utilization (in %).", format!("{utilization:.0}")),
        (
            "DCGM_FI_DEV_FB_FREE",
            "gauge",
            "Framebuffer memory free (in MiB).",
            (TOTAL_MIB - MODEL_MIB).to_string(),
        ),
        ("DCGM_FI_DEV_FB_USED", "gauge", "Framebuffer memory used (in MiB).", MODEL_MIB.to_string()),
    ];
    let mut page = String::new();
    for (name, kind, help, value) in fields {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for gpu in 0..gpus {
            let _ = writeln!(
                page,
                "{name}{{gpu=\"{gpu}\",UUID=\"GPU-mock-{gpu}\",pci_bus_id=\"00000000:{gpu:02X}:00.0\",device=\"nvidia{gpu}\",\
                 modelName=\"NVIDIA Mock\",Hostname=\"mock\"}} {value}"
            );
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: RunNs = 1_000_000_000;

    #[test]
    #[expect(clippy::float_cmp, reason = "these numbers are exact")]
    fn energy_is_the_integral_of_power() {
        let mut busy = Busy::default();
        busy.arrive(S);
        busy.arrive(2 * S);
        assert_eq!(busy.power_w(2), 80.0);
        busy.end(4 * S);
        // 6 seconds at rest, and 1, 2, 2 and 1 requests for a second each.
        let at = busy.at(6 * S);
        assert_eq!(at.energy_j(1), 6.0 * 60.0 + 20.0 * (1.0 + 4.0 + 2.0));
        assert_eq!(at.energy_j(2), 6.0 * 60.0 + 10.0 * 7.0);
    }

    #[test]
    fn a_page_has_a_line_for_each_gpu_and_field() {
        let page = render(Busy::default().at(S), 2);
        assert!(
            page.contains("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu=\"1\",UUID=\"GPU-mock-1\""),
            "{page}"
        );
        assert!(page.contains("} 60000\n") && page.contains("} 60.000\n"), "{page}");
    }
}
