//! What the system says of the machine that a run is made on.

use std::{fs, thread};

use crate::record::HostFacts;

/// The facts, as far as they can be read: Linux has all of them.
pub(super) fn facts() -> HostFacts {
    let read = |path: &str| fs::read_to_string(path).ok();
    HostFacts {
        os: std::env::consts::OS.to_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        kernel: read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
        cores: thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
        cpu_model: read("/proc/cpuinfo").as_deref().and_then(cpu_model),
        memory_bytes: read("/proc/meminfo").as_deref().and_then(memory),
    }
}

/// The name of the first processor in `/proc/cpuinfo`, which some architectures do not have there.
fn cpu_model(text: &str) -> Option<String> {
    let names = text.lines().filter_map(|line| line.split_once(':'));
    let name = names.filter(|(key, _)| key.trim() == "model name").map(|(_, name)| name.trim()).next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// All memory (`MemTotal` of `proc_meminfo(5)`), in bytes.
fn memory(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_the_kernel_are_read() {
        assert_eq!(memory("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16 << 20));
        assert_eq!(memory("MemFree: 1 kB\n"), None);
        let text = "processor\t: 0\nmodel name\t: A Processor @ 2.0GHz\n\nmodel name\t: another\n";
        assert_eq!(cpu_model(text).as_deref(), Some("A Processor @ 2.0GHz"));
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t:\n"), None);
    }

    #[test]
    fn a_machine_has_cores_and_an_architecture() {
        let facts = facts();
        assert!(facts.cores > 0 && !facts.os.is_empty() && !facts.architecture.is_empty(), "{facts:?}");
    }
}
