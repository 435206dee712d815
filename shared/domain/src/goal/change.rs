//! What a client says about a goal: a new one, or a change of one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Goal, ProgressSource, Status};
use crate::field::{Metadata, Priority, Prose, Title};
use crate::period::{Day, Timeframe};

/// A whole number from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "i64")]
#[schema(value_type = i16, minimum = 0, maximum = 100)]
pub struct Percent(i16);

impl Percent {
    /// The number.
    pub fn number(self) -> i16 {
        self.0
    }
}

impl TryFrom<i64> for Percent {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match i16::try_from(number) {
            Ok(number @ 0..=100) => Ok(Self(number)),
            _ => Err("not a whole number from 0 to 100"),
        }
    }
}

/// A goal to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGoal {
    /// Its id, a UUID that the client made up. One is made when it is left out.
    pub id: Option<Uuid>,
    /// The goal that it is a part of, which spans at least as much time.
    pub parent_goal_id: Option<Uuid>,
    /// What is to be reached.
    pub title: Title,
    /// More about it.
    #[schema(inline)]
    pub description: Option<Prose>,
    /// How much time it spans.
    pub timeframe: Timeframe,
    /// Any day of its period, which is kept by its first day. Left out, it is the due date, or else today.
    #[schema(inline)]
    pub starts_on: Option<Day>,
    /// What became of it.
    #[serde(default)]
    pub status: Status,
    /// How much it matters.
    #[serde(default)]
    pub priority: Priority,
    /// When it should be reached, where that is not the end of its period.
    #[schema(inline)]
    pub due_date: Option<Day>,
    /// Percent, to set the progress by hand. Left out or null, it is derived.
    #[schema(inline)]
    pub progress: Option<Percent>,
    /// Whatever the client keeps with it.
    #[serde(default)]
    pub metadata: Metadata,
}

/// What is to change about a goal. What is left out stays; null empties what can be empty, and is refused elsewhere.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GoalChange)]
pub struct Change {
    /// The goal that it is a part of; null makes it one of its own.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub parent_goal_id: Option<Option<Uuid>>,
    /// What is to be reached.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<Title>,
    /// More about it.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub description: Option<Option<Prose>>,
    /// How much time it spans. Without `starts_on` the period becomes the one that holds the present first day.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub timeframe: Option<Timeframe>,
    /// Any day of its period, which is kept by its first day.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub starts_on: Option<Day>,
    /// What became of it.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<Status>,
    /// How much it matters.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub priority: Option<Priority>,
    /// When it should be reached; null for the end of its period.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub due_date: Option<Option<Day>>,
    /// Percent, to set the progress by hand; null to derive it again.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub progress: Option<Option<Percent>>,
    /// Whatever the client keeps with it, as a whole.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub metadata: Option<Metadata>,
}

impl Change {
    /// The goal after the change. A progress that is derived again is not known here.
    pub(super) fn apply(self, mut goal: Goal) -> Goal {
        goal.parent_goal_id = self.parent_goal_id.unwrap_or(goal.parent_goal_id);
        if let Some(title) = self.title {
            title.as_str().clone_into(&mut goal.title);
        }
        if let Some(description) = self.description {
            goal.description = description.map(|text| text.as_str().to_owned());
        }
        goal.timeframe = self.timeframe.unwrap_or(goal.timeframe);
        let within = self.starts_on.unwrap_or(goal.starts_on);
        (goal.starts_on, goal.ends_on) = (goal.timeframe.first_day(within), goal.timeframe.last_day(within));
        goal.status = self.status.unwrap_or(goal.status);
        goal.priority = self.priority.unwrap_or(goal.priority);
        goal.due_date = self.due_date.unwrap_or(goal.due_date);
        match self.progress {
            None => {}
            Some(None) => goal.progress_source = ProgressSource::Derived,
            Some(Some(percent)) => {
                (goal.progress, goal.progress_source) = (percent.number(), ProgressSource::Manual);
            }
        }
        goal.metadata = self.metadata.map_or(goal.metadata, Metadata::into_value);
        goal
    }
}
