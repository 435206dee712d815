//! `almanac jobs erase`: who is back from an old backup is erased again.

use serde_json::json;

use super::program::run_alone;
use crate::app::TestApp;

async fn erase(app: &TestApp, users: &[&str]) -> (bool, String) {
    let url = app.database.url("almanac_service");
    let arguments = [&["jobs", "erase"], users].concat();
    run_alone(&arguments, [("DATABASE_SERVICE_URL", url)]).await
}

#[tokio::test]
async fn users_are_shut_out_at_once_and_erased_by_the_jobs() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let (id, unknown) = (alice.id(), uuid::Uuid::nil().to_string());
    let (done, said) = erase(&app, &[&id, &unknown]).await;
    assert!(done && said.contains(&format!("{id} is shut out")), "{said}");
    assert!(said.contains(&format!("{unknown} is not there")), "{said}");
    let refresh = json!({"refresh_token": alice.session["refresh_token"]});
    assert!(app.anon().post("/api/auth/refresh", &refresh).await.status.is_client_error());
    let waiting = "select user_id::text from outbox where kind = 'erase_user' and delivered_at is null";
    let rows = app.superuser().await.query(waiting, &[]).await.expect("an outbox");
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(), [&*id]);

    let (done, said) = erase(&app, &[&id]).await;
    assert!(done && said.contains("waits to be erased already"), "{said}");
    assert_eq!(bob.get("/api/users/me").await.status, 200);
    assert!(!erase(&app, &["alice@example.com"]).await.0, "an address is no id");
}
