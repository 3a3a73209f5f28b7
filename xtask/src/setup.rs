//! `cargo xtask setup`: says what is missing, then installs that and nothing else.

use std::io::{IsTerminal, Write, stdin, stdout};
use std::time::Instant;

use anyhow::{Context, Result, bail};

mod base;
mod claude;
mod kubectl;
mod limits;
mod machine;
mod packages;
mod socket;
mod toolchain;

pub use kubectl::find as find_kubectl;

/// Something missing, and how to get it.
pub struct Step {
    /// What is missing.
    what: String,
    /// How it is installed, in words that work by hand too.
    how: String,
    /// Whether it changes the machine outside of this checkout.
    system: bool,
    act: fn() -> Result<()>,
}

/// Looks at everything, in the order in which it has to be installed.
fn missing() -> Result<Vec<Step>> {
    let checks = [
        packages::check as fn() -> Result<Option<Step>>,
        toolchain::check,
        limits::check,
        kubectl::check,
        claude::check,
        base::check,
        socket::check,
    ];
    checks
        .iter()
        .filter_map(|check| check().transpose())
        .collect()
}

/// Prints the plan and follows it; with `check`, only prints it and fails when there is one.
pub fn run(yes: bool, check: bool) -> Result<()> {
    let steps = missing()?;
    if steps.is_empty() {
        println!("setup: everything is there");
        return Ok(());
    }
    println!("setup: missing on this machine");
    for step in &steps {
        let place = if step.system {
            "the system"
        } else {
            "this checkout"
        };
        println!("  * {}\n      {} (changes {place})", step.what, step.how);
    }
    if check {
        bail!("{} to install; run `cargo xtask setup`", steps.len());
    }
    machine::supported().context("install the parts listed above by hand, then run this again")?;
    if steps.iter().any(|step| step.system) && !yes {
        if stdin().is_terminal() && std::env::var_os("CI").is_none() {
            confirm()?;
        } else {
            println!("setup: no terminal to ask on, going on");
        }
    }
    for step in steps {
        println!("setup: {}", step.what);
        let started = Instant::now();
        (step.act)().with_context(|| format!("could not install: {}", step.what))?;
        println!("setup: done in {:.1} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}

fn confirm() -> Result<()> {
    print!("Go on? [Y/n] ");
    stdout().flush()?;
    let mut answer = String::new();
    let read = stdin().read_line(&mut answer)?;
    if read == 0 || !matches!(answer.trim(), "" | "y" | "Y" | "yes") {
        bail!("nothing was changed");
    }
    Ok(())
}
