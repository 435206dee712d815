//! Puts a handler of events on AWS Lambda: of queues, schedules and whatever else calls a function without HTTP.
//!
//! The runtime's own client answers these: an answer is small and whole, so nothing waits for an acknowledgement.

use std::process::ExitCode;
use std::time::Duration;

use lambda_http::lambda_runtime::{Diagnostic, LambdaEvent, Runtime};
use lambda_http::service_fn;
use serde_json::Value;
use tokio::time::Instant;

use super::event::of_invocation;
use super::time_left::{finish_work, time_left};
use super::{exit_code, runtime_api, with_causes};
use crate::config::Env;
use crate::request::Request;
use crate::{Clock, Error, log};

/// What a function was called with.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The event, as its source shapes it.
    pub payload: Value,
    /// How long the function may run yet.
    pub time_left: Duration,
}

/// The whole `main` of such a function: reads its settings, and hands it events until the environment is shut down.
/// Events come one at a time.
///
/// An error is told to Lambda by its code and its public sentence, and its cause is logged; what Lambda then does,
/// such as calling again, is the event source's setting. A panic counts as an error too.
pub async fn start_events<App, F>(
    from_env: impl FnOnce(&Env) -> Result<App, Error>,
    handle: impl Fn(App, Event) -> F,
) -> ExitCode
where
    App: Clone,
    F: Future<Output = Result<Value, Error>>,
{
    let env = Env::from_process();
    log::start(&env);
    exit_code(serve_all(&env, from_env, handle).await)
}

async fn serve_all<App, F>(
    env: &Env,
    from_env: impl FnOnce(&Env) -> Result<App, Error>,
    handle: impl Fn(App, Event) -> F,
) -> Result<(), lambda_http::Error>
where
    App: Clone,
    F: Future<Output = Result<Value, Error>>,
{
    // The runtime panics without it; this names the setting.
    runtime_api(env)?;
    let app = from_env(env)?;
    let clock = Clock::system();
    let serve = |event: LambdaEvent<Value>| {
        let time_left = time_left(&event.context, clock.now());
        let until = Instant::now() + time_left;
        let request = Request::from_headers(&of_invocation(&event.context), clock.new_id());
        // Boxed, because the runtime's own layers around it make types that are deep enough.
        let handled = Box::pin(handle(app.clone(), Event { payload: event.payload, time_left }));
        request.scope(async move {
            let result = handled.await;
            // Nobody waits for the answer to an event, so the work may as well end first.
            finish_work(until).await;
            result.map_err(|error| {
                tracing::error!(code = error.code(), error = with_causes(&error), "the event failed");
                Diagnostic { error_type: error.code().to_owned(), error_message: error.detail().to_owned() }
            })
        })
    };
    Runtime::new(service_fn(serve)).run().await
}
