use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn says_that_it_is_up() {
    let app = TestApp::start().await;
    let answer = app.anon().get("/api/health").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}));
}

#[tokio::test]
async fn asks_the_database_when_told_to() {
    let app = TestApp::start().await;
    let answer = app.anon().get("/api/health?deep=1").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["checks"], json!({"database": "ok", "short_lived_store": "ok"}));
}

#[tokio::test]
async fn is_503_without_the_database() {
    let app = TestApp::start().await;
    app.close_database().await;
    let answer = app.anon().get("/api/health?deep=1").await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.json()["checks"]["database"], "failing");
    assert_eq!(app.anon().get("/api/health").await.status, 200, "the process itself is up");
}

#[tokio::test]
async fn names_a_wrong_parameter() {
    let app = TestApp::start().await;
    app.anon().get("/api/health?deep=2").await.assert_invalid("deep");
}
