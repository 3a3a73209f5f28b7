//! The command line, the environment and the file, as they are on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use super::{table::SETTINGS, values::Values};

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Verb {
    /// Serve.
    Serve,
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

/// Reads the command line; ends the program where that is at fault.
pub fn command_line() -> anyhow::Result<(Verb, Values)> {
    understand(&program().get_matches())
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
        .subcommand(Command::new("serve").about("Serve; what happens without a command"))
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

fn understand(matches: &ArgMatches) -> anyhow::Result<(Verb, Values)> {
    let environment = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let path = matches.get_one::<String>("config").cloned();
    let path = path.or_else(|| environment("AGENTCHAT_CONFIG"));
    let file = match path.map(PathBuf::from) {
        Some(path) => file(&path)?,
        None => Map::new(),
    };
    let flag = |flag: &super::table::Setting| matches.get_one::<String>(flag.flag).cloned();
    let values = Values::resolve(flag, environment, &file)?;
    let path = |matches: &ArgMatches| {
        let path = matches.get_one::<String>("path");
        path.map(PathBuf::from).context("a path is missing")
    };
    let verb = match matches.subcommand() {
        Some(("config", _)) => Verb::Config,
        Some(("check", _)) => Verb::Check,
        Some(("backup", given)) => Verb::Backup(path(given)?),
        Some(("export", given)) => Verb::Export(path(given)?),
        Some(("import", given)) => Verb::Import(path(given)?),
        _ => Verb::Serve,
    };
    Ok((verb, values))
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
