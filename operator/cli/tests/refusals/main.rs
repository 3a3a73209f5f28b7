//! What `agentctl` refuses, as a person meets it: the real program, nothing behind it that could be started.
//! Each refusal is one message, an exit code, and nothing left behind.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

mod engines;
mod refused;

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, net::UnixListener},
};

use engines::{Answer, Fake};
use refused::Sandbox;

#[test]
fn unusable_socket_is_named_with_the_reason() {
    let sandbox = Sandbox::new();
    let (file, left) = (sandbox.file("plain", ""), sandbox.path("left.sock"));
    drop(UnixListener::bind(&left).unwrap());
    for (socket, says) in [
        (sandbox.path("none.sock"), "--socket"),
        (file, "is a file and no socket"),
        (sandbox.path("."), "is a folder and no socket"),
        (left, "left behind"),
    ] {
        let said = sandbox.up(&["--socket", &socket]).refused(1);
        said.names(&[&socket, says]);
    }
}

#[test]
fn socket_of_another_user_is_named_with_what_to_do() {
    let sandbox = Sandbox::new();
    let socket = sandbox.path("closed.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o000)).unwrap();
    let said = sandbox.up_as_nobody(&["--socket", &socket]).refused(1);
    said.names(&[&socket, "may not use", "mode 0000", "of your own"]);
}

#[test]
fn answer_of_no_usable_podman_is_named() {
    let components = |name: &str, version: &str| {
        let text = format!(r#"{{"Components": [{{"Name": "{name}", "Version": "{version}"}}]}}"#);
        Answer::Json(200, text)
    };
    for (answer, says) in [
        (
            components("Podman Engine", "3.4.4"),
            "version 3.4.4, which is too old; install 4.0",
        ),
        (
            components("Podman Engine", "next"),
            "\"next\", which can't be understood",
        ),
        (
            components("Engine", "27.1.0"),
            "not Podman but a program of version 27.1.0",
        ),
        (
            Answer::Json(404, "no such page".into()),
            "not Podman but a program that answers 404",
        ),
        (Answer::Bytes("SSH-2.0-x\r\n"), "does not speak HTTP"),
        (Answer::Bytes(""), "does not speak HTTP"),
    ] {
        let sandbox = Sandbox::new();
        let fake = Fake::start(&sandbox.path("fake.sock"), answer);
        let said = sandbox.up(&["--socket", fake.socket()]).refused(1);
        said.names(&[says, fake.socket()]);
    }
}

#[test]
fn image_that_podman_lacks_is_named_before_anything_starts() {
    let sandbox = Sandbox::new();
    let fake = Fake::start(&sandbox.path("fake.sock"), Answer::Podman);
    let said = sandbox.up(&["--socket", fake.socket()]).refused(1);
    said.names(&["has no image localhost/none:1", "--agent-image"]);
}

#[test]
fn image_that_was_never_named_is_asked_for_with_its_flag() {
    for (variable, flag) in [
        ("AGENTCHAT_SERVER_IMAGE", "--server-image"),
        ("AGENTCHAT_MODEL_IMAGE", "--model-image"),
    ] {
        let sandbox = Sandbox::without(variable);
        sandbox.up(&[]).refused(2).names(&["which image", flag]);
    }
    // With a credential no model stands in.
    let sandbox = Sandbox::without("AGENTCHAT_MODEL_IMAGE");
    let key = sandbox.secret("key", "sk-1", 0o600);
    let none = sandbox.path("none.sock");
    let said = sandbox.up(&["--api-key-file", &key, "--socket", &none]);
    said.refused(1).names(&[&none]);
}

#[test]
fn taken_port_is_named_with_its_holder() {
    let sandbox = Sandbox::new();
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let own = format!("process {}", std::process::id());
    let listen = format!("127.0.0.1:{port}");
    let said = sandbox.up(&["--api-listen", &listen]).refused(1);
    said.names(&["The API", &listen, &own, "--api-listen"]);
    let said = sandbox.up(&["--chat-port", &port]).refused(1);
    said.names(&["chat server of Node server-1", &port, &own, "--chat-port"]);
    drop(taken);
    let said = sandbox
        .up(&["--api-listen", &listen, "--chat-port", &port])
        .refused(2);
    said.names(&["Node server-1 and the API want the same port", &port]);
    let said = sandbox.up(&["--api-listen", "192.0.2.1:7443"]).refused(1);
    said.names(&["192.0.2.1:7443", "no such address", "--api-listen"]);
}

#[test]
fn invalid_manifest_is_refused_by_place_field_value_and_what_is_allowed() {
    let agent = |spec: &str| {
        format!(
            "apiVersion: agentchat.dev/v1alpha1\nkind: Agent\nmetadata: {{name: ada}}\nspec: {spec}\n"
        )
    };
    let sandbox = Sandbox::new();
    for (text, says) in [
        ("a: [1\nb".into(), "is not YAML: "),
        (
            agent("{mission: x, misson: y}"),
            "no field spec.misson; spec has chat, ",
        ),
        (agent("{mission: 3}"), "spec.mission is 3, but must be text"),
        (agent("{}"), "spec.mission is missing"),
        (
            agent("{mission: x, mission: y}"),
            "duplicate entry with key \"mission\"",
        ),
        (
            agent("{mission: x}").replace(": ada", ": Ada_1"),
            "metadata.name is \"Ada_1\", but",
        ),
        (
            agent("{mission: x}").replace("Agent", "Agnt"),
            "kind is \"Agnt\", but",
        ),
        (
            agent("{mission: x}").replace("v1alpha1", "v9"),
            "apiVersion is \"agentchat.dev/v9\", but",
        ),
        (
            agent("{mission: x, limits: {turns: -1}}"),
            "spec.limits.turns is -1, but",
        ),
        (
            agent("{mission: x, chat: {channels: [a]}}"),
            "spec.chat.channels[0] is \"a\", but",
        ),
        (agent("{mission: x}"), "no Node of role Client"),
        ("# nothing\n".into(), "there is no manifest in"),
    ] {
        let file = sandbox.file("m.yaml", &text);
        let said = sandbox
            .agentctl(&["up", "-f", &file, "--agent-image", "x"])
            .refused(2);
        said.names(&[says]);
        if !says.starts_with("no Node") {
            said.names(&[&file]);
        }
    }
}

#[test]
fn manifest_on_standard_input_is_refused_by_document_and_line() {
    let sandbox = Sandbox::new();
    let agent = "apiVersion: agentchat.dev/v1alpha1\nkind: Agent\nmetadata: {name: ada}\n";
    let text = format!("{agent}spec: {{mission: x}}\n---\n{agent}spec: {{mission: 3}}\n");
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {}\n- {{kind: Pod, apiVersion: v1}}\n",
        r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}"#
    );
    let up = ["up", "--agent-image", "x", "-f", "-"];
    for (text, says) in [
        (
            text.as_str(),
            "standard input, document 2 (line 6): Agent ada: spec.mission is 3, but must be text",
        ),
        (
            &list,
            "standard input, document 1 (line 1), item 2: kind is \"Pod\", but",
        ),
        ("", "there is no manifest in standard input"),
    ] {
        sandbox.agentctl_reads(&up, text).refused(2).names(&[says]);
    }
    let twice = [&up[..], &["-f", "-"]].concat();
    let said = sandbox.agentctl_reads(&twice, "").refused(2);
    said.names(&["standard input (-) is given twice"]);
    // What is good goes on to the next step.
    let good = format!("{agent}spec: {{mission: x}}\n");
    let said = sandbox.agentctl_reads(&up, &good).refused(2);
    said.names(&["no Node of role Client"]);
}

