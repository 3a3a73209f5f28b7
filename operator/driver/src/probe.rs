//! Whether a Podman that is new enough answers on a socket, and if not, why and what to do.
//!
//! For whoever has a socket and no [`Engine`](crate::Engine) yet; [`Podman`](crate::Podman) gives the same reasons.

mod socket;

use std::{
    env,
    error::Error as _,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use bollard::{API_DEFAULT_VERSION, Docker, errors::Error, models::SystemVersion};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::time::timeout;

/// How long the answer may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// The oldest Podman that is known to work.
const OLDEST: u64 = 4;
/// Longest text taken over from whoever answers.
const TEXT: usize = 60;

/// Why a socket is not that of a Podman which can be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It can't be connected to.
    #[error("{0}")]
    Unusable(String),
    /// It is another program's.
    #[error(
        "what answers on {} is not Podman but {who}; give Podman's socket with --socket",
        socket.display()
    )]
    NotPodman {
        /// The socket.
        socket: PathBuf,
        /// Who answers, as far as it says.
        who: String,
    },
    /// Podman, of a version that is not known to work.
    #[error(
        "the Podman on {} is version {version}, which is too old; install {OLDEST}.0 or newer",
        socket.display()
    )]
    TooOld {
        /// The socket.
        socket: PathBuf,
        /// Its version.
        version: String,
    },
    /// Podman, of a version that is no version.
    #[error(
        "the Podman on {} says that it is version {version:?}, which can't be understood; \
         {OLDEST}.0 or newer is needed",
        socket.display()
    )]
    UnknownVersion {
        /// The socket.
        socket: PathBuf,
        /// What it says.
        version: String,
    },
    /// It is another program's, of another kind.
    #[error(
        "what answers on {} does not speak HTTP, so it is not Podman; give Podman's socket with --socket",
        .0.display()
    )]
    NotHttp(PathBuf),
    /// Connections are made, and nothing is answered.
    #[error(
        "nothing answers on {} within {} s; see whether Podman is stuck, or give another socket with --socket",
        .0.display(),
        DEADLINE.as_secs()
    )]
    Silent(PathBuf),
    /// The connection broke.
    #[error("what listens on {} broke off: {reason}", socket.display())]
    BrokeOff {
        /// The socket.
        socket: PathBuf,
        /// What happened.
        reason: String,
    },
}

/// Podman's usual socket: root's, or the user's own.
#[must_use]
pub fn default_socket() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return "/run/podman/podman.sock".into();
    }
    let own = || format!("/run/user/{}", nix::unistd::geteuid()).into();
    env::var_os("XDG_RUNTIME_DIR")
        .map_or_else(own, PathBuf::from)
        .join("podman/podman.sock")
}

/// Version of the Podman that answers on the socket, for example `4.3.1`.
///
/// # Errors
/// When nobody answers, or no Podman that is new enough.
pub async fn version(socket: &Path) -> Result<String, ProbeError> {
    reach(socket)?;
    let path = socket.to_string_lossy();
    let answer = async {
        Docker::connect_with_unix(&path, DEADLINE.as_secs(), API_DEFAULT_VERSION)?
            .version()
            .await
    };
    match timeout(DEADLINE, answer).await {
        Ok(Ok(version)) => podman_version(socket, &version),
        Ok(Err(error)) => Err(no_version(socket, &error)),
        Err(_) => Err(ProbeError::Silent(socket.to_owned())),
    }
}

/// Whether somebody listens on the socket, and we may connect. Never waits.
pub(crate) fn reach(socket: &Path) -> Result<(), ProbeError> {
    let connect = || {
        let stream = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        stream.set_nonblocking(true)?;
        stream.connect(&SockAddr::unix(socket)?)
    };
    match connect() {
        Ok(()) => Ok(()),
        // Too many wait already: somebody listens.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(ProbeError::Unusable(socket::unusable(socket, &error))),
    }
}

/// The version of Podman in an answer, when it is Podman's and new enough.
pub(crate) fn podman_version(socket: &Path, found: &SystemVersion) -> Result<String, ProbeError> {
    let components = found.components.as_deref().unwrap_or_default();
    let named = |name: &str| {
        let component = components.iter().find(|c| c.name == name);
        component.map(|c| c.version.as_str())
    };
    let Some(version) = named("Podman Engine") else {
        return Err(match named("Engine").or(found.version.as_deref()) {
            Some(version) => {
                let who = format!("a program of version {}, Docker perhaps", plain(version));
                not_podman(socket, who)
            }
            None => answers(socket, 200),
        });
    };
    let (socket, version) = (socket.to_owned(), plain(version));
    let major = version.split('.').next().map(str::parse::<u64>);
    match major {
        Some(Ok(major)) if major >= OLDEST => Ok(version),
        Some(Ok(_)) => Err(ProbeError::TooOld { socket, version }),
        _ => Err(ProbeError::UnknownVersion { socket, version }),
    }
}

