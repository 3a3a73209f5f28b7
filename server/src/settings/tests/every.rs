//! Every setting: its default in both profiles, and that each way of setting it counts.

use super::*;

/// What each may be set to that is no default, in a private server. Some go together.
#[rustfmt::skip]
const SAMPLES: &[(&str, &str)] = &[
    ("profile", "public"), ("listen", "127.0.0.9:9"), ("host", "127.0.0.9"), ("port", "9"),
    ("allow-plain", "true"), ("tls-cert", "c.pem"), ("tls-key", "k.pem"), ("trusted-proxies", "10.0.0.0/8,::1"),
    ("name", "other"), ("data-dir", "/d"), ("disk-reserve-bytes", "9"), ("admin-key-file", "k"), ("allowlist-admin-key", "k"), ("admin-key", "k"),
    ("allowlist-enabled", "false"), ("allowlist-strict", "false"), ("allowlist-file", "a.json"),
    ("genesis-agent-id", "0123456789abcdef"), ("lurk-disabled", "true"), ("lurk-strict", "true"), ("lurk-allowlisted", "true"), ("lurk-ms", "9"),
    ("challenge-timeout-ms", "9"), ("verification-timeout-ms", "9"), ("clock-skew-ms", "9"),
    ("max-connections", "9"), ("max-handshakes", "9"), ("unidentified-timeout-ms", "9"), ("max-connections-per-ip", "9"),
    ("handshake-timeout-ms", "9"), ("ping-interval-ms", "9"), ("write-timeout-ms", "9"), ("motd", "hi"), ("motd-file", "m"), ("frame-limit", "9"), ("byte-limit", "9"), ("rate-limit-ms", "9"),
    ("queue-bytes", "9999"), ("replay", "9"), ("retain-messages", "9"), ("retain-days", "9"), ("announcements", "true"),
    ("idle-prompts", "true"), ("idle-timeout-ms", "9"), ("dms-enabled", "upstream"), ("dm-age-gate-ms", "9"),
    ("file-transfer-enabled", "off"), ("open-channel-creation", "upstream"), ("private-channels-enabled", "false"),
    ("cb-max-duration-s", "9"), ("cb-max-payload", "9"), ("cb-max-per-agent", "9"), ("cb-poll-ms", "9"), ("claim-ttl-ms", "9"),
    ("captcha-enabled", "true"), ("captcha-timeout-ms", "9"), ("captcha-max-attempts", "9"), ("captcha-difficulty", "hard"),
    ("captcha-skip-allowlisted", "false"), ("captcha-fail-action", "shadow_lurk"), ("min-proposal-age-ms", "9"),
    ("escrow-webhook-url", "http://h/p"), ("escrow-webhook-ca", "ca.pem"), ("dispute-reveal-ms", "9"), ("dispute-response-ms", "9"),
    ("dispute-evidence-ms", "9"), ("dispute-vote-ms", "9"), ("log-level", "warn"), ("log-format", "json"), ("log-messages", "true"), ("audit-log", "false"),
];

