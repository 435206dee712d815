//! The one integration binary: the product over HTTP, on a real PostgreSQL, with stateful fakes of the
//! outside services. `app.rs` holds the harness; the other modules mirror `functions/`.

mod app;
mod auth;
mod chat;
mod clerk_webhook;
mod cluster;
mod conversation;
mod fakes;
mod health;
mod http;
mod process;
mod server;
mod tidy;
mod users;
