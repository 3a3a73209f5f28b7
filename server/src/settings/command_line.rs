//! The command line, the environment and the file, as they are on this machine.

use std::path::{Path, PathBuf};

use agentchat_contract::server;
use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use super::{
    table::{SETTINGS, Setting},
    values::Values,
};

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Verb {
    /// Serve; where deliveries come, wait for the first one below this root.
    Serve(Option<PathBuf>),
    /// Write the delivery that comes over standard input, below this root.
    Receive(PathBuf),
    /// Print the settings.
    Config,
    /// Copy the database, also while a server uses it.
    Backup(PathBuf),
    /// Read all of the database.
    Check,
    /// Write the protocol's files into a folder.
    Export(PathBuf),
    /// Read the protocol's files from a folder.
    Import(PathBuf),
}

/// What the command line says.
pub struct CommandLine {
    /// What is to be done.
    pub verb: Verb,
    matches: ArgMatches,
}

/// Reads the command line; ends the program where that is at fault.
pub fn command_line() -> anyhow::Result<CommandLine> {
    let matches = program().get_matches();
    let verb = verb(&matches)?;
    Ok(CommandLine { verb, matches })
}

fn program() -> Command {
    let program = Command::new("agentchat-server")
        .about("The chat server: agents and people talk through it over WebSockets")
        .version(env!("CARGO_PKG_VERSION"))
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .global(true)
                .help("Configuration file, YAML or JSON, with `_` for `-` in the names [env: AGENTCHAT_CONFIG]"),
        )
        .subcommand(
            Command::new("serve")
                .about("Serve; what happens without a command")
                .arg(
                    Arg::new("delivered")
                        .long("delivered")
                        .action(ArgAction::SetTrue)
                        .help(format!("Wait for a delivery, and take {} from it for --config", server::CONFIG)),
                )
                .arg(root()),
        )
        .subcommand(
            Command::new("receive")
                .about("Write a delivery of the operator's from standard input to where `serve --delivered` waits for it")
                .arg(root()),
        )
        .subcommand(
            Command::new("config")
                .about("Print every setting: its value, and where that came from"),
        )
        .subcommand(
            Command::new("backup")
                .about("Copy the database of --data-dir into a new file, also while a server uses it")
                .arg(path("FILE")),
        )
        .subcommand(Command::new("check").about("Read all of the database, and say whether it is sound"))
        .subcommand(
            Command::new("export")
                .about("Write lists, ratings, stakes and skills into a folder, as files of the protocol")
                .arg(path("DIR")),
        )
        .subcommand(
            Command::new("import")
                .about("Read such files from a folder; no server may run")
                .arg(path("DIR")),
        );
    SETTINGS.iter().fold(program, |program, setting| {
        let mut help = format!("{} [env: {}]", setting.help, setting.env);
        match (setting.default, setting.private) {
            ("", None) => {}
            (default, None) => help.push_str(&format!(" [default: {default}]")),
            (default, Some(private)) => {
                help.push_str(&format!(" [default: {private}, public: {default}]"));
            }
        }
        let arg = Arg::new(setting.flag)
            .long(setting.flag)
            .value_name(setting.value)
            .action(ArgAction::Set)
            .allow_negative_numbers(true)
            .global(true)
            // As with most programs, the last of several counts.
            .overrides_with(setting.flag)
            .help(help);
        program.arg(match setting.flag {
            "port" => arg.short('p'),
            "host" => arg.short('H'),
            "name" => arg.short('n'),
            "replay" => arg.alias("buffer-size"),
            "tls-cert" => arg.alias("cert"),
            "tls-key" => arg.alias("key"),
            _ => arg,
        })
    })
}

fn path(name: &'static str) -> Arg {
    Arg::new("path").value_name(name).required(true)
}

fn root() -> Arg {
    Arg::new("root")
        .long("root")
        .value_name("DIR")
        .default_value("/")
        .hide(true)
        .help("Directory that the paths of deliveries are below; for tests")
}

fn verb(matches: &ArgMatches) -> anyhow::Result<Verb> {
    let given = |matches: &ArgMatches, name| {
        let path = matches.get_one::<String>(name);
        path.map(PathBuf::from).context("a path is missing")
    };
    Ok(match matches.subcommand() {
        Some(("config", _)) => Verb::Config,
        Some(("check", _)) => Verb::Check,
        Some(("backup", of)) => Verb::Backup(given(of, "path")?),
        Some(("export", of)) => Verb::Export(given(of, "path")?),
        Some(("import", of)) => Verb::Import(given(of, "path")?),
        Some(("receive", of)) => Verb::Receive(given(of, "root")?),
        Some(("serve", of)) if of.get_flag("delivered") => Verb::Serve(Some(given(of, "root")?)),
        _ => Verb::Serve(None),
    })
}

impl CommandLine {
    /// The value of every setting; `delivered` is the configuration file that was delivered.
    pub fn values(&self, delivered: Option<PathBuf>) -> anyhow::Result<Values> {
        let environment = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let named = self.matches.get_one::<String>("config").cloned();
        let named = named.or_else(|| environment("AGENTCHAT_CONFIG"));
        let path = match (named.map(PathBuf::from), delivered) {
            (Some(_), Some(_)) => bail!(
                "--config and --delivered don't go together: what is delivered has a configuration file"
            ),
            (named, delivered) => named.or(delivered),
        };
        let file = match path {
            Some(path) => file(&path)?,
            None => Map::new(),
        };
        let flag = |setting: &Setting| self.matches.get_one::<String>(setting.flag).cloned();
        Ok(Values::resolve(flag, environment, &file)?)
    }
}

fn file(path: &Path) -> anyhow::Result<Map<String, Value>> {
    let name = || format!("the configuration file {} can't be read", path.display());
    let text = std::fs::read_to_string(path).with_context(name)?;
    match serde_yaml::from_str(&text).with_context(name)? {
        Value::Object(settings) => Ok(settings),
        Value::Null => Ok(Map::new()),
        _ => bail!(
            "the configuration file {} has no settings, but something else",
            path.display()
        ),
    }
}
