//! `almanac make-admin`.

use serde_json::json;

use super::program::run_alone;
use crate::app::TestApp;

/// Whether it was done, and what it said.
async fn make_admin(app: &TestApp, user: &str) -> (bool, String) {
    let url = app.database.url("almanac_service");
    run_alone(&["make-admin", user], [("DATABASE_SERVICE_URL", url)]).await
}

#[tokio::test]
async fn the_first_administrator_is_made_from_the_command_line() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let (done, said) = make_admin(&app, " Alice@Example.com").await;
    assert!(done && said.contains("is an administrator now"), "{said}");
    assert_eq!(alice.get("/api/users").await.status, 200);
    let changes = alice.get("/api/changes?after=0").await.json();
    let last = changes.as_array().and_then(|changes| changes.last()).expect("a change");
    assert_eq!((&last["actor"], &last["after"]["role"]), (&json!("job"), &json!("admin")), "{last}");

    let (done, said) = make_admin(&app, &alice.id()).await;
    assert!(done && said.contains("was an administrator before"), "{said}");
}

#[tokio::test]
async fn nobody_else_is_made_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let unknown = uuid::Uuid::nil().to_string();
    for nobody in ["bob@example.com", "alice", "", &unknown] {
        let (done, said) = make_admin(&app, nobody).await;
        assert!(!done && said.contains("Nobody signs in here"), "{said}");
    }
    assert!(alice.post("/api/users/me/deactivate", &json!({})).await.status.is_success());
    let (done, said) = make_admin(&app, "alice@example.com").await;
    assert!(!done && said.contains("is deactivated"), "{said}");
}
