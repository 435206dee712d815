use serde_json::json;

use super::register_admin;
use crate::app::TestApp;

const PATH: &str = "/api/users/me/deactivate";

#[tokio::test]
async fn shuts_the_user_out_at_once() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let answer = alice.post(PATH, &json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    alice.get("/api/users/me").await.assert_problem(403, "user_deactivated");
    alice.post(PATH, &json!({})).await.assert_problem(403, "user_deactivated");
    let refresh = json!({"refresh_token": alice.session["refresh_token"]});
    app.anon().post("/api/auth/refresh", &refresh).await.assert_problem(401, "session_ended");
    assert_eq!(bob.get("/api/users/me").await.status, 200);
}

#[tokio::test]
async fn keeps_administrators() {
    let app = TestApp::start().await;
    let admin = register_admin(&app, "admin").await;
    admin.post(PATH, &json!({})).await.assert_problem(409, "own_administrator");
    assert_eq!(admin.get("/api/users/me").await.json()["is_active"], true);
}

#[tokio::test]
async fn needs_a_token() {
    let app = TestApp::start().await;
    app.anon().post(PATH, &json!({})).await.assert_problem(401, "token_missing");
}
