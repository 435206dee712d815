//! A user's messages, page by page.

mod list_history;
mod walk_history;

use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::app::{Actor, Answer};

/// The moment from which arranged messages count their seconds.
const START: &str = "2026-01-01T00:00:00Z";

/// Gives the user a conversation with these messages: an id, a time in seconds since [`START`], a text.
async fn arrange(superuser: &Client, owner: &Actor, messages: &[(Uuid, f64, &str)]) -> Uuid {
    let owner: Uuid = owner.id().parse().expect("an id");
    let conversation = base::Clock::system().new_id();
    let create =
        "insert into conversations (id, user_id, title, created_at, updated_at) values ($1, $2, 'T', now(), now())";
    superuser.execute(create, &[&conversation, &owner]).await.expect("a conversation");
    let ids: Vec<Uuid> = messages.iter().map(|message| message.0).collect();
    let seconds: Vec<f64> = messages.iter().map(|message| message.1).collect();
    let texts: Vec<&str> = messages.iter().map(|message| message.2).collect();
    let create = format!(
        "insert into messages (id, conversation_id, user_id, role, content, model, created_at, updated_at)
         select id, $1, $2, 'user', content, 'local/demo', at, at
         from unnest($3::uuid[], $4::float8[], $5::text[]) as m (id, seconds, content),
              lateral (select timestamptz '{START}' + make_interval(secs => seconds)) as t (at)"
    );
    superuser.execute(&create, &[&conversation, &owner, &ids, &seconds, &texts]).await.expect("messages");
    conversation
}

/// The ids of a page, in its order.
#[track_caller]
fn ids(page: &Answer) -> Vec<Uuid> {
    assert_eq!(page.status, 200, "{}", page.text);
    let page = page.json();
    let id = |message: &Value| message["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    page.as_array().expect("a list").iter().map(id).collect()
}

/// The address of the next page, from the `Link` header.
fn next(page: &Answer) -> Option<String> {
    let (address, rest) = page.header("link").strip_prefix('<')?.split_once('>')?;
    assert_eq!(rest, "; rel=\"next\"");
    Some(address.to_owned())
}
