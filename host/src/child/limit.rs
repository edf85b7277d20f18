//! What a child may use that runs the code of a library to see what it does.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Address space. Beyond it, an allocation fails, which ends this process and no other.
const MEMORY_BYTES: u64 = 4 << 30;

/// In a child: limits its memory.
pub(crate) fn limit_memory() {
    // Where the system does not let us, the library has what everybody has.
    let limit = Rlimit { current: Some(MEMORY_BYTES), maximum: Some(MEMORY_BYTES) };
    let _ = setrlimit(Resource::As, limit);
}

/// In a child: has it end with its parent. One that is killed must not leave a library behind that hangs.
pub(crate) fn end_with_parent() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}
