//! Stateful stand-ins for outside services, speaking HTTP on loopback.

pub mod issuer;
pub mod model;
