//! The voice proxy with a model behind it, and reading what it says.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Actor, Answer, TestApp};
use crate::fakes::model::ModelFake;

/// The caller's own key.
pub(super) const KEY: &str = "sk-of-the-caller";

/// The product in front of a fake OpenAI. It has a key of its own, which the proxy must not use.
pub(super) async fn app_with_openai() -> (TestApp, ModelFake) {
    let fake = ModelFake::start().await;
    let app = TestApp::start_with([
        ("OPENAI_BASE_URL", &fake.base_url()),
        ("OPENAI_API_KEY", "sk-of-the-server"),
        ("PROVIDER_IDLE_TIMEOUT_MS", "300"),
        ("REALTIME_MODEL", "gpt-realtime-test"),
        ("REALTIME_VOICE", "marin"),
        ("REALTIME_INSTRUCTIONS", "Be kind."),
        ("TRUSTED_PROXY_HOPS", "1"),
        ("CORS_ORIGINS", "https://app.example"),
    ])
    .await;
    (app, fake)
}

/// What a caller says, answered in one piece.
pub(super) fn said(message: &str) -> Value {
    json!({"apiKey": KEY, "message": message})
}

/// The same with some fields replaced; null takes one out.
pub(super) fn with(mut body: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body.as_object_mut().expect("fields").retain(|_, value| !value.is_null());
    body
}

/// Says something and hears the reply as events.
pub(super) async fn hear(actor: &Actor, body: &Value) -> (Answer, Vec<Value>) {
    let answer = actor.post("/api/conversation", &with(body.clone(), &json!({"stream": true}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let events = events(&answer.text);
    (answer, events)
}

/// The events of a spoken reply, which must be framed right.
fn events(stream: &str) -> Vec<Value> {
    assert!(stream.ends_with("\n\n"), "{stream}");
    stream
        .split_terminator("\n\n")
        .map(|event| serde_json::from_str(event.strip_prefix("data: ").expect("data")).expect("JSON"))
        .collect()
}

/// The sentences in one piece.
pub(super) fn spoken(events: &[Value]) -> String {
    events.iter().filter(|event| event["type"] == "sentence").filter_map(|event| event["text"].as_str()).collect()
}

/// Comes from an address again and again until it is refused: how often it was let in, and the refusal.
pub(super) async fn until_refused(actor: &Actor, path: &str, body: &Value, forwarded_for: &str) -> (u64, Answer) {
    for admitted in 0..500 {
        let request = actor.request(Method::POST, path).header("x-forwarded-for", forwarded_for);
        let answer = Answer::of(request.json(body)).await;
        if !answer.status.is_success() {
            return (admitted, answer);
        }
    }
    panic!("{forwarded_for} is never refused");
}

/// How many rows each table has.
pub(super) async fn row_counts(app: &TestApp) -> Vec<(String, i64)> {
    let client = app.superuser().await;
    let mut counts = Vec::new();
    for table in tables(&client).await {
        let row = client.query_one(&format!("select count(*) from {table}"), &[]).await.expect("the table is there");
        counts.push((table, row.get(0)));
    }
    assert!(counts.len() > 5, "{counts:?}");
    counts
}

/// All tables of the product, as SQL names them.
pub(super) async fn tables(client: &tokio_postgres::Client) -> Vec<String> {
    let sql = "select format('%I.%I', schemaname, tablename) from pg_tables
               where schemaname not in ('pg_catalog', 'information_schema') order by 1";
    let rows = client.query(sql, &[]).await.expect("the catalogue answers");
    rows.iter().map(|row| row.get(0)).collect()
}
