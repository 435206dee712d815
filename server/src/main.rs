//! The program `almanac`.

use std::process::ExitCode;

use base::config::Env;
use clap::Parser;
use server::commands::{self, Arguments};

#[tokio::main]
async fn main() -> ExitCode {
    commands::run(Arguments::parse(), Env::from_process()).await
}
