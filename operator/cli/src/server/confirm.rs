//! Asks before something that can't be taken back.

use std::{
    fmt::Display,
    io::{IsTerminal, Write, stderr, stdin},
};

use anyhow::{Context, Result, bail};

/// Whether to ask.
#[derive(Clone, Copy, Debug)]
pub struct Confirm(bool);

impl Confirm {
    /// Only a person at a terminal is asked, and not with `--yes`.
    pub fn new(yes: bool) -> Self {
        Self(!yes && stdin().is_terminal() && stderr().is_terminal())
    }

    /// An error unless the answer is yes.
    pub fn ask(self, question: impl Display) -> Result<()> {
        if !self.0 {
            return Ok(());
        }
        let mut err = anstream::stderr().lock();
        write!(err, "{question} [y/N] ")
            .and_then(|()| err.flush())
            .context("the question can't be asked; --yes asks nothing")?;
        let mut answer = String::new();
        stdin()
            .read_line(&mut answer)
            .context("the answer can't be read; --yes asks nothing")?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => bail!("nothing was done"),
        }
    }
}
