//! The operator as a systemd unit: it comes back after a crash and after a reboot.

use std::{
    env, fs,
    io::ErrorKind::{NotFound, PermissionDenied},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::{
    command::{OPERATOR, OperatorCommand, Start},
    log,
    unit::{self, Scope, Unit},
};
use crate::state::State;

/// Programs of systemd, as far as they are called.
pub trait Programs {
    /// Standard output of one that succeeds.
    fn call(&self, program: &str, args: &[&str]) -> Result<String>;
}

/// The machine's own.
#[derive(Debug)]
pub struct OwnPrograms;

impl Programs for OwnPrograms {
    fn call(&self, program: &str, args: &[&str]) -> Result<String> {
        let called = || format!("`{program} {}`", args.join(" "));
        let mut command = Command::new(program);
        let output = command.args(args).stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("{} can't be started", called()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{} failed: {}", called(), said.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A swarm's unit, whether it is there or not.
#[derive(Debug)]
pub struct Systemd<'a, P = OwnPrograms> {
    state: &'a State,
    programs: P,
    scope: Scope,
    folder: PathBuf,
}

/// How a unit does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitState {
    /// `active`, `activating`, `inactive`, `failed` …
    pub active: String,
    /// How often it was started again by itself.
    pub restarts: u32,
}

impl<'a> Systemd<'a> {
    /// The machine's for root, the user's own for others.
    pub fn new(state: &'a State) -> Self {
        let (scope, folder) = if nix::unistd::geteuid().is_root() {
            (Scope::System, "/etc/systemd/system".into())
        } else {
            let absolute = |name| {
                env::var_os(name)
                    .map(PathBuf::from)
                    .filter(|p| p.is_absolute())
            };
            let config = absolute("XDG_CONFIG_HOME");
            let config = config.or_else(|| Some(absolute("HOME")?.join(".config")));
            (Scope::User, config.unwrap_or_default().join("systemd/user"))
        };
        Self {
            state,
            programs: OwnPrograms,
            scope,
            folder,
        }
    }

    /// Whether systemd runs here, for this user.
    pub fn is_usable(&self) -> bool {
        let booted = Path::new("/run/systemd/system").is_dir();
        booted && self.folder.is_absolute() && self.systemctl(&["show-environment"]).is_ok()
    }
}

impl<P: Programs> Systemd<'_, P> {
    /// Name of the unit.
    pub fn name(&self) -> String {
        format!("{OPERATOR}-{}.service", self.state.swarm())
    }

    /// Whether the unit is there, and of this very swarm: other folders may have one of that name.
    pub fn is_installed(&self) -> Result<bool> {
        let own = unit::owner(self.state.root());
        Ok(self
            .written()?
            .is_some_and(|text| text.lines().any(|line| line == own)))
    }

    /// Writes and starts the unit, unless it runs what is wanted.
    pub fn start(&self, command: &OperatorCommand) -> Result<Start> {
        let before = self.written()?;
        if before.is_some() && !self.is_installed()? {
            bail!(
                "the systemd unit {} is of another swarm of that name, in another folder; choose another name \
                 with --swarm, or --no-systemd",
                self.name()
            );
        }
        let text = self.text(command)?;
        let runs = before.is_some() && self.look()?.active == "active";
        if runs && before.as_ref() == Some(&text) {
            return Ok(Start::Kept);
        }
        log::rotate(&self.state.log(OPERATOR))?;
        let path = self.path();
        let write = fs::create_dir_all(&self.folder).and_then(|()| fs::write(&path, text));
        write.with_context(|| format!("{} can't be written", path.display()))?;
        let name = self.name();
        self.systemctl(&["daemon-reload"])?;
        self.systemctl(&["enable", &name])?;
        self.systemctl(&["restart", &name])?;
        Ok(if runs { Start::Replaced } else { Start::Fresh })
    }

    /// Stops and removes the unit; says whether it was there.
    pub fn stop(&self) -> Result<bool> {
        if !self.is_installed()? {
            return Ok(false);
        }
        self.systemctl(&["disable", "--now", &self.name()])?;
        let path = self.path();
        fs::remove_file(&path).with_context(|| format!("{} can't be removed", path.display()))?;
        self.systemctl(&["daemon-reload"])?;
        Ok(true)
    }

    /// How the unit does.
    pub fn look(&self) -> Result<UnitState> {
        let properties = "--property=ActiveState,NRestarts";
        let shown = self.systemctl(&["show", properties, &self.name()])?;
        let mut state = UnitState::default();
        for (property, value) in shown.lines().filter_map(|line| line.split_once('=')) {
            match property {
                "ActiveState" => value.clone_into(&mut state.active),
                "NRestarts" => state.restarts = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        Ok(state)
    }

    /// Whether it also comes back after a reboot when nobody logs in.
    pub fn comes_back_by_itself(&self) -> bool {
        let user = nix::unistd::geteuid().to_string();
        let linger = ["show-user", &user, "--property=Linger", "--value"];
        self.scope == Scope::System
            || self
                .programs
                .call("loginctl", &linger)
                .is_ok_and(|said| said.trim() == "yes")
    }

    fn text(&self, command: &OperatorCommand) -> Result<String> {
        let mut words = vec![];
        for word in [command.program.as_os_str()]
            .into_iter()
            .chain(command.args.iter().map(AsRef::as_ref))
        {
            let word = word.to_str();
            words.push(
                word.context("a path of the swarm is not UTF-8; use --no-systemd")?
                    .to_owned(),
            );
        }
        Ok(unit::text(&Unit {
            swarm: self.state.swarm(),
            folder: self.state.root(),
            scope: self.scope,
            command: &words,
            fingerprint: &command.fingerprint()?,
            log: &self.state.log(OPERATOR),
            rust_log: env::var("RUST_LOG").ok().as_deref(),
        }))
    }

    fn path(&self) -> PathBuf {
        self.folder.join(self.name())
    }

    fn written(&self) -> Result<Option<String>> {
        let path = self.path();
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            // What may not even be read is no unit of this user.
            Err(error) if matches!(error.kind(), NotFound | PermissionDenied) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
        }
    }

    fn systemctl(&self, args: &[&str]) -> Result<String> {
        let own: &[&str] = match self.scope {
            Scope::System => &[],
            Scope::User => &["--user"],
        };
        self.programs.call("systemctl", &[own, args].concat())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A systemd that notes what it is asked, and keeps the state of one unit.
    #[derive(Default)]
    struct Fake {
        calls: RefCell<Vec<String>>,
        active: RefCell<String>,
    }

    impl Programs for &Fake {
        fn call(&self, program: &str, args: &[&str]) -> Result<String> {
            let verb = args.iter().find(|arg| !arg.starts_with("--")).copied();
            match verb {
                Some("restart") => "active".clone_into(&mut self.active.borrow_mut()),
                Some("disable") => "inactive".clone_into(&mut self.active.borrow_mut()),
                Some("show") => {
                    let active = self.active.borrow();
                    return Ok(format!("NRestarts=3\nActiveState={active}\n"));
                }
                Some("show-user") => return Ok("no\n".into()),
                _ => {}
            }
            let call = format!("{program} {}", args.join(" "));
            self.calls.borrow_mut().push(call);
            Ok(String::new())
        }
    }

    fn command(argument: &str) -> OperatorCommand {
        OperatorCommand {
            program: "/bin/true".into(),
            args: vec![argument.into()],
        }
    }

    fn unit<'a>(state: &'a State, programs: &'a Fake) -> Systemd<'a, &'a Fake> {
        Systemd {
            state,
            programs,
            scope: Scope::User,
            folder: state.base().join("units"),
        }
    }

    #[test]
    fn unit_is_started_kept_replaced_and_removed() {
        let (base, fake) = (tempfile::tempdir().unwrap(), Fake::default());
        let state = State::below(base.path(), "x");
        let unit = unit(&state, &fake);
        let file = base.path().join("units/agentchat-operator-x.service");
        assert!(!unit.is_installed().unwrap() && !unit.stop().unwrap());
        assert_eq!(unit.start(&command("a")).unwrap(), Start::Fresh);
        let started = [
            "systemctl --user daemon-reload",
            "systemctl --user enable agentchat-operator-x.service",
            "systemctl --user restart agentchat-operator-x.service",
        ];
        assert_eq!(fake.calls.take(), started);
        assert!(fs::read_to_string(&file).unwrap().contains("\"a\""));
        assert_eq!(unit.start(&command("a")).unwrap(), Start::Kept);
        assert_eq!(fake.calls.take(), [""; 0]);
        assert_eq!(unit.start(&command("b")).unwrap(), Start::Replaced);
        assert_eq!(fake.calls.take(), started);
        "failed".clone_into(&mut fake.active.borrow_mut());
        assert_eq!(unit.start(&command("b")).unwrap(), Start::Fresh);
        fake.calls.take();
        let found = unit.look().unwrap();
        assert_eq!((found.active.as_str(), found.restarts), ("active", 3));
        assert!(!unit.comes_back_by_itself());
        assert!(unit.stop().unwrap() && !file.exists());
        let stopped = [
            "systemctl --user disable --now agentchat-operator-x.service",
            "systemctl --user daemon-reload",
        ];
        assert_eq!(fake.calls.take(), stopped);
    }

    #[test]
    fn unit_of_a_swarm_in_another_folder_is_left_alone() {
        let (base, fake) = (tempfile::tempdir().unwrap(), Fake::default());
        let one = State::below(base.path(), "x");
        let two = State::below(&base.path().join("two"), "x");
        unit(&one, &fake).start(&command("a")).unwrap();
        let other = Systemd {
            folder: base.path().join("units"),
            ..unit(&two, &fake)
        };
        let refused = other.start(&command("a")).unwrap_err().to_string();
        assert!(refused.contains("--no-systemd"), "{refused}");
        assert!(!other.stop().unwrap() && unit(&one, &fake).is_installed().unwrap());
    }
}
