//! The `history` function on AWS Lambda.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    base::run::start(history::App::from_env, history::router).await
}
