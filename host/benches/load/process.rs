//! What a process costs: [`measure`] runs one and says what it spent.
//!
//! The kernel keeps the peak memory of ended children as the largest of them all. So each is run by a process of its
//! own, this program again, which has no other child to mix it up with.

use std::{
    ffi::OsString,
    fs::File,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike as _,
};

/// The hidden argument that makes this program run another: the file for its output, the program, its arguments.
pub(crate) const RUN: &str = "--run-measured";

/// What a process and its children spent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// User and system time.
    pub(crate) cpu_us: f64,
    pub(crate) wall_us: f64,
    /// Largest resident memory at any time.
    pub(crate) peak_kb: f64,
}

/// Runs `program`, its standard output in the file `output`. It must end well.
pub(crate) fn measure(program: &Path, arguments: Vec<OsString>, output: &Path) -> Spent {
    let this = std::env::current_exe().expect("a program knows its own path");
    let mut command = Command::new(this);
    command.arg(RUN).arg(output).arg(program).args(arguments);
    let ran = command.stderr(Stdio::inherit()).output().expect("this program starts");
    let text = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{} ended with an error", program.display());
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let &[cpu_us, wall_us, peak_kb] = &numbers[..] else { panic!("not what a run prints: `{text}`") };
    Spent { cpu_us, wall_us, peak_kb }
}

/// The other side of [`measure`].
pub(crate) fn run(mut arguments: impl Iterator<Item = OsString>) {
    let mut next = || arguments.next().expect("the output and the program");
    let (output, program) = (File::create(next()).expect("a file for the output"), next());
    let start = Instant::now();
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::null()).stdout(output);
    let status = command.status().expect("the program starts");
    let wall = start.elapsed();
    assert!(status.success(), "{} ended with {status}", program.to_string_lossy());
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts");
    let cpu_us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    println!("{cpu_us} {} {}", wall.as_micros(), usage.max_rss());
}
