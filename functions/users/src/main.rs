//! The `users` function on AWS Lambda.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    base::run::start(users::App::from_env, users::router).await
}
