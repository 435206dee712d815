use crate::app::TestApp;

#[tokio::test]
async fn shows_who_is_asking() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let answer = alice.get("/api/users/me").await;
    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!(answer.json(), {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    assert_eq!(answer.json()["id"], alice.id());
    assert_eq!(bob.get("/api/users/me").await.json()["id"], bob.id());
}

#[tokio::test]
async fn needs_a_token() {
    let app = TestApp::start().await;
    app.anon().get("/api/users/me").await.assert_problem(401, "token_missing");
}

#[tokio::test]
async fn a_user_who_is_gone_is_not_found() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    assert_eq!(alice.get("/api/users/me").await.status, 200);
    app.superuser().await.execute("delete from users", &[]).await.expect("arranged");
    alice.get("/api/users/me").await.assert_problem(404, "not_found");
    let elsewhere = app.second_process().await;
    elsewhere.seen_by(&alice).get("/api/users/me").await.assert_problem(401, "token_invalid");
}
