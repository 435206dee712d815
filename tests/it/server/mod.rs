//! The program itself: its database, its command line, its migrations.

mod migrate;
mod program;
mod run_dev;
