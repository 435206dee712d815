//! `POST /api/webhooks/clerk`: one event of Clerk's.

use axum::extract::State;
use base::error::Problem;
use base::extract::Body;
use base::secret_token::SecretToken;
use base::{Error, Result, params};
use domain::erasure;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use crate::event::{Event, Profile};
use crate::{App, signature};

/// Takes one event of Clerk's, signed by Svix. Events that mean nothing here are taken and left alone.
#[utoipa::path(
    post, path = "/api/webhooks/clerk", tag = "webhooks", request_body = Object,
    params(
        ("svix-id" = String, Header, description = "The event's id."),
        ("svix-timestamp" = String, Header, description = "When it was sent, in seconds since 1970."),
        ("svix-signature" = String, Header,
         description = "`v1,` and the signature in base64; several are separated by spaces."),
    ),
    responses(
        (status = 200, description = "Taken."),
        (status = 401, description = "The signature is not valid.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn receive_event(State(app): State<App>, headers: HeaderMap, Body(body): Body) -> Result<StatusCode> {
    let settings = app.settings.as_deref().ok_or_else(|| {
        Error::unavailable("clerk_not_configured", "CLERK_WEBHOOK_SECRET and CLERK_ISSUER are not set.")
    })?;
    let now = app.clock.now();
    if !signature::is_valid(&settings.key, &headers, &body, now.as_second()) {
        return Err(Error::new(
            StatusCode::UNAUTHORIZED,
            "signature_invalid",
            "The signature is missing, wrong, or more than five minutes off.",
        ));
    }
    match Event::parse(&body)? {
        Event::Changed(profile) => change_user(&app, &settings.issuer, profile, now).await?,
        Event::Deleted(subject) => delete_user(&app, &settings.issuer, &subject, now).await?,
        Event::Other => tracing::debug!("an event of no interest"),
    }
    Ok(StatusCode::OK)
}

/// Makes the user on first sight and takes over what Clerk says, unless something newer was taken before.
async fn change_user(app: &App, issuer: &str, profile: Profile, now: Timestamp) -> Result<()> {
    let Profile { subject, email, full_name, changed_at } = profile;
    let mut tx = app.db.as_service().await?;
    tx.execute(
        "select almanac.find_or_provision_user($1, $2, $3, null, null)",
        params![app.clock.new_id(), issuer, subject],
    )
    .await?;
    // The identity's row is held from here on, so of two events at once the newer one stays. A deleted
    // subject has no row, or is about to lose it.
    tx.execute_and_commit(
        "with newer as (
             update identities set told_at = $3
             where issuer = $1 and subject = $2 and (told_at is null or told_at < $3)
               and not exists (select from deleted_identities d
                               where d.identity_hash = almanac.identity_hash($1, $2) and d.expires_at is null)
             returning user_id)
         update users set email = $4, full_name = $5, updated_at = $6 from newer where users.id = newer.user_id",
        params![issuer, subject, changed_at, email, full_name, now],
    )
    .await?;
    Ok(())
}

/// Shuts the user out and leaves it to a job to delete them with everything that is theirs, however much that is. The
/// subject is remembered, by a hash, so that it does not come back.
async fn delete_user(app: &App, issuer: &str, subject: &str, now: Timestamp) -> Result<()> {
    let unseen_receipt = SecretToken::generate()?.hash();
    let tx = app.db.as_service().await?;
    erasure::request_of_subject(tx, issuer, subject, app.clock.new_id(), &unseen_receipt, now).await?;
    Ok(())
}
