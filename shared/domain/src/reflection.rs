//! Reflections: what somebody writes when they look back on a day, a week, a month, a quarter, a year.

mod change;
mod draft;
mod lines;
mod list;
mod markdown;

use base::db::Tx;
use base::{Error, params};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::period::{Day, Timeframe};

pub use change::{Change, Content, NewReflection};
pub use draft::{Counts, Draft, GoalLine, MovedTask, TaskLine, draft};
pub use list::{Filter, list};

/// The longest text, in characters.
pub const CONTENT_CHARS_MAX: usize = 100_000;
/// The longest period of a custom reflection, in days: about ten years.
pub const CUSTOM_DAYS_MAX: i32 = 3660;

/// What a reflection looks back on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReflectionKind)]
pub enum Kind {
    /// One day.
    Daily,
    /// Seven days, from a Monday unless it says otherwise.
    Weekly,
    /// A month.
    Monthly,
    /// Three months, from January, April, July or October unless it says otherwise.
    Quarterly,
    /// A year.
    Yearly,
    /// Any days up to [`CUSTOM_DAYS_MAX`].
    Custom,
}

impl Kind {
    /// The database's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Yearly => "yearly",
            Self::Custom => "custom",
        }
    }

    /// Reads the database's word; a constraint keeps it to the known ones.
    pub fn from_name(name: &str) -> Self {
        match name {
            "daily" => Self::Daily,
            "weekly" => Self::Weekly,
            "monthly" => Self::Monthly,
            "quarterly" => Self::Quarterly,
            "yearly" => Self::Yearly,
            _ => Self::Custom,
        }
    }

    /// The timeframe that it spans; a custom one spans what it says.
    pub fn timeframe(self) -> Option<Timeframe> {
        match self {
            Self::Daily => Some(Timeframe::Day),
            Self::Weekly => Some(Timeframe::Week),
            Self::Monthly => Some(Timeframe::Month),
            Self::Quarterly => Some(Timeframe::Quarter),
            Self::Yearly => Some(Timeframe::Year),
            Self::Custom => None,
        }
    }

    /// How many days it may span.
    fn days(self) -> std::ops::RangeInclusive<i32> {
        match self {
            Self::Daily => 1..=1,
            Self::Weekly => 7..=7,
            Self::Monthly => 28..=31,
            Self::Quarterly => 89..=92,
            Self::Yearly => 365..=366,
            Self::Custom => 1..=CUSTOM_DAYS_MAX,
        }
    }
}

/// The days that a reflection looks back on, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReflectionPeriod)]
pub struct Period {
    /// The first day.
    pub starts_on: Day,
    /// The last day.
    pub ends_on: Day,
}

impl Period {
    /// The calendar's period that holds `day`; a custom reflection has none.
    fn of(kind: Kind, day: Day) -> Option<Self> {
        let timeframe = kind.timeframe()?;
        Some(Self { starts_on: timeframe.first_day(day), ends_on: timeframe.last_day(day) })
    }

    /// The period that a client asks for: the days it names, or else the calendar's period of `date` or `today`. `at`
    /// is what the names of the fields begin with, in the errors.
    ///
    /// # Errors
    ///
    /// 422 when it names both, or one day of two, or none for a custom reflection, or days that do not fit the kind.
    pub fn asked(kind: Kind, days: Days, today: Day, at: &str) -> Result<Self, Error> {
        let invalid = |field: &str, detail: &str| Error::invalid(format!("{at}{field}"), detail);
        match (days.starts_on, days.ends_on, days.date) {
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                Err(invalid("date", "Give either the date or the first and the last day."))
            }
            (Some(starts_on), Some(ends_on), None) => Self::checked(kind, starts_on, ends_on, at),
            (None, None, date) => Self::of(kind, date.unwrap_or(today))
                .ok_or_else(|| invalid("starts_on", "A custom reflection says its first and its last day.")),
            (Some(_), None, None) => Err(invalid("ends_on", "Give the first and the last day together.")),
            (None, Some(_), None) => Err(invalid("starts_on", "Give the first and the last day together.")),
        }
    }

    /// These days, if a reflection of this kind can have them; 422 if not.
    fn checked(kind: Kind, starts_on: Day, ends_on: Day, at: &str) -> Result<Self, Error> {
        let days = 1 + starts_on.date().duration_until(ends_on.date()).as_hours() / 24;
        let allowed = kind.days();
        if i32::try_from(days).is_ok_and(|days| allowed.contains(&days)) {
            return Ok(Self { starts_on, ends_on });
        }
        let (least, most) = (allowed.start(), allowed.end());
        let span = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let detail = format!("The days of a {} reflection, first and last included, are {span}.", kind.name());
        Err(Error::invalid(format!("{at}ends_on"), detail))
    }
}

