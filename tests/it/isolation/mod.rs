//! The database keeps people apart, whatever the program asks of it.
//!
//! [`rules`] says what a user may do with each table. [`behaviour`] tries it, through the program's own logins;
//! [`catalogue`] reads what is granted. Both answer with violations, so that `mutations` can break the
//! database on purpose and demand that they notice.

mod behaviour;
mod catalogue;
mod crowd;
mod every_table;
mod mutations;
pub(crate) mod rules;
mod stage;
mod supabase_shaped;
