//! The `clerk-webhook` function on AWS Lambda.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    base::run::start(clerk_webhook::App::from_env, clerk_webhook::router).await
}
