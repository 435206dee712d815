//! `POST /api/conversations/{id}/shares`: make a link to a branch that anybody may read who has it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Path};
use base::idempotency::IdempotencyKey;
use base::secret_token::SecretToken;
use base::{Clock, Db, Error, Result};
use domain::conversation::share::{self, Share};
use domain::conversation::{self, ClientName};
use domain::message;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{PublicUrl, settled_branch};

/// How many links a conversation may have, those that have ended included.
const SHARES_MAX: i64 = 100;
/// How long the texts of a shared branch may be together, in bytes: what API Gateway passes on at once.
const SHARED_BYTES_MAX: i64 = 8 * 1024 * 1024;

/// What to share. Everything may be left out.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewShare {
    /// The last message to be shown; the newest of the current branch without it.
    #[schema(inline)]
    message_id: Option<ClientName>,
    /// When the link ends; without it, when it is revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A new link, with the secret that is told only now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedShare {
    #[serde(flatten)]
    share: Share,
    /// The secret. Null when the answer is a repeated one, since it is kept nowhere.
    token: Option<String>,
    /// Where the branch is read, the secret in it. Null with the token.
    #[schema(format = "uri")]
    url: Option<String>,
}

/// Makes a link that shows the branch as it is now, to anybody who has it, until it is revoked.
///
/// What is said in the conversation later is not shown. The token is answered once and kept as a hash.
#[utoipa::path(
    post, path = "/api/conversations/{id}/shares", tag = "conversations", security(("bearer" = [])),
    request_body = Option<NewShare>,
    params(
        ("id" = String, Path, description = "The conversation's id, also as a client made it up."),
        ("Idempotency-Key" = Option<String>, Header,
         description = "Makes sending it again safe. The token is in the first answer only."),
    ),
    responses(
        (status = 201, description = "The link.", body = CreatedShare),
        (status = 409, description = "The conversation is empty, its newest message is being written, the branch is \
                                      too long, or there are 100 links already.",
         body = base::error::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_share(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    State(PublicUrl(public_url)): State<PublicUrl>,
    Path(name): Path<String>,
    key: IdempotencyKey,
    body: Option<Json<NewShare>>,
) -> Result<Response> {
    let wish = body.map(|Json(wish)| wish).unwrap_or_default();
    let (id, now) = (conversation::id_of_client_name(user.id, &name), clock.now());
    if wish.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Error::invalid("/expires_at", "Give a time to come."));
    }
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "POST /api/conversations/{id}/shares", &(id, &wish)).await? {
        return Ok(answer.into_response());
    }
    let found = conversation::find(&mut tx, user.id, id).await?;
    let found = found.ok_or_else(|| Error::not_found("conversation"))?;
    let named = wish.message_id.map(|name| name.to_id(id));
    let nothing = || Error::conflict("conversation_empty", "There is nothing to share yet.");
    let until_message_id = named.or(found.head_id).ok_or_else(nothing)?;
    let last = message::find(&mut tx, user.id, until_message_id).await?;
    if last.is_none_or(|last| last.conversation_id != id) {
        return Err(Error::invalid("/message_id", "There is no such message in this conversation."));
    }
    if settled_branch(&mut tx, user.id, until_message_id).await?.content_bytes > SHARED_BYTES_MAX {
        return Err(Error::conflict("branch_too_long", "The branch has more than 8 MiB of text."));
    }
    if share::count(&mut tx, user.id, id).await? >= SHARES_MAX {
        let detail = format!("A conversation may have {SHARES_MAX} links. Revoke some first.");
        return Err(Error::conflict("too_many_shares", detail));
    }
    let (conversation_id, title, expires_at) = (id, found.title, wish.expires_at);
    let share = Share { id: clock.new_id(), conversation_id, until_message_id, title, expires_at, created_at: now };
    let token = SecretToken::generate()?;
    share::create(&mut tx, user.id, &share, &token.hash()).await?;
    let mut created = CreatedShare { share, token: None, url: None };
    // The kept answer has no token, or the database would know what it is to know only by its hash.
    key.keep(&mut tx, user.id, StatusCode::CREATED, &created).await?;
    tx.commit().await?;
    created.url = Some(format!("{public_url}/api/shared/{}", token.as_str()));
    created.token = Some(token.as_str().to_owned());
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, no_store, Json(created)).into_response())
}
