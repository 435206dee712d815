//! How a task recurs: the row, and what clients write into it.

use base::db::Tx;
use base::extract::present;
use base::params;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Frequency, LocalTime, Moment, Rule, Series, Zone};

/// The usual kinds of rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Every day: `FREQ=DAILY`.
    Daily,
    /// Every week, on the weekday that it starts on: `FREQ=WEEKLY`.
    Weekly,
    /// Any other rule.
    Custom,
}

impl Preset {
    /// Which kind a rule is, whatever ends it.
    pub fn of(rule: &Rule) -> Self {
        let endless = rule.clone().with_end(super::End::Never);
        if endless == Rule::every(Frequency::Daily) {
            Self::Daily
        } else if endless == Rule::every(Frequency::Weekly) {
            Self::Weekly
        } else {
            Self::Custom
        }
    }

    /// The rule that it stands for, if it stands for one.
    pub fn rule(self) -> Option<Rule> {
        match self {
            Self::Daily => Some(Rule::every(Frequency::Daily)),
            Self::Weekly => Some(Rule::every(Frequency::Weekly)),
            Self::Custom => None,
        }
    }
}

/// What the next occurrence is counted from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountsFrom {
    /// The start: occurrences come whether or not earlier ones are done.
    #[default]
    Schedule,
    /// The day on which the last one was done or skipped: there is one at a time.
    Completion,
}

/// What becomes of occurrences whose day has passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissedPolicy {
    /// Each has to be done: it comes along to today, until it is.
    Must,
    /// Only the newest stays to be done.
    #[default]
    Latest,
    /// All stay to be done, where they are.
    All,
    /// None does.
    Skip,
}

impl MissedPolicy {
    /// The database's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Latest => "latest",
            Self::All => "all",
            Self::Skip => "skip",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "must" => Self::Must,
            "all" => Self::All,
            "skip" => Self::Skip,
            _ => Self::Latest,
        }
    }
}

impl CountsFrom {
    /// The database's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Completion => "completion",
        }
    }

    fn from_name(name: &str) -> Self {
        if name == "completion" { Self::Completion } else { Self::Schedule }
    }
}

/// How a task recurs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Recurrence {
    /// Its id.
    pub id: Uuid,
    /// The task that recurs.
    pub task_id: Uuid,
    /// Which kind of rule it is.
    pub preset: Preset,
    /// The rule: RFC 5545's `RRULE`, canonically written.
    #[schema(value_type = String)]
    pub rule: Rule,
    /// Where it begins: a local time, or a day when it is of whole days.
    #[schema(value_type = String, example = "2026-11-21T09:00:00")]
    pub start: LocalTime,
    /// The time zone of all its local times, as IANA names it.
    #[schema(value_type = String)]
    pub time_zone: Zone,
    /// Whether it is of whole days.
    pub all_day: bool,
    /// Local times at which it comes besides.
    #[schema(value_type = Vec<String>)]
    pub rdates: Vec<LocalTime>,
    /// Local times at which it does not come.
    #[schema(value_type = Vec<String>)]
    pub exdates: Vec<LocalTime>,
    /// What the next occurrence is counted from.
    pub counts_from: CountsFrom,
    /// What becomes of occurrences whose day has passed.
    pub missed_policy: MissedPolicy,
    /// Whether those that stay to be done are put into the next free time.
    pub auto_reschedule: bool,
    /// Occurrences are kept from this local time on, though the rule may have begun long before.
    #[schema(value_type = String)]
    pub since: DateTime,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// How far its occurrences were made.
    #[serde(skip)]
    pub(crate) materialized_until: Option<Timestamp>,
}

/// What becomes of a recurrence: what is absent stays as it is or, in a new one, gets its default.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecurrenceChange)]
pub struct Change {
    /// The usual kind of rule it is. `custom` goes with a `rule`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(nullable = false)]
    pub preset: Option<Preset>,
    /// The rule: RFC 5545's `RRULE`, such as `FREQ=WEEKLY;BYDAY=MO,WE`. A new one needs this or a preset.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = String, nullable = false)]
    pub rule: Option<Rule>,
    /// Where it begins: a local time, or a day for whole days. By default when the task is due, else today.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = String, nullable = false, example = "2026-11-21T09:00:00")]
    pub start: Option<LocalTime>,
    /// The time zone, as IANA names it. By default `time_zone` of the preferences, else UTC.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = String, nullable = false)]
    pub time_zone: Option<Zone>,
    /// Local times at which it comes besides, at most 1,000. A day means the start's time on it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Vec<String>, nullable = false, max_items = 1000)]
    pub rdates: Option<Vec<LocalTime>>,
    /// Local times at which it does not come, at most 1,000. A day means the start's time on it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Vec<String>, nullable = false, max_items = 1000)]
    pub exdates: Option<Vec<LocalTime>>,
    /// What the next occurrence is counted from. By default the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(nullable = false)]
    pub counts_from: Option<CountsFrom>,
    /// What becomes of occurrences whose day has passed. By default only the latest stays.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(nullable = false)]
    pub missed_policy: Option<MissedPolicy>,
    /// Whether those that stay are put into the next free time. By default they are.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(nullable = false)]
    pub auto_reschedule: Option<bool>,
}

