//! Somebody who has something of every kind.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{CONSENTS, put_once};
use crate::app::{Actor, Answer};

/// Makes something, and gives its id.
async fn make(actor: &Actor, path: &str, body: &Value) -> String {
    let answer = actor.post(path, body).await;
    assert_eq!(answer.status, 201, "{path}: {}", answer.text);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// Makes something of every kind, with this word wherever text goes.
pub(super) async fn furnish(actor: &Actor, word: &str) {
    let metadata = json!({word: [word, 1.5, null, {"deep": [true, word]}]});
    let named = put_once(actor, "/api/users/me", word, &json!({"full_name": word})).await;
    assert_eq!(named.status, 200, "{}", named.text);
    assert_eq!(actor.put("/api/users/preferences", &json!({word: word, "n": 1e-7})).await.status, 200);
    let consents = json!([{"purpose": word, "version": word, "granted": true}, {"purpose": "terms", "version": "1", "granted": false}]);
    assert_eq!(actor.put(CONSENTS, &json!({"consents": consents})).await.status, 200);

    let chat = actor.request(Method::POST, "/api/chat").header("accept", "application/json");
    let said = Answer::of(chat.json(&json!({"content": format!("{word}\n\"'\\ 🙂"), "model": "local/demo"}))).await;
    assert_eq!(said.status, 200, "{}", said.text);
    let conversation = actor.get("/api/conversations").await.json()[0]["id"].as_str().expect("an id").to_owned();
    let one = format!("/api/conversations/{conversation}");
    assert_eq!(actor.patch(&one, &json!({"title": word, "metadata": metadata})).await.status, 200);
    make(actor, &format!("{one}/shares"), &json!({})).await;

    let goal = json!({"title": word, "description": word, "timeframe": "quarter", "metadata": metadata});
    let goal = make(actor, "/api/goals", &goal).await;
    make(actor, "/api/goals", &json!({"title": word, "timeframe": "week", "parent_goal_id": goal, "progress": 40}))
        .await;
    let reflection = json!({"reflection_type": "daily", "content": word, "metadata": metadata});
    make(actor, "/api/reflections", &reflection).await;

    let task = json!({"title": word, "description": word, "tags": [word], "metadata": metadata, "goal_id": goal,
                      "due_date": "2027-02-28", "due_time": "09:30", "estimate_minutes": 30, "priority": "high"});
    let task = make(actor, "/api/tasks", &task).await;
    let child = make(actor, "/api/tasks", &json!({"title": word, "parent_id": task, "source_reference": word})).await;
    let done = actor.put(&format!("/api/tasks/{child}/status"), &json!({"status": "done"})).await;
    assert_eq!(done.status, 200, "{}", done.text);

    let recurring = make(actor, "/api/tasks", &json!({"title": word})).await;
    let recurrence = format!("/api/tasks/{recurring}/recurrence");
    let daily = json!({"rule": "FREQ=DAILY;INTERVAL=2", "time_zone": "Europe/Berlin", "exdates": ["2030-03-06"]});
    assert_eq!(actor.put(&recurrence, &daily).await.status, 201);
    let occurrences = format!("/api/tasks/{recurring}/occurrences");
    let now = base::Clock::system().now();
    let day = |days: u64| (now + Duration::from_hours(24 * days)).strftime("%Y-%m-%d").to_string();
    let listed = actor.get(&format!("{occurrences}?from={}&to={}", day(1), day(14))).await;
    let first = listed.json()[0]["id"].as_str().unwrap_or_else(|| panic!("{}", listed.text)).to_owned();
    let edited = actor
        .put(&format!("{occurrences}/{first}"), &json!({"scope": "this", "title": word, "description": word}))
        .await;
    assert_eq!(edited.status, 200, "{}", edited.text);

    let block = json!({"id": "box", "type": "checkListItem", "props": {"checked": true},
                       "content": [{"type": "text", "text": word, "styles": {"bold": true}}], "children": []});
    let note = json!({"title": word, "content": [block], "metadata": metadata, "is_pinned": true});
    let note = make(actor, "/api/notes", &note).await;
    make(actor, "/api/notes", &json!({"title": word, "parent_id": note, "content": []})).await;
}
