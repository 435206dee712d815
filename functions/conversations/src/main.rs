//! The `conversations` function on AWS Lambda.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    base::run::start(conversations::App::from_env, conversations::router).await
}
