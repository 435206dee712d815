//! Who is asking: bearer tokens of any configured issuer, and the user behind them.
//!
//! A token names its issuer; only the keys and rules configured for that issuer are tried, and the
//! algorithm comes from the key, never from the token's header. What cannot be verified is 401 and
//! nothing more is said about why.

mod issuer;
mod keys;
mod user;
mod verify;

pub use issuer::{Issuer, KeySource};
pub use user::{Admin, Auth, Role, User};
pub use verify::{Claims, LEEWAY_SECONDS};
