//! Settings: from flags, environment and a file to what the server goes by.

mod command_line;
mod networks;
mod read;
mod table;
#[cfg(test)]
mod tests;
mod values;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use self::read::Reader;
pub use self::{
    command_line::{CommandLine, Verb, command_line},
    networks::Networks,
    values::{SettingsError, Source, Values},
};
use crate::{limits::Limits, webhook::target::Target};

/// What the server goes by.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    /// Whether plain connections are taken from other machines.
    pub allow_plain: bool,
    /// Certificate chain and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    pub trusted_proxies: Networks,
    /// Name that the server gives itself.
    pub name: String,
    pub data_dir: PathBuf,
    /// Bytes of the disk that are kept back.
    pub disk_reserve: u64,
    pub admin_key_file: Option<PathBuf>,
    pub keys: Keys,
    pub allowlist: Allowlist,
    pub lurk: Lurk,
    /// Agent that is always verified.
    pub genesis: Option<String>,
    pub challenge: Duration,
    pub verification: Duration,
    /// How far the clock of a client that proves its key may be off; zero for any clock.
    pub skew: Duration,
    pub motd: Option<String>,
    pub motd_file: Option<PathBuf>,
    /// Whether a fresh server has the protocol's channels, and a first takeover has to wait.
    pub public: bool,
    /// Messages replayed to whoever joins.
    pub replay: u32,
    pub retain: Retain,
    pub announcements: bool,
    /// How long a channel is silent before a nudge; none for no nudges.
    pub idle: Option<Duration>,
    pub direct: Mode,
    pub files: Mode,
    pub open_channels: Mode,
    pub private_channels: bool,
    /// Age of a connection before it may send direct messages.
    pub direct_age: Duration,
    pub captcha: Option<Captcha>,
    /// Whether it is logged that a message was sent.
    pub log_messages: bool,
    pub log_level: String,
    /// Whether log lines are JSON.
    pub log_json: bool,
    /// Where the audit log is; none for no log.
    pub audit: Option<PathBuf>,
    pub limits: Limits,
    /// Where events of escrows are posted.
    pub webhook: Option<Target>,
    /// Whom its certificate must come from; none for those whom the system trusts.
    pub webhook_ca: Option<PathBuf>,
    /// Bounds and times of the marketplace.
    pub market: agentchat_market::Limits,
}

/// Keys of the admin messages.
#[derive(Clone, Default)]
pub struct Keys {
    /// For APPROVE, REVOKE, LIST, KICK, BAN and UNBAN.
    pub allowlist: Option<String>,
    /// For MOTD, VERIFY and `/api/connections`.
    pub admin: Option<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// What approved keys are good for.
#[derive(Clone, Debug)]
pub struct Allowlist {
    pub enabled: bool,
    /// Nobody else may come in.
    pub strict: bool,
    pub file: Option<PathBuf>,
}

/// How newcomers are treated.
#[derive(Clone, Copy, Debug)]
pub struct Lurk {
    pub enforced: bool,
    /// Whether newcomers do nothing at all that others would notice.
    pub strict: bool,
    /// Whether approved keys are newcomers too.
    pub allowlisted: bool,
    pub window: Duration,
}

/// What is kept of each channel.
#[derive(Clone, Copy, Debug)]
pub struct Retain {
    /// None for all.
    pub messages: Option<u64>,
    /// None for ever.
    pub age: Option<Duration>,
}

/// How a feature is offered that the protocol's newest version switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Off,
    /// With gates.
    Gated,
    /// As it was before it was switched off.
    Upstream,
}

/// The question that newcomers are asked.
#[derive(Clone, Copy, Debug)]
pub struct Captcha {
    pub timeout: Duration,
    pub attempts: u32,
    pub difficulty: Difficulty,
    pub skip_trusted: bool,
    /// Who fails comes in as a visitor instead of being sent away.
    pub shadow: bool,
}

/// How large a question's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difficulty {
    Easy,
    Medium,
    Hard,
}

