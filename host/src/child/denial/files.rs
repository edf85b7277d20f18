//! No files: exports [`deny_files`] and [`can_deny_files`], which ask Landlock.
//!
//! Denied are opening, making, removing, renaming and executing of what is named by a path. Not denied are what is open already, what
//! has no path (a file in memory, a pipe, a socket) and looking at a path (`stat`, `readlink`).

use std::path::PathBuf;

use super::unenforced::Unenforced;

/// Denies this thread, and all threads and programs that it starts from now on, to open files: all but these, and those in these
/// folders, for reading. Those that are not there are left out.
///
/// Threads that run already are denied it as well from Landlock's eighth version on (Linux 7.0).
///
/// # Errors
/// The kernel cannot do that.
#[cfg(target_os = "linux")]
pub(crate) fn deny_files(readable: &[PathBuf]) -> Result<(), Unenforced> {
    use landlock::{
        ABI, Access, AccessFs, RestrictSelfAttr, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
        RulesetStatus, path_beneath_rules,
    };

    /// The version whose rights are denied, as far as this kernel knows them: 5 is the first with `ioctl` of devices.
    const NEWEST: ABI = ABI::V5;
    /// What a program may write without keeping it anywhere.
    const WRITABLE: [&str; 1] = ["/dev/null"];

    let deny = || -> Result<RulesetStatus, RulesetError> {
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(NEWEST))?
            .create()?
            .add_rules(path_beneath_rules(readable, AccessFs::ReadFile | AccessFs::ReadDir))?
            .add_rules(path_beneath_rules(WRITABLE, AccessFs::ReadFile | AccessFs::WriteFile))?
            .all_threads(true)?
            .restrict_self()?;
        Ok(status.ruleset)
    };
    match deny() {
        // An older kernel denies what it knows, opening a file in any case.
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => Ok(()),
        Ok(RulesetStatus::NotEnforced) => Err(Unenforced::NoLandlock),
        Err(error) => Err(Unenforced::Refused(error.to_string())),
    }
}

/// There is no Landlock here.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub(crate) fn deny_files(_readable: &[PathBuf]) -> Result<(), Unenforced> {
    Err(Unenforced::System)
}

/// Whether [`deny_files`] would work here. Denies nothing.
///
/// # Errors
/// It would not.
#[cfg(target_os = "linux")]
pub(crate) fn can_deny_files() -> Result<(), Unenforced> {
    use landlock::{ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};

    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create);
    ruleset.map(drop).map_err(|_| Unenforced::NoLandlock)
}

/// There is no Landlock here.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub(crate) fn can_deny_files() -> Result<(), Unenforced> {
    Err(Unenforced::System)
}
