//! Plumbing without product nouns, shared by every function.
//!
//! | module | what it gives |
//! |---|---|
//! | [`address`] | the caller's network address, behind proxies and gateways |
//! | [`auth`] | bearer tokens of any configured issuer, and the [`auth::User`] extractor |
//! | [`background`] | work that goes on after an answer, waited for before a freeze or an end |
//! | [`aws`] | clients of AWS's services, over the one HTTP client |
//! | [`caller`] | what a function that acts as the caller may use |
//! | [`clock`] | the time and new ids, both movable in tests |
//! | [`config`] | settings from the environment, each with a clear error |
//! | [`db`] | connections, and transactions that act as one user |
//! | [`error`] | the one error type, answered as `application/problem+json` |
//! | [`error_report`] | reports of our faults, to Sentry and its like |
//! | [`extract`] | JSON bodies, paths and queries that keep the error envelope |
//! | [`http`] | the layers around every router: request ids, CORS, limits, panics, the log line |
//! | [`http_client`] | the client for outgoing calls |
//! | [`idempotency`] | `Idempotency-Key`: the same write twice happens once |
//! | [`if_match`] | `If-Match`: a write made from an older state changes nothing |
//! | [`log`] | JSON log lines |
//! | [`openapi`] | what all operations of the API description share |
//! | [`page`] | keyset pages: `limit`, `before`, `Link` |
//! | [`queue`] | tells whoever does the jobs that there is work |
//! | [`rate_limit`] | limits per user or address, answered with 429 |
//! | [`request`] | what is known about the request being served |
//! | [`run`] | puts a router on AWS Lambda |
//! | [`secret_token`] | secrets that stand in addresses |
//! | [`store`] | short-lived state: in memory, or in DynamoDB |
//! | [`tls`] | the one TLS set-up of the process |

pub mod address;
pub mod auth;
pub mod aws;
pub mod background;
pub mod caller;
pub mod clock;
pub mod config;
pub mod db;
pub mod error;
pub mod error_report;
pub mod extract;
pub mod http;
pub mod http_client;
pub mod idempotency;
pub mod if_match;
pub mod log;
pub mod openapi;
pub mod page;
pub mod queue;
pub mod rate_limit;
pub mod request;
pub mod run;
pub mod secret_token;
pub mod store;
pub mod tls;

pub use clock::Clock;
pub use db::Db;
pub use error::{Error, Result};