/// The longest time that may be set: thirty days.
const LONGEST_MS: i64 = 30 * 24 * 3_600_000;

impl Settings {
    /// Checks all values.
    pub fn read(values: &Values) -> Result<Self, SettingsError> {
        let r = Reader(values);
        let ms = |flag| r.number(flag, 0, LONGEST_MS).map(Duration::from_millis);
        let public = r.choice("profile", &[("private", false), ("public", true)])?;
        let tls = match (r.path("tls-cert"), r.path("tls-key")) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => {
                return Err(SettingsError::Conflict(
                    "--tls-cert and --tls-key go together: set both or neither",
                ));
            }
        };
        let data_dir = PathBuf::from(values.text("data-dir"));
        let retain: (u64, u64) = (
            r.number("retain-messages", 0, i64::MAX)?,
            r.number("retain-days", 0, 36_500)?,
        );
        let idle = ms("idle-timeout-ms")?;
        let audit = match values.text("audit-log") {
            "" => Some(data_dir.join("audit.jsonl")),
            "false" | "0" => None,
            path => Some(path.into()),
        };
        Ok(Self {
            listen: listen(&r)?,
            allow_plain: r.flag("allow-plain")?,
            tls,
            trusted_proxies: r.parse(
                "trusted-proxies",
                "addresses or networks, such as 10.0.0.0/8, separated by commas",
            )?,
            name: values.text("name").to_owned(),
            data_dir,
            disk_reserve: r.number("disk-reserve-bytes", 0, 1 << 40)?,
            admin_key_file: r.path("admin-key-file"),
            keys: Keys {
                allowlist: r.text("allowlist-admin-key"),
                admin: r.text("admin-key"),
            },
            allowlist: Allowlist {
                enabled: r.flag("allowlist-enabled")?,
                strict: r.flag("allowlist-strict")?,
                file: r.path("allowlist-file"),
            },
            lurk: Lurk {
                enforced: !r.flag("lurk-disabled")?,
                strict: r.flag("lurk-strict")?,
                allowlisted: r.flag("lurk-allowlisted")?,
                window: ms("lurk-ms")?,
            },
            genesis: r.text("genesis-agent-id").filter(|id| id != "none"),
            challenge: ms("challenge-timeout-ms")?,
            verification: ms("verification-timeout-ms")?,
            skew: ms("clock-skew-ms")?,
            motd: r.text("motd"),
            motd_file: r.path("motd-file"),
            public,
            replay: r.number("replay", 0, 100_000)?,
            retain: Retain {
                messages: Some(retain.0).filter(|count| *count > 0),
                age: Some(retain.1)
                    .filter(|days| *days > 0)
                    .map(|days| Duration::from_secs(days * 86_400)),
            },
            announcements: r.flag("announcements")?,
            idle: r.flag("idle-prompts")?.then_some(idle),
            direct: mode(&r, "dms-enabled")?,
            files: mode(&r, "file-transfer-enabled")?,
            open_channels: mode(&r, "open-channel-creation")?,
            private_channels: r.flag("private-channels-enabled")?,
            direct_age: ms("dm-age-gate-ms")?,
            captcha: captcha(&r)?,
            log_messages: r.flag("log-messages")?,
            log_level: r
                .choice(
                    "log-level",
                    &["debug", "info", "warn", "error"].map(|l| (l, l)),
                )?
                .to_owned(),
            log_json: r.choice("log-format", &[("text", false), ("json", true)])?,
            audit,
            limits: limits(&r)?,
            webhook: match r.text("escrow-webhook-url") {
                Some(_) => Some(r.parse(
                    "escrow-webhook-url",
                    "http://host/path or https://host/path",
                )?),
                None => None,
            },
            webhook_ca: r.path("escrow-webhook-ca"),
            market: market(&r)?,
        })
    }
}

