//! The keys of the dashboard.

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// That the run ends, as Ctrl-C does it.
    End,
    /// That the drawing stands still, or goes on.
    Pause,
    /// To know the keys, or no longer.
    Help,
    /// To see everything drawn anew.
    Redraw,
}

/// Ctrl-L.
const REDRAW: u8 = 0x0c;

/// Begins what arrows and function keys send.
const ESCAPE: u8 = 0x1b;

/// What was meant by what a terminal sent at a time. Keys without a meaning are none.
pub(super) fn read(bytes: &[u8]) -> impl Iterator<Item = Key> {
    let typed = bytes.iter().take_while(|byte| **byte != ESCAPE);
    typed.filter_map(|byte| match byte {
        b'q' | b'Q' => Some(Key::End),
        b'p' | b'P' | b' ' => Some(Key::Pause),
        b'?' | b'h' => Some(Key::Help),
        &REDRAW => Some(Key::Redraw),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"q", &[Key::End])]
    #[case(b"p ", &[Key::Pause, Key::Pause])]
    #[case(b"x?\x0c", &[Key::Help, Key::Redraw])]
    #[case::an_arrow(b"\x1b[A", &[])]
    #[case::a_function_key_with_a_letter(b"\x1bOp", &[])]
    #[case::nothing(b"", &[])]
    fn a_key_means_one_thing(#[case] bytes: &[u8], #[case] expected: &[Key]) {
        assert_eq!(read(bytes).collect::<Vec<_>>(), expected);
    }
}
