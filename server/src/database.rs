//! One connection to a database by its address, for the commands that need no pool.

use std::net::IpAddr;
use std::time::Duration;

use postgres_native_tls::MakeTlsConnector;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};

use crate::failure::{Failure, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Parameters that other clients know and the driver does not. What they ask for holds here anyway.
const FOREIGN_PARAMETERS: [&str; 3] = ["sslmode=verify-full", "sslmode=verify-ca", "pgbouncer=true"];

/// Connects. Over the network the server's certificate is always verified, unless `sslmode=disable`.
///
/// `setting` names where the address comes from: the address itself may hold a password and is never shown.
pub async fn connect(setting: &str, url: &str) -> Result<Client> {
    let mut config: Config = without_foreign_parameters(url).parse().map_err(|_| {
        Failure::new(format!("{setting} is no address like postgres://user:password@host:5432/database."))
    })?;
    config.application_name("almanac").connect_timeout(CONNECT_TIMEOUT);
    let unreachable = |error: tokio_postgres::Error| {
        let reason = error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned());
        Failure::new(format!("The database that {setting} names cannot be reached: {reason}."))
    };
    if config.get_ssl_mode() == SslMode::Disable || is_local(&config) {
        let (client, connection) = config.connect(NoTls).await.map_err(unreachable)?;
        tokio::spawn(connection);
        return Ok(client);
    }
    let tls = native_tls::TlsConnector::new();
    let tls = tls.map_err(|error| Failure::new(format!("The TLS library does not start: {error}.")))?;
    let connected = config.ssl_mode(SslMode::Require).connect(MakeTlsConnector::new(tls)).await;
    let (client, connection) = connected.map_err(unreachable)?;
    tokio::spawn(connection);
    Ok(client)
}

fn is_local(config: &Config) -> bool {
    let hosts = config.get_hosts();
    let local = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        Host::Unix(_) => true,
    };
    !hosts.is_empty() && hosts.iter().all(local)
}

fn without_foreign_parameters(url: &str) -> String {
    let Some((address, parameters)) = url.split_once('?') else { return url.to_owned() };
    let foreign = |pair: &&str| FOREIGN_PARAMETERS.contains(pair) || pair.starts_with("sslrootcert=");
    let kept: Vec<&str> = parameters.split('&').filter(|pair| !foreign(pair)).collect();
    if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_what_the_driver_does_not_know() {
        let check = |url: &str, expected: &str| assert_eq!(without_foreign_parameters(url), expected);
        check("postgres://a@b/c?sslmode=verify-full", "postgres://a@b/c");
        check("postgres://a@b/c?pgbouncer=true&options=x", "postgres://a@b/c?options=x");
        check("postgres://a@b/c", "postgres://a@b/c");
    }

    #[tokio::test]
    async fn a_bad_address_is_not_repeated() {
        let failure = connect("DATABASE_URL", "mysql://root:hunter2@host/db").await.err().unwrap().to_string();
        assert!(failure.contains("DATABASE_URL") && !failure.contains("hunter2"), "{failure}");
    }
}
