//! Puts a router on AWS Lambda.
//!
//! `lambda_runtime` polls for invocations; answering them is done here, in [`mod@answer`], because its own
//! client leaves Nagle's algorithm on: an answer's first chunk, and what is made meanwhile, then waits about 42 ms for the
//! other side's delayed acknowledgement. `Runtime::layer` is the public seam for it: the layer below does not wrap the
//! runtime's own answering service but takes its place.
//!
//! Every answer is streamed, so every route in `template.yaml` has `ResponseTransferMode: RESPONSE_STREAM`:
//! a buffered integration would hand the client the raw metadata that precedes a streamed body.
//!
//! When an answer has ended the environment is not frozen yet: that comes when the next event is asked for, and so
//! waits for the work that goes on ([`crate::background`]).
//!
//! [`start`] is for functions that answer HTTP, [`start_events`] for those that queues and schedules call.

mod answer;
mod body;
mod event;
mod event_function;
mod invocation;

use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use ::http::HeaderValue;
use axum::Router;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use lambda_http::lambda_runtime::{LambdaEvent, LambdaInvocation, Runtime};
use lambda_http::service_fn;
use serde_json::Value;
use tower::ServiceExt;
use tower::layer::layer_fn;

use crate::config::{ConfigError, Env};
use crate::error::in_one_line;
use crate::request::REQUEST_ID_HEADER;
use crate::{Clock, Error, http, log, request};
use answer::{ReplyTo, RuntimeApi};
pub use event_function::{Event, start_events};
use invocation::Invocation;

/// Where Lambda serves its Runtime API: `host:port`, or a whole address under local emulators.
const RUNTIME_API_SETTING: &str = "AWS_LAMBDA_RUNTIME_API";

/// The whole `main` of a function: reads its settings, builds its router, and serves it on Lambda.
///
/// A wrong setting is logged as one line that names it, and ends the process with a failure, which
/// Lambda reports as a failed start.
pub async fn start<App>(
    from_env: impl FnOnce(&Env) -> Result<App, Error>,
    router: impl FnOnce(App) -> Router,
) -> ExitCode {
    let env = Env::from_process();
    log::start(&env);
    exit_code(serve_all(&env, from_env, router).await)
}

/// How the process ends; why it failed is one line of the log.
fn exit_code(served: Result<(), lambda_http::Error>) -> ExitCode {
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = with_causes(error.as_ref()), "the function stopped");
            ExitCode::FAILURE
        }
    }
}

async fn serve_all<App>(
    env: &Env,
    from_env: impl FnOnce(&Env) -> Result<App, Error>,
    router: impl FnOnce(App) -> Router,
) -> Result<(), lambda_http::Error> {
    let settings = http::Settings::from_env(env, Clock::system())?;
    let app = from_env(env)?;
    lambda(http::finish(router(app), settings)).await
}

/// Serves a router's answers to API Gateway (REST and HTTP APIs) and function URLs, until the
/// environment is shut down.
///
/// # Errors
///
/// When the Runtime API cannot be reached (any more). A handler's panic is not one: it answers 500.
pub async fn lambda(router: Router) -> Result<(), lambda_http::Error> {
    let api = runtime_api(&Env::from_process())?;
    serve(move |invocation| answer(router.clone(), api.clone(), invocation)).await
}

/// Asks for one event after the other, and has it answered.
async fn serve<F>(answer: impl Fn(LambdaInvocation) -> F + Clone) -> Result<(), lambda_http::Error>
where
    F: Future<Output = Result<(), lambda_http::Error>>,
{
    let serve = move |event: LambdaInvocation| Invocation::of(&event.context).run(answer(event));
    // The layer that answers takes the place of the handler that the runtime asks for.
    let replaced = service_fn(async |_: LambdaEvent<Value>| Ok::<(), lambda_http::Error>(()));
    Runtime::new(replaced).layer(layer_fn(|_replaced| service_fn(serve.clone()))).run().await
}

fn runtime_api(env: &Env) -> Result<RuntimeApi, ConfigError> {
    let address = env.get(RUNTIME_API_SETTING).ok_or_else(|| {
        ConfigError::new(
            RUNTIME_API_SETTING,
            "is not set: this program runs on AWS Lambda only; elsewhere use `almanac serve`",
        )
    })?;
    Ok(RuntimeApi::new(address))
}

/// From event to the last byte of the answer.
async fn answer(router: Router, api: RuntimeApi, invocation: LambdaInvocation) -> Result<(), lambda_http::Error> {
    let reply_to = ReplyTo::of(&invocation);
    // The event's conversion trusts paths and hosts that a caller may choose, so it may panic too.
    let answered = AssertUnwindSafe(async {
        let Ok(response) = router.oneshot(event::into_request(&invocation.body, invocation.context)?).await;
        Ok::<Response, serde_json::Error>(response)
    });
    match answered.catch_unwind().await {
        Ok(Ok(response)) => api.answer(&reply_to, response).await,
        Ok(Err(not_http)) => {
            tracing::error!(error = %not_http, "the event is not an HTTP request");
            api.fail(
                &reply_to,
                "NotAnHttpEvent",
                "This function serves HTTP requests of API Gateway and function URLs only.",
            )
            .await
        }
        Err(_panic) => api.answer(&reply_to, after_panic()).await,
    }
}

/// The answer to a request that panicked outside of the router, and so outside of its layers.
fn after_panic() -> Response {
    let mut response = Error::internal("the event's conversion panicked").into_response();
    if let Ok(id) = HeaderValue::try_from(request::current_id()) {
        response.headers_mut().insert(REQUEST_ID_HEADER, id);
    }
    response
}

/// The error and everything beneath it, in one line. Of an [`Error`] only what is beneath: its own text is for
/// clients, and its cause names the setting.
fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let first = error.downcast_ref::<Error>().and_then(StdError::source).unwrap_or(error);
    in_one_line(first)
}
