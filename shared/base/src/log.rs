//! Log lines: one JSON object each, on standard output, as log collectors read them.

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Env;
use crate::request;

/// Starts logging. `RUST_LOG` filters (default `info`); `LOG_FORMAT=text` is easier on human eyes.
///
/// Does nothing when a logger is already running.
pub fn start(env: &Env) {
    // A second start, as in tests, is no fault: the first logger stays.
    if subscriber(env, std::io::stdout).try_init().is_ok() {
        log_panics();
    }
}

/// Makes a panic one line, with its place and its request; the standard message is many lines, which collectors
/// take for as many events. Panics in spawned tasks have no other trace.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(request_id = request::current_id(), place, reason = panic.payload_as_str(), "panic");
    }));
}

/// What writes the log lines, for those who want them elsewhere.
pub fn subscriber<W>(env: &Env, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(env.get("RUST_LOG").unwrap_or("info")).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(writer);
    if env.get("LOG_FORMAT") == Some("text") {
        Box::new(builder.compact().finish())
    } else {
        Box::new(builder.json().flatten_event(true).with_current_span(false).with_span_list(false).finish())
    }
}
