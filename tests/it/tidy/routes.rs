//! The server answers every route that it describes.

use reqwest::Method;

use super::functions::routes_of;
use super::settle;
use crate::app::{Answer, TestApp};

/// Stands in for every parameter of a path.
const ID: &str = "0190a0a0-0000-7000-8000-000000000000";

#[tokio::test]
async fn every_described_route_is_mounted() {
    let app = TestApp::start().await;
    let mut breaches = Vec::new();
    for route in routes_of(&server::description::document()) {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let path =
            path.split('/').map(|part| if part.starts_with('{') { ID } else { part }).collect::<Vec<_>>().join("/");
        let method: Method = method.parse().expect("a method");
        let answer = Answer::of(app.anon().request(method, &path)).await;
        if answer.text.contains("\"no_route\"") || answer.status == 405 {
            breaches.push(format!("{route} answers {}", answer.status));
        }
    }
    settle("The server mounts what it describes.", &breaches);
}
