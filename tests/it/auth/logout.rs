use serde_json::json;

use super::{logout, refresh, refresh_token};
use crate::app::TestApp;

#[tokio::test]
async fn ends_the_session_and_only_that() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let other = super::sign_in(&app.anon(), "alice@example.com").await;
    let answer = logout(&app.anon(), refresh_token(&alice.session)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    refresh(&app.anon(), refresh_token(&alice.session)).await.assert_problem(401, "session_ended");
    assert_eq!(refresh(&app.anon(), refresh_token(&other)).await.status, 200);
}

#[tokio::test]
async fn is_done_when_there_is_nothing_to_end() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let token = refresh_token(&alice.session);
    for token in [token, token, "", "no token"] {
        assert_eq!(logout(&app.anon(), token).await.status, 204, "{token:?}");
    }
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    app.anon().post("/api/auth/logout", &json!({"everywhere": true})).await.assert_invalid("/everywhere");
    app.anon().post("/api/auth/logout", &json!({})).await.assert_invalid("/refresh_token");
}
