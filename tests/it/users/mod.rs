//! Users, their preferences, and what administrators do with them.

mod deactivate_me;
mod delete_me;
mod erasure_record;
mod export_me;
mod find_consents;
mod find_erasure;
mod find_me;
mod find_preferences;
mod import_anything;
mod import_me;
mod list_users;
mod plenty;
mod traces;
mod update_consents;
mod update_me;
mod update_preferences;
mod update_user;

use crate::app::{Actor, Answer, TestApp};
use reqwest::Method;
use serde_json::Value;

/// What somebody agreed to.
const CONSENTS: &str = "/api/users/me/consents";

const EXPORT: &str = "/api/users/me/export";

/// What somebody's export is.
async fn export(actor: &Actor) -> Value {
    let answer = actor.get(EXPORT).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// A new user, made an administrator before their first request.
async fn register_admin(app: &TestApp, name: &str) -> Actor {
    let admin = app.register(name).await;
    let id: uuid::Uuid = admin.id().parse().expect("an id");
    let sql = "update users set role = 'admin' where id = $1";
    app.superuser().await.execute(sql, &[&id]).await.expect("arranged");
    admin
}

/// A PUT with an `Idempotency-Key`.
async fn put_once(actor: &Actor, path: &str, key: &str, body: &Value) -> Answer {
    Answer::of(actor.request(Method::PUT, path).header("idempotency-key", key).json(body)).await
}
