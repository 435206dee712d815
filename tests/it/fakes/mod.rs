//! Stateful stand-ins for outside services, speaking HTTP on loopback.
