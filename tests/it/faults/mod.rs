//! What goes wrong around the program: its database goes away or has no room, its log has none, it is told to end.
//!
//! Each time it is the program as a process of its own under load, and each time the same must hold: whoever cannot be
//! served is told so, with when to come back; what was acknowledged is there; what was sent again under its key is there
//! once; and nobody has to help.

mod database_restarts;
mod descriptors;
mod disk_is_full;
mod load;
// Others have no full device.
#[cfg(target_os = "linux")]
mod log_is_full;
mod own_postgres;
mod terminated_backends;
mod termination;
