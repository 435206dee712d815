//! The program itself: its database, its command line, its migrations.

mod ask_health;
mod erase_again;
mod keep_log;
mod make_admin;
mod migrate;
pub(crate) mod program;
mod run_dev;
mod stop;
mod wrong_settings;
