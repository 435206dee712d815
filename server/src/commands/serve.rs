//! `almanac serve`: the same program for self-hosting.

use std::path::PathBuf;

use base::Clock;
use base::config::Env;
use base::queue::Bell;
use chat::LiveReplies;
use clap::Args;

use super::{migrate as migrate_command, settings};
use crate::failure::{Failure, Result};
use crate::listen::{self, Shutdown};
use crate::postgres::{self, EmbeddedPostgres, Options};
use crate::serving::{Grace, Patience, Serving};
use crate::workers::Workers;
use crate::{database, descriptors, migrate, mount, terminal};

/// The embedded database's name.
pub(super) const DATABASE_NAME: &str = "almanac";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Use the embedded database instead of `DATABASE_URL`.
    #[arg(long)]
    embedded: bool,
    /// Apply pending migrations first (`DATABASE_ADMIN_URL`).
    #[arg(long)]
    migrate: bool,
}

pub(super) async fn run(env: Env, arguments: &Arguments) -> Result<()> {
    base::log::start(&env);
    if arguments.embedded && env.get("DATABASE_URL").is_some() {
        return Err(Failure::new(
            "DATABASE_URL is set, and --embedded asks for the program's own database. Use one of them.",
        ));
    }
    settings::check(&env, arguments.embedded)?;
    let listener = listen::bind(listen::address(&env)?).await?;
    let database = if arguments.embedded { Database::embedded(&env).await? } else { Database::given(&env)? };
    let served = async {
        if arguments.migrate {
            database.migrate(&env).await?;
        }
        serve(env, listener, &database, |_, _| {}).await
    };
    let served = served.await;
    database.stop().await.and(served)
}

/// The database to serve from.
pub(super) struct Database {
    /// The program's own server, when it runs one.
    pub(super) embedded: Option<EmbeddedPostgres>,
    app_url: String,
    service_url: String,
    admin_url: Option<String>,
    /// Where the program may keep files of its own.
    data_dir: Option<PathBuf>,
}

impl Database {
    /// The embedded database, started.
    pub(super) async fn embedded(env: &Env) -> Result<Self> {
        let options = Options::from_env(env)?;
        let server = EmbeddedPostgres::start(&options).await?;
        server.ensure_database(DATABASE_NAME).await?;
        Ok(Self {
            app_url: server.url(DATABASE_NAME, "almanac_app"),
            service_url: server.url(DATABASE_NAME, "almanac_service"),
            admin_url: Some(server.admin_url_of(DATABASE_NAME)),
            data_dir: Some(options.data_dir),
            embedded: Some(server),
        })
    }

    /// The database that the environment names.
    pub(super) fn given(env: &Env) -> Result<Self> {
        let (app_url, service_url) = Self::urls(env)?;
        let data_dir = env.get("ALMANAC_DATA_DIR").map(|_| postgres::made_data_dir(env)).transpose()?;
        let admin_url = env.get("DATABASE_ADMIN_URL").map(str::to_owned);
        Ok(Self { embedded: None, app_url, service_url, admin_url, data_dir })
    }

    /// The addresses that the environment names, for the login `almanac_app` and for `almanac_service`.
    pub(super) fn urls(env: &Env) -> Result<(String, String)> {
        let require = |name: &str, role: &str| {
            let missing =
                || Failure::new(format!("Set {name} to the database, logging in as {role}, or use --embedded."));
            env.get(name).map(str::to_owned).ok_or_else(missing)
        };
        Ok((require("DATABASE_URL", "almanac_app")?, require("DATABASE_SERVICE_URL", "almanac_service")?))
    }

    /// Applies pending migrations.
    pub(super) async fn migrate(&self, env: &Env) -> Result<()> {
        let missing = || Failure::new("Migrations need DATABASE_ADMIN_URL: the database, logging in as its owner.");
        let url = self.admin_url.as_deref().ok_or_else(missing)?;
        migrate_command::apply("DATABASE_ADMIN_URL", url, env).await
    }

    /// Whether migrations can be applied.
    pub(super) fn can_migrate(&self) -> bool {
        self.admin_url.is_some()
    }

    /// Stops the embedded server, if there is one.
    pub(super) async fn stop(self) -> Result<()> {
        match self.embedded {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }

    /// Ends when the embedded server ends by itself.
    async fn fault(&self) -> Failure {
        match &self.embedded {
            Some(server) => server.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Whether the schema is the one this program knows. The login itself is checked where it is used.
    async fn check(&self) -> Result<()> {
        // Before the first migration there is only the owner's login.
        let owner = self.admin_url.as_ref().map(|url| ("DATABASE_ADMIN_URL", url));
        let (setting, url) = owner.unwrap_or(("DATABASE_URL", &self.app_url));
        let client = database::connect(setting, url).await?;
        let status = migrate::status(&client, &migrate::embedded()).await;
        match status {
            Ok(status) => {
                if !status.unknown_newer.is_empty() {
                    terminal::progress(
                        "The database belongs to a newer version of this program, which should follow soon.",
                    );
                }
                status.require_servable()
            }
            // Another tool may have migrated, without letting this login read its record.
            Err(failure) => {
                terminal::progress(&format!("Not checked whether the schema is current: {failure}"));
                Ok(())
            }
        }
    }
}

/// Mounts the functions, starts the jobs, and serves until the program is asked to stop.
pub(super) async fn serve(
    env: Env,
    listener: tokio::net::TcpListener,
    database: &Database,
    ready: impl FnOnce(&str, &Database),
) -> Result<()> {
    descriptors::raise();
    let mut shutdown = Shutdown::listen()?;
    let grace = Grace::from_env(&env)?;
    database.check().await?;
    let public_url = listen::public_url(&env, &listener)?;
    let clock = Clock::system();
    let jobs_env = env.clone();
    let (live, bell) = (LiveReplies::default(), Bell::default());
    let unstartable = |error| settings::unstartable(&error);
    let settings = mount::Settings {
        env,
        database_url: database.app_url.clone(),
        service_database_url: database.service_url.clone(),
        data_dir: database.data_dir.clone(),
        public_url: public_url.clone(),
        clock: clock.clone(),
        live: live.clone(),
        bell: bell.clone(),
    };
    let router = mount::router(settings).await.map_err(unstartable)?;
    let workers = Workers::start(&jobs_env, &database.service_url, clock, bell).map_err(unstartable)?;
    let local_url = listen::local_url(&listener)?;
    let known_as = if local_url == public_url { String::new() } else { format!(" as {public_url}") };
    terminal::progress(&format!("Almanac serves at {local_url}{known_as}"));
    let mut serving = Serving::start(listener, router, Patience::default());
    ready(&public_url, database);
    let outcome = tokio::select! {
        () = shutdown.asked() => Ok(()),
        failure = database.fault() => Err(failure),
        failure = serving.ended() => Err(failure),
    };
    // Without a database there is nothing to wait for.
    let grace = if outcome.is_ok() { grace } else { Grace::SHORTEST };
    tokio::join!(serving.stop(grace, &live, &mut shutdown), workers.stop());
    outcome
}
