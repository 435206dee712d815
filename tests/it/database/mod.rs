//! Connections to the database that die: nothing is lost, nothing is done twice, and hardly anybody notices.

mod lost_connections;
mod waiting_writers;
