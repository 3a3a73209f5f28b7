//! Everything that must hold: format, lints, unit, integration and end-to-end tests.
//!
//! Each step runs, also after one failed, as long as it makes sense; a step that fails counts as one
//! failure. The last line is the count.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

use anyhow::{Context, Result};

use crate::{
    build, command,
    engine::Engine,
    image::{self, Tags},
    setup,
};

/// How many of the slowest test programs are named.
const SLOWEST: usize = 5;

/// What came of it.
#[derive(Default)]
struct Count {
    passed: u64,
    failed: u64,
    /// Seconds and name of each test program.
    times: Vec<(f64, String)>,
}

/// Runs everything.
pub fn run() -> Result<ExitCode> {
    let start = Instant::now();
    let mut count = Count::default();
    if count.step("setup", || setup::run(true, false)) {
        count.step("format", || {
            command::run(command::cargo().args(["fmt", "--all", "--check"]))
        });
        count.step("lints", || {
            let lints = [
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ];
            command::run(command::cargo().args(lints))
        });
        if count.step("build", build::all) {
            tests(&mut count);
        }
    }
    count.times.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (seconds, name) in count.times.iter().take(SLOWEST) {
        println!("== slow: {seconds:.1} s, {name}");
    }
    println!("== all: {:.1} s", start.elapsed().as_secs_f64());
    println!("{} passed, {} failed", count.passed, count.failed);
    let good = count.failed == 0 && count.passed > 0;
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The tests themselves, on an engine of their own.
fn tests(count: &mut Count) {
    let engine = Engine::tests();
    let mut tags = None;
    count.step("engine and images", || {
        engine.start()?;
        tags = Some(image::build(engine.socket())?);
        Ok(())
    });
    if let Some(tags) = tags {
        let mut outcome = Count::default();
        count.step("tests", || workspace(engine.socket(), &tags, &mut outcome));
        count.passed += outcome.passed;
        // Cargo's own failure repeats those of the tests.
        count.failed = count.failed.max(outcome.failed);
        count.times = outcome.times;
    }
    count.step("engine's end", || engine.stop());
}

impl Count {
    /// Runs a step and says how it went; gives whether it succeeded.
    fn step(&mut self, name: &str, act: impl FnOnce() -> Result<()>) -> bool {
        let start = Instant::now();
        let outcome = act();
        let seconds = start.elapsed().as_secs_f64();
        match &outcome {
            Ok(()) => println!("== {name}: ok, {seconds:.1} s"),
            Err(error) => {
                println!("== {name}: FAILED, {seconds:.1} s: {error:#}");
                self.failed += 1;
            }
        }
        outcome.is_ok()
    }
}

/// Tells what runs swarms where the engine is, which images to use and where kubectl is.
pub fn environment(cargo: &mut Command, socket: &Path, tags: &Tags) {
    let names = [
        "AGENTCHAT_E2E_IMAGE",
        "AGENTCHAT_E2E_SERVER_IMAGE",
        "AGENTCHAT_E2E_MODEL_IMAGE",
    ];
    tags.tell(cargo.env("AGENTCHAT_E2E_SOCKET", socket), names);
    if let Some(kubectl) = setup::find_kubectl() {
        cargo.env("KUBECTL", kubectl);
    }
}

/// Runs the tests of the workspace, their output live.
fn workspace(socket: &Path, tags: &Tags, count: &mut Count) -> Result<()> {
    let mut cargo = command::cargo();
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    environment(&mut cargo, socket, tags);
    let mut child = cargo
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let errors = child.stderr.take().context("cargo has no error output")?;
    // Cargo names each test program on its error output, just before the program's own output.
    let names = std::thread::spawn(move || {
        let mut names = vec![];
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            println!("{line}");
            let line = line.trim();
            if let Some(name) = line
                .strip_prefix("Running ")
                .or(line.strip_prefix("Doc-tests "))
            {
                names.push(name.to_owned());
            }
        }
        names
    });
    let mut times = vec![];
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        if let Some(result) = line.strip_prefix("test result: ") {
            count.passed += number_before(result, " passed");
            count.failed += number_before(result, " failed");
            times.push(seconds(result));
        }
    }
    let status = child.wait()?;
    let names = names.join().unwrap_or_default();
    count.times = times.into_iter().zip(names).collect();
    anyhow::ensure!(status.success(), "cargo test: {status}");
    Ok(())
}

/// The number before a word, in `ok. 5 passed; 0 failed; …`.
fn number_before(result: &str, word: &str) -> u64 {
    let before = result.split(word).next().unwrap_or_default();
    before
        .rsplit(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// The seconds in `…; finished in 1.23s`.
fn seconds(result: &str) -> f64 {
    let after = result.rsplit("finished in ").next().unwrap_or_default();
    after.trim_end_matches('s').parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{number_before, seconds};

    #[test]
    fn reads_what_a_test_program_prints() {
        let line =
            "FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s";
        assert_eq!(
            (
                number_before(line, " passed"),
                number_before(line, " failed")
            ),
            (12, 3)
        );
        assert_eq!(seconds(line), 1.5);
        assert_eq!(
            (number_before("nonsense", " passed"), seconds("nonsense")),
            (0, 0.0)
        );
    }
}
