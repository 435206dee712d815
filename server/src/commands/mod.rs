//! The command line: one file per command.

mod dev;
mod doctor;
mod jobs;
mod migrate;
mod serve;

use std::process::ExitCode;

use base::config::Env;
use clap::{Parser, Subcommand};

use crate::failure::Result;
use crate::{description, terminal};

/// One backend for AI assistants that plan people's days.
///
/// All settings come from the environment; `almanac doctor` tells which are set.
#[derive(Debug, Parser)]
#[command(name = "almanac", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine: a database, the migrations, and all functions.
    Dev,
    /// Serve from a database that is there (`DATABASE_URL`, `DATABASE_SERVICE_URL`).
    Serve(serve::Arguments),
    /// Bring a database (`DATABASE_ADMIN_URL`) to the schema of this program.
    Migrate,
    /// Tell what is configured and what is missing.
    Doctor,
    /// Look after the outbox (`DATABASE_SERVICE_URL`, or the database of an `almanac dev` that runs).
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Print the API description (OpenAPI 3.1).
    Openapi,
}

/// Runs the command line and tells how it went.
pub async fn run(arguments: Arguments, env: Env) -> ExitCode {
    let result: Result<ExitCode> = match arguments.command {
        Command::Dev => dev::run(env).await.map(|()| ExitCode::SUCCESS),
        Command::Serve(arguments) => serve::run(env, &arguments).await.map(|()| ExitCode::SUCCESS),
        Command::Migrate => migrate::run(&env).await.map(|()| ExitCode::SUCCESS),
        Command::Doctor => Ok(doctor::run(&env).await),
        Command::Jobs(command) => jobs::run(env, command).await.map(|()| ExitCode::SUCCESS),
        Command::Openapi => {
            terminal::say(&serde_json::to_string_pretty(&description::document()).expect("a description serialises"));
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|failure| {
        terminal::progress(&format!("almanac: {failure}"));
        ExitCode::FAILURE
    })
}
