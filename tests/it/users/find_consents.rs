use serde_json::json;

use super::CONSENTS;
use crate::app::TestApp;

#[tokio::test]
async fn shows_what_counts_and_what_was_before() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    assert_eq!(alice.get(CONSENTS).await.json(), json!({"consents": []}));
    for (purpose, version, granted) in [("terms", "1", true), ("marketing", "1", true), ("marketing", "1", false)] {
        let choice = json!({"consents": [{"purpose": purpose, "version": version, "granted": granted}]});
        assert_eq!(alice.put(CONSENTS, &choice).await.status, 200);
    }
    let answer = alice.get(CONSENTS).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    insta::assert_json_snapshot!(answer.json(), { ".**.decided_at" => "[time]" });
    assert_eq!(bob.get(CONSENTS).await.json(), json!({"consents": []}));
}

#[tokio::test]
async fn needs_a_token() {
    let app = TestApp::start().await;
    app.anon().get(CONSENTS).await.assert_problem(401, "token_missing");
}
