//! The command line: one file per command.

mod dev;
mod doctor;
mod health;
mod jobs;
mod make_admin;
mod migrate;
mod serve;
mod settings;

use std::process::ExitCode;

use base::config::Env;
use clap::{Parser, Subcommand};

use crate::failure::{Failure, Result};
use crate::{description, postgres, terminal};

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
    /// Ask the program that runs here (`HOST`, `PORT`) whether all is well; success means that it is.
    Health,
    /// Make a user an administrator (`DATABASE_SERVICE_URL`, or the database of an `almanac dev` that runs).
    MakeAdmin {
        /// The e-mail address that they signed up with here, or their id.
        user: String,
    },
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
        Command::Health => health::run(&env).await.map(|()| ExitCode::SUCCESS),
        Command::MakeAdmin { user } => make_admin::run(env, &user).await.map(|()| ExitCode::SUCCESS),
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

/// The settings with a database for the service: the one that they name, or the one that a running `almanac dev` keeps.
fn service_env(env: Env) -> Result<Env> {
    if env.get("DATABASE_SERVICE_URL").is_some() {
        return Ok(env);
    }
    let url = postgres::url_in(&postgres::data_dir(&env)?, serve::DATABASE_NAME, "almanac_service");
    Ok(env.with("DATABASE_SERVICE_URL", url))
}

/// An error as the person at the terminal needs it: with its cause, which no client would see.
fn told(error: &base::Error) -> Failure {
    Failure::new(error.cause().unwrap_or_else(|| error.to_string()))
}
