use std::time::{Duration, Instant};

use base::Db;
use base::config::Env;
use jobs::Job;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::plenty::furnish;
use super::traces::Traces;
use super::{EXPORT, register_admin};
use crate::app::{Actor, Answer, TestApp};
use crate::fakes::issuer::{IssuerFake, Shape};

const PATH: &str = "/api/users/me";

pub(super) async fn leave(actor: &Actor) -> Answer {
    Answer::of(actor.request(Method::DELETE, PATH)).await
}

/// The jobs of the product, which nobody runs by themselves here.
pub(super) fn jobs_of(app: &TestApp) -> jobs::App {
    let env = Env::from_pairs([("DATABASE_SERVICE_URL", app.database.url("almanac_service"))]);
    jobs::App::new(Db::service_from_env(&env).expect("the settings are right"), app.clock.clone())
}

/// Runs a job to its end.
pub(super) async fn run(app: &TestApp, job: Job) {
    let until = Instant::now() + Duration::from_mins(10);
    job.run(&jobs_of(app), until).await.expect("it runs");
}

pub(super) fn id_of(actor: &Actor) -> Uuid {
    actor.id().parse().expect("an id")
}

/// What the receipt tells.
async fn status(app: &TestApp, left: &Answer) -> Value {
    let answer = app.anon().get(left.json()["status_url"].as_str().expect("an address")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn leaves_no_trace_and_nobody_else_notices() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice-canary").await, app.register("bob").await);
    furnish(&alice, "canary-by-http").await;
    furnish(&bob, "bobs").await;
    // What bob says of her is his.
    let about = json!({"title": format!("call alice-canary@example.com, {}", alice.id())});
    let about = bob.post("/api/tasks", &about).await.json()["id"].clone();

    let traces = Traces::of(&app).await;
    let planted = traces.plant(id_of(&alice), "canary-by-sql").await;
    for column in [
        "users.preferences",
        "messages.content",
        "tasks.metadata",
        "notes.content",
        "changes.after",
        "idempotency_keys.answer",
        "outbox.payload",
        "identities.subject",
        "consents.purpose",
    ] {
        assert!(planted.iter().any(|one| one == column), "{column} was not reached: {planted:?}");
    }
    let found = traces.tables_with("canary-by-sql").await;
    for column in &planted {
        assert!(found.iter().any(|table| column.starts_with(&format!("{table}."))), "{column} would not be noticed");
    }
    let by_http = traces.tables_with("canary-by-http").await;
    assert!(by_http.len() > 5, "{by_http:?}");
    let his = traces.rows_of(id_of(&bob)).await;

    let left = leave(&alice).await;
    assert_eq!(left.status, 202, "{}", left.text);
    run(&app, Job::Drain).await;

    for text in ["canary-by-sql", "canary-by-http"] {
        assert_eq!(traces.tables_with(text).await, [""; 0], "{text}");
    }
    for text in ["alice-canary", &alice.id()] {
        assert_eq!(traces.tables_with(text).await, ["changes", "tasks"], "only what bob says of her");
    }
    let gone = Answer::of(bob.request(Method::GET, &format!("/api/tasks/{}", about.as_str().expect("an id")))).await;
    assert_eq!(gone.status, 200, "{}", gone.text);
    assert_eq!(traces.rows_of(id_of(&bob)).await, his, "nothing of bob's changed");
    let done = status(&app, &left).await;
    assert_eq!(done["status"], "done", "{done}");
    for rule in &crate::isolation::rules::RULES {
        let is_counted = rule.owner.is_some() && rule.table != "erasures";
        assert_eq!(done["counts"][rule.table].as_i64().is_some_and(|count| count > 0), is_counted, "{}", rule.table);
    }
}

#[tokio::test]
async fn shuts_the_user_out_at_once_and_answers_the_same_from_then_on() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let left = leave(&alice).await;
    insta::assert_json_snapshot!(left.json(), { ".receipt" => "[receipt]", ".status_url" => "[address]" });
    assert_eq!(left.header("location"), left.json()["status_url"]);
    assert_eq!(left.header("cache-control"), "no-store");
    for answer in [leave(&alice).await, alice.get(EXPORT).await] {
        answer.assert_problem(403, "user_deactivated");
    }
    let refresh = json!({"refresh_token": alice.session["refresh_token"]});
    app.anon().post("/api/auth/refresh", &refresh).await.assert_problem(401, "session_ended");
    assert_eq!(status(&app, &left).await["status"], "requested");
    run(&app, Job::Drain).await;
    assert_eq!(status(&app, &left).await["status"], "done");
    // Another process has not heard of her.
    let elsewhere = app.second_process().await;
    leave(&elsewhere.seen_by(&alice)).await.assert_problem(401, "token_invalid");
    // The address is free again.
    assert_ne!(app.register("alice").await.id(), alice.id());
}

#[tokio::test]
async fn a_process_that_remembers_the_user_answers_the_same() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let elsewhere = app.second_process().await;
    let seen = elsewhere.seen_by(&alice);
    assert_eq!(seen.get("/api/users/me").await.status, 200);
    assert_eq!(leave(&alice).await.status, 202);
    leave(&seen).await.assert_problem(403, "user_deactivated");
    let fresh = app.second_process().await;
    fresh.seen_by(&alice).get(PATH).await.assert_problem(403, "user_deactivated");
    run(&app, Job::Drain).await;
    leave(&elsewhere.seen_by(&alice)).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn two_at_once_make_one_erasure() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let answers = futures_util::future::join_all((0..8).map(|_| leave(&alice))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 1);
    assert!(answers.iter().all(|answer| answer.status == 202 || answer.status == 403));
    let count = "select count(*) from erasures";
    assert_eq!(app.superuser().await.query_one(count, &[]).await.expect("a count").get::<_, i64>(0), 1);
}

