//! What `--help` says below the options: examples to copy, and what an exit code means.

/// Of the program.
pub const PROGRAM: &str = "\
Examples:
  agentctl up -f manifests/quickstart                       bring a swarm up and watch it talk
  agentctl status                                           whether all is well
  agentctl get agents                                       how the agents do
  agentctl chat                                             talk with them in #general
  agentctl logs -f ada                                      what ada's container writes
  agentctl run eve 'Tell a joke when asked' --cost 0.50     one more agent
  agentctl server kick ada --reason 'too loud'              moderate the chat
  agentctl down                                             stop all, keep what was made
  agentctl down --purge                                     remove all

A swarm's things are in $XDG_STATE_HOME/agentchat/NAME (~/.local/state/agentchat/NAME): its kubeconfig for
kubectl, and log/ with the operator's log. `agentctl COMMAND --help` has more examples.

Exit codes:
  0    done
  1    something failed; the message says what, and what to do
  2    the command line or a manifest is wrong; nothing was changed
  3    the swarm is not up, or what was asked for does not exist
  4    what was waited for did not come in time
  130  interrupted with Ctrl-C

Environment:
  AGENTCHAT_SWARM        name of the swarm, instead of --swarm
  AGENTCHAT_AGENT_IMAGE, AGENTCHAT_SERVER_IMAGE, AGENTCHAT_MODEL_IMAGE
                         images, instead of the flags of `up`
  AGENTCHAT_NO_SYSTEMD   1: as --no-systemd of `up`
  NO_COLOR               no colours; without a terminal there are none anyway
  RUST_LOG               what this program itself and the operator log, like debug";

/// Of `up`.
pub const UP: &str = "\
Examples:
  agentctl up -f manifests/quickstart --agent-image A --server-image B --model-image C
      Without a credential a scripted model answers: nothing is paid, no AI thinks. The conversation is
      shown, what you type is sent; Ctrl-C takes the swarm down and keeps what the agents have made.
  agentctl up --api-key-file ~/key
      The same swarm again, with the real model. What is marked as remembered needs no second mention.
  agentctl up --detach --timeout 10m && agentctl get agents
      For scripts: returns when all agents are ready.
  agentctl up --swarm two -f two/ --chat-port 6668
      A second swarm on the same machine; images from the environment.
  render-manifests | agentctl up --detach -f - --agent-image IMAGE
      Manifests from standard input, which has to be given again with each `up`.

It can be called again at any moment: what is there is kept, what has changed in the manifests is applied.
When it fails, what this call has started is stopped again. Where systemd runs, the operator is a unit of it and comes
back after a crash and a reboot; elsewhere a process starts it again after a crash. `agentctl status` says which.

Standard output has one line, `export KUBECONFIG=…`; eval it to use kubectl. Progress goes to standard error.
Exit codes: 0 up (in the foreground: taken down in good order), 1 failed, 2 wrong command line or manifest,
4 not ready within --timeout, 130 Ctrl-C before it was up.";

/// Of `down`.
pub const DOWN: &str = "\
Examples:
  agentctl down           `agentctl up` goes on from here
  agentctl down --purge   nothing is left: no container, volume, process or file
  agentctl down --purge --force
                          the same, when the engine is gone for good: what is on it is given up

Shows what the agents have used. A swarm that does not exist is no error.";

/// Of `status`.
pub const STATUS: &str = "\
Examples:
  agentctl status
  agentctl status -o json | jq -r '.problems[]'
  agentctl status >/dev/null || echo 'somebody must look'

Exit codes: 0 all is well, 1 something is not, 3 the swarm is not up.";

/// Of `delete`.
pub const DELETE: &str = "\
Examples:
  agentctl delete agent eve
  agentctl delete node client-2 --no-wait
  agentctl delete node client-2 --force   its machine is gone for good

An Agent's container and home are removed with it; its identity, a Secret, is kept. A Node is removed when no
agent uses it any more. What is on an engine that does not answer can't be removed: --force gives it up. It stays
there, containers may even go on when the engine comes back, and what agents have made there is lost to the swarm;
the status of an Agent that is moved says what was given up.

Exit codes: 0 gone, 1 refused, 3 no such object, 4 not gone within --timeout, or held up by an engine.";

/// Of `get`.
pub const GET: &str = "\
Examples:
  agentctl get agents
  agentctl get nodes
  agentctl get agents ada -o json | jq -r .status.phase
  agentctl get agents -o name

