//! `almanac-bench`: the product beside its peers, in one run each. How each measurement is made is in `README.md`.
//!
//! | module | what it does |
//! |---|---|
//! | [`streams`] | the voice proxy and the chat route beside nginx and the upstream itself |
//! | [`history`] | pages of history beside `pgbench` |
//! | [`everyday`] | tasks, notes and changes beside `pgbench` |
//! | [`recurrence`] | a year of a thousand rules beside python-dateutil |
//! | [`serve`] | the whole program beside Hono and `FastAPI`, mixed work and thousands of streams |
//! | [`coldstart`] | the start of Lambda binaries beside a bare one |
//! | [`beside`] | requests round by round beside `pgbench` |
//! | [`capture`], [`script`] | what Almanac sends to its database, and scripts of it |
//! | [`upstream`] | the model server that all of them stand before |
//! | [`runtime_api`] | the side of Lambda that a function talks to |
//! | [`load`] | clients, and when what reached them |
//! | [`wire`] | just enough HTTP/1.1 for both sides |
//! | [`almanac`], [`nginx`], [`pgbench`], [`process`] | the programs under measurement |
//! | [`sample`], [`report`] | figures, and how they are told |

mod almanac;
mod beside;
mod capture;
mod coldstart;
mod everyday;
mod history;
mod load;
mod nginx;
mod pgbench;
mod process;
mod recurrence;
mod report;
mod runtime_api;
mod sample;
mod script;
mod serve;
mod streams;
mod upstream;
mod wire;

use anyhow::Result;
use clap::{Parser, Subcommand};
use report::Report;

#[derive(Debug, Parser)]
#[command(about = "Measures Almanac beside its peers. See bench/README.md.")]
struct Arguments {
    /// Leave the kept results as they are.
    #[arg(long, global = true)]
    unrecorded: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Streams through the voice proxy and the chat route, beside nginx and the upstream.
    Streams(streams::Arguments),
    /// Pages of history, beside pgbench running the same SQL.
    History(history::Arguments),
    /// Tasks, notes and changes, beside pgbench running the same SQL.
    Everyday(everyday::Arguments),
    /// A year of a thousand rules, beside python-dateutil.
    Recurrence(recurrence::Arguments),
    /// Mixed work and thousands of streams, beside Hono and `FastAPI` on the same database.
    Serve(serve::Arguments),
    /// The start of Lambda binaries, beside a bare one.
    Coldstart(coldstart::Arguments),
    /// The model server alone, for trying things by hand. Prints its address.
    Upstream,
}

// One thread: the generator must not take the second core from what it measures.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Arguments { unrecorded, command } = Arguments::parse();
    match command {
        Command::Streams(arguments) => streams::run(&arguments, Report::new("streams", !unrecorded)).await,
        Command::History(arguments) => history::run(&arguments, Report::new("history", !unrecorded)).await,
        Command::Everyday(arguments) => everyday::run(&arguments, Report::new("everyday", !unrecorded)).await,
        Command::Recurrence(arguments) => recurrence::run(&arguments, Report::new("recurrence", !unrecorded)).await,
        Command::Serve(arguments) => serve::run(&arguments, Report::new("serve", !unrecorded)).await,
        Command::Coldstart(arguments) => coldstart::run(&arguments, Report::new("coldstart", !unrecorded)).await,
        Command::Upstream => upstream::serve().await,
    }
}