#[tokio::test]
async fn an_erasure_that_was_cut_off_is_begun_anew() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    furnish(&alice, "canary").await;
    let left = leave(&alice).await;
    let traces = Traces::of(&app).await;
    let before = traces.rows_of(id_of(&alice)).await;
    // A worker dies before its transaction is committed.
    let db = jobs_of(&app).db;
    let mut tx = db.as_job(id_of(&alice), app.clock.new_id()).await.expect("a transaction");
    let erase = "select almanac.erase_user($1, now()) is not null";
    assert!(tx.query_one(erase, base::params![id_of(&alice)]).await.expect("it runs").get::<_, bool>(0));
    drop(tx);
    assert_eq!(traces.rows_of(id_of(&alice)).await, before, "nothing is half gone");
    assert_eq!(status(&app, &left).await["status"], "requested");
    // Another takes over; that it is done already hurts nobody.
    run(&app, Job::Drain).await;
    let done = status(&app, &left).await;
    assert_eq!(done["status"], "done");
    let tx = db.as_job(id_of(&alice), app.clock.new_id()).await.expect("a transaction");
    assert_eq!(domain::erasure::complete(tx, id_of(&alice), app.clock.now()).await.expect("it runs"), None);
    assert_eq!(status(&app, &left).await, done);
    assert_eq!(traces.tables_with("canary").await, [""; 0]);
}

#[tokio::test]
async fn those_who_have_much_go_in_parts() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let sql = "insert into tasks (id, user_id, title, created_at, updated_at)
               select gen_random_uuid(), $1, 'canary ' || n, now(), now() from generate_series(1, 11000) n";
    let traces = Traces::of(&app).await;
    for owner in [id_of(&alice), id_of(&bob)] {
        traces.superuser.execute(sql, &[&owner]).await.expect("arranged");
    }
    let db = jobs_of(&app).db;
    let begin = async || {
        let tx = db.as_job(id_of(&alice), app.clock.new_id()).await.expect("a transaction");
        domain::erasure::begin(tx, id_of(&alice)).await.expect("it runs")
    };
    assert!(!begin().await, "not before she asked for it");
    let left = leave(&alice).await;
    // A worker dies after the first part.
    assert!(begin().await);
    let some = "select count(*) from tasks where user_id = $1";
    let rest: i64 = traces.superuser.query_one(some, &[&id_of(&alice)]).await.expect("a count").get(0);
    assert_eq!(rest, 6000);
    assert_eq!(status(&app, &left).await["counts"], Value::Null);
    run(&app, Job::Drain).await;
    let done = status(&app, &left).await;
    assert_eq!((&done["status"], &done["counts"]["tasks"]), (&json!("done"), &json!(11000)), "{done}");
    assert_eq!(traces.tables_with(&alice.id()).await, [""; 0]);
    assert_eq!(traces.superuser.query_one(some, &[&id_of(&bob)]).await.expect("a count").get::<_, i64>(0), 11000);
}

#[tokio::test]
async fn what_would_be_left_stops_it() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let left = leave(&alice).await;
    let traces = Traces::of(&app).await;
    for table in ["user_id uuid", "note text"] {
        let sql = format!(
            "create table stray ({table}); grant select on stray to service_role;
                           insert into stray values ('{}')",
            alice.id()
        );
        traces.superuser.batch_execute(&sql).await.expect("arranged");
        let tx = jobs_of(&app).db.as_job(id_of(&alice), app.clock.new_id()).await.expect("a transaction");
        let stopped = domain::erasure::complete(tx, id_of(&alice), app.clock.now()).await;
        assert!(stopped.is_err_and(|error| format!("{error:?}").contains("stray")), "{table}");
        assert_eq!(status(&app, &left).await["status"], "requested");
        traces.superuser.batch_execute("drop table stray").await.expect("arranged");
    }
}

#[tokio::test]
async fn an_entry_without_the_wish_erases_nobody() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let sql = "insert into outbox (user_id, kind, payload) values ($1, 'erase_user', '{}')";
    app.superuser().await.execute(sql, &[&id_of(&alice)]).await.expect("arranged");
    run(&app, Job::Drain).await;
    assert_eq!(alice.get(PATH).await.status, 200);
}

#[tokio::test]
async fn a_token_from_before_makes_no_account_anew() {
    let issuer = IssuerFake::start(Shape::Clerk).await;
    let app = TestApp::start_with([("AUTH_ISSUERS", json!([issuer.setting()]).to_string().as_str())]).await;
    let come = || app.anon().with_token(issuer.token(&app.clock, "user_alice"));
    let first = come().get(PATH).await.json()["id"].clone();
    assert_eq!(leave(&come()).await.status, 202);
    run(&app, Job::Drain).await;
    app.clock.advance(Duration::from_mins(1));
    come().get(PATH).await.assert_problem(401, "token_invalid");
    assert_eq!(Traces::of(&app).await.tables_with("user_alice").await, [""; 0], "it is kept as a hash");
    // A day later no token from before is valid any more, and whoever comes then is somebody new.
    app.clock.advance(Duration::from_hours(25));
    run(&app, Job::Prune).await;
    let again = come().get(PATH).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_ne!(again.json()["id"], first);
}

#[tokio::test]
async fn keeps_administrators() {
    let app = TestApp::start().await;
    let admin = register_admin(&app, "admin").await;
    leave(&admin).await.assert_problem(409, "own_administrator");
    assert_eq!(admin.get(PATH).await.status, 200);
}

#[tokio::test]
async fn needs_a_token() {
    let app = TestApp::start().await;
    leave(&app.anon()).await.assert_problem(401, "token_missing");
}
