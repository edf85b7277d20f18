//! What else a run uses: a server of NATS, a terminal, and what an earlier calibration found.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use super::{
    intended_runs::IntendedRuns,
    look::{Group, Look, State},
};
use crate::{
    calibrate::{self, Calibration},
    explain::Explain,
    nats::{self, ServerError},
};

/// Columns of a table that leaves nothing out.
const TABLE_COLUMNS: u16 = 80;

/// Columns and rows that the dashboard needs.
const DASHBOARD: (u16, u16) = (60, 16);

pub(super) fn looks(wanted: &IntendedRuns) -> Vec<Look> {
    let size = io::stdout().is_terminal().then(|| rustix::termios::tcgetwinsize(io::stdout()).ok()).flatten();
    vec![
        calibration(calibrate::load(&wanted.endpoint_type).as_ref(), wanted),
        nats_server(nats::installed()),
        terminal(size.map(|size| (size.ws_col, size.ws_row))),
    ]
}

fn calibration(known: Option<&Calibration>, wanted: &IntendedRuns) -> Look {
    let IntendedRuns { connections, cores, endpoint_type, .. } = wanted;
    let what = format!("calibration of `{endpoint_type}`");
    let needed = format!("accurate with {connections} streams");
    let fix = "`prony calibrate` finds out up to which load results are accurate here";
    let Some(known) = known.filter(|known| known.is_of_this_machine(*cores)) else {
        return Look::new(Group::Installation, what, "none of this version on this machine", needed)
            .with(State::Note, fix);
    };
    match known.doubts(*cores, Some(*connections), None) {
        None => Look::new(Group::Installation, what, "accurate with this number; more was not tried", needed),
        Some(doubt) => Look::new(Group::Installation, what, doubt, needed)
            .with(State::Warn, "share the load between several processes or machines (`--agents`)"),
    }
}

fn nats_server(found: Result<PathBuf, ServerError>) -> Look {
    let what = "`nats-server`";
    let needed = "for `--agents` without `--nats` only";
    match found {
        Ok(path) => Look::new(Group::Installation, what, format!("`{}`", path.display()), needed),
        Err(error) => {
            Look::new(Group::Installation, what, "not installed", needed).with(State::Note, error.hint())
        }
    }
}

/// Columns and rows of the terminal, where results go to one.
fn terminal(size: Option<(u16, u16)>) -> Look {
    let what = "terminal";
    let (columns, rows) = DASHBOARD;
    let needed = format!(
        "{TABLE_COLUMNS} columns for whole tables, {columns} x {rows} characters for `--ui dashboard`"
    );
    let Some(found) = size else {
        return Look::new(Group::Installation, what, "results do not go to one", needed)
            .with(State::Note, "");
    };
    let is_well = found.0 >= TABLE_COLUMNS && found.1 >= rows;
    Look::new(Group::Installation, what, format!("{} x {} characters", found.0, found.1), needed).unless(
        is_well,
        State::Note,
        "make the window larger",
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_server_of_nats_that_is_missing_is_no_fault() {
        assert_eq!(nats_server(Ok("/usr/sbin/nats-server".into())).state, State::Ok);
        let missing = nats_server(Err(ServerError::NotInstalled));
        assert_eq!(missing.state, State::Note);
        assert!(missing.fix.contains("apt install nats-server"), "{missing:?}");
    }

    #[rstest]
    #[case(Some((100, 40)), State::Ok)]
    #[case(Some((79, 40)), State::Note)]
    #[case(Some((100, 15)), State::Note)]
    #[case(None, State::Note)]
    fn a_small_terminal_is_told(#[case] size: Option<(u16, u16)>, #[case] state: State) {
        assert_eq!(terminal(size).state, state);
    }

    #[test]
    fn without_a_calibration_there_is_one_to_make() {
        let wanted =
            IntendedRuns { connections: 10, dir: "a".into(), endpoint_type: "chat".to_owned(), cores: 2 };
        let look = calibration(None, &wanted);
        assert_eq!(look.state, State::Note);
        assert!(look.fix.starts_with("`prony calibrate`"), "{look:?}");
    }
}
