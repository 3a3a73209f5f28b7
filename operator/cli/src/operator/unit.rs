//! The text of the operator's systemd unit. Pure.

use std::path::Path;

/// Which systemd keeps the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The machine's, for root.
    System,
    /// The user's own.
    User,
}

/// What a unit's text is made from.
pub struct Unit<'a> {
    /// Name of the swarm.
    pub swarm: &'a str,
    /// The swarm's folder.
    pub folder: &'a Path,
    /// Who keeps it.
    pub scope: Scope,
    /// The operator's program and arguments.
    pub command: &'a [String],
    /// Tells one start from another.
    pub fingerprint: &'a str,
    /// Where the operator's output goes.
    pub log: &'a Path,
    /// What the operator logs, when that was chosen.
    pub rust_log: Option<&'a str>,
}

/// The line that says which swarm a unit is of: folders elsewhere may have one of the same name.
pub fn owner(folder: &Path) -> String {
    format!("# Of the swarm in {}", folder.display())
}

/// The text.
pub fn text(unit: &Unit<'_>) -> String {
    let command: Vec<_> = unit.command.iter().map(|word| quoted(word)).collect();
    let (swarm, fingerprint, command) = (unit.swarm, unit.fingerprint, command.join(" "));
    let log = unit.log.display().to_string().replace('%', "%%");
    let environment = unit.rust_log.map_or(String::new(), |filter| {
        format!("Environment={}\n", quoted(&format!("RUST_LOG={filter}")))
    });
    let wanted_by = match unit.scope {
        Scope::System => "multi-user.target",
        Scope::User => "default.target",
    };
    let owner = owner(unit.folder);
    format!(
        "# Written by `agentctl up`, removed by `agentctl down`. Start {fingerprint}.
{owner}
[Unit]
Description=AgentChat operator of swarm {swarm}
Wants=podman.socket
After=podman.socket
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
WorkingDirectory=/
UMask=0077
{environment}StandardOutput=append:{log}
StandardError=append:{log}
Restart=always
RestartSec=1
TimeoutStopSec=30

[Install]
WantedBy={wanted_by}
"
    )
}

/// One word of a command line, as systemd.service(5) reads it.
fn quoted(word: &str) -> String {
    let escaped = word
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
        .replace('%', "%%")
        .replace('$', "$$");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = r#"# Written by `agentctl up`, removed by `agentctl down`. Start 0123456789abcdef.
# Of the swarm in /home/a b/two
[Unit]
Description=AgentChat operator of swarm two
Wants=podman.socket
After=podman.socket
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart="/opt/my programs/agentchat-operator" "--socket" "/run/100%%/$$x \"y\\.sock"
WorkingDirectory=/
UMask=0077
Environment="RUST_LOG=debug"
StandardOutput=append:/home/a b/100%%/agentchat-operator.log
StandardError=append:/home/a b/100%%/agentchat-operator.log
Restart=always
RestartSec=1
TimeoutStopSec=30

[Install]
WantedBy=default.target
"#;

    #[test]
    fn unit_restarts_the_operator_and_quotes_what_systemd_would_expand() {
        let command = [
            "/opt/my programs/agentchat-operator",
            "--socket",
            r#"/run/100%/$x "y\.sock"#,
        ];
        let mut unit = Unit {
            swarm: "two",
            folder: Path::new("/home/a b/two"),
            scope: Scope::User,
            command: &command.map(str::to_owned),
            fingerprint: "0123456789abcdef",
            log: Path::new("/home/a b/100%/agentchat-operator.log"),
            rust_log: Some("debug"),
        };
        assert_eq!(text(&unit), GOLDEN);
        unit.scope = Scope::System;
        unit.rust_log = None;
        let wanted = GOLDEN.replace("default.target", "multi-user.target");
        assert_eq!(
            text(&unit),
            wanted.replace("Environment=\"RUST_LOG=debug\"\n", "")
        );
    }

    #[test]
    fn unit_is_accepted_by_systemd() {
        let unit = Unit {
            swarm: "two",
            folder: Path::new("/home/a b/two"),
            scope: Scope::User,
            command: &["/bin/true".to_owned(), r#"100% of "$x\""#.to_owned()],
            fingerprint: "0",
            log: Path::new("/home/a b/100%/x.log"),
            rust_log: Some("info,kube=warn"),
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agentchat-operator-two.service");
        std::fs::write(&file, text(&unit)).unwrap();
        let mut verify = std::process::Command::new("systemd-analyze");
        // Where there is no systemd, nobody can tell.
        if let Ok(said) = verify.arg("verify").arg(&file).output() {
            let said = String::from_utf8_lossy(&said.stderr).into_owned();
            assert!(!said.contains("agentchat-operator-two"), "{said}");
        }
    }
}
