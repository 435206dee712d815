//! The single-process program `almanac`: every function in one server, with its own database.
//!
//! | module | what it does |
//! |---|---|
//! | [`postgres`] | finds or fetches a PostgreSQL, starts and stops it |
//! | [`migrate`] | brings a database to the schema |
//! | [`failure`] | what stops the program, as a sentence |
//! | [`terminal`] | the program's own words |

pub mod failure;
pub mod migrate;
pub mod postgres;
pub mod terminal;