/// The days that a client names for a period.
#[derive(Debug, Clone, Copy, Default)]
pub struct Days {
    /// Any day of the calendar's period.
    pub date: Option<Day>,
    /// The first day.
    pub starts_on: Option<Day>,
    /// The last day.
    pub ends_on: Option<Day>,
}

/// A reflection of one user.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reflection {
    /// Its id.
    pub id: Uuid,
    /// What it looks back on.
    pub reflection_type: Kind,
    /// The first day of what it looks back on.
    pub starts_on: Day,
    /// The last day of what it looks back on.
    pub ends_on: Day,
    /// The text, Markdown, 1 to [`CONTENT_CHARS_MAX`] characters.
    pub content: String,
    /// Whatever the client keeps with it: a JSON object.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

const COLUMNS: &str = "id, reflection_type, starts_on, ends_on, content, metadata, created_at, updated_at";

impl Reflection {
    fn from_row(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            reflection_type: Kind::from_name(row.get("reflection_type")),
            starts_on: Day::kept(row.get("starts_on")),
            ends_on: Day::kept(row.get("ends_on")),
            content: row.get("content"),
            metadata: row.get("metadata"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// One reflection.
pub async fn find(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<Option<Reflection>, tokio_postgres::Error> {
    let sql = format!("select {COLUMNS} from reflections where user_id = $1 and id = $2");
    Ok(tx.query_opt(&sql, params![owner, id]).await?.as_ref().map(Reflection::from_row))
}

/// Makes a reflection on the period it names, or else on the one of its kind that holds its date or `today`.
///
/// # Errors
///
/// 409 `id_taken`; 422 for a period that does not fit the kind.
pub async fn create(
    tx: &mut Tx,
    owner: Uuid,
    id: Uuid,
    new: &NewReflection,
    today: Day,
    now: Timestamp,
) -> Result<Reflection, Error> {
    let Period { starts_on, ends_on } = Period::asked(new.reflection_type, new.days(), today, "/")?;
    let (kind, starts_on, ends_on) = (new.reflection_type.name(), starts_on.date(), ends_on.date());
    let sql = format!(
        "insert into reflections
             (id, user_id, reflection_type, starts_on, ends_on, content, metadata, created_at, updated_at)
         values ($2, $1, $3, $4, $5, $6, $7, $8, $8) on conflict (id) do nothing returning {COLUMNS}"
    );
    let (content, metadata) = (new.content.as_str(), new.metadata.to_value());
    let made = tx.query_opt(&sql, params![owner, id, kind, starts_on, ends_on, content, metadata, now]).await?;
    let made = made.ok_or_else(|| Error::conflict("id_taken", "There is something with this id already."))?;
    Ok(Reflection::from_row(&made))
}

/// Writes what `change` makes of `current`, and gives the reflection as it then is. Nothing is written when that is
/// the same. 422 for a period that does not fit the kind.
pub async fn update(
    tx: &mut Tx,
    owner: Uuid,
    current: Reflection,
    change: Change,
    now: Timestamp,
) -> Result<Reflection, Error> {
    let after = change.apply(current.clone())?;
    if after == current {
        return Ok(current);
    }
    let sql = format!(
        "update reflections set reflection_type = $3, starts_on = $4, ends_on = $5, content = $6, metadata = $7,
                updated_at = $8
         where user_id = $1 and id = $2 returning {COLUMNS}"
    );
    let (kind, starts_on, ends_on) = (after.reflection_type.name(), after.starts_on.date(), after.ends_on.date());
    let place = params![owner, after.id, kind, starts_on, ends_on, after.content, after.metadata, now];
    let row = tx.query_opt(&sql, place).await?.ok_or_else(|| Error::not_found("reflection"))?;
    Ok(Reflection::from_row(&row))
}

/// Deletes a reflection. Tells whether it was there.
pub async fn delete(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<bool, tokio_postgres::Error> {
    Ok(tx.execute("delete from reflections where user_id = $1 and id = $2", params![owner, id]).await? == 1)
}
