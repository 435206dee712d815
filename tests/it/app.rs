//! The product, whole, on a port of its own, and the people who use it.

use std::net::SocketAddr;
use std::sync::Arc;

use base::Clock;
use base::config::Env;
use base::queue::Bell;
use chat::LiveReplies;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use server::mount;
use tokio::net::TcpListener;
use tokio_postgres::Client;

use crate::cluster::TestDatabase;

/// The password of everybody in the tests.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// One running product with a database of its own.
pub(crate) struct TestApp {
    pub(crate) base_url: String,
    /// Moves the product's time.
    pub(crate) clock: Clock,
    pub(crate) database: Arc<TestDatabase>,
    settings: mount::Settings,
    server: tokio::task::JoinHandle<()>,
}

/// Somebody who sends requests: anonymous, or with a token.
#[derive(Clone)]
pub(crate) struct Actor {
    http: reqwest::Client,
    base_url: String,
    pub(crate) token: Option<String>,
    /// What `register` answered.
    pub(crate) session: Value,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl TestApp {
    /// The product with nothing configured.
    pub(crate) async fn start() -> Self {
        Self::start_with([]).await
    }

    /// The product with these settings.
    pub(crate) async fn start_with<const N: usize>(settings: [(&str, &str); N]) -> Self {
        Self::start_on(TestDatabase::create().await, Env::from_pairs(settings)).await
    }

    async fn start_on(database: TestDatabase, env: Env) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let clock = Clock::system();
        let env = match env.get("AUTH_SIGNING_KEY") {
            Some(_) => env,
            None => env.with("AUTH_SIGNING_KEY", auth::SigningKey::generate_pem().expose_secret()),
        };
        let settings = mount::Settings {
            env,
            database_url: database.url("almanac_app"),
            service_database_url: database.url("almanac_service"),
            data_dir: None,
            public_url: base_url.clone(),
            clock,
            live: LiveReplies::default(),
            bell: Bell::default(),
        };
        Self::serve(listener, base_url, settings, Arc::new(database)).await
    }

    async fn serve(
        listener: TcpListener,
        base_url: String,
        settings: mount::Settings,
        database: Arc<TestDatabase>,
    ) -> Self {
        let router = mount::router(settings.clone()).await.expect("the settings are right");
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, service).await.expect("the server runs") });
        Self { base_url, clock: settings.clock.clone(), database, settings, server }
    }

    /// A second process of the same product: nothing in common but the database, the keys and the time.
    pub(crate) async fn second_process(&self) -> Self {
        self.second_process_with([]).await
    }

    /// A second process that differs in these settings.
    pub(crate) async fn second_process_with<const N: usize>(&self, changed: [(&str, &str); N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let mut settings =
            mount::Settings { live: LiveReplies::default(), bell: Bell::default(), ..self.settings.clone() };
        settings.env = changed.into_iter().fold(settings.env, |env, (name, value)| env.with(name, value));
        Self::serve(listener, base_url, settings, Arc::clone(&self.database)).await
    }

    /// A second process that reaches the database at this address.
    pub(crate) async fn second_process_at(&self, database_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let database_url = database_url.to_owned();
        let (live, bell) = (LiveReplies::default(), Bell::default());
        let settings = mount::Settings { database_url, live, bell, ..self.settings.clone() };
        Self::serve(listener, base_url, settings, Arc::clone(&self.database)).await
    }

    /// What wakes the workers of this process, of which it has none.
    pub(crate) fn bell(&self) -> Bell {
        self.settings.bell.clone()
    }

    /// The same person, coming to this process.
    pub(crate) fn seen_by(&self, actor: &Actor) -> Actor {
        Actor { base_url: self.base_url.clone(), ..actor.clone() }
    }

    /// The key the built-in issuer signs with.
    pub(crate) fn signing_key(&self) -> &str {
        self.settings.env.get("AUTH_SIGNING_KEY").expect("every test app has one")
    }

    /// A visitor.
    pub(crate) fn anon(&self) -> Actor {
        let http = base::http_client::build();
        Actor { http, base_url: self.base_url.clone(), token: None, session: Value::Null }
    }

    /// A new user, signed in.
    pub(crate) async fn register(&self, name: &str) -> Actor {
        let mut actor = self.anon();
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "password": PASSWORD, "full_name": name});
        let answer = actor.post("/api/auth/register", &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        actor.session = answer.json();
        actor.token = actor.session["access_token"].as_str().map(str::to_owned);
        actor
    }

    /// A connection that sees everything, to arrange and to inspect.
    pub(crate) async fn superuser(&self) -> Client {
        self.database.superuser().await
    }

    /// Ends the product's connections to its database, which takes no new ones.
    pub(crate) async fn close_database(&self) {
        let admin = self.superuser().await;
        let database: String = admin.query_one("select current_database()::text", &[]).await.expect("a name").get(0);
        let closed = format!(
            "revoke connect on database {database} from public;
             select pg_terminate_backend(pid, 5000) from pg_stat_activity
             where datname = '{database}' and usename in ('almanac_app', 'almanac_service')"
        );
        admin.batch_execute(&closed).await.expect("arranged");
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Actor {
    /// A visitor of a server that runs elsewhere.
    pub(crate) fn of(base_url: &str) -> Self {
        let http = base::http_client::build();
        Self { http, base_url: base_url.to_owned(), token: None, session: Value::Null }
    }

    /// The same person with another token.
    pub(crate) fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// The user's id.
    pub(crate) fn id(&self) -> String {
        self.session["user"]["id"].as_str().expect("a registered user").to_owned()
    }

    /// A request to be completed by hand.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base_url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(body)).await
    }
}

impl Answer {
    /// Sends a request and reads the answer whole.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the server answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the answer arrives whole");
        Self { status, headers, text }
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A header's value, empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(HeaderValue::to_str).and_then(Result::ok).unwrap_or_default()
    }

    /// The answer is a problem with this status and code.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{problem}");
        problem
    }

    /// The answer is a problem that names this field.
    #[track_caller]
    pub(crate) fn assert_invalid(&self, pointer: &str) {
        let problem = self.assert_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
}
