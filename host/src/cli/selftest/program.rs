//! This program once more, as a user would start it, with a deadline and without the user's own settings.

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use super::outcome::Fault;
use crate::clock::{Clock, as_ns};

/// How long it may take to its end.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Time between two looks whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How many lines of what it said an error shows.
const LAST_LINES: usize = 5;

/// Variables that begin so change what a command does.
const SETTINGS: [&str; 2] = ["PRONY_", "AIPERF_"];

/// All that were started; nothing once the checks are over.
static STARTED: Mutex<Option<Vec<Arc<Mutex<Child>>>>> = Mutex::new(Some(Vec::new()));

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends all that run, and starts no more: a caller that waits for one hears that it was ended.
pub(super) fn end_all() {
    let all = held(&STARTED).take();
    all.into_iter().flatten().for_each(|child| end(&child));
}

/// Whether that was done.
pub(super) fn are_over() -> bool {
    held(&STARTED).is_none()
}

fn end(child: &Mutex<Child>) {
    let mut child = held(child);
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// One that runs. It ends with this value.
#[derive(Debug)]
pub(super) struct Running {
    child: Arc<Mutex<Child>>,
    /// What it says on standard error.
    said: PathBuf,
}

/// Starts it with these words and variables. What it writes goes into the folder, under this name.
///
/// # Errors
/// There is no room, or no process, or the checks are over.
pub(super) fn start(
    folder: &Path,
    name: &str,
    words: &[&str],
    variables: &[(&str, &str)],
) -> io::Result<Running> {
    let said = folder.join(format!("{name}.said"));
    let mut command = Command::new(env::current_exe()?);
    command.args(words).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    let foreign = env::vars_os().map(|(name, _)| name);
    let is_setting = |name: &str| SETTINGS.iter().any(|begin| name.starts_with(begin));
    for name in foreign.filter(|name| is_setting(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command.env("XDG_STATE_HOME", folder.join("state")).envs(variables.iter().copied());
    command.stderr(File::create(&said)?);
    let mut started = held(&STARTED);
    let all = started.as_mut().ok_or_else(|| io::Error::other("the checks are over"))?;
    let child = Arc::new(Mutex::new(command.spawn()?));
    all.push(Arc::clone(&child));
    Ok(Running { child, said })
}

impl Running {
    /// Waits until it has ended well.
    ///
    /// # Errors
    /// It ended otherwise, or not in time: with what it said.
    pub(super) fn wait(&self) -> Result<(), Fault> {
        let clock = Clock::start();
        loop {
            let looked = held(&self.child).try_wait();
            match looked {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(self.fault(&ended(status))),
                Ok(None) if clock.now() > as_ns(TIMEOUT) => {
                    return Err(self.fault(&format!("did not end within {} s", TIMEOUT.as_secs())));
                }
                Ok(None) => thread::sleep(LOOK_EVERY),
                Err(error) => return Err(self.fault(&format!("was lost sight of: {error}"))),
            }
        }
    }

    fn fault(&self, end: &str) -> Fault {
        let said = fs::read(&self.said).unwrap_or_default();
        Fault::new(format!("a process of prony {end}{}", last_lines(&String::from_utf8_lossy(&said))), "")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&self.child);
    }
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with the exit code {code}"),
        None => format!("was ended: {status}"),
    }
}

/// The end of a text in one line, behind what leads to it.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.len() {
        0 => ", and said nothing".to_owned(),
        count => format!(", and said: {}", lines[count.saturating_sub(LAST_LINES)..].join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_it_said_is_one_line() {
        assert_eq!(last_lines(" \n"), ", and said nothing");
        assert_eq!(last_lines("error: a\n\nhelp: b\n"), ", and said: error: a; help: b");
        assert_eq!(last_lines("1\n2\n3\n4\n5\n6\n"), ", and said: 2; 3; 4; 5; 6");
    }
}
