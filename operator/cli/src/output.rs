//! What a person sees: progress with the time on standard error, in colours where they are wanted.

use std::{
    fmt::Display,
    io::Write,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Between two looks at standard output.
const LOOK: Duration = Duration::from_secs(1);

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

/// Standard output takes nothing.
#[derive(Debug)]
pub struct Unwritten(std::io::Error);

impl Unwritten {
    /// Whether its reader has gone, `head` for one; otherwise the disk may be full.
    pub fn is_closed(&self) -> bool {
        self.0.kind() == std::io::ErrorKind::BrokenPipe
    }
}

impl std::fmt::Display for Unwritten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("standard output can't be written")
    }
}

impl std::error::Error for Unwritten {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Whether an error is that the reader of standard output has gone.
pub fn is_closed(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(Unwritten::is_closed))
}

/// Returns when standard output has no reader any more; never, where that can't be known.
pub async fn closed() {
    let stdout = std::io::stdout();
    let gone = || {
        let mut out = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        let found = poll(&mut out, PollTimeout::ZERO);
        let events = out[0].revents().unwrap_or(PollFlags::empty());
        found.is_ok() && events.contains(PollFlags::POLLERR)
    };
    while !gone() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Text on standard output, the command's result.
pub fn put(text: impl Display) -> Result<(), Unwritten> {
    let mut out = anstream::stdout().lock();
    write!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(Unwritten)
}

/// Text on standard output; where nobody takes it, on standard error, and what is being done goes on.
pub fn put_somewhere(text: impl Display) {
    if put(&text).is_err() {
        drop(write!(anstream::stderr().lock(), "{text}"));
    }
}

/// Text from elsewhere, without anything that could steer a terminal or turn the order of what it shows.
pub fn plain(text: &str) -> String {
    let steers = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace(steers, "\u{fffd}")
}

/// The same for what is to stay in one line, a name for one.
pub fn plain_line(text: &str) -> String {
    plain(text).replace(['\n', '\t'], "\u{fffd}")
}

/// A JSON value in a line of its own; its texts can't steer a terminal either.
pub fn json_line(value: &serde_json::Value) -> String {
    format!("{}\n", escaped(&value.to_string()))
}

/// JSON of which no character steers a terminal: those that JSON leaves alone are written as numbers.
pub fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // Only within texts, where this means the same.
            '\u{7f}'..='\u{9f}' => text.push_str(&format!("\\u{:04x}", c as u32)),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_steer_a_terminal() {
        let hostile = "a\u{1b}[2J\u{9b}2J\u{7f}\u{202e}b\r\tc\nd";
        assert_eq!(
            plain(hostile),
            "a\u{fffd}[2J\u{fffd}2J\u{fffd}\u{fffd}b\u{fffd}\tc\nd"
        );
        assert!(plain_line(hostile).ends_with("\u{fffd}c\u{fffd}d"));
        let line = json_line(&serde_json::json!({"a": hostile}));
        assert!(!line.trim_end().chars().any(char::is_control), "{line:?}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["a"], hostile);
    }
}
