mod every;

use serde_json::{Map, Value as Json, json};

use super::{table::SETTINGS, *};

/// Settings by flags, environment and file.
fn values(
    flags: &[(&str, &str)],
    env: &[(&str, &str)],
    file: Json,
) -> Result<Values, SettingsError> {
    let find = |among: &[(&str, &str)], name: &str| {
        let found = among.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let file = match file {
        Json::Object(file) => file,
        _ => Map::new(),
    };
    Values::resolve(|s| find(flags, s.flag), |name| find(env, name), &file)
}

fn settings(flags: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::read(&values(flags, &[], Json::Null).unwrap())
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let file = json!({"rate_limit_ms": 4, "queue_bytes": 5000, "name": "filed"});
    let env = [("RATE_LIMIT_MS", "3"), ("QUEUE_BYTES", "6000")];
    let values = values(&[("rate-limit-ms", "2")], &env, file).unwrap();
    let read = Settings::read(&values).unwrap();
    assert_eq!(
        (
            read.limits.message_ms,
            read.limits.queue_bytes,
            &*read.name,
            read.replay
        ),
        (2, 6000, "filed", 200)
    );
    let lines = values.lines().join("\n");
    for (key, value, source) in [
        ("rate_limit_ms", "2", "flag --rate-limit-ms"),
        ("queue_bytes", "6000", "environment QUEUE_BYTES"),
        ("name", "filed", "file"),
        ("replay", "200", "default"),
        ("dms_enabled", "gated", "default of this profile"),
    ] {
        let line = lines
            .lines()
            .find(|line| line.starts_with(&format!("{key} ")));
        let words: Vec<_> = line.unwrap().splitn(3, char::is_whitespace).collect();
        let rest = words[1..].join(" ");
        assert!(
            rest.trim().starts_with(value) && rest.ends_with(source),
            "{line:?}"
        );
    }
}

#[test]
fn secrets_are_never_shown() {
    let values = values(&[("admin-key", "sesame-sesame-sesame")], &[], Json::Null).unwrap();
    assert!(!values.lines().join("\n").contains("sesame"));
    assert!(!format!("{:?}", Settings::read(&values).unwrap()).contains("sesame"));
}

#[test]
fn the_profiles_have_defaults_of_their_own() {
    let private = settings(&[]).unwrap();
    assert!(private.allowlist.strict && private.private_channels && !private.announcements);
    assert_eq!((private.direct, private.files), (Mode::Gated, Mode::Gated));
    assert!(private.idle.is_none() && !private.lurk.allowlisted && private.genesis.is_none());

    let public = settings(&[("profile", "public")]).unwrap();
    assert!(!public.allowlist.enabled && !public.private_channels && public.announcements);
    assert_eq!(
        (public.direct, public.open_channels),
        (Mode::Off, Mode::Off)
    );
    assert_eq!(public.idle, Some(Duration::from_secs(3600)));
    assert_eq!(public.genesis.as_deref(), Some("8addfe276526c9f6"));
    assert!(public.lurk.allowlisted && public.lurk.enforced);

    let kept = settings(&[("profile", "public"), ("admin-key-file", "key")]).unwrap();
    assert!(kept.allowlist.enabled && !kept.allowlist.strict && !kept.lurk.allowlisted);
}

#[test]
fn host_and_port_are_one_way_and_listen_is_another() {
    let listen = |flags, env: &[(&str, &str)]| {
        Settings::read(&values(flags, env, Json::Null).unwrap())
            .unwrap()
            .listen
            .to_string()
    };
    assert_eq!(listen(&[], &[]), "127.0.0.1:6667");
    assert_eq!(
        listen(&[], &[("HOST", "0.0.0.0"), ("PORT", "7000")]),
        "0.0.0.0:7000"
    );
    assert_eq!(
        listen(&[("listen", "[::1]:1")], &[("PORT", "7000")]),
        "[::1]:1"
    );
    assert_eq!(
        listen(&[("port", "2")], &[("AGENTCHAT_LISTEN", "1.2.3.4:9")]),
        "127.0.0.1:2"
    );
}

#[test]
fn a_wrong_value_is_named_with_what_is_allowed() {
    for (flag, bad, wanted) in [
        ("port", "65536", "a whole number from 0 to 65535"),
        ("rate-limit-ms", "-2", "a whole number from -1"),
        ("rate-limit-ms", "1.5", "a whole number"),
        ("lurk-disabled", "maybe", "true or false"),
        ("dms-enabled", "on", "off or gated or upstream"),
        ("profile", "Public", "private or public"),
        ("host", "example.org", "an IP address"),
        ("trusted-proxies", "10.0.0.0/33", "networks"),
        ("escrow-webhook-url", "ftp://h/", "https://host/path"),
        ("queue-bytes", "1", "a whole number from 4096"),
    ] {
        let error = settings(&[(flag, bad)]).unwrap_err().to_string();
        assert!(error.contains(bad) && error.contains(wanted), "{error}");
        assert!(error.contains(&format!("--{flag}")), "{error}");
    }
    let values = values(&[], &[("PORT", "x")], Json::Null).unwrap();
    let error = Settings::read(&values).unwrap_err().to_string();
    assert!(error.starts_with("environment variable PORT"), "{error}");
    for (flags, reason) in [
        (vec![("tls-cert", "a")], "go together"),
        (
            vec![("listen", "1.2.3.4:5"), ("port", "6")],
            "either that or these",
        ),
    ] {
        let error = settings(&flags).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn the_file_is_read_strictly() {
    let error = |file| values(&[], &[], file).unwrap_err().to_string();
    assert!(error(json!({"rate_limit": 1})).contains("\"rate_limit\""));
    assert!(error(json!({"name": {}})).contains("a mapping"));
    let file = json!({"trusted_proxies": ["10.0.0.1", "::1"], "lurk_disabled": true, "motd": null});
    let read = Settings::read(&values(&[], &[], file).unwrap()).unwrap();
    assert!(read.trusted_proxies.contain([10, 0, 0, 1].into()));
    assert!(!read.lurk.enforced && read.motd.is_none());
}

#[test]
fn no_two_settings_share_a_name() {
    let mut names: Vec<_> = SETTINGS.iter().flat_map(|s| [s.flag, s.env]).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}
