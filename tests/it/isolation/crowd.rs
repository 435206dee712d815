//! Many transactions at once over few connections, many of them given up half-way: none meets another's user.

use base::config::Env;
use base::db::Db;
use base::params;
use uuid::Uuid;

use super::stage::Stage;
use crate::cluster::TestDatabase;

const TRANSACTIONS: u32 = 1_500;
/// Three in seven transactions are given up, after up to this many turns of the runtime.
const TURNS_MAX: u32 = 40;

#[tokio::test]
async fn nobody_meets_anothers_transaction() {
    let database = TestDatabase::create().await;
    let env = Env::from_pairs([("DATABASE_CONNECTIONS_MAX", "3")]);
    let stage = Stage::set_with(database.superuser().await, |role| database.url(role), &env).await;
    let tasks = (0..TRANSACTIONS).map(|number| {
        let (db, user) = (stage.app.clone(), [None, Some(stage.alice), Some(stage.bob)][number as usize % 3]);
        tokio::spawn(async move {
            let look = look(&db, user);
            if number % 7 < 3 {
                tokio::select! { () = look => {}, () = turns(number % TURNS_MAX) => {} }
            } else {
                look.await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("it saw what it should");
    }
}

/// Writes to one's own rows and looks at all there are, in two statements; nobody is refused both.
async fn look(db: &Db, user: Option<Uuid>) {
    let Some(user) = user else {
        let mut tx = db.as_app().await.expect("a connection");
        assert!(tx.query("select id from conversations", &[]).await.is_err(), "nobody reads");
        return;
    };
    let mut tx = db.as_user(user).await.expect("a connection");
    let changed = tx.execute("update conversations set title = $1", params![user.to_string()]).await;
    assert_eq!(changed.expect("it is allowed"), 1);
    let rows = tx.query("select user_id, title from conversations", &[]).await.expect("it is allowed");
    let rows: Vec<(Uuid, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(rows, [(user, user.to_string())]);
}

async fn turns(count: u32) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}
