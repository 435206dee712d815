//! The outbox and the jobs: in order, at least once, whatever dies.

mod dead;
mod delivery;
mod handle;
mod kill;
mod order;
mod outbox;
mod plan;
mod prune;
mod tend_recurrences;
mod worker;
