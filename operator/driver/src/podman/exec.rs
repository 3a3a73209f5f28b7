//! Commands inside a container: handing over a delivery, following the report.

use agentchat_contract::{DELIVERY_LIMIT, Delivery, State, encode_delivery};
use bollard::{
    container::LogOutput,
    exec::{CreateExecOptions, StartExecResults},
};
use bytes::BytesMut;
use futures::{StreamExt, stream, stream::BoxStream};
use tokio::io::AsyncWriteExt;

use super::{Podman, error::refused};
use crate::{agent::AGENT_RECEIVER, engine::EngineError};

/// The most that is kept of a command's output, in bytes.
const OUTPUT: usize = 2048;
/// The longest line of a report, in bytes; longer ones are passed over.
const LINE: usize = 64 * 1024;

impl Podman {
    pub(super) async fn hand_over(
        &self,
        id: &str,
        receiver: &[&'static str],
        delivery: &Delivery,
    ) -> Result<(), EngineError> {
        self.own_container(id).await?;
        let bytes = encode_delivery(delivery);
        if bytes.len() > DELIVERY_LIMIT {
            let message = format!("it has {} bytes; {DELIVERY_LIMIT} are allowed", bytes.len());
            return Err(refused("deliver configuration", message));
        }
        let failed = |e| self.failed("deliver configuration", e);
        // As root of the container, without capabilities: what it writes is read-only for the image's user.
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(receiver.to_vec()),
            user: Some("0:0"),
            ..CreateExecOptions::default()
        };
        let exec = self
            .docker
            .create_exec(id, options)
            .await
            .map_err(failed)?
            .id;
        let StartExecResults::Attached {
            mut output,
            mut input,
        } = self.docker.start_exec(&exec, None).await.map_err(failed)?
        else {
            let message = "the engine did not attach".to_owned();
            return Err(refused("deliver configuration", message));
        };
        let write = async {
            // A receiver that ends early shows in its exit code.
            if input.write_all(&bytes).await.is_ok() {
                input.shutdown().await
            } else {
                Ok(())
            }
        };
        let read = async {
            let mut said = Vec::new();
            while let Some(Ok(part)) = output.next().await {
                said.extend_from_slice(&part.into_bytes());
                let surplus = said.len().saturating_sub(OUTPUT);
                said.drain(..surplus);
            }
            String::from_utf8_lossy(&said).trim().to_owned()
        };
        let (_, said) = futures::join!(write, read);
        let code = self
            .docker
            .inspect_exec(&exec)
            .await
            .map_err(failed)?
            .exit_code;
        match code {
            Some(0) => Ok(()),
            code => Err(EngineError::Exec {
                command: receiver.join(" "),
                code: code.unwrap_or(-1),
                output: said,
            }),
        }
    }

    pub(super) async fn follow_report(
        &self,
        id: &str,
    ) -> Result<BoxStream<'static, State>, EngineError> {
        self.own_container(id).await?;
        let failed = |e| self.failed("follow the report", e);
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            cmd: Some(vec![AGENT_RECEIVER[0], "report", "--follow"]),
            ..CreateExecOptions::default()
        };
        let exec = self
            .docker
            .create_exec(id, options)
            .await
            .map_err(failed)?
            .id;
        let StartExecResults::Attached { output, input } =
            self.docker.start_exec(&exec, None).await.map_err(failed)?
        else {
            let message = "the engine did not attach".to_owned();
            return Err(refused("follow the report", message));
        };
        let parts = output.filter_map(|part| async {
            match part {
                Ok(LogOutput::StdOut { message } | LogOutput::Console { message }) => Some(message),
                _ => None,
            }
        });
        let states = parts
            .scan(Lines::default(), |lines, part| {
                let states = lines.add(&part);
                async move { Some(stream::iter(states)) }
            })
            .flatten();
        // The connection lasts as long as both of its ends are held.
        Ok(states
            .chain(stream::once(async move { drop(input) }).filter_map(|()| async { None }))
            .boxed())
    }
}

/// Puts lines together, and reads each as a state.
#[derive(Default)]
struct Lines {
    buffer: BytesMut,
    skipping: bool,
}

impl Lines {
    fn add(&mut self, part: &[u8]) -> Vec<State> {
        let mut states = vec![];
        for piece in part.split_inclusive(|b| *b == b'\n') {
            let ends = piece.ends_with(b"\n");
            if !self.skipping {
                self.buffer.extend_from_slice(piece);
            }
            if self.buffer.len() > LINE {
                self.buffer.clear();
                self.skipping = true;
            }
            if ends {
                if !self.skipping
                    && let Ok(state) = serde_json::from_slice(&self.buffer)
                {
                    states.push(state);
                }
                self.buffer.clear();
                self.skipping = false;
            }
        }
        states
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_pieces_and_bad_ones_are_passed_over() {
        let mut lines = Lines::default();
        assert_eq!(lines.add(b"{\"runnerRestarts\":").len(), 0);
        let states = lines.add(b"3}\nnonsense\n{}\n{");
        assert_eq!(states.len(), 2);
        assert_eq!(
            (states[0].runner_restarts, states[1].runner_restarts),
            (3, 0)
        );
        // A line without end does not grow for ever, and what follows it is read again.
        for _ in 0..3 {
            assert_eq!(lines.add(&vec![b' '; LINE]).len(), 0);
            assert!(lines.buffer.len() <= LINE);
        }
        assert_eq!(lines.add(b"}\n{}\n").len(), 1);
    }
}
