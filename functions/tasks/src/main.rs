//! The `tasks` function on AWS Lambda.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    base::run::start(tasks::App::from_env, tasks::router).await
}
