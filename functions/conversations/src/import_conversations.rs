//! `POST /api/conversations/import`: take in conversations from a ChatGPT export, or from our own.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::Body;
use base::idempotency::IdempotencyKey;
use base::rate_limit::Limiter;
use base::{Clock, Db, Result};
use domain::conversation;
use domain::conversation::import::Imported;
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::IMPORT_POLICY;
use crate::import::{self, Problem, Readable};

/// The largest file, in bytes. On AWS less arrives: API Gateway takes 10 MB, and Lambda 6 MB of that.
pub(crate) const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How many conversations that were not imported are named.
const PROBLEMS_MAX: usize = 100;

/// What became of a file.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ImportReport {
    /// How many conversations are new.
    imported: usize,
    /// How many were here and got messages that they did not have.
    extended: usize,
    /// How many were here already, with all their messages.
    skipped: usize,
    /// How many could not be imported.
    failed: usize,
    /// Why, for the first 100 of them.
    problems: Vec<ImportProblem>,
}

/// Why a conversation was not imported.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportProblem {
    /// Its place in the file, from 0.
    index: usize,
    /// What is wrong with it, as a sentence.
    detail: &'static str,
}

/// Takes in the `conversations.json` of a ChatGPT export, or conversations that were exported as JSON here.
///
/// Each conversation is imported whole or not at all, and once: sending a file again adds nothing, and a later
/// export adds what was said since. Branches stay branches. What ChatGPT hides and what tools said is left out,
/// pictures and files are named in the text. A conversation that is still here is not imported from its own export.
#[utoipa::path(
    post, path = "/api/conversations/import", tag = "conversations", security(("bearer" = [])),
    request_body(content = Vec<Object>, content_type = "application/json",
                 description = "The file, up to 32 MiB (on AWS 6 MB) and 10,000 conversations."),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses((status = 200, description = "What became of it.", body = ImportReport))
)]
pub(crate) async fn import_conversations(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    State(limiter): State<Limiter>,
    key: IdempotencyKey,
    Body(file): Body,
) -> Result<Response> {
    let allowance = limiter.take(IMPORT_POLICY, &user.id.to_string()).await?;
    let elements = import::elements::split(&file)?;
    let (operation, input) = ("POST /api/conversations/import", Sha256::digest(&file).to_vec());
    // Each conversation is a transaction of its own, so the key is only looked at here and claimed at the end. What
    // a second request with it does meanwhile adds nothing.
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, operation, &input).await? {
        return Ok(answer.into_response());
    }
    drop(tx);
    let (mut report, mut unknown) = (ImportReport::default(), 0);
    let now = clock.now();
    for (index, element) in elements.iter().enumerate() {
        match take_in(&db, user.id, element, now).await? {
            Ok(Imported::Whole) => report.imported += 1,
            Ok(Imported::Grown) => report.extended += 1,
            Ok(Imported::Known) => report.skipped += 1,
            Err(detail) => {
                report.failed += 1;
                unknown += usize::from(detail == import::UNKNOWN_KIND);
                if report.problems.len() < PROBLEMS_MAX {
                    report.problems.push(ImportProblem { index, detail });
                }
            }
        }
    }
    if !elements.is_empty() && unknown == elements.len() {
        return Err(import::unknown_file());
    }
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, operation, &input).await? {
        return Ok(answer.into_response());
    }
    let mut response = key.commit(tx, user.id, StatusCode::OK, &report).await?;
    response.headers_mut().extend(allowance.headers());
    Ok(response)
}

/// Reads and stores one conversation. Only a database that is away, or a user who is gone, ends the import.
async fn take_in(db: &Db, owner: Uuid, element: &[u8], now: Timestamp) -> Result<Result<Imported, Problem>> {
    let readable = match import::read(element, owner, now) {
        Ok(readable) => readable,
        Err(problem) => return Ok(Err(problem)),
    };
    match store(db, owner, &readable, now).await {
        Ok(imported) => Ok(Ok(imported)),
        Err(error) if error.status() == StatusCode::INTERNAL_SERVER_ERROR => {
            tracing::error!(?error, "a conversation could not be imported");
            Ok(Err("It could not be stored."))
        }
        Err(error) => Err(error),
    }
}

/// Stores one conversation, whole or not at all.
async fn store(db: &Db, owner: Uuid, readable: &Readable, now: Timestamp) -> Result<Imported> {
    let Readable { conversation, original_id } = readable;
    let mut tx = db.as_writer(owner).await?;
    if let Some(original) = original_id
        && conversation::find(&mut tx, owner, *original).await?.is_some()
    {
        return Ok(Imported::Known);
    }
    let imported = conversation::import::import(&mut tx, owner, conversation, now).await?;
    tx.commit().await?;
    Ok(imported)
}
