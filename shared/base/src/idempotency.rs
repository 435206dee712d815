//! `Idempotency-Key`: the same write sent twice happens once and answers the same.
//!
//! The key is claimed and the answer kept in the transaction of the write itself. A second request with
//! the key waits for the first to commit, then gets its answer; had the first failed, the second does the
//! work. Keys are per user and kept for [`KEPT_HOURS`] hours.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::db::Tx;
use crate::{Error, Result, params, request};

/// The request header.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Says, in the answer, that it was kept from an earlier request.
pub const REPLAYED_HEADER: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long a key is remembered.
pub const KEPT_HOURS: i32 = 24;
/// The most keys that one statement deletes.
const PRUNED_AT_ONCE: i64 = 1_000;
/// The longest key taken, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// The key of a request, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let Some(value) = parts.headers.get(HEADER) else { return Ok(Self(None)) };
        let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX);
        let key = key.ok_or_else(|| {
            Error::invalid("Idempotency-Key", format!("Give 1 to {KEY_BYTES_MAX} visible ASCII characters."))
        })?;
        Ok(Self(Some(key.to_owned())))
    }
}

impl IdempotencyKey {
    /// The key as sent.
    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Claims the key for this write, or gives the answer of the write that had it. `operation` and `input`
    /// tell whether it is the same write; the same key for another one is 422.
    pub async fn claim(
        &self,
        tx: &mut Tx,
        owner: Uuid,
        operation: &str,
        input: &impl Serialize,
    ) -> Result<Option<Kept>> {
        let Some(key) = self.as_deref() else { return Ok(None) };
        let input = serde_json::to_vec(input).map_err(Error::internal)?;
        let fingerprint =
            Sha256::new().chain_update(operation).chain_update([0]).chain_update(input).finalize().to_vec();
        let claimed = tx
            .query_opt(
                "insert into idempotency_keys (user_id, key, fingerprint) values ($1, $2, $3)
                 on conflict (user_id, key) do update
                 set fingerprint = excluded.fingerprint, status = null, answer = null, action_group = null,
                     created_at = now()
                 where idempotency_keys.created_at < now() - make_interval(hours => $4)
                 returning key",
                params![owner, key, fingerprint, KEPT_HOURS],
            )
            .await?;
        if claimed.is_some() {
            return Ok(None);
        }
        let row = tx
            .query_one(
                "select fingerprint, status, answer, action_group from idempotency_keys where user_id = $1 and key = $2",
                params![owner, key],
            )
            .await?;
        if row.get::<_, Vec<u8>>("fingerprint") != fingerprint {
            return Err(Error::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "This Idempotency-Key was already used for another request.",
            ));
        }
        let status: Option<i16> = row.get("status");
        let status = status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
        let answer: Option<String> = row.get("answer");
        // The answer names the action of the write that was made, not of this one, which makes none.
        request::note(|notes| notes.action_group = row.get("action_group"));
        Ok(Some(Kept { status: status.unwrap_or(StatusCode::OK), answer: answer.unwrap_or_else(|| "null".to_owned()) }))
    }

    /// Keeps the answer with the key, in the write's own transaction.
    pub async fn keep(&self, tx: &mut Tx, owner: Uuid, status: StatusCode, body: &impl Serialize) -> Result<()> {
        let answer = serde_json::to_string(body).map_err(Error::internal)?;
        self.keep_text(tx, owner, status, &answer).await
    }

    async fn keep_text(&self, tx: &mut Tx, owner: Uuid, status: StatusCode, answer: &str) -> Result<()> {
        let Some(key) = self.as_deref() else { return Ok(()) };
        let status = i16::try_from(status.as_u16()).unwrap_or(i16::MAX);
        let action_group = request::current().and_then(|request| request.notes().action_group);
        let sql = "update idempotency_keys set status = $3, answer = $4, action_group = $5
                   where user_id = $1 and key = $2";
        tx.execute(sql, params![owner, key, status, answer, action_group]).await?;
        Ok(())
    }

    /// Keeps the answer with the key, commits the write, and answers. 204 has no body, whatever is given as one.
    pub async fn commit(&self, mut tx: Tx, owner: Uuid, status: StatusCode, body: &impl Serialize) -> Result<Response> {
        let answer = serde_json::to_string(body).map_err(Error::internal)?;
        self.keep_text(&mut tx, owner, status, &answer).await?;
        tx.commit().await?;
        Ok(answered(status, answer))
    }
}

/// Deletes keys that are no longer remembered, at most a thousand of them, in a transaction of the service's; gives how many.
pub async fn prune(tx: Tx) -> Result<u64> {
    let sql = "delete from idempotency_keys where (user_id, key) in
               (select user_id, key from idempotency_keys
                where created_at < now() - make_interval(hours => $1) order by created_at limit $2)";
    Ok(tx.execute_and_commit(sql, params![KEPT_HOURS, PRUNED_AT_ONCE]).await?)
}

/// The same bytes each time, so that the entity tag is the same too.
fn answered(status: StatusCode, answer: String) -> Response {
    if status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], answer).into_response()
}

/// The answer to the write that had the key first.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Its status.
    pub status: StatusCode,
    /// Its body: JSON.
    pub answer: String,
}

impl IntoResponse for Kept {
    fn into_response(self) -> Response {
        let replayed = [(REPLAYED_HEADER, HeaderValue::from_static("true"))];
        (replayed, answered(self.status, self.answer)).into_response()
    }
}
