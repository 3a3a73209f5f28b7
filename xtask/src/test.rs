//! Format, lints, and every test. Each step runs, also after one failed; the last line is the count.

use std::{
    io::{BufRead, BufReader},
    process::{ExitCode, Stdio},
    time::Instant,
};

use anyhow::{Context, Result};

use crate::command;

/// Runs everything.
pub fn run() -> Result<ExitCode> {
    let start = Instant::now();
    let mut good = step("format", &["fmt", "--all", "--check"])?;
    good &= step(
        "lints",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    )?;
    let tests = Instant::now();
    let (passed, failed, content) = tests_of_workspace()?;
    println!("== tests: {:.1} s", tests.elapsed().as_secs_f64());
    println!("== all: {:.1} s", start.elapsed().as_secs_f64());
    println!("{passed} passed, {failed} failed");
    let good = good && content && failed == 0 && passed > 0;
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn step(name: &str, args: &[&str]) -> Result<bool> {
    let start = Instant::now();
    let status = command::cargo()
        .args(args)
        .status()
        .context("cannot start cargo")?;
    let word = if status.success() { "ok" } else { "FAILED" };
    println!("== {name}: {word}, {:.1} s", start.elapsed().as_secs_f64());
    Ok(status.success())
}

/// Runs the tests, their output live; gives how many passed and failed, and whether cargo was content.
fn tests_of_workspace() -> Result<(u64, u64, bool)> {
    let mut child = command::cargo()
        .args(["test", "--workspace", "--no-fail-fast"])
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let (mut passed, mut failed) = (0, 0);
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        if let Some(result) = line.strip_prefix("test result: ") {
            passed += count(result, " passed");
            failed += count(result, " failed");
        }
    }
    Ok((passed, failed, child.wait()?.success()))
}

/// The number before a word, in `ok. 5 passed; 0 failed; …`.
fn count(result: &str, word: &str) -> u64 {
    let before = result.split(word).next().unwrap_or_default();
    before
        .rsplit(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn counts_what_a_test_program_prints() {
        let line = "FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!((count(line, " passed"), count(line, " failed")), (12, 3));
        assert_eq!(count("nonsense", " passed"), 0);
    }
}