/// The address comes from `listen`, or from host and port when a more important source gives one of them.
fn listen(r: &Reader) -> Result<SocketAddr, SettingsError> {
    let host = match r.0.text("host") {
        "localhost" => IpAddr::from([127, 0, 0, 1]),
        _ => r.parse("host", "an IP address, such as 127.0.0.1 or 0.0.0.0")?,
    };
    let port = r.number("port", 0, 65_535)?;
    let apart = r.0.source("host").max(r.0.source("port"));
    if apart == r.0.source("listen") && apart != Source::Default {
        return Err(SettingsError::Conflict(
            "--listen is for --host and --port together: give either that or these",
        ));
    }
    if r.0.text("listen").is_empty() || apart > r.0.source("listen") {
        return Ok((host, port).into());
    }
    r.parse("listen", "an address and a port, such as 127.0.0.1:6667")
}

fn mode(r: &Reader, flag: &str) -> Result<Mode, SettingsError> {
    let choices = [
        ("off", Mode::Off),
        ("gated", Mode::Gated),
        ("upstream", Mode::Upstream),
    ];
    r.choice(flag, &choices)
}

fn captcha(r: &Reader) -> Result<Option<Captcha>, SettingsError> {
    let difficulties = [
        ("easy", Difficulty::Easy),
        ("medium", Difficulty::Medium),
        ("hard", Difficulty::Hard),
    ];
    let captcha = Captcha {
        timeout: r
            .number("captcha-timeout-ms", 1, LONGEST_MS)
            .map(Duration::from_millis)?,
        attempts: r.number("captcha-max-attempts", 1, 100)?,
        difficulty: r.choice("captcha-difficulty", &difficulties)?,
        skip_trusted: r.flag("captcha-skip-allowlisted")?,
        shadow: r.choice(
            "captcha-fail-action",
            &[("disconnect", false), ("shadow_lurk", true)],
        )?,
    };
    Ok(r.flag("captcha-enabled")?.then_some(captcha))
}

fn market(r: &Reader) -> Result<agentchat_market::Limits, SettingsError> {
    let ms = |flag| r.number(flag, 0, i64::MAX / 1_000_000);
    Ok(agentchat_market::Limits {
        skew: match ms("clock-skew-ms")? {
            0 => i64::MAX,
            skew => skew,
        },
        min_proposal_age: ms("min-proposal-age-ms")?,
        reveal: ms("dispute-reveal-ms")?,
        response: ms("dispute-response-ms")?,
        evidence: ms("dispute-evidence-ms")?,
        vote: ms("dispute-vote-ms")?,
        ..agentchat_market::Limits::default()
    })
}

fn limits(r: &Reader) -> Result<Limits, SettingsError> {
    let most = 1 << 40;
    let ms = |flag| r.number(flag, 1, LONGEST_MS).map(Duration::from_millis);
    Ok(Limits {
        frames: r.number("frame-limit", 0, 1_000_000)?,
        bytes: r.number("byte-limit", 0, most)?,
        message_ms: r.number("rate-limit-ms", -1, LONGEST_MS)?,
        queue_bytes: r.number("queue-bytes", 4096, most)?,
        connections: r.number("max-connections", 1, 1_000_000)?,
        handshakes: r.number("max-handshakes", 1, 1_000_000)?,
        unidentified: ms("unidentified-timeout-ms")?,
        handshake: ms("handshake-timeout-ms")?,
        ping: ms("ping-interval-ms")?,
        write: ms("write-timeout-ms")?,
        connections_per_address: r.number("max-connections-per-ip", 0, 1_000_000)?,
        callback_s: r.number("cb-max-duration-s", 0, 30 * 86_400)?,
        callback_text: r.number("cb-max-payload", 0, 1_000_000)?,
        callbacks: r.number("cb-max-per-agent", 0, 10_000)?,
        callback_tick: r
            .number("cb-poll-ms", 0, 3_600_000)
            .map(Duration::from_millis)?,
        claim: r
            .number("claim-ttl-ms", 0, LONGEST_MS)
            .map(Duration::from_millis)?,
        ..Limits::default()
    })
}
