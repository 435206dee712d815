//! The built-in issuer, and whose tokens are taken.

mod login;
mod logout;
mod refresh;
mod register;
mod rotate_key;
mod show_jwks;
mod take_foreign_token;
mod take_token;

use crate::app::{Actor, Answer, PASSWORD};
use serde_json::{Value, json};

/// Signs in with this password.
async fn login(anon: &Actor, email: &str, password: &str) -> Answer {
    anon.post("/api/auth/login", &json!({"email": email, "password": password})).await
}

/// Signs in with the right password and gives the session.
async fn sign_in(anon: &Actor, email: &str) -> Value {
    let answer = login(anon, email, PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn refresh(anon: &Actor, token: &str) -> Answer {
    anon.post("/api/auth/refresh", &json!({"refresh_token": token})).await
}

async fn logout(anon: &Actor, token: &str) -> Answer {
    anon.post("/api/auth/logout", &json!({"refresh_token": token})).await
}

/// The refresh token of a session.
fn refresh_token(session: &Value) -> &str {
    session["refresh_token"].as_str().expect("a refresh token")
}
