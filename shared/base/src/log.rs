//! Log lines: one JSON object each, on standard output, as log collectors read them.

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Env;

/// Starts logging. `RUST_LOG` filters (default `info`); `LOG_FORMAT=text` is easier on human eyes.
///
/// Does nothing when a logger is already running.
pub fn start(env: &Env) {
    // A second start, as in tests, is no fault: the first logger stays.
    let _already_running = subscriber(env, std::io::stdout).try_init();
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
