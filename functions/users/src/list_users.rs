//! `GET /api/users`: all users, for administrators.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use base::auth::Admin;
use base::extract::Json;
use base::page::Page;
use base::{Db, Result};
use domain::user::{self, User};

/// A page of all users, newest first, for administrators. `Link` names the next page.
#[utoipa::path(
    get, path = "/api/users", tag = "users", params(base::page::Parameters), security(("bearer" = [])),
    responses((status = 200, description = "The users.", body = Vec<User>,
               headers(("link" = Option<String>, description = "The next page, with rel=\"next\"."))))
)]
pub(crate) async fn list_users(Admin(admin): Admin, State(db): State<Db>, page: Page) -> Result<Response> {
    let mut users = user::list_as_admin(db.as_app().await?, admin.id, &page).await?;
    let next = page.cut(&mut users, |user| user.id);
    Ok((AppendHeaders(next), Json(users)).into_response())
}
