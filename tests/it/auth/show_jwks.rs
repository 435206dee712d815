use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::app::TestApp;

#[tokio::test]
async fn shows_the_public_key() {
    let app = TestApp::start().await;
    let answer = app.anon().get("/.well-known/jwks.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    insta::assert_json_snapshot!(answer.json(), {
        ".keys[].kid" => "[thumbprint]",
        ".keys[].x" => "[number]",
        ".keys[].y" => "[number]",
    });
}

#[tokio::test]
async fn verifies_the_access_tokens() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let set: JwkSet = serde_json::from_str(&app.anon().get("/.well-known/jwks.json").await.text).expect("a set");
    let token = alice.token.as_deref().expect("a token");
    let header = decode_header(token).expect("a header");
    assert_eq!(header.alg, Algorithm::ES256);
    let jwk = set.find(header.kid.as_deref().expect("a key id")).expect("the key is there");
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["authenticated"]);
    validation.set_issuer(&[&app.base_url]);
    let claims: Value =
        decode(token, &DecodingKey::from_jwk(jwk).expect("a key"), &validation).expect("verifies").claims;
    assert_eq!(claims["sub"], alice.id());
    assert_eq!(claims["email"], "alice@example.com");
    assert_eq!(claims["role"], "authenticated");
    assert!(claims["sid"].is_string(), "{claims}");
    let lifetime = claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| exp - iat);
    assert_eq!(lifetime.map(|seconds| json!(seconds)), Some(alice.session["expires_in"].clone()));
    assert_eq!(lifetime, Some(900));
}
