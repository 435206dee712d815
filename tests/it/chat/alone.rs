//! The chat function by itself, as on Lambda, with times that a test need not wait for.

use base::config::Env;
use base::http;
use serde_json::json;
use tokio::net::TcpListener;

use crate::app::{Actor, TestApp};

/// The function, on a port of its own. It stops when dropped.
pub(super) struct Alone {
    url: String,
    server: tokio::task::JoinHandle<()>,
}

impl Alone {
    /// Serves it beside `app`, on the same database and for the same people, with these settings and this change.
    pub(super) async fn serve<const N: usize>(
        app: &TestApp,
        settings: [(&str, &str); N],
        change: impl FnOnce(&mut chat::App),
    ) -> Self {
        let issuer = &app.base_url;
        let keys = format!("{issuer}/.well-known/jwks.json");
        let issuers = json!([{"issuer": issuer, "jwks_url": keys, "audience": "authenticated", "built_in": true}]);
        let env = Env::from_pairs(settings)
            .with("DATABASE_URL", app.database.url("almanac_app"))
            .with("AUTH_ISSUERS", issuers.to_string());
        let mut chat = chat::App::from_env(&env).expect("the settings are right");
        change(&mut chat);
        let layers = http::Settings::from_env(&env, app.clock.clone()).expect("the settings are right");
        let router = http::finish(chat::router(chat), layers);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("the server runs") });
        Self { url, server }
    }

    /// The same person, coming to this function.
    pub(super) fn seen_by(&self, actor: &Actor) -> Actor {
        Actor::of(&self.url).with_token(actor.token.clone().expect("somebody who is signed in"))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.server.abort();
    }
}
