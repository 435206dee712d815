//! Log lines: one JSON object each, on standard output, as log collectors read them.
//!
//! What is written while a request is served has its `request_id` and `trace_id`, whoever writes it.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{ConfigError, Env};
use crate::request;

/// The target of lines that are written whatever `RUST_LOG` says: what must be found in the log later, as it may
/// stand nowhere else.
pub const RECORD: &str = "record";

/// Refuses settings of the log that [`start`] would read in another way than they were meant.
pub fn check(env: &Env) -> Result<(), ConfigError> {
    if env.get("RUST_LOG").is_some_and(|text| text.parse::<Targets>().is_err()) {
        return Err(ConfigError::new("RUST_LOG", "is levels by module, as in info,hyper=debug"));
    }
    match env.get("LOG_FORMAT") {
        None | Some("json" | "text") => Ok(()),
        Some(_) => Err(ConfigError::new("LOG_FORMAT", "is json or text")),
    }
}

/// Starts logging on standard output. `RUST_LOG` filters by level and module, as in `info,hyper=debug` (default `info`,
/// also where it cannot be read); `LOG_FORMAT=text` is easier on human eyes.
///
/// Does nothing when a logger is already running.
pub fn start(env: &Env) {
    start_on(env, std::io::stdout);
}

/// The same on standard error, for commands whose standard output is an answer.
pub fn start_on_stderr(env: &Env) {
    start_on(env, std::io::stderr);
}

fn start_on<W>(env: &Env, writer: W)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    // A second start, as in tests, is no fault: the first logger stays.
    if subscriber(env, writer).try_init().is_ok() {
        log_panics();
    }
}

/// Makes a panic one line, with its place and its request; the standard message is many lines, which collectors
/// take for as many events. Panics in spawned tasks have no other trace.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, reason = panic.payload_as_str(), "panic");
    }));
}

/// What writes the log lines, for those who want them elsewhere.
pub fn subscriber<W>(env: &Env, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    // Not `EnvFilter`, which brings regular expressions into every function: 4 % of its machine code.
    let info = || Targets::new().with_default(LevelFilter::INFO);
    let filter = env.get("RUST_LOG").and_then(|text| text.parse::<Targets>().ok()).unwrap_or_else(info);
    let filter = filter.with_target(RECORD, LevelFilter::INFO);
    let builder = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_target(false).with_writer(writer);
    // A line that cannot be written would be told of on standard error, with a panic when that is full as well. No
    // request may fail for the want of its line.
    let builder = builder.log_internal_errors(false);
    if env.get("LOG_FORMAT") == Some("text") {
        Box::new(builder.compact().finish().with(filter))
    } else {
        let json = tracing_subscriber::fmt::format().with_target(false).json().flatten_event(true);
        let line = WithRequest(json.with_current_span(false).with_span_list(false));
        Box::new(builder.event_format(line).fmt_fields(JsonFields::new()).finish().with(filter))
    }
}

/// Writes JSON lines that begin with the ids of the request being served, unless they have them already.
struct WithRequest<Json>(Json);

impl<S, N, Json> FormatEvent<S, N> for WithRequest<Json>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    Json: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(request) = request::current() else { return self.0.format_event(context, writer, event) };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let fields = line.strip_prefix('{').ok_or(fmt::Error)?;
        writer.write_char('{')?;
        for (name, id) in [("request_id", request.id()), ("trace_id", request.trace_id())] {
            // Ids are plain, so they need no escaping.
            if event.fields().all(|field| field.name() != name) {
                write!(writer, "\"{name}\":\"{id}\",")?;
            }
        }
        writer.write_str(fields)
    }
}
