//! The short-lived store, and the limits that are counted in it.

mod contract;
mod count_limits;
mod fail_calls;
mod stage;
