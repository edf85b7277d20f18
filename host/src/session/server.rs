//! Which server the requests of a session go to.

/// Which of so many base URLs that is, from 0: each in turn.
pub(crate) fn place_of(session_num: u64, places: usize) -> usize {
    let places = places.max(1) as u64;
    usize::try_from(session_num % places).unwrap_or(0)
}
