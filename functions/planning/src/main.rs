//! The `planning` function on AWS Lambda.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    base::run::start(planning::App::from_env, planning::router).await
}
