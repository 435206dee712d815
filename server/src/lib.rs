//! The single-process program `almanac`: every function in one server, with its own database.
//!
//! | module | what it does |
//! |---|---|
//! | [`commands`] | the command line: `dev`, `serve`, `migrate`, and what looks after them |
//! | [`mount`] | puts every function into one router |
//! | [`description`] | the API description and its pages |
//! | [`listen`] | the network address, and the signals that end the program |
//! | [`postgres`] | finds or fetches a PostgreSQL, starts and stops it |
//! | [`migrate`] | brings a database to the schema |
//! | [`database`] | one connection by its address |
//! | [`descriptors`] | as many open files as the system allows |
//! | [`failure`] | what stops the program, as a sentence |
//! | [`serving`] | answering requests, from start to graceful stop |
//! | [`terminal`] | the program's own words |
//! | [`workers`] | the jobs, from start to graceful stop |

pub mod commands;
pub mod database;
pub mod description;
pub mod descriptors;
pub mod failure;
pub mod listen;
pub mod migrate;
pub mod mount;
pub mod postgres;
pub mod serving;
pub mod terminal;
pub mod workers;
