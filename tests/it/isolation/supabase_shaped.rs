//! The same migrations where others made the roles first, and where whoever migrates is no superuser. Roles belong to
//! a whole server, so each of these has one of its own.

use base::config::Env;
use server::postgres::{EmbeddedPostgres, Options};
use server::{migrate, terminal};
use tokio_postgres::Client;

use super::behaviour;
use super::catalogue;
use super::every_table::violations;
use super::stage::{Stage, connect};

/// A managed server such as RDS: nothing is there, and the owner of the database may make roles.
const MANAGED: &str = "create role migrator login createrole; create database app owner migrator";

/// What Supabase makes before anything of ours, on a new project.
const SUPABASE_ROLES: &str = "
    create role anon nologin noinherit;
    create role authenticated nologin noinherit;
    create role service_role nologin noinherit bypassrls;
    create role authenticator login noinherit;
    grant anon, authenticated, service_role to authenticator;
    create role supabase_auth_admin login noinherit createrole;
    create role migrator login createrole createdb replication bypassrls;
    grant anon, authenticated, service_role to migrator with admin option;
    create database app owner migrator";
const SUPABASE_SCHEMAS: &str = "
    grant usage on schema public to migrator, anon, authenticated, service_role;
    alter default privileges for role migrator in schema public
        grant all on tables to migrator, anon, authenticated, service_role;
    alter default privileges for role migrator in schema public
        grant all on functions to migrator, anon, authenticated, service_role;
    alter default privileges for role migrator in schema public
        grant all on sequences to migrator, anon, authenticated, service_role;
    create schema auth authorization supabase_auth_admin;
    grant usage on schema auth to migrator, anon, authenticated, service_role;
    create table auth.users (id uuid primary key, email text);
    alter table auth.users owner to supabase_auth_admin;
    create function auth.uid() returns uuid language sql stable as $$
        select coalesce(
            nullif(current_setting('request.jwt.claim.sub', true), ''),
            (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
        )::uuid
    $$;
    alter function auth.uid() owner to supabase_auth_admin";

/// A server of its own with a database `app` that its owner has migrated.
struct Shaped {
    server: EmbeddedPostgres,
    /// Removed when the server has stopped.
    _folder: tempfile::TempDir,
    stage: Stage,
}

impl Shaped {
    async fn start(before: &str, schemas: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options =
            Options::from_env(&Env::from_process()).expect("settings").for_tests(folder.path().join("data"));
        options.progress = terminal::silent;
        let server = EmbeddedPostgres::start(&options).await.unwrap_or_else(|failure| panic!("{failure}"));
        let admin = connect(&server.admin_url()).await;
        for statement in before.split(';') {
            run(&admin, statement).await;
        }
        let superuser = connect(&server.admin_url_of("app")).await;
        run(&superuser, schemas).await;
        let mut migrator = connect(&server.url("app", "migrator")).await;
        let applied = migrate::run(&mut migrator, &migrate::embedded(), terminal::silent).await;
        applied.unwrap_or_else(|failure| panic!("{failure}"));
        let stage = Stage::set(superuser, |role| server.url("app", role)).await;
        Self { server, _folder: folder, stage }
    }

    async fn stop(self) {
        self.server.stop().await.expect("the server stops");
    }
}

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

#[tokio::test]
async fn holds_beside_what_supabase_made() {
    let shaped = Shaped::start(SUPABASE_ROLES, SUPABASE_SCHEMAS).await;
    assert_eq!(violations(&shaped.stage).await, [""; 0]);
    shaped.stop().await;
}

#[tokio::test]
async fn holds_where_the_owner_is_no_superuser() {
    let shaped = Shaped::start(MANAGED, "").await;
    assert_eq!(violations(&shaped.stage).await, [""; 0]);
    // What may not happen to roles can be tried here, where no other test is.
    for (apply, undo) in [
        ("alter role almanac_app bypassrls", "alter role almanac_app nobypassrls"),
        ("alter role almanac_app superuser", "alter role almanac_app nosuperuser"),
        ("alter role authenticated bypassrls", "alter role authenticated nobypassrls"),
        ("grant service_role to almanac_app", "revoke service_role from almanac_app"),
        ("grant service_role to authenticated", "revoke service_role from authenticated"),
        ("grant pg_write_all_data to almanac_app", "revoke pg_write_all_data from almanac_app"),
        ("grant pg_read_all_data to authenticated", "revoke pg_read_all_data from authenticated"),
    ] {
        run(&shaped.stage.superuser, apply).await;
        assert_ne!(catalogue::of_logins(&shaped.stage).await, [""; 0], "{apply}");
        run(&shaped.stage.superuser, undo).await;
    }
    run(&shaped.stage.superuser, "grant service_role to almanac_app").await;
    assert_ne!(behaviour::of_logins(&shaped.stage).await, [""; 0], "the app becomes the service");
    shaped.stop().await;
}
