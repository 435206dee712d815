//! The first administrator, who has nobody to be appointed by but whoever runs the product.

use base::{Clock, Db, Result, params};
use domain::user::EmailAddress;
use uuid::Uuid;

/// What came of an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appointment {
    /// They are an administrator now. Whoever has just seen them takes up to a minute to notice.
    Made(Uuid),
    /// They were one before.
    Already(Uuid),
    /// Their account is deactivated, so nothing was done.
    Deactivated(Uuid),
    /// There is no such user.
    Unknown,
}

/// Makes a user an administrator, and logs it as a job's change. `whom` is the e-mail address that they sign in with
/// at the built-in issuer, or their id: an address that another issuer tells is no proof of who they are. `db` logs
/// in as the service.
pub async fn make_administrator(db: &Db, clock: &Clock, whom: &str) -> Result<Appointment> {
    let Some(id) = find(db, whom).await? else { return Ok(Appointment::Unknown) };
    let mut tx = db.as_job(id, clock.new_id()).await?;
    let found = tx.query_opt("select role, is_active from public.users where id = $1", params![id]).await?;
    let Some(user) = found else { return Ok(Appointment::Unknown) };
    if !user.get::<_, bool>("is_active") {
        return Ok(Appointment::Deactivated(id));
    }
    if user.get::<_, &str>("role") == "admin" {
        return Ok(Appointment::Already(id));
    }
    let sql = "update public.users set role = 'admin', updated_at = $2 where id = $1";
    tx.execute_and_commit(sql, params![id, clock.now()]).await?;
    Ok(Appointment::Made(id))
}

async fn find(db: &Db, whom: &str) -> Result<Option<Uuid>> {
    if let Ok(id) = whom.parse() {
        return Ok(Some(id));
    }
    let Ok(address) = EmailAddress::try_from(whom.to_owned()) else { return Ok(None) };
    let sql = "select user_id from public.credentials where email_key = $1";
    let rows = db.as_service().await?.query_and_commit(sql, params![address.key()]).await?;
    Ok(rows.first().map(|row| row.get("user_id")))
}
