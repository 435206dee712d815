//! The `conversation` function on AWS Lambda.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    base::run::start(conversation::App::from_env, conversation::router).await
}
