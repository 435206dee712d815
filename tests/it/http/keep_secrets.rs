//! A canary sits in every setting that is secret, and in what people send, while the program logs all it can and
//! everything that it depends on fails. None of its lines may have one.

use std::sync::LazyLock;

use auth::SigningKey;
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::process::Command;

use crate::app::{Answer, TestApp};
use crate::fakes::model::{ModelFake, Script};
use crate::process::Process;
use crate::server::program::run_alone;

/// In every secret that may be any text.
const CANARY: &str = "canaryQx71Zw";
/// What people type.
const WORD: &str = "plughxyzzy";
/// Where nobody listens: the port is taken by no service.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The signing key, and a line of it.
static KEY: LazyLock<(String, String)> = LazyLock::new(|| {
    let pem = SigningKey::generate_pem().expose_secret().to_owned();
    let line = pem.lines().nth(1).expect("a PEM has lines").to_owned();
    (pem, line)
});

#[track_caller]
fn assert_kept(place: &str, written: &str) {
    for secret in [CANARY, WORD, &KEY.1] {
        for line in written.lines() {
            assert!(!line.contains(secret), "{place} tells {secret}: {line}");
        }
    }
}

/// Each secret setting with a canary in it; the database is reached all the same, as the socket asks for no password.
fn secrets(app: &TestApp) -> Vec<(&'static str, String)> {
    let with_password = |role: &str| app.database.url(role).replace(role, &format!("{role}:{CANARY}"));
    let issuers = json!([{"issuer": "https://other.example", "audience": "authenticated", "secret": CANARY.repeat(4)}]);
    let mut settings = vec![
        ("DATABASE_URL", with_password("almanac_app")),
        ("DATABASE_SERVICE_URL", with_password("almanac_service")),
        ("AUTH_SIGNING_KEY", KEY.0.clone()),
        ("AUTH_ISSUERS", issuers.to_string()),
        ("CLERK_ISSUER", "https://clerk.example".to_owned()),
        ("CLERK_WEBHOOK_SECRET", format!("whsec_{CANARY}")),
        ("SENTRY_DSN", format!("http://{CANARY}@127.0.0.1:9/42")),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", CANARY.to_owned()),
        ("AWS_SESSION_TOKEN", CANARY.to_owned()),
        ("STORE_TABLE", "limits".to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", NOWHERE.to_owned()),
        ("JOBS_QUEUE_URL", format!("{NOWHERE}/queue")),
        ("AWS_ENDPOINT_URL_SQS", NOWHERE.to_owned()),
    ];
    for key in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "XAI_API_KEY", "OPENROUTER_API_KEY"] {
        settings.push((key, format!("sk-{CANARY}")));
    }
    settings
}

async fn start(app: &TestApp, model: &ModelFake) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_almanac"));
    command.arg("serve");
    let mut command = Process::on(app, command);
    command.envs(secrets(app)).env("RUST_LOG", "trace").env("METRICS", "emf");
    for name in ["OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"] {
        command.env(name, model.base_url());
    }
    Process::spawn(command).await
}

