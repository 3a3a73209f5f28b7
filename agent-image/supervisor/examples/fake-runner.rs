//! A runner for the supervisor's tests. What it does is in `FAKE_RUNNER`.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

fn main() -> ExitCode {
    let plan = std::env::var("FAKE_RUNNER").unwrap_or_default();
    let (what, rest) = plan.split_once(':').unwrap_or((&plan, ""));
    match what {
        "exit" => ExitCode::from(rest.parse::<u8>().unwrap_or(1)),
        // Leaves a process behind that only ends when it is killed.
        "orphan" => {
            let child = Command::new("sleep").arg("1000").spawn();
            let pid = child
                .map(|child| child.id().to_string())
                .unwrap_or_default();
            let written = std::fs::write(rest, pid);
            ExitCode::from(u8::from(written.is_err()))
        }
        // SIGTERM does not end it. Says so in a file when that is so.
        "stubborn" => {
            let stay = format!("trap '' TERM; : > '{rest}'; while :; do sleep 1000; done");
            let error = Command::new("/bin/sh").args(["-c", &stay]).exec();
            ExitCode::from(u8::from(error.raw_os_error().is_some()))
        }
        // SIGTERM ends it.
        _ => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
    }
}
