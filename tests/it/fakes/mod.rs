//! Stateful stand-ins for outside services, speaking HTTP on loopback.

pub(crate) mod issuer;
pub(crate) mod model;
pub(crate) mod sink;
