use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::register_admin;
use crate::app::{PASSWORD, TestApp};

#[tokio::test]
async fn deactivates_and_lets_in_again() {
    let app = TestApp::start().await;
    let (admin, alice) = (register_admin(&app, "admin").await, app.register("alice").await);
    assert_eq!(alice.get("/api/users/me").await.status, 200);
    let path = format!("/api/users/{}", alice.id());
    let answer = admin.patch(&path, &json!({"is_active": false})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    insta::assert_json_snapshot!(answer.json(), {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    alice.get("/api/users/me").await.assert_problem(403, "user_deactivated");
    assert_eq!(admin.patch(&path, &json!({"is_active": true})).await.json()["is_active"], true);
    assert_eq!(alice.get("/api/users/me").await.status, 200);
    let refresh = json!({"refresh_token": alice.session["refresh_token"]});
    app.anon().post("/api/auth/refresh", &refresh).await.assert_problem(401, "session_ended");
    let login = json!({"email": "alice@example.com", "password": PASSWORD});
    assert_eq!(app.anon().post("/api/auth/login", &login).await.status, 200);
}

#[tokio::test]
async fn makes_and_unmakes_administrators() {
    let app = TestApp::start().await;
    let (admin, alice) = (register_admin(&app, "admin").await, app.register("alice").await);
    alice.get("/api/users").await.assert_problem(403, "admin_only");
    let path = format!("/api/users/{}", alice.id());
    assert_eq!(admin.patch(&path, &json!({"role": "admin"})).await.json()["role"], "admin");
    assert_eq!(alice.get("/api/users").await.status, 200, "it holds at once");
    assert_eq!(admin.patch(&path, &json!({"role": "user"})).await.json()["role"], "user");
    alice.get("/api/users").await.assert_problem(403, "admin_only");
}

#[tokio::test]
async fn another_process_notices_within_half_a_minute() {
    let app = TestApp::start().await;
    let elsewhere = app.second_process().await;
    let (admin, alice) = (register_admin(&app, "admin").await, app.register("alice").await);
    let alice = elsewhere.seen_by(&alice);
    assert_eq!(alice.get("/api/users/me").await.status, 200);
    admin.patch(&format!("/api/users/{}", alice.id()), &json!({"is_active": false})).await;
    app.clock.advance(Duration::from_secs(30));
    alice.get("/api/users/me").await.assert_problem(403, "user_deactivated");
}

#[tokio::test]
async fn a_demoted_administrator_can_do_nothing_with_what_another_process_remembers() {
    let app = TestApp::start().await;
    let elsewhere = app.second_process().await;
    let (admin, mallory) = (register_admin(&app, "admin").await, register_admin(&app, "mallory").await);
    let mallory = elsewhere.seen_by(&mallory);
    assert_eq!(mallory.get("/api/users").await.json().as_array().map(Vec::len), Some(2));
    admin.patch(&format!("/api/users/{}", mallory.id()), &json!({"role": "user"})).await;
    assert_eq!(mallory.get("/api/users").await.json(), json!([]), "the database asks for the role again");
    let path = format!("/api/users/{}", admin.id());
    mallory.patch(&path, &json!({"role": "user"})).await.assert_problem(404, "not_found");
    assert_eq!(admin.get("/api/users/me").await.json()["role"], "admin");
}

#[tokio::test]
async fn keeps_administrators() {
    let app = TestApp::start().await;
    let admin = register_admin(&app, "admin").await;
    let path = format!("/api/users/{}", admin.id());
    for change in [json!({"role": "user"}), json!({"is_active": false})] {
        admin.patch(&path, &change).await.assert_problem(409, "own_administrator");
    }
    assert_eq!(admin.patch(&path, &json!({"role": "admin", "is_active": true})).await.status, 200);
}

#[tokio::test]
async fn is_for_administrators_only() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let body = json!({"role": "admin"});
    for id in [alice.id(), bob.id()] {
        alice.patch(&format!("/api/users/{id}"), &body).await.assert_problem(403, "admin_only");
        app.anon().patch(&format!("/api/users/{id}"), &body).await.assert_problem(401, "token_missing");
    }
}

#[tokio::test]
async fn unknown_users_are_not_found() {
    let app = TestApp::start().await;
    let admin = register_admin(&app, "admin").await;
    for id in [Uuid::from_u128(7).to_string(), "nobody".to_owned()] {
        admin.patch(&format!("/api/users/{id}"), &json!({"role": "user"})).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    let (admin, alice) = (register_admin(&app, "admin").await, app.register("alice").await);
    let path = format!("/api/users/{}", alice.id());
    admin.patch(&path, &json!({"role": "owner"})).await.assert_invalid("/role");
    admin.patch(&path, &json!({"is_active": "yes"})).await.assert_invalid("/is_active");
    admin.patch(&path, &json!({"email": "new@example.com"})).await.assert_invalid("/email");
}
