//! Conversations: what they hold, where they go on, and how they leave and come in.
//!
//! | route | handler |
//! |---|---|
//! | `GET /api/conversations` | [`list_conversations`] |
//! | `POST /api/conversations` | [`create_conversation`] |
//! | `GET /api/conversations/{id}` | [`find_conversation`] |
//! | `PATCH /api/conversations/{id}` | [`update_conversation`] |
//! | `DELETE /api/conversations/{id}` | [`delete_conversation`] |
//! | `GET /api/conversations/{id}/messages` | [`list_messages`]; a POST there is `chat`'s, since it calls a model |
//! | `POST /api/conversations/{id}/fork` | [`fork_conversation`] |
//! | `GET /api/conversations/{id}/shares` | [`list_shares`] |
//! | `POST /api/conversations/{id}/shares` | [`create_share`] |
//! | `DELETE /api/conversations/{id}/shares/{share_id}` | [`delete_share`] |
//! | `GET /api/shared/{token}` | [`find_shared_conversation`], for anybody who has the link |
//! | `GET /api/conversations/{id}/export` | [`export_conversation`] |
//! | `POST /api/conversations/import` | [`import_conversations`] |
//!
//! An import goes through these rooms: [`import::elements`] cuts the file into conversations, [`import::chatgpt`] and
//! [`import::own`] read one each, [`import::tree`] leaves out of it what nobody said, and
//! [`domain::conversation::import`] stores it.

mod create_conversation;
mod create_share;
mod delete_conversation;
mod delete_share;
mod export_conversation;
mod find_conversation;
mod find_shared_conversation;
mod fork_conversation;
mod import;
mod import_conversations;
mod list_conversations;
mod list_messages;
mod list_shares;
mod markdown;
mod update_conversation;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::{delete, get, post};
use base::auth::Auth;
use base::config::Env;
use base::db::Tx;
use base::http_client::HttpClient;
use base::rate_limit::{Limiter, Policy};
use base::store::Store;
use base::{Clock, Db, Error, Result};
use domain::message::{self, Outline};
use utoipa::OpenApi;
use uuid::Uuid;

/// How often an address may read links.
const SHARED_POLICY: Policy = Policy { name: "shared", quota: 120, window: Duration::from_mins(1) };
/// How often a user may import a file.
const IMPORT_POLICY: Policy = Policy { name: "import", quota: 30, window: Duration::from_mins(1) };
/// The longest branch that is copied or shared, in messages.
const BRANCH_LEN_MAX: i64 = 2_000;

/// What this function may use: the database as the caller, and, for those who follow a link, what links show.
#[derive(Debug, Clone, FromRef)]
pub struct App {
    /// Whose tokens are taken.
    pub auth: Auth,
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// How often links may be read, and files imported.
    pub limiter: Limiter,
    /// Where links begin.
    pub public_url: PublicUrl,
}

/// The address that clients use, without a slash at its end.
#[derive(Debug, Clone)]
pub struct PublicUrl(pub Arc<str>);

impl App {
    /// Reads `DATABASE_URL`, `AUTH_ISSUERS`, `STORE_TABLE` and `PUBLIC_URL`, with which links begin.
    pub fn from_env(env: &Env) -> Result<Self> {
        let (db, clock) = (Db::from_env(env)?, Clock::system());
        let http = HttpClient::default();
        let auth = Auth::from_env(env, db.clone(), clock.clone(), &http)?;
        let limiter = Limiter::from_env(env, clock.clone(), Store::from_env(env, clock.clone(), &http)?)?;
        Ok(Self::new(auth, db, clock, limiter, env.require("PUBLIC_URL")?))
    }

    /// The same with parts that are shared with other functions.
    pub fn new(auth: Auth, db: Db, clock: Clock, limiter: Limiter, public_url: &str) -> Self {
        Self { auth, db, clock, limiter, public_url: PublicUrl(public_url.trim_end_matches('/').into()) }
    }
}

/// The routes.
pub fn router(app: App) -> Router {
    let one = get(find_conversation::find_conversation)
        .patch(update_conversation::update_conversation)
        .delete(delete_conversation::delete_conversation);
    let import = post(import_conversations::import_conversations)
        .layer(DefaultBodyLimit::max(import_conversations::BODY_BYTES_MAX));
    Router::new()
        .route(
            "/api/conversations",
            get(list_conversations::list_conversations).post(create_conversation::create_conversation),
        )
        .route("/api/conversations/import", import)
        .route("/api/conversations/{id}", one)
        .route("/api/conversations/{id}/messages", get(list_messages::list_messages))
        .route("/api/conversations/{id}/fork", post(fork_conversation::fork_conversation))
        .route("/api/conversations/{id}/shares", get(list_shares::list_shares).post(create_share::create_share))
        .route("/api/conversations/{id}/shares/{share_id}", delete(delete_share::delete_share))
        .route("/api/conversations/{id}/export", get(export_conversation::export_conversation))
        .route("/api/shared/{token}", get(find_shared_conversation::find_shared_conversation))
        .with_state(app)
}

/// A branch that is to be copied or shared. Its last message must have ended, so that what comes after cannot be in
/// it, and it must not be longer than [`BRANCH_LEN_MAX`].
async fn settled_branch(tx: &mut Tx, owner: Uuid, leaf: Uuid) -> Result<Outline> {
    // A reply whose writer is gone ends here, so that it stays as it is.
    message::end_abandoned(tx, owner, leaf).await?;
    let last = message::find(tx, owner, leaf).await?;
    if last.is_some_and(|last| last.status == message::Status::Streaming) {
        return Err(Error::conflict("reply_in_progress", "A reply is being written. Wait for it, or stop it first."));
    }
    let branch = message::outline_branch(tx, owner, leaf, BRANCH_LEN_MAX).await?;
    if i64::try_from(branch.ids.len()).is_ok_and(|len| len <= BRANCH_LEN_MAX) {
        Ok(branch)
    } else {
        let detail = format!("The branch has more than {BRANCH_LEN_MAX} messages.");
        Err(Error::conflict("branch_too_long", detail))
    }
}

#[derive(OpenApi)]
#[openapi(paths(
    list_conversations::list_conversations,
    create_conversation::create_conversation,
    find_conversation::find_conversation,
    update_conversation::update_conversation,
    delete_conversation::delete_conversation,
    list_messages::list_messages,
    fork_conversation::fork_conversation,
    list_shares::list_shares,
    create_share::create_share,
    delete_share::delete_share,
    find_shared_conversation::find_shared_conversation,
    export_conversation::export_conversation,
    import_conversations::import_conversations
))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
