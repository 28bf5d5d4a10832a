//! How things are printed: for people by default, for programs as JSON or YAML.

use std::io::{IsTerminal, Write};

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Columns and sentences
    #[default]
    Table,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

impl Output {
    /// Prints `value`, or what `table` makes of it.
    pub(crate) fn print<T: Serialize>(self, value: &T, table: impl FnOnce(&T) -> String) -> Result<()> {
        let text = match self {
            Self::Table => coloured(&table(value)),
            Self::Json => serde_json::to_string_pretty(value)? + "\n",
            Self::Yaml => serde_saphyr::to_string(&serde_json::to_value(value)?)?,
        };
        write(&text)
    }
}

/// Writes to stdout. Whoever stops reading early is no error.
pub(crate) fn write(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes one part of what people watch, in colour.
pub(crate) fn say(text: &str) -> Result<()> {
    write(&coloured(text))
}

/// Verdicts in colour, on a terminal whose user did not say `NO_COLOR`.
fn coloured(text: &str) -> String {
    let plain =
        !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
    if plain { text.to_owned() } else { paint(text) }
}

fn paint(text: &str) -> String {
    const COLOURS: [(&str, u8); 9] = [
        ("Healthy", 32),
        ("Suspected", 33),
        ("Recovering", 36),
        ("Degraded", 31),
        ("drained", 35),
        ("frozen", 34),
        ("✓", 32),
        ("‼", 33),
        ("✗", 31),
    ];
    COLOURS.iter().fold(text.to_owned(), |text, (word, colour)| {
        text.replace(word, &format!("\u{1b}[{colour}m{word}\u{1b}[0m"))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn paint_adds_only_colour() {
        let text = super::paint("portal  Degraded  3s\n");
        assert_eq!(text, "portal  \u{1b}[31mDegraded\u{1b}[0m  3s\n");
    }
}
