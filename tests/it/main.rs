//! The one integration binary: the product over HTTP, on a real PostgreSQL, with stateful fakes of the
//! outside services. `app.rs` holds the harness; the other modules mirror `functions/`.

mod app;
mod auth;
mod changes;
mod chat;
mod clerk_webhook;
mod cluster;
mod conversation;
mod conversations;
mod database;
mod dice;
mod fakes;
mod faults;
mod health;
mod history;
mod http;
mod isolation;
mod jobs;
mod notes;
mod planning;
mod process;
mod server;
mod store;
mod tasks;
mod tidy;
mod users;
