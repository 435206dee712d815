//! The `health` function on AWS Lambda.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    base::run::start(health::App::from_env, health::router).await
}
