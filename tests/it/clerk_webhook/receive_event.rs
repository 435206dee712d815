use std::time::{Duration, Instant};

use base::Db;
use base::config::Env;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use jobs::Job;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::app::{Answer, TestApp};
use crate::fakes::issuer::{IssuerFake, Shape};

const SECRET: &[u8] = b"the endpoint's own secret";
const PATH: &str = "/api/webhooks/clerk";

/// Clerk with its tokens and its webhooks.
struct Clerk {
    app: TestApp,
    issuer: IssuerFake,
}

impl Clerk {
    async fn start() -> Self {
        let issuer = IssuerFake::start(Shape::Clerk).await;
        let issuers = json!([issuer.setting()]).to_string();
        let secret = format!("whsec_{}", BASE64_STANDARD.encode(SECRET));
        let app = TestApp::start_with([
            ("AUTH_ISSUERS", issuers.as_str()),
            ("CLERK_WEBHOOK_SECRET", &secret),
            ("CLERK_ISSUER", &issuer.issuer()),
        ])
        .await;
        Self { app, issuer }
    }

    /// Sends a body as it is, signed with this secret at this time.
    async fn send_signed(&self, body: &str, secret: &[u8], sent: i64) -> Answer {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key");
        mac.update(format!("msg_1.{sent}.{body}").as_bytes());
        let signature = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        let request = self.app.anon().request(Method::POST, PATH).body(body.to_owned());
        let request = request.header("svix-id", "msg_1").header("svix-timestamp", sent);
        Answer::of(request.header("svix-signature", signature).header("content-type", "application/json")).await
    }

    async fn send(&self, event: &Value) -> Answer {
        self.send_signed(&event.to_string(), SECRET, self.app.clock.now_seconds()).await
    }

    #[track_caller]
    fn taken(answer: &Answer) {
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    }

    /// What the user sees with a token of Clerk.
    async fn me(&self, subject: &str) -> Answer {
        // What is remembered of users and tokens is older than this.
        self.app.clock.advance(Duration::from_mins(2));
        self.app.anon().with_token(self.issuer.token(&self.app.clock, subject)).get("/api/users/me").await
    }

    /// Does what the outbox asks for, and gives how many deliveries that took.
    async fn work(&self) -> u64 {
        let env = Env::from_pairs([("DATABASE_SERVICE_URL", self.app.database.url("almanac_service"))]);
        let db = Db::service_from_env(&env).expect("the address is right");
        let jobs = jobs::App::new(db, self.app.clock.clone());
        Job::Drain.run(&jobs, Instant::now() + Duration::from_mins(10)).await.expect("it runs")
    }

    /// Gives up whatever waits in the outbox.
    async fn give_up(&self) {
        let sql = "update outbox set dead_at = now() where delivered_at is null";
        assert_eq!(self.app.superuser().await.execute(sql, &[]).await.expect("entries"), 1);
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = format!("select count(*) from {table}");
        self.app.superuser().await.query_one(&sql, &[]).await.expect("counts").get(0)
    }
}

/// An event as Clerk documents it.
fn user_event(kind: &str, subject: &str, name: &str, updated_at: i64) -> Value {
    json!({
        "type": kind, "object": "event", "instance_id": "ins_1", "timestamp": updated_at,
        "data": {
            "id": subject, "object": "user", "first_name": name, "last_name": "Liddell", "username": null,
            "email_addresses": [
                {"id": "idn_old", "object": "email_address", "email_address": "old@example.com"},
                {"id": "idn_new", "object": "email_address", "email_address": format!("{name}@example.com")},
            ],
            "primary_email_address_id": "idn_new", "created_at": 1, "updated_at": updated_at,
            "public_metadata": {"role": "admin"}, "unsafe_metadata": {}, "password_enabled": true,
        },
    })
}

fn deletion(subject: &str) -> Value {
    json!({"type": "user.deleted", "object": "event", "data": {"deleted": true, "id": subject, "object": "user"}})
}

