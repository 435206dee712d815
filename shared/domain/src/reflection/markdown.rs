//! The text of a draft.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::draft::{Draft, GoalLine, MovedTask, TaskLine};
use crate::period::Day;

/// The most lines below one heading. With [`TITLE_CHARS`] it keeps the text within the length of a reflection.
const LINES_MAX: usize = 50;
/// How much of a title a line has, in characters.
const TITLE_CHARS: usize = 200;

/// Writes the draft as a text to go on from.
pub(super) fn write(draft: &Draft, zone: &TimeZone) -> String {
    let (first, last) = (draft.period.starts_on, draft.period.ends_on);
    let mut text = if first == last {
        format!("# {}\n", shown(first))
    } else {
        format!("# {} to {}\n", shown(first), shown(last))
    };
    section(&mut text, "Done", draft.counts.done, draft.done.iter().map(|task| done_line(task, zone)));
    section(&mut text, "Slipped", draft.counts.slipped, draft.slipped.iter().map(|task| slipped_line(task, zone)));
    section(&mut text, "Moved", draft.counts.moved, draft.moved.iter().map(moved_line));
    let goals = i64::try_from(draft.goals.len()).unwrap_or(i64::MAX);
    section(&mut text, "Goals", goals, draft.goals.iter().map(goal_line));
    text.push_str("\n## Thoughts\n\n");
    text
}

/// A heading with its lines; nothing when there are none.
fn section(text: &mut String, heading: &str, count: i64, lines: impl Iterator<Item = String>) {
    if count == 0 {
        return;
    }
    let mut shown = 0;
    let mut body = String::new();
    for line in lines.take(LINES_MAX) {
        writeln!(body, "- {line}").expect("a string takes all");
        shown += 1;
    }
    writeln!(text, "\n## {heading} ({count})\n\n{}", body.trim_end()).expect("a string takes all");
    if count > shown {
        writeln!(text, "- and {} more", count - shown).expect("a string takes all");
    }
}

fn done_line(task: &TaskLine, zone: &TimeZone) -> String {
    let on = task.completed_at.map(|at| format!(" ({})", shown_in(at, zone)));
    format!("[x] {}{}", title(&task.title), on.unwrap_or_default())
}

fn slipped_line(task: &TaskLine, zone: &TimeZone) -> String {
    let due = task.due_date.map(shown).unwrap_or_default();
    match task.completed_at {
        Some(at) => format!("[x] {} (due {due}, done {})", title(&task.title), shown_in(at, zone)),
        None => format!("[ ] {} (due {due})", title(&task.title)),
    }
}

fn moved_line(task: &MovedTask) -> String {
    let to = task.to.map_or_else(|| "no date".to_owned(), shown);
    format!("{}: {} → {to}", title(&task.title), shown(task.from))
}

fn goal_line(goal: &GoalLine) -> String {
    format!("{}: {} %", title(&goal.title), goal.progress)
}

fn shown_in(at: Timestamp, zone: &TimeZone) -> String {
    shown(Day::nearest(at.to_zoned(zone.clone()).date()))
}

fn shown(day: Day) -> String {
    day.date().strftime("%a %-d %b %Y").to_string()
}

/// A title as plain text in Markdown, cut where it is long.
fn title(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for (place, c) in text.chars().enumerate() {
        if place == TITLE_CHARS {
            plain.push('…');
            break;
        }
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '&' | '~') {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}