pub(super) const COLUMNS: &str = "id, task_id, rule, start, time_zone, all_day, rdates, exdates, counts_from, \
    missed_policy, auto_reschedule, since, materialized_until, created_at, updated_at";

impl Recurrence {
    /// Reads a row. What a client wrote past the program and cannot be read becomes what never comes again.
    pub(super) fn from_row(row: &Row) -> Self {
        let rule: Rule = row.get::<_, String>("rule").parse().unwrap_or_else(|_| Rule::never());
        let zone: Zone = row.get::<_, String>("time_zone").parse().unwrap_or_else(|_| Zone::floating());
        let all_day = row.get("all_day");
        Self {
            id: row.get("id"),
            task_id: row.get("task_id"),
            preset: Preset::of(&rule),
            rule,
            start: LocalTime::of(row.get("start"), all_day),
            time_zone: zone,
            all_day,
            rdates: local_times(row.get("rdates")),
            exdates: local_times(row.get("exdates")),
            counts_from: CountsFrom::from_name(row.get("counts_from")),
            missed_policy: MissedPolicy::from_name(row.get("missed_policy")),
            auto_reschedule: row.get("auto_reschedule"),
            since: row.get("since"),
            materialized_until: row.get("materialized_until"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }

    /// What it expands to. One that cannot be is empty.
    pub fn series(&self) -> Series {
        self.try_series().unwrap_or_else(|_| Series::never())
    }

    pub(crate) fn try_series(&self) -> Result<Series, super::RuleError> {
        let moments = |times: &[LocalTime]| -> Vec<Moment> { times.iter().map(|time| time.moment()).collect() };
        Series::new(self.start.start(), self.time_zone.clone(), self.all_day, Some(self.rule.clone()))?
            .with_dates(&moments(&self.rdates), &moments(&self.exdates))
    }

    /// The same with its occurrences taken to be made so far.
    #[must_use]
    pub(crate) fn made_until(&self, reached: Timestamp) -> Self {
        Self { materialized_until: Some(reached), ..self.clone() }
    }

    /// The day that its zone has now.
    pub fn today(&self, now: Timestamp) -> jiff::civil::Date {
        self.time_zone.local(now).date()
    }
}

impl LocalTime {
    fn moment(self) -> Moment {
        if self.time().is_some() { Moment::Local(self.start()) } else { Moment::Date(self.date()) }
    }
}

fn local_times(value: Value) -> Vec<LocalTime> {
    let Value::Array(items) = value else { return Vec::new() };
    items.iter().filter_map(|item| item.as_str()?.parse().ok()).collect()
}

/// How a task recurs, if it does.
pub async fn find(tx: &mut Tx, owner: Uuid, task_id: Uuid) -> Result<Option<Recurrence>, Error> {
    let sql = format!("select {COLUMNS} from recurrences where user_id = $1 and task_id = $2");
    Ok(tx.query_opt(&sql, params![owner, task_id]).await?.as_ref().map(Recurrence::from_row))
}

/// How each of several tasks recurs, where it does.
pub(crate) async fn list_of_tasks(tx: &mut Tx, owner: Uuid, task_ids: &[Uuid]) -> Result<Vec<Recurrence>, Error> {
    let sql =
        format!("select {COLUMNS} from recurrences where user_id = $1 and task_id = any($2) order by created_at, id");
    Ok(tx.query(&sql, params![owner, task_ids.to_vec()]).await?.iter().map(Recurrence::from_row).collect())
}

/// All of a user's recurrences whose tasks are open, oldest first.
pub async fn list_open(tx: &mut Tx, owner: Uuid) -> Result<Vec<Recurrence>, Error> {
    let sql = format!(
        "select {COLUMNS} from recurrences r
         where user_id = $1
           and exists (select from tasks t where t.user_id = $1 and t.id = r.task_id
                       and t.status in ('pending', 'in_progress'))
         order by r.created_at, r.id"
    );
    Ok(tx.query(&sql, params![owner]).await?.iter().map(Recurrence::from_row).collect())
}
