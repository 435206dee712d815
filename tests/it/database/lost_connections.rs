//! One connection, cut at each place where it hurts.

use base::config::Env;
use base::{Db, params};
use reqwest::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::app::{Actor, Answer, TestApp};
use crate::fakes::cable::{Cable, Cut};

/// A product whose way to the database can be cut, and somebody who uses it.
struct Scene {
    app: TestApp,
    cable: Cable,
    alice: Actor,
}

impl Scene {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let cable = Cable::to(&app.database.url("almanac_app")).await;
        let over_cable = app.second_process_at(&cable.url).await;
        let alice = over_cable.seen_by(&app.register("alice").await);
        // Opens the connection, and remembers the user.
        assert_eq!(alice.get("/api/tasks").await.status, 200);
        Self { app: over_cable, cable, alice }
    }

    async fn post(&self, title: &str) -> Answer {
        let request = self.alice.request(Method::POST, "/api/tasks").header("idempotency-key", title);
        Answer::of(request.json(&json!({"title": title}))).await
    }

    /// How many tasks have this title.
    async fn count(&self, title: &str) -> i64 {
        let sql = "select count(*) from tasks where title = $1";
        self.app.superuser().await.query_one(sql, &[&title]).await.expect("counts").get(0)
    }
}

#[tokio::test]
async fn a_dead_connection_is_replaced_unseen() {
    let scene = Scene::open().await;
    for (round, cut) in [Cut::BeforeArrival, Cut::BeforeAnswer].into_iter().enumerate() {
        scene.cable.cut(cut);
        assert_eq!(scene.alice.get("/api/tasks").await.status, 200, "{cut:?}");
        scene.cable.cut(cut);
        let title = format!("written {cut:?}");
        let answer = scene.post(&title).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{cut:?}: {}", answer.text);
        assert_eq!(scene.count(&title).await, 1, "{cut:?}");
        assert_eq!(scene.cable.cuts(), 2 * (round + 1));
    }
}

#[tokio::test]
async fn a_write_that_is_one_statement_is_not_done_twice() {
    let scene = Scene::open().await;
    let owner: Uuid = scene.alice.id().parse().expect("an id");
    let db = Db::from_env(&Env::from_pairs([("DATABASE_URL", &scene.cable.url)])).expect("the address is right");
    let superuser = scene.app.superuser().await;
    let insert = "insert into outbox (user_id, kind) values ($1, $2)";
    // Nobody can know whether the last one was committed, so it is told and not done again.
    for (cut, is_done) in [(Cut::BeforeArrival, true), (Cut::BeforeAnswer, true), (Cut::AtCommit, false)] {
        db.as_user(owner).await.unwrap().query("select 1", &[]).await.expect("the connection is opened");
        scene.cable.cut(cut);
        let kind = format!("{cut:?}");
        let tx = db.as_writer(owner).await.unwrap();
        let written = tx.execute_and_commit(insert, params![owner, kind]).await;
        assert_eq!(written.is_ok(), is_done, "{cut:?}");
        let count = superuser.query_one("select count(*) from outbox where kind = $1", &[&kind]).await.expect("counts");
        assert_eq!(count.get::<_, i64>(0), 1, "{cut:?}");
    }
    assert_eq!(scene.cable.cuts(), 3);
}

#[tokio::test]
async fn an_erasure_is_asked_for_once() {
    let scene = Scene::open().await;
    for (round, cut) in [Cut::BeforeArrival, Cut::BeforeAnswer].into_iter().enumerate() {
        let user = scene.app.register(&format!("user{round}")).await;
        assert_eq!(user.get("/api/users/me").await.status, 200);
        scene.cable.cut(cut);
        // Asked again, it would be refused.
        let left = Answer::of(user.request(Method::DELETE, "/api/users/me")).await;
        assert_eq!(left.status, StatusCode::ACCEPTED, "{cut:?}: {}", left.text);
        let erasures = "select count(*) from erasures where user_id::text = $1";
        let asked = scene.app.superuser().await.query_one(erasures, &[&user.id()]).await.expect("counts");
        assert_eq!((asked.get::<_, i64>(0), scene.cable.cuts()), (1, round + 1), "{cut:?}");
    }
}

#[tokio::test]
async fn a_lost_commit_is_told_and_can_be_sent_again() {
    let scene = Scene::open().await;
    scene.cable.cut(Cut::AtCommit);
    let unknown = scene.post("once").await;
    unknown.assert_problem(503, "database_unavailable");
    assert_eq!(unknown.header("retry-after"), "2");
    assert_eq!((scene.cable.cuts(), scene.count("once").await), (1, 1), "it was committed, as nobody can know");
    let again = scene.post("once").await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (StatusCode::CREATED, "true"), "{}", again.text);
    assert_eq!(scene.count("once").await, 1);
    // Without the key it would be another task, so it is never done again by itself.
    scene.cable.cut(Cut::AtCommit);
    scene.alice.post("/api/tasks", &json!({"title": "unkeyed"})).await.assert_problem(503, "database_unavailable");
    assert_eq!(scene.count("unkeyed").await, 1);
}

#[tokio::test]
async fn a_database_that_is_away_is_told() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let nobody = format!("postgres://almanac_app@{}/nowhere", listener.local_addr().expect("an address"));
    drop(listener);
    let db = Db::from_env(&Env::from_pairs([("DATABASE_URL", nobody)])).expect("an address");
    let refused = db.as_user(alice.id().parse().expect("an id")).await.err().expect("nobody is there");
    assert_eq!((refused.status().as_u16(), refused.code()), (503, "database_unavailable"));
}

/// Such a server says nothing more, not even that it is gone, so only the network can tell.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_network_is_asked_whether_a_server_that_is_silent_is_there() {
    let scene = Scene::open().await;
    let (_, port) = scene.cable.url.rsplit_once(':').expect("an address");
    let port: u16 = port.split('/').next().and_then(|port| port.parse().ok()).expect("a port");
    // Of each connection: the address at the other end, its state, and the timer that runs with what is left of it.
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("Linux tells");
    let connections = table.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let of_database = connections.filter(|fields| fields[2].ends_with(&format!(":{port:04X}")) && fields[3] == "01");
    let timers: Vec<_> = of_database.map(|fields| fields[5].to_owned()).collect();
    assert!(!timers.is_empty(), "{table}");
    for timer in timers {
        let (kind, left) = timer.split_once(':').expect("a kind and a time");
        let left_hundredths = u64::from_str_radix(left, 16).expect("a time");
        assert!(kind == "02" && left_hundredths <= 1_000, "no question within ten seconds: {timer}");
    }
}
