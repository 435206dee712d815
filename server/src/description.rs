//! The API description and the pages that show it. The pages come out of the program itself, so they work
//! without a network.

use axum::Router;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_swagger_ui::SwaggerUi;

/// Where the document is.
const DOCUMENT_PATH: &str = "/api/openapi.json";
/// Where the pages are.
const PAGES_PATH: &str = "/docs";

/// The whole API, OpenAPI 3.1.
pub fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Almanac")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("One backend for AI assistants that plan people's days."))
        .build();
    let mut api = OpenApiBuilder::new().info(info).build();
    for part in [
        auth::openapi(),
        changes::openapi(),
        chat::openapi(),
        clerk_webhook::openapi(),
        conversation::openapi(),
        conversations::openapi(),
        health::openapi(),
        history::openapi(),
        notes::openapi(),
        planning::openapi(),
        tasks::openapi(),
        users::openapi(),
    ] {
        api.merge(part);
    }
    base::openapi::complete(&mut api);
    api
}

/// The document and the pages.
pub fn router() -> Router {
    SwaggerUi::new(PAGES_PATH).url(DOCUMENT_PATH, document()).into()
}