fn not_podman(socket: &Path, who: String) -> ProbeError {
    let socket = socket.to_owned();
    ProbeError::NotPodman { socket, who }
}

fn answers(socket: &Path, status: u16) -> ProbeError {
    let who = format!("a program that answers {status} when asked for its version");
    not_podman(socket, who)
}

/// What it means that there was no answer, or one that names no version.
fn no_version(socket: &Path, error: &Error) -> ProbeError {
    match error {
        Error::DockerResponseServerError { status_code, .. } => answers(socket, *status_code),
        Error::JsonDataError { .. } | Error::JsonSerdeError { .. } => answers(socket, 200),
        Error::RequestTimeoutError => ProbeError::Silent(socket.to_owned()),
        _ if is_not_http(error) => ProbeError::NotHttp(socket.to_owned()),
        _ => ProbeError::BrokeOff {
            socket: socket.to_owned(),
            reason: last_cause(error),
        },
    }
}

/// Whether what was answered, or that nothing was before the end, is no HTTP.
fn is_not_http(error: &Error) -> bool {
    let Error::HyperLegacyError { err } = error else {
        return false;
    };
    let cause = err.source().and_then(|e| e.downcast_ref::<hyper::Error>());
    cause.is_some_and(|cause| cause.is_parse() || cause.is_incomplete_message())
}

fn last_cause(error: &Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// Text of whoever answers, short and without anything that could steer a terminal.
fn plain(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '\u{fffd}'
        }
    };
    text.chars().take(TEXT).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixListener,
    };

    use super::*;

    /// What comes of an answer, byte for byte, to whatever is asked.
    async fn ask(answer: &str) -> Result<String, ProbeError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("podman.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let serve = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 1024];
                // Whether somebody listens is found out by a connection that asks nothing.
                if stream.read(&mut asked).await.unwrap() > 0 {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        };
        tokio::select! {
            () = serve => unreachable!(),
            version = version(&path) => version,
        }
    }

    fn component(name: &str, version: &str) -> String {
        let component = format!(r#"{{"Name": "{name}", "Version": "{version}"}}"#);
        format!("HTTP/1.0 200 OK\r\n\r\n{{\"Components\": [{component}]}}")
    }

    #[tokio::test]
    async fn podman_that_is_new_enough_gives_its_version() {
        let version = ask(&component("Podman Engine", "5.4.2")).await;
        assert_eq!(version.unwrap(), "5.4.2");
    }

    #[tokio::test]
    async fn what_answers_and_is_no_podman_of_today_is_named() {
        let page = |text: &str| format!("HTTP/1.0 200 OK\r\n\r\n{text}");
        for (answer, says) in [
            (
                component("Podman Engine", "3.4.4"),
                "version 3.4.4, which is too old; install 4.0 or newer",
            ),
            (
                component("Podman Engine", r"\u001b[2Jx"),
                "\"\u{fffd}[2Jx\", which can't be understood; 4.0 or newer",
            ),
            (
                component("Engine", "27.1.0"),
                "not Podman but a program of version 27.1.0, Docker perhaps",
            ),
            (
                page(r#"{"Components": []}"#),
                "not Podman but a program that answers 200",
            ),
            (page("<html>"), "not Podman but a program that answers 200"),
            (
                "HTTP/1.0 404 No\r\n\r\nno such page".to_owned(),
                "not Podman but a program that answers 404",
            ),
            ("SSH-2.0-x\r\n".to_owned(), "does not speak HTTP"),
            (String::new(), "does not speak HTTP"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_owned(),
                "broke off",
            ),
        ] {
            let said = ask(&answer).await.unwrap_err().to_string();
            assert!(said.contains(says), "{answer:?}: {said}");
            assert!(said.contains("/podman.sock"), "{answer:?}: {said}");
        }
    }

    #[tokio::test]
    async fn missing_socket_is_named_with_what_to_do() {
        let said = version(Path::new("/nowhere/podman.sock")).await;
        let said = said.unwrap_err().to_string();
        assert!(said.contains("/nowhere/podman.sock"), "{said}");
        assert!(said.contains("cargo xtask setup"), "{said}");
    }

    #[test]
    fn socket_whose_program_accepts_no_connection_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("podman.sock");
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let mut waiting = vec![];
        loop {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            match socket.connect(&SockAddr::unix(&path).unwrap()) {
                Ok(()) => waiting.push(socket),
                Err(e) => break assert_eq!(e.kind(), io::ErrorKind::WouldBlock),
            }
        }
        reach(&path).unwrap();
    }
}
