//! `almanac migrate`: brings a database to the schema, and sets the logins' passwords.

use base::config::Env;
use tokio_postgres::Client;

use crate::failure::{Failure, Result};
use crate::{database, migrate, terminal};

/// The logins that the migrations create, and the settings that give each a password.
const LOGINS: [(&str, &str); 2] =
    [("almanac_app", "ALMANAC_APP_PASSWORD"), ("almanac_service", "ALMANAC_SERVICE_PASSWORD")];

/// Keeps a password out of the server's log.
const WITHOUT_LOG: &str =
    "set log_statement = 'none'; set log_min_error_statement = 'panic'; set log_min_duration_statement = -1";

pub(super) async fn run(env: &Env) -> Result<()> {
    let setting = if env.get("DATABASE_ADMIN_URL").is_some() { "DATABASE_ADMIN_URL" } else { "DATABASE_URL" };
    let url = env.get(setting).ok_or_else(|| {
        Failure::new("Set DATABASE_ADMIN_URL to the database to migrate. (`almanac dev` migrates its own by itself.)")
    })?;
    apply(setting, url, env).await
}

/// Applies what is pending, tells it, and sets passwords where the environment gives any.
pub(super) async fn apply(setting: &str, url: &str, env: &Env) -> Result<()> {
    let mut client = database::connect(setting, url).await?;
    let applied = migrate::run(&mut client, &migrate::embedded(), terminal::progress).await?;
    for migration in &applied {
        terminal::say(&format!("applied {}", migration.title()));
    }
    if applied.is_empty() {
        terminal::say("The database is up to date.");
    }
    set_passwords(&client, env).await
}

async fn set_passwords(client: &Client, env: &Env) -> Result<()> {
    for (login, setting) in LOGINS {
        let Some(password) = env.get(setting) else { continue };
        // The cause's text may hold the statement, and so the password.
        let failed = |error: tokio_postgres::Error| {
            let code = error.code().map_or("no connection", |code| code.code());
            Failure::new(format!("The password of {login} cannot be set (PostgreSQL's code {code})."))
        };
        // Only a superuser may keep statements out of the server's log; others set the password all the same.
        match client.batch_execute(WITHOUT_LOG).await {
            Err(error) if error.as_db_error().is_none() => return Err(failed(error)),
            _ => {}
        }
        // `alter role` takes no parameters, so the server itself quotes the password into the statement.
        let quote = "select format('alter role %I password %L', $1::text, $2::text)";
        let row = client.query_one(quote, &[&login, &password]).await.map_err(failed)?;
        let statement: String = row.get(0);
        client.batch_execute(&statement).await.map_err(failed)?;
        terminal::say(&format!("set the password of {login}"));
    }
    Ok(())
}
