//! An issuer of tokens on loopback, shaped like Clerk (RS256) or like Supabase Auth (ES256). It publishes its
//! keys, signs whatever it is told to, and can rotate its keys, fail and be slow.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base::Clock;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// Made for these tests and used for nothing else.
const RSA_KEYS: [&str; 2] = [include_str!("keys/rsa_1.pem"), include_str!("keys/rsa_2.pem")];

/// Whose habits it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Clerk,
    Supabase,
}

/// One issuer. It stops with the test's runtime.
pub(crate) struct IssuerFake {
    shape: Shape,
    base_url: String,
    published: Arc<Published>,
    key: Mutex<Key>,
}

#[derive(Clone)]
struct Key {
    generation: usize,
    encoding: EncodingKey,
    public: Jwk,
}

struct Published {
    set: Mutex<JwkSet>,
    behaviour: Mutex<(StatusCode, Duration)>,
    fetches: AtomicUsize,
}

impl IssuerFake {
    pub(crate) async fn start(shape: Shape) -> Self {
        let key = Key::new(shape, 0);
        let published = Arc::new(Published {
            set: Mutex::new(JwkSet { keys: vec![key.public.clone()] }),
            behaviour: Mutex::new((StatusCode::OK, Duration::ZERO)),
            fetches: AtomicUsize::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new()
            .route("/.well-known/jwks.json", get(show_keys))
            .route("/auth/v1/.well-known/jwks.json", get(show_keys))
            .with_state(Arc::clone(&published));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("the fake runs") });
        Self { shape, base_url, published, key: Mutex::new(key) }
    }

    /// The exact `iss` of its tokens.
    pub(crate) fn issuer(&self) -> String {
        match self.shape {
            Shape::Clerk => self.base_url.clone(),
            Shape::Supabase => format!("{}/auth/v1", self.base_url),
        }
    }

    /// Its entry in `AUTH_ISSUERS`.
    pub(crate) fn setting(&self) -> Value {
        let mut entry = json!({
            "issuer": self.issuer(),
            "jwks_url": format!("{}/.well-known/jwks.json", self.issuer()),
        });
        match self.shape {
            Shape::Clerk => entry["authorized_parties"] = json!(["https://app.example"]),
            Shape::Supabase => entry["audience"] = json!("authenticated"),
        }
        entry
    }

    /// What a token of this issuer says about a user.
    pub(crate) fn claims(&self, clock: &Clock, subject: &str) -> Value {
        let now = clock.now_seconds();
        let mut claims = json!({"iss": self.issuer(), "sub": subject, "iat": now, "exp": now + 60});
        let own = match self.shape {
            Shape::Clerk => {
                json!({"azp": "https://app.example", "sid": "sess_1", "nbf": now - 10, "v": 2, "fva": [0, -1]})
            }
            Shape::Supabase => json!({
                "aud": "authenticated", "role": "authenticated", "aal": "aal1", "session_id": "s1",
                "email": format!("{subject}@example.com"), "exp": now + 3600,
                "user_metadata": {"role": "admin"}, "is_anonymous": false,
            }),
        };
        merge(&mut claims, own);
        claims
    }

    /// A token with these claims, signed with the current key.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let key = self.key.lock().expect("no test panics here");
        let header = Header { kid: key.public.common.key_id.clone(), ..Header::new(algorithm(self.shape)) };
        jsonwebtoken::encode(&header, claims, &key.encoding).expect("signs")
    }

    /// The usual token of this subject.
    pub(crate) fn token(&self, clock: &Clock, subject: &str) -> String {
        self.sign(&self.claims(clock, subject))
    }

    /// Replaces the key by another, with another id. The old one is no longer published.
    pub(crate) fn rotate(&self) {
        let mut key = self.key.lock().expect("no test panics here");
        *key = Key::new(self.shape, key.generation + 1);
        self.published.set.lock().expect("no test panics here").keys = vec![key.public.clone()];
    }

    /// From now on the keys are answered like this, after this long.
    pub(crate) fn behave(&self, status: StatusCode, after: Duration) {
        *self.published.behaviour.lock().expect("no test panics here") = (status, after);
    }

    /// How often the keys were asked for.
    pub(crate) fn fetches(&self) -> usize {
        self.published.fetches.load(Ordering::SeqCst)
    }
}

/// Adds these claims, or replaces them; null takes one away.
pub(crate) fn merge(claims: &mut Value, changes: Value) {
    let (Value::Object(claims), Value::Object(changes)) = (claims, changes) else { panic!("claims are objects") };
    for (name, value) in changes {
        if value.is_null() {
            claims.remove(&name);
        } else {
            claims.insert(name, value);
        }
    }
}

async fn show_keys(State(published): State<Arc<Published>>) -> Response {
    published.fetches.fetch_add(1, Ordering::SeqCst);
    let (status, after) = *published.behaviour.lock().expect("no test panics here");
    tokio::time::sleep(after).await;
    let set = serde_json::to_string(&*published.set.lock().expect("no test panics here")).expect("serialises");
    (status, [(CONTENT_TYPE, "application/json")], set).into_response()
}

fn algorithm(shape: Shape) -> Algorithm {
    match shape {
        Shape::Clerk => Algorithm::RS256,
        Shape::Supabase => Algorithm::ES256,
    }
}

impl Key {
    fn new(shape: Shape, generation: usize) -> Self {
        let encoding = match shape {
            Shape::Clerk => EncodingKey::from_rsa_pem(RSA_KEYS[generation % RSA_KEYS.len()].as_bytes()),
            Shape::Supabase => EncodingKey::from_ec_pem(auth::SigningKey::generate_pem().expose_secret().as_bytes()),
        }
        .expect("a key");
        let mut public = Jwk::from_encoding_key(&encoding, algorithm(shape)).expect("a key");
        public.common.key_id = Some(format!("key-{generation}"));
        Self { generation, encoding, public }
    }
}
