//! What all operations of the API description share: the bearer scheme and the error answers.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{FieldError, Problem};

/// The name of the bearer scheme, for `security((("bearer" = [])))`.
pub const BEARER: &str = "bearer";

/// Statuses that any operation may answer with, and what they mean.
const PROBLEMS: [(&str, &str); 9] = [
    ("400", "The request cannot be read."),
    ("404", "There is no such thing, or it belongs to somebody else."),
    ("405", "This address does not take this method."),
    ("413", "The body is too large."),
    ("415", "The body is not JSON."),
    ("422", "A field is not acceptable; `errors` names it."),
    ("429", "Too often; `retry_after_seconds` says how long to wait."),
    ("500", "Something went wrong on our side."),
    ("503", "A part that this needs is away for the moment."),
];

/// Adds the shared parts to a description that was put together from the functions'.
pub fn complete(api: &mut OpenApi) {
    let components = api.components.get_or_insert_with(Components::new);
    for (name, schema) in
        [(Problem::name().into_owned(), Problem::schema()), (FieldError::name().into_owned(), FieldError::schema())]
    {
        components.schemas.insert(name, schema);
    }
    for schema in components.schemas.values_mut() {
        if let RefOr::T(Schema::Object(object)) = schema {
            object.properties.values_mut().for_each(describe_in_place);
        }
    }
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    for item in api.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            add_problems(operation);
        }
    }
}

/// A field whose schema is written in its place and that has a description of its own comes out as that schema and
/// an object at once, which nothing can be. Here the description goes into the schema.
fn describe_in_place(field: &mut RefOr<Schema>) {
    let RefOr::T(Schema::AllOf(both)) = field else { return };
    let [RefOr::T(schema), RefOr::T(Schema::Object(described))] = &mut both.items[..] else { return };
    if !described.properties.is_empty() {
        return;
    }
    let Some(description) = described.description.take() else { return };
    match schema {
        Schema::Object(schema) => schema.description = Some(description),
        Schema::Array(schema) => schema.description = Some(description),
        _ => return,
    }
    *field = RefOr::T(schema.clone());
}

fn add_problems(operation: &mut Operation) {
    let secured = operation.security.as_ref().is_some_and(|schemes| !schemes.is_empty());
    let signed_in = secured.then_some(("401", "No valid token.")).into_iter();
    let forbidden = secured.then_some(("403", "Known, but not allowed.")).into_iter();
    for (status, description) in PROBLEMS.into_iter().chain(signed_in).chain(forbidden) {
        let content = ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name(Problem::name())))).build();
        let response =
            ResponseBuilder::new().description(description).content("application/problem+json", content).build();
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| response.into());
    }
}
