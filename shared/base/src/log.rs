//! Log lines: one JSON object each, on standard output, as CloudWatch and others read them.

use tracing_subscriber::EnvFilter;

use crate::config::Env;

/// Starts logging. `RUST_LOG` filters (default `info`); `LOG_FORMAT=text` is easier on human eyes.
///
/// Does nothing when a logger is already running.
pub fn start(env: &Env) {
    let filter = EnvFilter::try_new(env.get("RUST_LOG").unwrap_or("info")).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    // A second start, as in tests, is no fault: the first logger stays.
    let _already_running = if env.get("LOG_FORMAT") == Some("text") {
        builder.compact().try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    };
}
