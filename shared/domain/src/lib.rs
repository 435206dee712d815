//! The nouns of the product: one file each, with the type, its rules and its SQL.
//!
//! Functions that touch the database take the transaction, then the owner's id. Row-level security holds
//! without it; it is there so that the planner uses the owner's index and a reader sees whose rows they are.

pub mod change;
pub mod consent;
pub mod conversation;
pub mod erasure;
pub mod export;
pub mod field;
pub mod goal;
pub mod import;
pub mod message;
pub mod note;
pub mod occurrence;
pub mod outbox;
pub mod period;
pub mod recurrence;
pub mod reflection;
pub mod session;
pub mod task;
pub mod user;
