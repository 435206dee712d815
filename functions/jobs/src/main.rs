//! The `jobs` function on AWS Lambda.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    base::run::start_events(jobs::App::from_env, jobs::handle).await
}
