//! Attacks on the built-in issuer's tokens. Each changes one thing about a token that would be taken.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::app::{Actor, Answer, TestApp};
use crate::fakes::issuer::merge;

/// A user's own token, taken apart.
struct Token {
    alice: Actor,
    key: EncodingKey,
    header: Header,
    claims: Value,
}

impl Token {
    async fn of(app: &TestApp) -> Self {
        let alice = app.register("alice").await;
        let token = alice.token.clone().expect("a token");
        let header = jsonwebtoken::decode_header(&token).expect("a header");
        let claims = jsonwebtoken::dangerous::insecure_decode_claims(&token).expect("claims");
        let key = EncodingKey::from_ec_pem(app.signing_key().as_bytes()).expect("a key");
        Self { alice, key, header, claims }
    }

    /// Signs the claims with these changes; null takes a claim away.
    fn with(&self, changes: Value) -> String {
        let mut claims = self.claims.clone();
        merge(&mut claims, changes);
        encode(&self.header, &claims, &self.key).expect("signs")
    }

    async fn show(&self, token: &str) -> Answer {
        self.alice.with_token(token).get("/api/users/me").await
    }

    #[track_caller]
    fn check_refused(answer: &Answer, what: &str) {
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        answer.assert_problem(401, "token_invalid");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

fn part(json: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
}

#[tokio::test]
async fn a_token_signed_again_unchanged_is_taken() {
    let app = TestApp::start().await;
    let token = Token::of(&app).await;
    assert_eq!(token.show(&token.with(json!({}))).await.status, 200, "or the attacks below would prove nothing");
}

#[tokio::test]
async fn none_is_no_algorithm() {
    let app = TestApp::start().await;
    let token = Token::of(&app).await;
    for alg in ["none", "None", "NONE"] {
        let header = part(&json!({"alg": alg, "typ": "JWT", "kid": token.header.kid}));
        for signature in ["", "AAAA"] {
            let forged = format!("{header}.{}.{signature}", part(&token.claims));
            Token::check_refused(&token.show(&forged).await, alg);
        }
    }
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let app = TestApp::start().await;
    let token = Token::of(&app).await;
    let set = app.anon().get("/.well-known/jwks.json").await;
    let key = &set.json()["keys"][0];
    let x = BASE64_URL_SAFE_NO_PAD.decode(key["x"].as_str().expect("x")).expect("base64url");
    let y = BASE64_URL_SAFE_NO_PAD.decode(key["y"].as_str().expect("y")).expect("base64url");
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    for secret in [set.text.as_bytes(), key.to_string().as_bytes(), &point, b""] {
        let header = Header { alg: Algorithm::HS256, ..token.header.clone() };
        let forged = encode(&header, &token.claims, &EncodingKey::from_secret(secret)).expect("signs");
        Token::check_refused(&token.show(&forged).await, "HS256");
    }
}

#[tokio::test]
async fn the_header_does_not_choose_the_algorithm() {
    let app = TestApp::start().await;
    let token = Token::of(&app).await;
    let (_, signed) = token.with(json!({})).split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("parts");
    for alg in ["ES384", "RS256", "HS256", "EdDSA"] {
        let forged = format!("{}.{signed}", part(&json!({"alg": alg, "typ": "JWT", "kid": token.header.kid})));
        Token::check_refused(&token.show(&forged).await, alg);
    }
}

#[tokio::test]
async fn claims_must_be_right() {
    let app = TestApp::start().await;
    let token = Token::of(&app).await;
    for changes in [
        json!({"iss": "https://evil.example"}),
        json!({"iss": format!("{}/", app.base_url)}),
        json!({"iss": [app.base_url]}),
        json!({"aud": "anon"}),
        json!({"aud": ["anon", "service_role"]}),
        json!({"sub": "alice"}),
        json!({"sub": ""}),
        json!({"sub": uuid::Uuid::from_u128(7)}),
        json!({"exp": "tomorrow"}),
        json!({"sts": "pending"}),
        json!({"nbf": app.clock.now_seconds() + 60}),
    ] {
        Token::check_refused(&token.show(&token.with(changes.clone())).await, &changes.to_string());
    }
}

#[tokio::test]
async fn claims_must_be_there() {
    let app = TestApp::start().await;
    let token = Token::of(&app).await;
    for claim in ["iss", "aud", "sub", "exp"] {
        Token::check_refused(&token.show(&token.with(json!({claim: null}))).await, claim);
    }
    for claim in ["role", "sid", "email", "iat"] {
        assert_eq!(token.show(&token.with(json!({claim: null}))).await.status, 200, "{claim} decides nothing");
    }
}

#[tokio::test]
async fn the_role_in_a_token_grants_nothing() {
    let app = TestApp::start().await;
    let token = Token::of(&app).await;
    let claims = json!({"role": "service_role", "user_metadata": {"role": "admin"}, "app_metadata": {"role": "admin"}});
    let alice = token.alice.with_token(token.with(claims));
    assert_eq!(alice.get("/api/users/me").await.json()["role"], "user");
    alice.get("/api/users").await.assert_problem(403, "admin_only");
}

#[tokio::test]
async fn an_expired_token_says_so() {
    let app = TestApp::start().await;
    let token = Token::of(&app).await;
    let fresh = token.with(json!({}));
    assert_eq!(token.show(&fresh).await.status, 200);
    app.clock.advance(Duration::from_secs(900 + 5));
    token.show(&fresh).await.assert_problem(401, "token_expired");
}

#[tokio::test]
async fn only_the_key_itself_signs() {
    let app = TestApp::start().await;
    let token = Token::of(&app).await;
    let other = auth::SigningKey::generate_pem();
    let other = EncodingKey::from_ec_pem(other.expose_secret().as_bytes()).expect("a key");
    let swapped = encode(&token.header, &token.claims, &other).expect("signs");
    Token::check_refused(&token.show(&swapped).await, "another key under the known id");
    let header = Header { kid: Some("unknown".to_owned()), ..token.header.clone() };
    let unknown = encode(&header, &token.claims, &token.key).expect("signs");
    Token::check_refused(&token.show(&unknown).await, "an unknown id");
    let own = auth::SigningKey::generate_pem();
    let own = EncodingKey::from_ec_pem(own.expose_secret().as_bytes()).expect("a key");
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&own, Algorithm::ES256).expect("a key");
    let header = Header { kid: None, jwk: Some(jwk), ..token.header.clone() };
    let brought = encode(&header, &token.claims, &own).expect("signs");
    Token::check_refused(&token.show(&brought).await, "a key that the token brings along");
}

#[tokio::test]
async fn no_part_can_be_changed() {
    let app = TestApp::start().await;
    let token = Token::of(&app).await;
    let good = token.with(json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let mut claims = token.claims.clone();
    merge(&mut claims, json!({"sub": uuid::Uuid::from_u128(7)}));
    for (forged, what) in [
        (format!("{}.{}.{}", parts[0], part(&claims), parts[2]), "other claims"),
        (format!("{}.{}.", parts[0], parts[1]), "no signature"),
        (format!("{}.{}", parts[0], parts[1]), "two parts"),
        (format!("{good}.{}", parts[2]), "four parts"),
        (format!("{}.{}.{}", parts[0], parts[1], BASE64_URL_SAFE_NO_PAD.encode([0; 64])), "zeros"),
        ("x".repeat(20_000), "far too long"),
        ("x".to_owned(), "no token"),
    ] {
        Token::check_refused(&token.show(&forged).await, what);
    }
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token() {
    let app = TestApp::start().await;
    let token = Token::of(&app).await;
    Token::check_refused(&token.show(super::refresh_token(&token.alice.session)).await, "refresh token");
}

#[tokio::test]
async fn no_token_says_what_is_missing() {
    let app = TestApp::start().await;
    let answer = app.anon().get("/api/users/me").await;
    answer.assert_problem(401, "token_missing");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    let basic = app.anon().request(reqwest::Method::GET, "/api/users/me").basic_auth("alice", Some("x"));
    Answer::of(basic).await.assert_problem(401, "token_missing");
}

#[tokio::test]
async fn a_token_of_another_server_is_refused() {
    let (app, other) = (TestApp::start().await, TestApp::start().await);
    let token = Token::of(&app).await;
    let foreign = other.register("alice").await;
    Token::check_refused(&token.show(foreign.token.as_deref().expect("a token")).await, "another server's");
}