#[test]
fn missing_reference_of_a_manifest_is_named() {
    let sandbox = Sandbox::new();
    let agent = "apiVersion: agentchat.dev/v1alpha1\nkind: Agent\nmetadata: {name: eve}\nspec:\n  mission: x\n  \
                 personality: [{configMapRef: {name: texts, key: eve}}]\n  \
                 credentials: {apiKey: {secretKeyRef: {name: keys, key: mine}}}\n";
    let file = sandbox.file("eve.yaml", agent);
    let said = sandbox.up(&["-f", &file]).refused(2);
    said.names(&["Agent eve", "ConfigMap texts", "Secret keys"]);
    let (none, empty) = (sandbox.path("none.yaml"), sandbox.path("empty"));
    fs::create_dir(&empty).unwrap();
    for path in [none, empty] {
        let said = sandbox
            .agentctl(&["up", "-f", &path, "--agent-image", "x"])
            .refused(2);
        said.names(&[&path]);
    }
}

#[test]
fn invalid_credential_is_refused_and_never_shown() {
    let sandbox = Sandbox::new();
    for (name, text, says) in [
        ("empty", "", "is empty"),
        ("two-lines", "sk-1\nsk-2", "one line"),
        ("token", "sk-ant-oat01-x", "--oauth-token-file"),
    ] {
        let file = sandbox.secret(name, text, 0o600);
        let said = sandbox.up(&["--api-key-file", &file]).refused(2);
        said.names(&["--api-key-file", &file, says]);
        assert!(!said.stderr.contains("sk-"), "{}", said.stderr);
    }
    let none = sandbox.path("none");
    sandbox
        .up(&["--api-key-file", &none])
        .refused(2)
        .names(&[&none, "can't be read"]);
    let closed = sandbox.secret("closed", "sk-1", 0o000);
    let said = sandbox
        .up_as_nobody(&["--api-key-file", &closed])
        .refused(2);
    said.names(&[&closed, "Permission denied"]);
}

#[test]
fn credential_that_others_can_read_is_a_warning() {
    let sandbox = Sandbox::new();
    let (open, none) = (
        sandbox.secret("open", "sk-1", 0o644),
        sandbox.path("none.sock"),
    );
    let said = sandbox
        .up(&["--api-key-file", &open, "--socket", &none])
        .refused(1);
    said.names(&[&open, "mode 0644", "chmod 600"]);
}

#[test]
fn swarm_that_is_not_up_is_exit_code_3() {
    let sandbox = Sandbox::new();
    for words in [
        "get agents",
        "logs ada",
        "chat",
        "chat who",
        "server bans",
        "run eve Talk",
        "delete agent ada",
        "delete node client-1",
    ] {
        let words: Vec<_> = words.split(' ').chain(["--swarm", "none"]).collect();
        let said = sandbox.agentctl(&words).refused(3);
        said.names(&["swarm none is not up", "agentctl up --swarm none"]);
    }
}
