//! What the two lists of occurrences share: making ahead what is looked at, and pages.

use axum::response::{AppendHeaders, IntoResponse, Response};
use base::db::Tx;
use base::extract::Json;
use base::{Db, Result};
use domain::occurrence::{self, Query, WithTask};
use domain::recurrence::{self, Recurrence};
use domain::{task, user};
use http::{HeaderName, HeaderValue, Uri, header};
use jiff::Timestamp;
use uuid::Uuid;

/// How many times occurrences are made for one answer, some 20,000 each time. Nobody has more within a year.
const ROUNDS_MAX: usize = 20;

/// What is looked at.
pub(crate) struct Looked {
    /// The task, unless all are.
    pub(crate) task_id: Option<Uuid>,
    /// The recurrences it is about.
    pub(crate) recurrences: Vec<Recurrence>,
    pub(crate) query: Query,
    /// The address that the client asked for.
    pub(crate) uri: Uri,
}

/// Answers a page of occurrences. It only writes when some are not made as far as the window reaches.
pub(crate) async fn show(db: &Db, mut tx: Tx, owner: Uuid, looked: Looked, now: Timestamp) -> Result<Response> {
    let Looked { task_id, recurrences, query, uri } = looked;
    let today = match recurrences.as_slice() {
        [recurrence] => Some(recurrence.time_zone.local(now).date()),
        _ if query.needs_today() => Some(user::find_time_zone(&mut tx, owner).await?.to_datetime(now).date()),
        _ => None,
    };
    let window = query.window(today.unwrap_or_default())?;
    let is_beyond = |recurrence: &&Recurrence| window.is_beyond(recurrence, now);
    let mut behind = recurrences.iter().any(|recurrence| is_beyond(&recurrence));
    for _ in 0..ROUNDS_MAX {
        if !behind {
            break;
        }
        tx.commit().await?;
        tx = db.as_writer(owner).await?;
        // As it is now that nobody else writes.
        let recurrences = open_recurrences(&mut tx, owner, task_id).await?;
        let unmade: Vec<Recurrence> = recurrences.iter().filter(is_beyond).cloned().collect();
        behind = !unmade.is_empty();
        if let Some(until) = unmade.iter().map(|recurrence| window.reach(recurrence, now)).max() {
            occurrence::extend(&mut tx, owner, &unmade, until, now).await?;
        }
    }
    let mut rows = occurrence::list(&mut tx, owner, task_id, &window).await?;
    tx.commit().await?;
    let next = cut(&mut rows, window.limit(), &uri);
    Ok((AppendHeaders(next), Json(rows)).into_response())
}

async fn open_recurrences(tx: &mut Tx, owner: Uuid, task_id: Option<Uuid>) -> Result<Vec<Recurrence>> {
    let Some(task_id) = task_id else { return Ok(recurrence::list_open(tx, owner).await?) };
    let is_open = task::find(tx, owner, task_id).await?.is_some_and(|task| task.status.is_open());
    if !is_open {
        return Ok(Vec::new());
    }
    Ok(recurrence::find(tx, owner, task_id).await?.into_iter().collect())
}

/// Cuts the rows to the page, and names the next one.
fn cut(rows: &mut Vec<WithTask>, limit: usize, uri: &Uri) -> Option<(HeaderName, HeaderValue)> {
    if rows.len() <= limit {
        return None;
    }
    rows.truncate(limit);
    let last = rows.last()?.occurrence.id;
    let mut next = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if name != "after" {
            next.append_pair(&name, &value);
        }
    }
    next.append_pair("after", &last.to_string());
    let link = format!("<{}?{}>; rel=\"next\"", uri.path(), next.finish());
    Some((header::LINK, HeaderValue::try_from(link).ok()?))
}
