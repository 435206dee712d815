//! A user's writers wait for each other, for as long as they want to.

use std::time::Duration;

use base::Db;
use base::config::Env;
use base::db::LOCKED;

use crate::app::TestApp;

#[tokio::test]
async fn who_waits_for_a_bounded_time_is_told_that_it_was_in_vain() {
    let app = TestApp::start().await;
    let user = app.register("alice").await.id().parse().expect("an id");
    let env = Env::from_pairs([("DATABASE_URL", app.database.url("almanac_app"))]);
    let db = Db::from_env(&env).expect("the address is right");
    let mut first = db.as_writer(user).await.expect("a connection");
    first.query("select 1", &[]).await.expect("the lock is free");
    let env = env.with("DATABASE_PIPELINE", "off");
    for db in [Db::from_env(&Env::from_pairs([("DATABASE_URL", app.database.url("almanac_app"))])), Db::from_env(&env)]
    {
        let db = db.expect("the address is right");
        let mut tx = db.as_writer(user).await.expect("a connection").waiting_at_most(Duration::from_millis(50));
        let error = base::Error::from(tx.query("select 1", &[]).await.expect_err("the lock is another's"));
        assert_eq!((error.status().as_u16(), error.code()), (503, LOCKED));
    }
    first.commit().await.expect("the first ends");
    let mut next = db.as_writer(user).await.expect("a connection").waiting_at_most(Duration::from_millis(50));
    next.query("select 1", &[]).await.expect("the lock is free again");
}
