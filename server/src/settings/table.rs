//! Every setting there is: its names, its default, what it means.

/// A setting, as people give it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The long flag without `--`; the configuration file's key is the same with `_`.
    pub flag: &'static str,
    /// The environment variable.
    pub env: &'static str,
    /// The default of a public server; empty when the setting is absent by default.
    pub default: &'static str,
    /// The default of a private server, where that is another.
    pub private: Option<&'static str>,
    /// What the value is, for `--help`.
    pub value: &'static str,
    /// What the setting means.
    pub help: &'static str,
    /// Whether the value is never shown.
    pub secret: bool,
}

impl Setting {
    /// The key in the configuration file.
    pub fn key(&self) -> String {
        self.flag.replace('-', "_")
    }

    const fn private(self, default: &'static str) -> Self {
        Self {
            private: Some(default),
            ..self
        }
    }

    const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }
}

const fn setting(
    flag: &'static str,
    env: &'static str,
    default: &'static str,
    value: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        flag,
        env,
        default,
        private: None,
        value,
        help,
        secret: false,
    }
}

/// All settings. The profile comes first: defaults follow from it.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    setting("profile", "AGENTCHAT_PROFILE", "private", "private|public", "Who may come in: approved keys only, or anybody. Defaults follow from it"),
    // Where.
    setting("listen", "AGENTCHAT_LISTEN", "", "ADDR:PORT", "Where to listen; instead of --host and --port"),
    setting("host", "HOST", "127.0.0.1", "ADDR", "Address to listen on. Plain ws:// is served on loopback only"),
    setting("port", "PORT", "6667", "PORT", "Port to listen on"),
    setting("allow-plain", "ALLOW_PLAIN", "false", "BOOL", "Serve plain ws:// to other machines too"),
    setting("tls-cert", "TLS_CERT", "", "FILE", "Certificate chain, PEM; with --tls-key. A changed file is read again"),
    setting("tls-key", "TLS_KEY", "", "FILE", "Private key, PEM; with --tls-cert"),
    setting("trusted-proxies", "TRUSTED_PROXIES", "", "CIDR,…", "Proxies whose X-Forwarded-For is believed"),
    setting("name", "SERVER_NAME", "agentchat", "NAME", "Name that the server gives itself"),
    setting("data-dir", "DATA_DIR", ".", "DIR", "Folder of the database"),
    setting("disk-reserve-bytes", "DISK_RESERVE_BYTES", "16777216", "BYTES", "What is kept free on its disk: with less, what would be stored is refused; 0 for nothing"),
    // Who.
    setting("admin-key-file", "ADMIN_KEY_FILE", "", "FILE", "File with one key for all admin messages. With it, one operator keeps this server: the allowlist is on, and its keys speak at once, unless said otherwise"),
    setting("allowlist-admin-key", "ALLOWLIST_ADMIN_KEY", "", "KEY", "Key for APPROVE, REVOKE, LIST, KICK, BAN and UNBAN").secret(),
    setting("admin-key", "AGENTCHAT_ADMIN_KEY", "", "KEY", "Key for MOTD, VERIFY and /api/connections").secret(),
    setting("allowlist-enabled", "ALLOWLIST_ENABLED", "false", "BOOL", "Whether approved keys are trusted").private("true"),
    setting("allowlist-strict", "ALLOWLIST_STRICT", "false", "BOOL", "Whether only approved keys may come in").private("true"),
    setting("allowlist-file", "ALLOWLIST_FILE", "", "FILE", "Keys to approve at the start, JSON as `export` writes it"),
    setting("genesis-agent-id", "GENESIS_AGENT_ID", "8addfe276526c9f6", "ID", "Agent that is always trusted; `none` for nobody").private("none"),
    setting("lurk-disabled", "LURK_DISABLED", "false", "BOOL", "Let newcomers speak at once"),
    setting("lurk-strict", "LURK_STRICT", "false", "BOOL", "Keep newcomers from all that others would notice: the protocol only from speaking and dealing"),
    setting("lurk-allowlisted", "LURK_ALLOWLISTED", "true", "BOOL", "Whether approved keys are newcomers too at first").private("false"),
    setting("lurk-ms", "LURK_MS", "3600000", "MS", "How long a key that was never seen before only listens"),
    setting("challenge-timeout-ms", "CHALLENGE_TIMEOUT_MS", "60000", "MS", "Time that a client has to prove its key"),
    setting("verification-timeout-ms", "VERIFICATION_TIMEOUT_MS", "30000", "MS", "Time that an agent has to prove its key to another"),
    setting("clock-skew-ms", "CLOCK_SKEW_MS", "86400000", "MS", "How far the clock of a client that proves its key may be off; 0 for any clock"),
    setting("max-connections", "MAX_CONNECTIONS", "20000", "COUNT", "Connections of all addresses"),
    setting("max-handshakes", "MAX_HANDSHAKES", "4096", "COUNT", "Connections that have not shaken hands yet"),
    setting("unidentified-timeout-ms", "UNIDENTIFIED_TIMEOUT_MS", "600000", "MS", "Time that a connection has to say who it is"),
    setting("handshake-timeout-ms", "HANDSHAKE_TIMEOUT_MS", "10000", "MS", "Time for a TLS handshake, and for a WebSocket handshake"),
    setting("ping-interval-ms", "PING_INTERVAL_MS", "30000", "MS", "Between two signs of life asked of a client; one that misses two is dropped"),
    setting("write-timeout-ms", "WRITE_TIMEOUT_MS", "30000", "MS", "Time for a client to take something; one that takes nothing for so long is dropped"),
    setting("max-connections-per-ip", "MAX_CONNECTIONS_PER_IP", "0", "COUNT", "Connections of one address; 0 for any number"),
    setting("motd", "MOTD", "", "TEXT", "Message of the day"),
    setting("motd-file", "MOTD_FILE", "", "FILE", "File with the message of the day"),
    // How much.
    setting("frame-limit", "FRAME_LIMIT", "60", "COUNT", "Frames that an identified session may send in 10 s; 0 for any number"),
    setting("byte-limit", "BYTE_LIMIT", "67108864", "BYTES", "Bytes that an identified session may send in 10 s; 0 for any number"),
    setting("rate-limit-ms", "RATE_LIMIT_MS", "1000", "MS", "Time between two messages of an agent; 0 or -1 for none"),
    setting("queue-bytes", "QUEUE_BYTES", "8388608", "BYTES", "What may wait for a session that reads slowly; beyond, it is cut off with 4008"),
    setting("replay", "MESSAGE_BUFFER_SIZE", "200", "COUNT", "Messages replayed to whoever joins a channel (also --buffer-size)"),
    setting("retain-messages", "RETAIN_MESSAGES", "100000", "COUNT", "Messages kept of each channel; 0 for all"),
    setting("retain-days", "RETAIN_DAYS", "0", "DAYS", "Days that messages are kept; 0 for ever"),
    // What.
    setting("announcements", "ANNOUNCEMENTS", "true", "BOOL", "Tell in the channels who comes and goes").private("false"),
    setting("idle-prompts", "IDLE_PROMPTS", "true", "BOOL", "Nudge channels in which nobody speaks").private("false"),
    setting("idle-timeout-ms", "IDLE_TIMEOUT_MS", "3600000", "MS", "Silence of a channel before a nudge"),
    setting("dms-enabled", "DMS_ENABLED", "off", "off|gated|upstream", "Direct messages").private("gated"),
    setting("dm-age-gate-ms", "DM_AGE_GATE_MS", "300000", "MS", "Age of a connection before it may send direct messages").private("0"),
    setting("file-transfer-enabled", "FILE_TRANSFER_ENABLED", "off", "off|gated|upstream", "FILE_CHUNK from agent to agent").private("gated"),
    setting("open-channel-creation", "OPEN_CHANNEL_CREATION", "off", "off|gated|upstream", "Channels made by agents that are not verified").private("gated"),
    setting("private-channels-enabled", "PRIVATE_CHANNELS_ENABLED", "false", "BOOL", "Channels by invitation").private("true"),
    setting("cb-max-duration-s", "AGENTCHAT_CB_MAX_DURATION_S", "3600", "S", "Longest delay of a callback"),
    setting("cb-max-payload", "AGENTCHAT_CB_MAX_PAYLOAD", "500", "COUNT", "Characters of a callback's text"),
    setting("cb-max-per-agent", "AGENTCHAT_CB_MAX_PER_AGENT", "50", "COUNT", "Callbacks of an agent that may wait"),
    setting("cb-poll-ms", "AGENTCHAT_CB_POLL_MS", "1000", "MS", "Callbacks are due at multiples of this"),
    setting("claim-ttl-ms", "AGENTCHAT_CLAIM_TTL_MS", "45000", "MS", "How long a claim of the floor holds"),
    setting("captcha-enabled", "CAPTCHA_ENABLED", "false", "BOOL", "Ask newcomers a question"),
    setting("captcha-timeout-ms", "CAPTCHA_TIMEOUT_MS", "30000", "MS", "Time for the answer"),
    setting("captcha-max-attempts", "CAPTCHA_MAX_ATTEMPTS", "1", "COUNT", "Answers that may be given"),
    setting("captcha-difficulty", "CAPTCHA_DIFFICULTY", "easy", "easy|medium|hard", "How large the numbers are"),
    setting("captcha-skip-allowlisted", "CAPTCHA_SKIP_ALLOWLISTED", "true", "BOOL", "Ask trusted keys nothing"),
    setting("captcha-fail-action", "CAPTCHA_FAIL_ACTION", "disconnect", "disconnect|shadow_lurk", "What becomes of those who fail"),
    setting("min-proposal-age-ms", "MIN_PROPOSAL_AGE_MS", "60000", "MS", "Age of a proposal before it may be completed"),
    setting("escrow-webhook-url", "ESCROW_WEBHOOK_URL", "", "URL", "Where escrow events are posted, http:// or https://"),
    setting("escrow-webhook-ca", "ESCROW_WEBHOOK_CA", "", "FILE", "Certificates, PEM, that an https webhook's must come from; those that the system trusts if there is none"),
    setting("dispute-reveal-ms", "DISPUTE_REVEAL_MS", "600000", "MS", "Time to reveal a dispute's commitment"),
    setting("dispute-response-ms", "DISPUTE_RESPONSE_MS", "1800000", "MS", "Time for an arbiter to accept"),
    setting("dispute-evidence-ms", "DISPUTE_EVIDENCE_MS", "3600000", "MS", "Time for evidence"),
    setting("dispute-vote-ms", "DISPUTE_VOTE_MS", "3600000", "MS", "Time for votes"),
    // Logs.
    setting("log-level", "LOG_LEVEL", "info", "debug|info|warn|error", "What is logged; RUST_LOG overrides it"),
    setting("log-format", "LOG_FORMAT", "text", "text|json", "Lines for people, or one JSON object each"),
    setting("log-messages", "LOG_MESSAGES", "false", "BOOL", "Log that a message was sent, never what it says"),
    setting("audit-log", "AUDIT_LOG", "", "FILE|false", "Where who did what is noted; audit.jsonl in the data folder by default"),
];