#[tokio::test]
async fn a_program_in_trouble_tells_no_secret() {
    let (app, model) = (TestApp::start().await, ModelFake::start().await);
    let process = start(&app, &model).await;
    let anon = process.seen_by(&app.anon());
    let account = json!({"email": format!("{WORD}@example.com"), "password": format!("{WORD} {CANARY}")});
    let registered = anon.post("/api/auth/register", &account).await;
    assert_eq!(registered.status, 201, "{}", registered.text);
    let session = registered.json();
    let user = anon.with_token(session["access_token"].as_str().expect("a token"));

    // What the client does wrong.
    anon.post("/api/auth/register", &account).await.assert_problem(409, "email_taken");
    let wrong = json!({"email": account["email"], "password": format!("{CANARY} {WORD}")});
    assert_eq!(anon.post("/api/auth/login", &wrong).await.status, 401);
    for path in ["/api/tasks", "/api/notes", "/api/chat", "/api/auth/login", "/api/webhooks/clerk"] {
        let request = user.request(reqwest::Method::POST, path).header("content-type", "application/json");
        let answer = Answer::of(request.body(format!("{{\"title\": \"{WORD}\", \"{CANARY}\""))).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.text);
    }
    assert_eq!(user.with_token(format!("{CANARY}.{CANARY}.{CANARY}")).get("/api/users/me").await.status, 401);

    // What vendors do wrong, quoting the key.
    let quoting = json!({"error": {"type": CANARY, "message": format!("Incorrect API key: sk-{CANARY}")}}).to_string();
    for (model_name, status) in [("openai/any", 401), ("anthropic/any", 500)] {
        model.enqueue(Script::status(status, &[("x-should-retry", "false"), ("x-echo", CANARY)], &quoting));
        let body = json!({"content": WORD, "model": model_name});
        let answer = Answer::of(user.request(reqwest::Method::POST, "/api/chat").json(&body)).await;
        assert!(!answer.text.contains(CANARY), "{}", answer.text);
    }

    // What the database does wrong: first it knows a table no more, then nothing answers.
    let admin = app.superuser().await;
    admin.batch_execute("alter table public.tasks rename to gone").await.expect("arranged");
    let task = json!({"title": WORD});
    user.post("/api/tasks", &task).await.assert_problem(500, "internal");
    app.close_database().await;
    let answer = user.post("/api/notes", &task).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    process.line_of(answer.header("x-request-id")).await;

    let written = process.end().await;
    for failed in ["limits", "reported", "credentials_email_key", "\"status\":503", "\"status\":500", "\"status\":409"]
    {
        assert!(written.contains(failed), "{failed} did not come to pass");
    }
    assert_kept("the log", &written);
}

#[tokio::test]
async fn a_wrong_setting_is_told_without_its_value() {
    let app = TestApp::start().await;
    let wrong = [
        ("DATABASE_URL", format!("mysql://almanac_app:{CANARY}@nowhere/x")),
        ("DATABASE_URL", format!("postgres://almanac_app:{CANARY}@127.0.0.1:9/x?sslmode=disable")),
        ("DATABASE_SERVICE_URL", format!("{CANARY}://{CANARY}")),
        ("AUTH_SIGNING_KEY", format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----")),
        ("AUTH_ACCEPTED_KEY", CANARY.to_owned()),
        ("AUTH_ISSUERS", format!("[{{\"issuer\":\"https://a.example\",\"secret\":\"{CANARY}\",\"{CANARY}\":1}}]")),
        ("CLERK_WEBHOOK_SECRET", CANARY.to_owned()),
        ("SENTRY_DSN", format!("https://{CANARY}@")),
        ("JOBS_QUEUE_URL", format!("{CANARY} {CANARY}")),
    ];
    let commands = [&["serve"][..], &["doctor"], &["jobs", "list"], &["make-admin", "a@example.com"], &["migrate"]];
    for (name, value) in wrong {
        let settings = Process::settings(&app).into_iter().chain(secrets(&app));
        let settings = settings.chain([("RUST_LOG", "trace".to_owned()), (name, value)]);
        let runs = commands.map(|arguments| run_alone(arguments, settings.clone()));
        let ends = join_all(runs).await;
        for (arguments, (_, said)) in commands.iter().zip(&ends) {
            assert_kept(&format!("{arguments:?} with {name}"), said);
        }
        // Other commands may have no use for it.
        let (is_well, said) = &ends[0];
        assert!(!is_well && said.contains(name), "{name} is not told: {said}");
    }
}

#[tokio::test]
async fn a_cause_leaves_out_the_rows_that_postgresql_quotes() {
    let app = TestApp::start().await;
    let admin = app.superuser().await;
    let twice =
        format!("create temporary table words (word text unique); insert into words values ('{WORD}'), ('{WORD}')");
    let error = admin.batch_execute(&twice).await.expect_err("it is there already");
    let detail = error.as_db_error().and_then(|error| error.detail()).expect("a superuser is told").to_owned();
    assert!(detail.contains(WORD), "{detail}");
    let error = base::Error::from(error);
    let told = format!("{:?} {error:?}", error.cause());
    assert!(told.contains("words_word_key") && told.contains("23505"), "{told}");
    assert_kept("the cause", &told);
}
