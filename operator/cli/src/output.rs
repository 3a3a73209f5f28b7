//! What a person sees: progress with the time on standard error, in colours where they are wanted.

use std::{fmt::Display, io::Write, time::Instant};

use anstyle::{AnsiColor, Style};

/// For times and other things that may be overlooked.
pub const FAINT: Style = Style::new().dimmed();
/// For names.
pub const NAME: Style = AnsiColor::Cyan.on_default();
/// For what went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// For what a person must look at.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// For what is worth a look.
pub const NOTE: Style = AnsiColor::Yellow.on_default();

/// Progress of one command.
#[derive(Clone, Copy, Debug)]
pub struct Progress(Instant);

impl Progress {
    /// Starts the clock.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// One line of progress.
    pub fn step(&self, text: impl Display) {
        self.line(Style::new(), text);
    }

    /// One line about something that has come true.
    pub fn good(&self, text: impl Display) {
        self.line(GOOD, text);
    }

    /// One line that should not be overlooked.
    pub fn note(&self, text: impl Display) {
        self.line(NOTE, text);
    }

    fn line(&self, style: Style, text: impl Display) {
        let seconds = self.0.elapsed().as_secs_f64();
        say(format_args!(
            "{FAINT}{seconds:6.1} s{FAINT:#}  {style}{text}{style:#}"
        ));
    }
}

/// One line on standard error. A closed standard error is nothing to fail for.
pub fn say(text: impl Display) {
    drop(writeln!(anstream::stderr().lock(), "{text}"));
}

/// Text on standard output, the command's result; fails when nobody takes it.
pub fn put(text: impl Display) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    write!(out, "{text}")?;
    out.flush()
}

/// Text from elsewhere, without anything that could steer a terminal.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
