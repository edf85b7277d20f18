//! The terminal of a progress bar, behind the thread that writes to standard error: one that takes nothing now (Ctrl-S, a
//! connection that hangs) must not hold up the conductor. What is drawn while a line waits is left out, since the next drawing
//! replaces it.

use std::{
    fmt::Write as _,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use indicatif::TermLike;

use crate::{screen::Screen, stderr};

/// Collects what is drawn until it is flushed.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    drawing: Mutex<String>,
}

impl Terminal {
    fn drawing(&self) -> MutexGuard<'_, String> {
        self.drawing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, text: &str) {
        self.drawing().push_str(text);
    }

    /// Moves the cursor so many places, by an escape sequence of ECMA-48.
    fn move_cursor(&self, places: usize, direction: char) {
        if places > 0 {
            // A `String` takes everything.
            let _ = write!(self.drawing(), "\u{1b}[{places}{direction}");
        }
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        u16::try_from(Screen::of(&io::stderr()).table_width()).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, places: usize) -> io::Result<()> {
        self.move_cursor(places, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, places: usize) -> io::Result<()> {
        self.move_cursor(places, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, places: usize) -> io::Result<()> {
        self.move_cursor(places, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, places: usize) -> io::Result<()> {
        self.move_cursor(places, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(text);
        self.add("\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\u{1b}[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let drawing = std::mem::take(&mut *self.drawing());
        if !drawing.is_empty() {
            stderr::offer(drawing);
        }
        Ok(())
    }
}
