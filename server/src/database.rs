//! One connection to a database by its address, for the commands that need no pool.

use base::db::ConnectError;
use tokio_postgres::Client;

use crate::failure::{Failure, Result};

/// Connects. Over the network the server's certificate is always verified, unless `sslmode=disable`.
///
/// `setting` names where the address comes from: the address itself may hold a password and is never shown.
pub async fn connect(setting: &str, url: &str) -> Result<Client> {
    base::db::connect(url).await.map_err(|error| match error {
        ConnectError::Address(detail) => Failure::new(format!("{setting} {detail}.")),
        ConnectError::Server(error) => {
            let reason = error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned());
            Failure::new(format!("The database that {setting} names cannot be reached: {reason}."))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bad_address_is_not_repeated() {
        let failed = connect("DATABASE_URL", "mysql://root:hunter2@host/db").await;
        let failure = failed.expect_err("no such address").to_string();
        assert!(failure.contains("DATABASE_URL") && !failure.contains("hunter2"), "{failure}");
    }
}
