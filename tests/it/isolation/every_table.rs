use base::config::Env;

use super::stage::Stage;
use super::{behaviour, catalogue};
use crate::cluster::TestDatabase;

/// Everything that is wrong with a database, whichever way it is found.
pub(super) async fn violations(stage: &Stage) -> Vec<String> {
    let mut violations = behaviour::of_logins(stage).await;
    violations.extend(catalogue::of_logins(stage).await);
    violations.extend(behaviour::of_references(stage).await);
    let tables = stage.tables().await;
    for rule in &super::rules::RULES {
        assert!(tables.iter().any(|table| table == rule.table), "{} has a rule and is no table", rule.table);
    }
    for table in &tables {
        violations.extend(behaviour::of_table(stage, table).await);
        violations.extend(catalogue::of_table(stage, table).await);
    }
    violations
}

pub(super) async fn stage_in(database: &TestDatabase) -> Stage {
    Stage::set(database.superuser().await, |role| database.url(role)).await
}

#[tokio::test]
async fn each_user_is_alone_in_every_table() {
    let database = TestDatabase::create().await;
    let stage = stage_in(&database).await;
    assert_eq!(violations(&stage).await, [""; 0]);
}

#[tokio::test]
async fn also_when_each_step_is_awaited() {
    let database = TestDatabase::create().await;
    let env = Env::from_pairs([("DATABASE_PIPELINE", "off")]);
    let stage = Stage::set_with(database.superuser().await, |role| database.url(role), &env).await;
    assert_eq!(violations(&stage).await, [""; 0]);
}

#[tokio::test]
async fn a_table_without_a_rule_is_noticed() {
    let database = TestDatabase::create().await;
    let stage = stage_in(&database).await;
    stage.superuser.batch_execute("create table letters (id uuid primary key, user_id uuid)").await.expect("made");
    let found = violations(&stage).await;
    assert!(found.iter().any(|violation| violation.starts_with("letters has no rule")), "{found:?}");
}

#[tokio::test]
async fn a_login_that_bypasses_is_refused() {
    let database = TestDatabase::create().await;
    let env = Env::from_pairs([("DATABASE_URL", database.url("postgres"))]);
    let refused = base::Db::from_env(&env).expect("the address is right").check_login().await;
    assert!(refused.is_err_and(|error| format!("{error:?}").contains("bypasses row-level security")));
    stage_in(&database).await.app.check_login().await.expect("the program's own login is held");
}