/// Variables of the protocol, and what they are by default in the profiles `public` and `private`.
#[rustfmt::skip]
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("PORT", "6667", "6667"), ("SERVER_NAME", "agentchat", "agentchat"), ("TLS_CERT", "", ""), ("TLS_KEY", "", ""),
    ("RATE_LIMIT_MS", "1000", "1000"), ("MESSAGE_BUFFER_SIZE", "200", "200"), ("IDLE_TIMEOUT_MS", "3600000", "3600000"),
    ("IDLE_PROMPTS", "true", "false"), ("LOG_MESSAGES", "false", "false"), ("LOG_LEVEL", "info", "info"), ("DATA_DIR", ".", "."),
    ("AUDIT_LOG", "", ""), ("CHALLENGE_TIMEOUT_MS", "60000", "60000"), ("LURK_DISABLED", "false", "false"),
    ("GENESIS_AGENT_ID", "8addfe276526c9f6", "none"), ("ALLOWLIST_ENABLED", "false", "true"),
    ("ALLOWLIST_STRICT", "false", "true"), ("ALLOWLIST_ADMIN_KEY", "", ""), ("AGENTCHAT_ADMIN_KEY", "", ""), ("MOTD", "", ""),
    ("MOTD_FILE", "", ""), ("MAX_CONNECTIONS_PER_IP", "0", "0"), ("PRIVATE_CHANNELS_ENABLED", "false", "true"),
    ("CAPTCHA_ENABLED", "false", "false"), ("CAPTCHA_TIMEOUT_MS", "30000", "30000"), ("CAPTCHA_MAX_ATTEMPTS", "1", "1"),
    ("CAPTCHA_DIFFICULTY", "easy", "easy"), ("CAPTCHA_SKIP_ALLOWLISTED", "true", "true"),
    ("CAPTCHA_FAIL_ACTION", "disconnect", "disconnect"), ("AGENTCHAT_CB_MAX_DURATION_S", "3600", "3600"),
    ("AGENTCHAT_CB_MAX_PAYLOAD", "500", "500"), ("AGENTCHAT_CB_MAX_PER_AGENT", "50", "50"), ("AGENTCHAT_CB_POLL_MS", "1000", "1000"),
    ("AGENTCHAT_CLAIM_TTL_MS", "45000", "45000"), ("DM_AGE_GATE_MS", "300000", "0"), ("DMS_ENABLED", "off", "gated"),
    ("FILE_TRANSFER_ENABLED", "off", "gated"), ("OPEN_CHANNEL_CREATION", "off", "gated"),
    ("VERIFICATION_TIMEOUT_MS", "30000", "30000"), ("MIN_PROPOSAL_AGE_MS", "60000", "60000"), ("ALLOWLIST_FILE", "", ""),
    ("ESCROW_WEBHOOK_URL", "", ""), ("DISPUTE_REVEAL_MS", "600000", "600000"), ("DISPUTE_RESPONSE_MS", "1800000", "1800000"),
    ("DISPUTE_EVIDENCE_MS", "3600000", "3600000"), ("DISPUTE_VOTE_MS", "3600000", "3600000"), ("FRAME_LIMIT", "60", "60"),
];

/// What a setting needs besides, so that it counts: certificate and key go together, and the details of a
/// question count where one is asked.
fn besides(flag: &str) -> Vec<(&'static str, &'static str)> {
    let sample = |flag: &str| SAMPLES.iter().find(|(f, _)| *f == flag).copied();
    let other = match flag {
        "tls-cert" => "tls-key",
        "tls-key" => "tls-cert",
        "captcha-enabled" => return vec![],
        "idle-timeout-ms" => "idle-prompts",
        flag if flag.starts_with("captcha-") => "captcha-enabled",
        _ => return vec![],
    };
    sample(other).into_iter().collect()
}

/// All that the server goes by, as text; secrets too.
fn shown(values: &Values) -> String {
    let settings = Settings::read(values).unwrap();
    let keys = (&settings.keys.admin, &settings.keys.allowlist);
    format!("{settings:?} {keys:?}")
}

#[test]
fn each_counts_by_flag_by_environment_and_by_file() {
    assert_eq!(
        SAMPLES.len(),
        SETTINGS.len(),
        "a setting has no sample here"
    );
    for (flag, value) in SAMPLES {
        let setting = SETTINGS.iter().find(|s| s.flag == *flag).unwrap();
        let others = besides(flag);
        // A certificate alone is refused: compare with none at all.
        let bare = if flag.starts_with("tls-") {
            &[][..]
        } else {
            &others[..]
        };
        let before = shown(&values(bare, &[], Json::Null).unwrap());
        let by_flag =
            shown(&values(&[&others[..], &[(*flag, *value)]].concat(), &[], Json::Null).unwrap());
        let by_env = shown(&values(&others, &[(setting.env, value)], Json::Null).unwrap());
        let by_file = shown(&values(&others, &[], json!({setting.key(): value})).unwrap());
        assert_ne!(before, by_flag, "{flag} changes nothing");
        assert_eq!((&by_flag, &by_flag), (&by_env, &by_file), "{flag}");
    }
}

#[test]
fn each_of_the_protocols_variables_has_its_default_in_both_profiles() {
    let public = values(&[("profile", "public")], &[], Json::Null).unwrap();
    let private = values(&[], &[], Json::Null).unwrap();
    for (env, open, closed) in DEFAULTS {
        let setting = SETTINGS.iter().find(|s| s.env == *env);
        let flag = setting
            .unwrap_or_else(|| panic!("{env} is not honoured"))
            .flag;
        assert_eq!(
            (public.text(flag), private.text(flag)),
            (*open, *closed),
            "{env}"
        );
    }
    // Plain connections are served on loopback, whatever the profile.
    assert_eq!(
        (public.text("host"), private.text("host")),
        ("127.0.0.1", "127.0.0.1")
    );
}