#[tokio::test]
async fn makes_the_user_before_they_come() {
    let clerk = Clerk::start().await;
    Clerk::taken(&clerk.send(&user_event("user.created", "user_1", "alice", 1000)).await);
    assert_eq!(clerk.count("users").await, 1);
    let me = clerk.me("user_1").await;
    assert_eq!(me.status, 200, "{}", me.text);
    insta::assert_json_snapshot!(me.json(), {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    assert_eq!(clerk.count("users").await, 1, "the token finds the same user");
}

#[tokio::test]
async fn changes_the_user_who_came_before() {
    let clerk = Clerk::start().await;
    let before = clerk.me("user_1").await.json();
    assert_eq!(before["email"], json!(null));
    Clerk::taken(&clerk.send(&user_event("user.updated", "user_1", "alice", 1000)).await);
    let after = clerk.me("user_1").await.json();
    assert_eq!((&after["id"], &after["email"]), (&before["id"], &json!("alice@example.com")));
    assert_eq!(after["full_name"], "alice Liddell");
    Clerk::taken(&clerk.send(&user_event("user.updated", "user_1", "alicia", 2000)).await);
    assert_eq!(clerk.me("user_1").await.json()["email"], "alicia@example.com");
}

#[tokio::test]
async fn deletes_the_user_with_everything() {
    let clerk = Clerk::start().await;
    Clerk::taken(&clerk.send(&user_event("user.created", "user_1", "alice", 1000)).await);
    Clerk::taken(&clerk.send(&user_event("user.created", "user_2", "bob", 1000)).await);
    let alice = clerk.app.anon().with_token(clerk.issuer.token(&clerk.app.clock, "user_1"));
    let chat = alice.post("/api/chat", &json!({"content": "hello"})).await;
    assert_eq!(chat.status, 200, "{}", chat.text);
    for _ in 0..2 {
        Clerk::taken(&clerk.send(&deletion("user_1")).await);
    }
    clerk.me("user_1").await.assert_problem(403, "user_deactivated");
    assert_eq!((clerk.count("outbox").await, clerk.count("erasures").await), (1, 1), "one erasure, told twice");
    assert_eq!(clerk.work().await, 1);
    Clerk::taken(&clerk.send(&deletion("user_1")).await);
    assert_eq!(clerk.work().await, 0, "nothing is left to do");
    assert_eq!(clerk.count("erasures where completed_at is not null and user_id is null").await, 1);
    for table in ["users", "identities"] {
        assert_eq!(clerk.count(table).await, 1, "{table}: only bob is left");
    }
    for table in ["conversations", "messages"] {
        assert_eq!(clerk.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn deletes_administrators_and_the_deactivated_too() {
    for state in ["role = 'admin'", "is_active = false"] {
        let clerk = Clerk::start().await;
        Clerk::taken(&clerk.send(&user_event("user.created", "user_1", "alice", 1000)).await);
        clerk.app.superuser().await.execute(&format!("update users set {state}"), &[]).await.expect("a user");
        Clerk::taken(&clerk.send(&deletion("user_1")).await);
        assert_eq!((clerk.work().await, clerk.count("users").await), (1, 0), "{state}");
    }
}

#[tokio::test]
async fn takes_no_news_of_somebody_who_is_about_to_go() {
    let clerk = Clerk::start().await;
    Clerk::taken(&clerk.send(&user_event("user.created", "user_1", "alice", 1000)).await);
    Clerk::taken(&clerk.send(&deletion("user_1")).await);
    Clerk::taken(&clerk.send(&user_event("user.updated", "user_1", "mallory", 2000)).await);
    assert_eq!(clerk.count("users where email = 'alice@example.com'").await, 1);
    clerk.work().await;
    assert_eq!(clerk.count("users").await, 0);
}

#[tokio::test]
async fn a_deletion_that_was_given_up_begins_anew_when_it_is_told_again() {
    let clerk = Clerk::start().await;
    Clerk::taken(&clerk.send(&user_event("user.created", "user_1", "alice", 1000)).await);
    Clerk::taken(&clerk.send(&deletion("user_1")).await);
    clerk.give_up().await;
    assert_eq!((clerk.work().await, clerk.count("users").await), (0, 1));
    Clerk::taken(&clerk.send(&deletion("user_1")).await);
    assert_eq!((clerk.work().await, clerk.count("users").await), (1, 0));
    assert_eq!(clerk.count("erasures").await, 1);
}

#[tokio::test]
async fn a_deletion_of_much_takes_its_time_elsewhere() {
    let clerk = Clerk::start().await;
    Clerk::taken(&clerk.send(&user_event("user.created", "user_1", "alice", 1000)).await);
    let plenty = "insert into notes (id, user_id, title, content, created_at, updated_at)
                  select gen_random_uuid(), u.id, 'Note ' || n, '[]', now(), now()
                  from users u, generate_series(1, 12000) n";
    clerk.app.superuser().await.execute(plenty, &[]).await.expect("notes");
    let told = Instant::now();
    Clerk::taken(&clerk.send(&deletion("user_1")).await);
    let took = told.elapsed();
    assert_eq!((clerk.count("notes").await, clerk.work().await), (12_000, 1), "the webhook deletes nothing itself");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!((clerk.count("notes").await, clerk.count("users").await), (0, 0));
}

#[tokio::test]
async fn a_deletion_is_final() {
    let clerk = Clerk::start().await;
    Clerk::taken(&clerk.send(&deletion("user_1")).await);
    Clerk::taken(&clerk.send(&user_event("user.created", "user_1", "alice", 1000)).await);
    Clerk::taken(&clerk.send(&user_event("user.updated", "user_1", "alice", 2000)).await);
    clerk.me("user_1").await.assert_problem(401, "token_invalid");
    assert_eq!(clerk.count("users").await, 0);
}

#[tokio::test]
async fn ends_equal_in_every_order() {
    let events = [
        user_event("user.created", "user_1", "first", 1000),
        user_event("user.updated", "user_1", "second", 2000),
        user_event("user.updated", "user_1", "third", 3000),
    ];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let clerk = Clerk::start().await;
        for index in order.into_iter().chain(order) {
            Clerk::taken(&clerk.send(&events[index]).await);
        }
        assert_eq!(clerk.me("user_1").await.json()["email"], "third@example.com", "{order:?}");
        assert_eq!(clerk.count("users").await, 1, "{order:?}");
    }
}

#[tokio::test]
async fn ends_equal_when_all_come_at_once() {
    let clerk = Clerk::start().await;
    let changes: Vec<Value> =
        (1..=12).map(|n| user_event("user.updated", "user_1", &format!("name{n:02}"), n * 1000)).collect();
    for answer in join_all(changes.iter().map(|event| clerk.send(event))).await {
        Clerk::taken(&answer);
    }
    assert_eq!(clerk.me("user_1").await.json()["email"], "name12@example.com");
    let deletion = deletion("user_2");
    let created = user_event("user.created", "user_2", "bob", 1000);
    let both = (0..12).map(|n| clerk.send(if n % 3 == 0 { &deletion } else { &created }));
    for answer in join_all(both).await {
        Clerk::taken(&answer);
    }
    clerk.work().await;
    assert_eq!(clerk.count("users").await, 1, "bob was deleted, whatever came first");
}

#[tokio::test]
async fn leaves_other_events_alone() {
    let clerk = Clerk::start().await;
    Clerk::taken(&clerk.send(&json!({"type": "session.created", "data": {"id": "sess_1", "user_id": "user_1"}})).await);
    assert_eq!(clerk.count("users").await, 0);
}

#[tokio::test]
async fn refuses_what_clerk_did_not_sign() {
    let clerk = Clerk::start().await;
    let (body, now) = (user_event("user.created", "user_1", "alice", 1000).to_string(), clerk.app.clock.now_seconds());
    for (secret, sent) in [(&b"another"[..], now), (SECRET, now - 302), (SECRET, now + 302)] {
        clerk.send_signed(&body, secret, sent).await.assert_problem(401, "signature_invalid");
    }
    let unsigned = serde_json::from_str(&body).expect("JSON");
    clerk.app.anon().post(PATH, &unsigned).await.assert_problem(401, "signature_invalid");
    assert_eq!(clerk.count("users").await, 0);
}

#[tokio::test]
async fn refuses_what_is_no_event() {
    let clerk = Clerk::start().await;
    for body in ["", "{", "[]", r#"{"type":"user.created","data":{}}"#] {
        let answer = clerk.send_signed(body, SECRET, clerk.app.clock.now_seconds()).await;
        answer.assert_problem(400, "malformed");
    }
    let long = format!("{{\"type\":\"{}\"}}", "x".repeat(256 * 1024));
    let answer = clerk.send_signed(&long, SECRET, clerk.app.clock.now_seconds()).await;
    answer.assert_problem(413, "too_large");
}

#[tokio::test]
async fn says_when_it_is_not_configured() {
    let app = TestApp::start().await;
    app.anon().post(PATH, &deletion("user_1")).await.assert_problem(503, "clerk_not_configured");
}
