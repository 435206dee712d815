//! The outbox and the jobs: in order, at least once, whatever dies.

mod announce;
mod dead;
mod delivery;
mod event_source;
mod handle;
mod kill;
mod observe;
mod order;
mod outbox;
mod plan;
mod prune;
mod queue;
mod tend_recurrences;
mod worker;
