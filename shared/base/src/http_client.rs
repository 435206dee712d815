//! The client for outgoing calls, with the limits that every such call shares.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::tls;

/// How long a connection to a vendor may take to open.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept for the next call.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// A client that is made on first use and shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct HttpClient(Arc<OnceLock<reqwest::Client>>);

impl HttpClient {
    /// The client. The first call takes as long as [`build`].
    pub fn get(&self) -> &reqwest::Client {
        self.0.get_or_init(build)
    }
}

/// A client for vendors' APIs. The first one of a process sets up [`tls`], which may take tens of
/// milliseconds: build it on first use, and clone it.
///
/// It follows no redirects: a redirect could carry a key to another host.
#[expect(clippy::disallowed_methods, reason = "this is the one place that sets up the client")]
pub fn build() -> reqwest::Client {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(tls::connector())
        .user_agent(concat!("almanac/", env!("CARGO_PKG_VERSION")))
        .build()
        .expect("the TLS library starts")
}
