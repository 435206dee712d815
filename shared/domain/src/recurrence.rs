//! Recurrence: series of RFC 5545, and the occurrences of tasks that come from them.
//!
//! The engine is our own. The crate `rrule` steps in zoned time and so drops or doubles occurrences where clocks
//! change (its issues 109 and 115, open); this one computes local times first and finds their instants afterwards,
//! as section 3.3.10 has it.

mod calendar;
mod expand;
mod lines;
mod numbers;
mod put;
mod record;
mod rule;
mod series;
mod tend;
mod text;
mod zone;

pub use lines::LINES_BYTES_MAX;
pub use put::{RECURRENCES_MAX, delete, put};
pub(crate) use put::{refused, save};
pub(crate) use record::list_of_tasks;
pub use record::list_open;
pub use record::{Change, CountsFrom, MissedPolicy, Preset, Recurrence, find};
pub use rule::{COUNT_MAX, End, Frequency, INTERVAL_MAX, Moment, RULE_BYTES_MAX, Rule, RuleError};
pub use series::{DATES_MAX, Instance, Instances, Series};
pub use tend::{Tended, owners_to_tend, tend};
pub use text::LocalTime;
pub use zone::{ZONE_BYTES_MAX, Zone};

#[cfg(test)]
mod tests;
