//! Goals, and reflections on what became of them.
//!
//! | route | handler |
//! |---|---|
//! | `GET /api/goals` | [`list_goals`] |
//! | `POST /api/goals` | [`create_goal`] |
//! | `GET /api/goals/{id}` | [`find_goal`] |
//! | `PUT /api/goals/{id}` | [`update_goal`] |
//! | `DELETE /api/goals/{id}` | [`delete_goal`] |
//! | `GET /api/reflections` | [`list_reflections`] |
//! | `POST /api/reflections` | [`create_reflection`] |
//! | `GET /api/reflections/draft` | [`show_draft`] |
//! | `GET /api/reflections/{id}` | [`find_reflection`] |
//! | `PUT /api/reflections/{id}` | [`update_reflection`] |
//! | `DELETE /api/reflections/{id}` | [`delete_reflection`] |
//!
//! The tasks of a goal are those that `GET /api/tasks?goal_id=` lists.

mod create_goal;
mod create_reflection;
mod delete_goal;
mod delete_reflection;
mod find_goal;
mod find_reflection;
mod list_goals;
mod list_reflections;
mod show_draft;
mod update_goal;
mod update_reflection;

use axum::Router;
use axum::routing::get;
pub use base::caller::App;
use base::db::Tx;
use domain::period::Day;
use domain::user;
use jiff::Timestamp;
use utoipa::OpenApi;
use uuid::Uuid;

/// The routes.
pub fn router(app: App) -> Router {
    let goal = get(find_goal::find_goal).put(update_goal::update_goal).delete(delete_goal::delete_goal);
    let reflection = get(find_reflection::find_reflection)
        .put(update_reflection::update_reflection)
        .delete(delete_reflection::delete_reflection);
    Router::new()
        .route("/api/goals", get(list_goals::list_goals).post(create_goal::create_goal))
        .route("/api/goals/{id}", goal)
        .route("/api/reflections", get(list_reflections::list_reflections).post(create_reflection::create_reflection))
        .route("/api/reflections/draft", get(show_draft::show_draft))
        .route("/api/reflections/{id}", reflection)
        .with_state(app)
}

/// Which day it is where the user lives.
async fn today(tx: &mut Tx, owner: Uuid, now: Timestamp) -> base::Result<Day> {
    let zone = user::find_time_zone(tx, owner).await?;
    Ok(Day::nearest(now.to_zoned(zone).date()))
}

#[derive(OpenApi)]
#[openapi(paths(
    list_goals::list_goals,
    create_goal::create_goal,
    find_goal::find_goal,
    update_goal::update_goal,
    delete_goal::delete_goal,
    list_reflections::list_reflections,
    create_reflection::create_reflection,
    show_draft::show_draft,
    find_reflection::find_reflection,
    update_reflection::update_reflection,
    delete_reflection::delete_reflection
))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
