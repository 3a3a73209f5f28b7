//! `agentctl logs`: what an agent's container has written.

use anyhow::{Context, Result};
use clap::Args;
use futures::AsyncReadExt;
use kube::Client;

use crate::{control::api_error, help, operator, output, state::State};

/// Shows the log of an agent's container.
#[derive(Debug, Args)]
#[command(after_help = help::LOGS)]
pub struct Logs {
    /// Name of the Agent.
    name: String,
    /// Its namespace.
    #[arg(long, short, default_value = "default")]
    namespace: String,
    /// Goes on with what is written from now on.
    #[arg(long, short)]
    follow: bool,
    /// Only so many lines of what was written.
    #[arg(long, value_name = "N")]
    tail: Option<u32>,
}

impl Logs {
    /// Carries it out.
    pub async fn run(&self, state: &State) -> Result<()> {
        let client = operator::running_client(state).await?;
        copy(
            &client,
            (&self.namespace, &self.name),
            self.follow,
            self.tail,
        )
        .await
    }
}

/// The log, to standard output as it comes.
async fn copy(client: &Client, of: (&str, &str), follow: bool, tail: Option<u32>) -> Result<()> {
    let mut log = open(client, of, follow, tail).await?;
    let mut bytes = vec![0; 16 << 10];
    // A character may be cut in two by the end of a chunk: the part waits for its rest.
    let mut kept = 0;
    loop {
        let read = log
            .read(&mut bytes[kept..])
            .await
            .context("the log broke off")?;
        let filled = kept + read;
        let whole = if read == 0 {
            filled
        } else {
            whole_characters(&bytes[..filled])
        };
        let text = String::from_utf8_lossy(&bytes[..whole]);
        output::put(output::plain(&text))?;
        bytes.copy_within(whole..filled, 0);
        kept = filled - whole;
        if read == 0 {
            return Ok(());
        }
    }
}

/// The last lines of a log, for a message about what went wrong.
pub async fn last_lines(client: &Client, of: (&str, &str), lines: u32) -> Result<String> {
    let mut text = vec![];
    open(client, of, false, Some(lines))
        .await?
        .take(64 << 10)
        .read_to_end(&mut text)
        .await?;
    Ok(output::plain(&String::from_utf8_lossy(&text)))
}

async fn open(
    client: &Client,
    (namespace, name): (&str, &str),
    follow: bool,
    tail: Option<u32>,
) -> Result<impl futures::AsyncBufRead + Unpin + use<>> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("follow", if follow { "true" } else { "false" });
    if let Some(lines) = tail {
        query.append_pair("tail", &lines.to_string());
    }
    let path = format!(
        "/access/v1/namespaces/{namespace}/agents/{name}/log?{}",
        query.finish()
    );
    let request = http::Request::get(path)
        .body(vec![])
        .context("the names of a namespace and an Agent have only a-z, 0-9, - and .")?;
    let log = client.request_stream(request).await;
    Ok(Box::pin(log.map_err(|error| {
        api_error(error, "the log can't be read")
    })?))
}

/// How many of the bytes are whole characters; what can't become one counts as whole.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::whole_characters;

    #[test]
    fn cut_character_waits_for_its_rest() {
        let text = "a€".as_bytes();
        assert_eq!(whole_characters(text), 4);
        assert_eq!(whole_characters(&text[..3]), 1);
        assert_eq!(whole_characters(&text[..2]), 1);
        assert_eq!(whole_characters(b"a\xff\xe2"), 3);
    }
}
