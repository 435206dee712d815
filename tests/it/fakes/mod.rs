//! Stateful stand-ins for outside services, speaking HTTP on loopback.

pub(crate) mod cable;
pub(crate) mod dynamodb;
pub(crate) mod issuer;
pub(crate) mod model;
pub(crate) mod sentry;
pub(crate) mod sink;
pub(crate) mod sqs;
