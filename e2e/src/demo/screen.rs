//! Where the demo shows itself: a terminal gets a table that is refreshed in place, anything else gets lines.

use std::io::{IsTerminal, Write, stdout};

use crossterm::{
    cursor::{Hide, MoveToPreviousLine, Show},
    queue,
    terminal::{Clear, ClearType, size},
};

use super::{
    frame::Frame,
    narrator::Event,
    table::{line, render},
    terms::Terms,
};

/// A terminal whose size cannot be told.
const SIZE: (u16, u16) = (100, 40);

/// Standard output.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: bool,
    /// How many lines of the last table stand above the cursor.
    drawn: u16,
    /// Everything that has happened.
    events: Vec<Event>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { terminal: stdout().is_terminal(), drawn: 0, events: Vec::new() }
    }

    /// A line that stays.
    pub(super) fn say(&mut self, words: &str) {
        write(|out| writeln!(out, "{words}"));
        self.drawn = 0;
    }

    /// Shows the latest frame, and what happened since the one before.
    pub(super) fn show(
        &mut self,
        frame: &Frame,
        chapter: &str,
        onset: Option<f64>,
        new: Vec<Event>,
        terms: &Terms,
    ) {
        if self.terminal {
            self.events.extend(new);
            self.redraw(frame, chapter, onset, terms);
        } else {
            for event in &new {
                self.say(&line(event, onset));
            }
            self.events.extend(new);
        }
    }

    fn redraw(&mut self, frame: &Frame, chapter: &str, onset: Option<f64>, terms: &Terms) {
        let (columns, rows) = size().unwrap_or(SIZE);
        let text = render(frame, chapter, onset, &self.events, terms, columns.saturating_sub(1));
        let height = usize::from(rows.saturating_sub(1));
        let lines: Vec<&str> = text.lines().take(height).collect();
        let back = self.drawn;
        write(|out| {
            queue!(out, Hide)?;
            if back > 0 {
                queue!(out, MoveToPreviousLine(back))?;
            }
            for line in &lines {
                queue!(out, Clear(ClearType::CurrentLine))?;
                writeln!(out, "{line}")?;
            }
            queue!(out, Clear(ClearType::FromCursorDown))
        });
        self.drawn = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    }
}

/// A reader that has gone away is no reason to end the story.
fn write(draw: impl FnOnce(&mut std::io::StdoutLock<'static>) -> std::io::Result<()>) {
    let mut out = stdout().lock();
    let _ = draw(&mut out).and_then(|()| out.flush());
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.terminal {
            write(|out| queue!(out, Show));
        }
    }
}
