//! Tasks and the check boxes that they came from agree, whichever side changes.
//!
//! A box with text is a task with source `note` and the reference `<note id>#<block id>`, and the box is ticked
//! exactly when the task is done. Saving a note changes tasks, and changing tasks ticks boxes; either side writes only
//! where the other differs, so a change goes over once and comes to rest.

use std::collections::{BTreeMap, HashMap};

use base::db::Tx;
use base::{Clock, Result, params};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::check_box::{self, CheckBox};
use crate::field::Title;
use crate::task::{self, Change, NewTask, Source, SourceReference, Status, Task};

/// What saving a note does to tasks.
#[derive(Debug, Default)]
pub(super) struct Plan {
    new: Vec<NewTask>,
    renamed: Vec<(Task, Title)>,
    /// Tasks by the status that they get.
    moved: HashMap<Status, Vec<Task>>,
}

impl Plan {
    /// Compares the content before and after, box by box. Where a box was not touched, but differs from its task, as
    /// after undoing one of them alone, the box in `after` follows the task.
    pub(super) fn of_save(note: Uuid, before: &Value, after: &mut Value, tasks: Vec<Task>) -> Self {
        let mut tasks: HashMap<String, Task> =
            tasks.into_iter().filter_map(|task| Some((block_of(&task)?.1.to_owned(), task))).collect();
        let mut old: HashMap<String, CheckBox> =
            check_box::list(before).into_iter().map(|found| (found.block.clone(), found)).collect();
        let (mut plan, mut follows) = (Self::default(), HashMap::new());
        let boxes = check_box::list(after);
        for found in &boxes {
            let was = old.remove(&found.block);
            match tasks.remove(&found.block) {
                None => plan.add(note, found, was.as_ref()),
                Some(task) => {
                    let is_untouched = was.as_ref().is_some_and(|was| was.is_checked == found.is_checked);
                    let is_done = task.status == Status::Done;
                    if is_untouched {
                        follows.insert(found.block.as_str(), is_done);
                    } else if let Some(status) = status_by_box(task.status, found.is_checked, was.is_none()) {
                        plan.moved.entry(status).or_default().push(task.clone());
                    }
                    plan.rename(task, found, was.as_ref());
                }
            }
        }
        // What is left of `old` are boxes that disappeared.
        let gone = old.into_keys().filter_map(|block| tasks.remove(&block)).filter(|task| task.status.is_open());
        plan.moved.entry(Status::Cancelled).or_default().extend(gone);
        check_box::tick(after, &follows);
        plan
    }

    /// A box that had text and has no task is one whose task the user deleted: it gets no other.
    fn add(&mut self, note: Uuid, found: &CheckBox, was: Option<&CheckBox>) {
        let had_text = was.is_some_and(|was| Title::of_text(&was.text).is_some());
        let reference = SourceReference::of_note_block(note, &found.block).ok();
        let (Some(title), Some(reference), false) = (Title::of_text(&found.text), reference, had_text) else { return };
        self.new.push(NewTask {
            status: if found.is_checked { Status::Done } else { Status::Pending },
            source: Source::Note,
            source_reference: Some(reference),
            ..NewTask::titled(title)
        });
    }

    fn rename(&mut self, task: Task, found: &CheckBox, was: Option<&CheckBox>) {
        let has_changed = was.is_some_and(|was| was.text != found.text);
        if let Some(title) = Title::of_text(&found.text).filter(|title| has_changed && title.as_str() != task.title) {
            self.renamed.push((task, title));
        }
    }

    /// Writes it. The note with the new content is written already.
    pub(super) async fn carry_out(self, tx: &mut Tx, owner: Uuid, clock: &Clock, now: Timestamp) -> Result<()> {
        for (task, title) in self.renamed {
            let change = Change { title: Some(title), ..Change::default() };
            task::update(tx, owner, vec![task], &change, "", now).await?;
        }
        for (status, tasks) in self.moved {
            let ids: Vec<Uuid> = tasks.iter().map(|task| task.id).collect();
            // Renamed ones have changed since they were compared.
            let tasks = task::find_many(tx, owner, &ids).await?;
            task::set_status(tx, owner, tasks, status, now).await?;
        }
        for new in self.new {
            task::create(tx, owner, clock.new_id(), &new, now).await?;
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.new.is_empty() && self.renamed.is_empty() && self.moved.values().all(Vec::is_empty)
    }
}

/// The status that a touched box asks of its task, if that is another. A box that comes back opens what its leaving
/// cancelled.
fn status_by_box(status: Status, is_checked: bool, is_back: bool) -> Option<Status> {
    match (is_checked, status) {
        (true, Status::Done) => None,
        (true, _) => Some(Status::Done),
        (false, Status::Done) => Some(Status::Pending),
        (false, Status::Cancelled) if is_back => Some(Status::Pending),
        (false, _) => None,
    }
}

/// The note and the block that a task came from, if it came from one.
fn block_of(task: &Task) -> Option<(Uuid, &str)> {
    let reference = task.source_reference.as_deref().filter(|_| task.source == Source::Note)?;
    let (note, block) = reference.split_once('#')?;
    Some((note.parse().ok()?, block))
}

/// Ticks and unticks the check boxes that these tasks came from, as the tasks now are. Tasks of other sources, and
/// of notes or blocks that are gone, are passed over; a note whose boxes agree already is not touched. Part of every
/// write of tasks, in the same transaction.
pub async fn follow_tasks(
    tx: &mut Tx,
    owner: Uuid,
    tasks: impl IntoIterator<Item = &Task>,
    now: Timestamp,
) -> Result<(), tokio_postgres::Error> {
    let mut states: BTreeMap<Uuid, HashMap<&str, bool>> = BTreeMap::new();
    for task in tasks {
        if let Some((note, block)) = block_of(task) {
            states.entry(note).or_default().insert(block, task.status == Status::Done);
        }
    }
    for (note, states) in states {
        let found = "select content from notes where user_id = $1 and id = $2";
        let Some(row) = tx.query_opt(found, params![owner, note]).await? else { continue };
        let mut content: Value = row.get("content");
        if check_box::tick(&mut content, &states) {
            let update = "update notes set content = $3, updated_at = $4 where user_id = $1 and id = $2";
            tx.execute(update, params![owner, note, content, now]).await?;
        }
    }
    Ok(())
}

/// The ids of tasks in the order of a page, newest first: those of the note's check boxes, and those whose description
/// holds the note's id.
pub async fn list_task_ids(
    tx: &mut Tx,
    owner: Uuid,
    note: Uuid,
    page: &base::page::Page,
) -> Result<Vec<Uuid>, tokio_postgres::Error> {
    let rows = tx
        .query(
            "select id from tasks
             where user_id = $1
               and (source = 'note' and source_reference ~>=~ $2 and source_reference ~<~ $3
                    or strpos(lower(description), $4) > 0)
               and ($5::timestamptz is null or created_at < $5)
               and ($6::uuid is null
                    or (created_at, id) < (select created_at, id from tasks where user_id = $1 and id = $6))
             order by created_at desc, id desc limit $7",
            params![
                owner,
                // The character after `#` is `$`.
                format!("{note}#"),
                format!("{note}$"),
                note.to_string(),
                page.before_time(),
                page.before_id(),
                page.fetch()
            ],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}
