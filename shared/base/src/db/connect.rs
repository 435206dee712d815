//! Opening connections and telling live ones from dead ones.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use postgres_native_tls::MakeTlsConnector;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{Client, Config, NoTls};

use crate::tls;

/// A connection idle for longer is asked whether it still lives: after a frozen Lambda environment
/// thaws, the driver does not know that its server is gone.
const IDLE_TRUSTED: Duration = Duration::from_secs(10);
/// How long that question may take.
const CHECK_TIMEOUT: Duration = Duration::from_millis(500);
/// How long the network may leave sent data, and questions whether the other side is there, without an answer.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing may come before the network is asked that, and again. Otherwise who waits for an answer of a server
/// that has vanished without a word, as with its machine, would wait for hours.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Opens and checks connections for the pool.
pub(super) struct Connector {
    config: Config,
    encryption: Encryption,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// The address cannot be read; it may hold a password, so it is not repeated.
    Address(String),
    /// The server does not answer, or refuses.
    Server(tokio_postgres::Error),
}

/// One connection of its own, for programs that need no pool.
pub async fn connect(url: &str) -> Result<Client, ConnectError> {
    let connector = Connector::new(url).map_err(ConnectError::Address)?;
    connector.open().await.map_err(ConnectError::Server)
}

/// How a connection is protected on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// Unix sockets and `sslmode=disable`.
    None,
    /// The certificate is verified in full, whatever the mode is called.
    Verified,
}

impl Connector {
    /// Reads a `postgres://` address or key-value string.
    ///
    /// Parameters that other clients know and the driver does not are taken out: `sslmode=verify-full` and
    /// `verify-ca` mean `require`, which verifies fully here; `sslrootcert` adds to the trusted roots through
    /// the settings of [`tls`] only; `pgbouncer` needs nothing, as no statement is ever named.
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let mut config: Config = without_foreign_parameters(url)
            .parse()
            .map_err(|_| "is not a PostgreSQL address like postgres://user:password@host:5432/database".to_owned())?;
        config
            .application_name("almanac")
            .connect_timeout(super::CONNECT_TIMEOUT)
            .tcp_user_timeout(TCP_USER_TIMEOUT)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE);
        let encryption = match config.get_ssl_mode() {
            SslMode::Disable => Encryption::None,
            _ if all_local(&config) => Encryption::None,
            _ => {
                config.ssl_mode(SslMode::Require);
                Encryption::Verified
            }
        };
        Ok(Self { config, encryption })
    }

    /// Opens one connection, and drives it in a task of its own.
    async fn open(&self) -> Result<Client, tokio_postgres::Error> {
        match self.encryption {
            Encryption::None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                tokio::spawn(report_end(connection));
                Ok(client)
            }
            Encryption::Verified => {
                let (client, connection) = self.config.connect(MakeTlsConnector::new(tls::connector())).await?;
                tokio::spawn(report_end(connection));
                Ok(client)
            }
        }
    }
}

impl Manager for Connector {
    type Type = Client;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Client, tokio_postgres::Error> {
        self.open().await
    }

    async fn recycle(&self, client: &mut Client, metrics: &Metrics) -> RecycleResult<tokio_postgres::Error> {
        if client.is_closed() {
            return Err(RecycleError::message("the connection is closed"));
        }
        if metrics.last_used() <= IDLE_TRUSTED {
            return Ok(());
        }
        if answers(client).await { Ok(()) } else { Err(RecycleError::message("the connection does not answer")) }
    }
}

/// Whether the server at the other end is there.
pub(super) async fn answers(client: &Client) -> bool {
    matches!(tokio::time::timeout(CHECK_TIMEOUT, client.check_connection()).await, Ok(Ok(())))
}

/// Whether an error is also the connection's end: it was cut, or the server said that it ends it.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    let severity = error.as_db_error().and_then(DbError::parsed_severity);
    error.is_closed() || matches!(severity, Some(Severity::Fatal | Severity::Panic))
}

/// Drives a connection; an end that nobody asked for is worth a line.
async fn report_end(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::warn!(%error, "a database connection ended");
    }
}

/// Why this login must not serve requests, if it must not: row-level security would not hold it.
pub(super) async fn bypassing_login(client: &Client) -> Result<Option<String>, tokio_postgres::Error> {
    let row = client
        .query_typed_one("select rolname::text, rolsuper, rolbypassrls from pg_roles where rolname = current_user", &[])
        .await?;
    let (name, is_super, bypasses): (String, bool, bool) = (row.get(0), row.get(1), row.get(2));
    Ok((is_super || bypasses).then(|| {
        format!(
            "The login {name:?} bypasses row-level security, so it would show every user the data of all. \
             Log in as almanac_app, which `almanac migrate` creates."
        )
    }))
}

fn all_local(config: &Config) -> bool {
    use tokio_postgres::config::Host;
    let hosts = config.get_hosts();
    !hosts.is_empty()
        && hosts.iter().all(|host| match host {
            Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
            #[cfg(unix)]
            Host::Unix(_) => true,
        })
}

fn without_foreign_parameters(url: &str) -> String {
    let Some((address, query)) = url.split_once('?') else { return url.to_owned() };
    if !address.contains("://") {
        return url.to_owned();
    }
    let kept = query.split('&').filter_map(|pair| match pair.split_once('=').unwrap_or((pair, "")) {
        ("sslmode", "verify-full" | "verify-ca") => Some("sslmode=require"),
        ("sslrootcert" | "pgbouncer" | "connection_limit" | "pool_timeout" | "schema", _) => None,
        _ => Some(pair),
    });
    let query = kept.collect::<Vec<_>>().join("&");
    if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: &str) {
        assert_eq!(without_foreign_parameters(url), expected);
    }

    #[test]
    fn takes_out_what_the_driver_does_not_know() {
        check("postgres://u@h/d?sslmode=verify-full&sslrootcert=/ca.pem", "postgres://u@h/d?sslmode=require");
        check("postgres://u@h/d?pgbouncer=true&connection_limit=1", "postgres://u@h/d");
        check("host=/run user=u dbname=d", "host=/run user=u dbname=d");
    }

    #[test]
    fn encrypts_unless_it_stays_on_the_machine() {
        for (url, expected) in [
            ("postgres://u@db.example/d", Encryption::Verified),
            ("postgres://u@db.example/d?sslmode=disable", Encryption::None),
            ("postgres://u@127.0.0.1/d", Encryption::None),
            ("host=/run/pg user=u dbname=d", Encryption::None),
        ] {
            assert_eq!(Connector::new(url).map(|c| c.encryption), Ok(expected), "{url}");
        }
    }
}