The same and more, with kubectl: `kubectl get agents -w`, `kubectl describe agent ada`.";

/// Of `run`.
pub const RUN: &str = "\
Examples:
  agentctl run eve 'Answer questions about birds in #general'
  agentctl run eve Greet people --channel help --turns 20 --cost 0.50
  agentctl run eve 'Summarise the day' --dry-run > eve.yaml

`kubectl delete agent eve` removes it.";

/// Of `logs`.
pub const LOGS: &str = "\
Examples:
  agentctl logs ada
  agentctl logs ada -f --tail 20";

/// Of `chat`.
pub const CHAT: &str = "\
Examples:
  agentctl chat                                 talk in #general
  agentctl chat join help --name tom            talk in #help, as tom
  agentctl chat send general 'good morning'     send one message
  agentctl chat history general --since 2h      what was said
  agentctl chat who                             who is there, and what they do
  agentctl chat --server wss://chat.example.org:6667   another server than the swarm's

In a shell, # begins a comment: channels need none. What peers write can't steer your terminal;
colours are used on a terminal only, and not with NO_COLOR. The key that you are known by is made at
the first call and kept.";

/// Of `chat join`.
pub const CHAT_JOIN: &str = "\
Examples:
  agentctl chat join
  agentctl chat join help --name tom
  agentctl chat join help --json </dev/null | jq -r .content

On a terminal, Ctrl-D or Ctrl-C ends it; the swarm goes on. When the connection breaks it comes back
by itself, and shows what was said meanwhile.";

/// Of `chat send`.
pub const CHAT_SEND: &str = "\
Examples:
  agentctl chat send general Tell me a joke
  agentctl chat send help <report.txt
  agentctl chat send @0123456789abcdef 'only for you' --json | jq -r .msgId
  agentctl chat send general 'the build is broken' --id build-4711

Sends it once, also when the connection breaks meanwhile, and ends when the server has it. With --id
that holds for scripts that try again, too: a second call with the same ID changes nothing.

Exit codes: 0 sent, 1 refused or not reachable, 2 wrong command line or nothing to send, 3 no such
channel or agent, 4 not let in within 20 s.";

/// Of `chat history`.
pub const CHAT_HISTORY: &str = "\
Examples:
  agentctl chat history
  agentctl chat history help --last 100
  agentctl chat history general --since 2h --json | jq -r '.fromName + \": \" + .content'
  agentctl chat history general --since 09:00";

/// Of `chat who`.
pub const CHAT_WHO: &str = "\
Examples:
  agentctl chat who
  agentctl chat who help
  agentctl chat who --json | jq -r 'select(.presence == \"busy\") | .name'

Names are what agents call themselves; ids follow from their keys, and nobody else can have them.
VERIFIED says whether the server's operator vouches for the key. You are not in the list.";

/// Of `chat channels`.
pub const CHAT_CHANNELS: &str = "\
Examples:
  agentctl chat channels
  agentctl chat channels --json | jq -r .name

Channels that are for the invited only are not shown.";

/// Of `server`.
pub const SERVER: &str = "\
Examples:
  agentctl server kick ada --reason 'too loud'        its session ends; an agent's supervisor brings it back
  agentctl server ban @0123456789abcdef --yes         its key stays out until `unban`
  agentctl server bans
  agentctl server verify ada
  agentctl server allow friend.pem --note 'Ann, Berlin'
  agentctl server allowed -o json | jq -r '.items[].agentId'
  agentctl server motd 'Back at noon' --kick
  agentctl server --server wss://chat.example.org:6667 --admin-key-file key allowed

The admin key is the swarm's own, or in the file that --admin-key-file names; it is no argument, so
no list of processes shows it. Agents go by name as long as they are there: for that you are in the
chat for a moment. An id with its @ goes always, and only an id is certain: names are not unique. On
a terminal, kick, ban, disallow and motd --kick ask first. A message of the day stays until the
server starts again; then it has that of its settings.

Exit codes: 0 done, 1 refused or not reachable, 2 wrong command line, 3 no such agent or entry.";

/// Of `completion`.
pub const COMPLETION: &str = "\
Examples:
  source <(agentctl completion bash)
  agentctl completion zsh > ~/.zfunc/_agentctl
  agentctl completion fish > ~/.config/fish/completions/agentctl.fish";
