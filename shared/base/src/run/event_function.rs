//! Puts a handler of events on AWS Lambda: of queues, schedules and whatever else calls a function without HTTP.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::FutureExt;
use lambda_http::lambda_runtime::LambdaInvocation;
use serde_json::Value;

use super::answer::{ReplyTo, RuntimeApi};
use super::invocation::time_left;
use super::{exit_code, runtime_api, with_causes};
use crate::config::Env;
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
    let api = runtime_api(env)?;
    let app = from_env(env)?;
    let handle = |event| handle(app.clone(), event);
    super::serve(|invocation| answer(api.clone(), &handle, invocation)).await
}

/// From event to result.
async fn answer<F>(
    api: RuntimeApi,
    handle: impl Fn(Event) -> F,
    invocation: LambdaInvocation,
) -> Result<(), lambda_http::Error>
where
    F: Future<Output = Result<Value, Error>>,
{
    let to = ReplyTo::of(&invocation);
    let time_left = time_left(&invocation.context, Clock::system().now());
    let handled = AssertUnwindSafe(async {
        let payload = serde_json::from_slice(&invocation.body)
            .map_err(|error| Error::malformed("The event is not JSON.").with_source(error))?;
        handle(Event { payload, time_left }).await
    });
    match handled.catch_unwind().await {
        Ok(Ok(result)) => api.complete(&to, &result).await,
        Ok(Err(error)) => {
            tracing::error!(code = error.code(), error = with_causes(&error), "the event failed");
            api.fail(&to, error.code(), error.detail()).await
        }
        Err(_panic) => api.fail(&to, "panic", "The function panicked; its log tells where.").await,
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::Context;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn handle(event: Event) -> Result<Value, Error> {
        assert!(event.payload != "panic", "a fault in a handler");
        if event.payload == "fail" { Err(Error::malformed("No job.")) } else { Ok(json!({"job": event.payload})) }
    }

    /// What the Runtime API is told of an event.
    async fn told(event: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let api = RuntimeApi::new(&listener.local_addr().expect("an address").to_string());
        let received = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.expect("a connection");
            let mut text = String::new();
            while !text.ends_with('}') {
                let mut part = [0; 4096];
                let len = connection.read(&mut part).await.expect("the request goes on");
                text.push_str(&String::from_utf8_lossy(&part[..len]));
            }
            connection.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await.expect("sent");
            text
        });
        let (parts, ()) = http::Response::new(()).into_parts();
        let mut context = Context::default();
        context.request_id = "this-one".to_owned();
        let invocation = LambdaInvocation { parts, body: event.into(), context };
        answer(api, handle, invocation).await.expect("the answer is taken");
        received.await.expect("the receiver ends")
    }

    async fn check(event: &'static str, path: &str, body: &str) {
        let told = told(event).await;
        let start = format!("POST /2018-06-01/runtime/invocation/this-one/{path} HTTP/1.1\r\n");
        assert!(told.starts_with(&start) && told.ends_with(&format!("\r\n\r\n{body}")), "{told}");
    }

    #[tokio::test]
    async fn tells_how_it_went() {
        check(r#""drain""#, "response", r#"{"job":"drain"}"#).await;
        check(r#""fail""#, "error", r#"{"errorMessage":"No job.","errorType":"malformed"}"#).await;
        check("{", "error", r#"{"errorMessage":"The event is not JSON.","errorType":"malformed"}"#).await;
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let body = r#"{"errorMessage":"The function panicked; its log tells where.","errorType":"panic"}"#;
        check(r#""panic""#, "error", body).await;
    }
}
