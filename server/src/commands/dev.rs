//! `almanac dev`: everything on one machine, with nothing else installed.

use base::config::Env;

use super::serve::{self, DATABASE_NAME, Database};
use super::settings;
use crate::failure::Result;
use crate::{listen, terminal};

/// Pages of this machine, on any port.
const LOCAL_ORIGINS: &str = "http://localhost:*,http://127.0.0.1:*";

pub(super) async fn run(env: Env) -> Result<()> {
    // A person reads along.
    let env = if env.get("LOG_FORMAT").is_some() { env } else { env.with("LOG_FORMAT", "text") };
    base::log::start(&env);
    // A page under development is served from some port of this machine.
    let env = if env.get("CORS_ORIGINS").is_none() { env.with("CORS_ORIGINS", LOCAL_ORIGINS) } else { env };
    let is_embedded = env.get("DATABASE_URL").is_none();
    settings::check(&env, is_embedded)?;
    // Before all else, because it is quick to know and everything after it is not.
    let listener = listen::bind(listen::address(&env)?).await?;
    let database = if is_embedded { Database::embedded(&env).await? } else { Database::given(&env)? };
    let served = prepare_and_serve(env, listener, &database).await;
    database.stop().await.and(served)
}

async fn prepare_and_serve(env: Env, listener: tokio::net::TcpListener, database: &Database) -> Result<()> {
    if database.can_migrate() {
        database.migrate(&env).await?;
    }
    serve::serve(env, listener, database, welcome).await
}

/// What a person wants to know now: where things are, and a first call to paste.
fn welcome(url: &str, database: &Database) {
    terminal::say(&format!("\n  API        {url}/api"));
    terminal::say(&format!("  Reference  {url}/docs"));
    if let Some(server) = &database.embedded {
        terminal::say(&format!("  Database   {}", server.psql_line(DATABASE_NAME)));
    }
    terminal::say(&format!(
        r#"
  A first conversation, to paste into a shell:

    TOKEN=$(curl -s {url}/api/auth/register -H 'content-type: application/json' \
      -d '{{"email":"you+'$RANDOM'@example.com","password":"correct horse battery staple"}}' \
      | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
    curl -sN {url}/api/chat -H "authorization: Bearer $TOKEN" -H 'accept: text/plain' \
      -H 'content-type: application/json' -d '{{"content":"Help me plan my Monday."}}'

  Ctrl-C stops everything; the data stays.
"#
    ));
}
