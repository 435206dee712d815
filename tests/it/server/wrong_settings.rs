//! A wrong setting is told before anything is started or changed.

use secrecy::ExposeSecret;

use super::program::run_alone;

/// Settings that are wrong one by one, and the one that is told.
const WRONG: [(&str, &str, &str); 28] = [
    ("DATABASE_CONNECTIONS_MAX", "0", "DATABASE_CONNECTIONS_MAX"),
    ("RATE_LIMIT_SCALE", "0", "RATE_LIMIT_SCALE"),
    ("PROVIDER_IDLE_TIMEOUT_MS", "0", "PROVIDER_IDLE_TIMEOUT_MS"),
    ("PROVIDER_FIRST_BYTE_TIMEOUT_MS", "0", "PROVIDER_FIRST_BYTE_TIMEOUT_MS"),
    ("PUBLIC_URL", "api.example", "PUBLIC_URL"),
    ("RUST_LOG", "hyper=loud", "RUST_LOG"),
    ("LOG_FORMAT", "xml", "LOG_FORMAT"),
    ("DATABASE_PIPELINE", "sometimes", "DATABASE_PIPELINE"),
    ("CHAT_LEASE_SECONDS", "0", "CHAT_LEASE_SECONDS"),
    ("SHUTDOWN_GRACE_SECONDS", "soon", "SHUTDOWN_GRACE_SECONDS"),
    ("JOB_WORKERS", "many", "JOB_WORKERS"),
    ("JOB_WORKERS", "65", "JOB_WORKERS"),
    ("RATE_LIMIT_SCALE", "much", "RATE_LIMIT_SCALE"),
    ("CHAT_LEASE_SECONDS", "long", "CHAT_LEASE_SECONDS"),
    ("PROVIDER_IDLE_TIMEOUT_MS", "long", "PROVIDER_IDLE_TIMEOUT_MS"),
    ("AUTH_SIGNING_KEY", "mine", "AUTH_SIGNING_KEY"),
    ("AUTH_ACCEPTED_KEY", "yours", "AUTH_ACCEPTED_KEY"),
    ("AUTH_ISSUERS", "theirs", "AUTH_ISSUERS"),
    ("CLERK_WEBHOOK_SECRET", "whsec_dGVzdHMgb25seQ==", "CLERK_ISSUER"),
    ("STORE_TABLE", "limits", "AWS_ACCESS_KEY_ID"),
    ("JOBS_QUEUE_URL", "http://127.0.0.1:9/queue", "AWS_ACCESS_KEY_ID"),
    ("SENTRY_DSN", "here", "SENTRY_DSN"),
    ("METRICS", "all", "METRICS"),
    ("TRUSTED_PROXY_HOPS", "one", "TRUSTED_PROXY_HOPS"),
    ("DATABASE_CONNECTIONS_MAX", "few", "DATABASE_CONNECTIONS_MAX"),
    ("ALMANAC_POSTGRES_SOURCE", "elsewhere", "ALMANAC_POSTGRES_SOURCE"),
    ("PORT", "door", "PORT"),
    ("HOST", "home", "HOST"),
];

#[tokio::test]
async fn a_wrong_setting_is_told_before_anything_is_made() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let folder = data.path().to_str().expect("a plain name");
    for (name, value, told) in WRONG {
        for command in [&["dev"][..], &["serve", "--embedded", "--migrate"]] {
            let settings = [("ALMANAC_DATA_DIR", folder), ("PORT", "0"), ("HOME", folder), (name, value)];
            let (is_well, said) = run_alone(command, settings).await;
            assert!(!is_well && said.contains(&format!("{told}: ")), "{command:?} with {name}={value}: {said}");
            assert_eq!(data.path().read_dir().expect("a folder").count(), 0, "{command:?} with {name}={value}");
        }
    }
}

#[tokio::test]
async fn what_a_given_database_needs_is_told_before_it_is_asked() {
    let nobody = |role: &str| format!("postgres://{role}@127.0.0.1:9/nowhere?sslmode=disable");
    let whole = [
        ("PORT", "0".to_owned()),
        ("DATABASE_URL", nobody("almanac_app")),
        ("DATABASE_SERVICE_URL", nobody("almanac_service")),
        ("AUTH_SIGNING_KEY", auth::SigningKey::generate_pem().expose_secret().to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "of the tests".to_owned()),
    ];
    for (name, value, told) in [
        ("DATABASE_URL", "", "Set DATABASE_URL to the database"),
        ("DATABASE_SERVICE_URL", "", "Set DATABASE_SERVICE_URL to the database"),
        ("DATABASE_SERVICE_URL", "mysql://nowhere", "DATABASE_SERVICE_URL: "),
        ("AUTH_SIGNING_KEY", "", "AUTH_SIGNING_KEY: is not set"),
        ("JOBS_QUEUE_URL", "almanac-jobs", "JOBS_QUEUE_URL: "),
        ("PORT", "0", "The database that DATABASE_URL names cannot be reached"),
    ] {
        let settings = whole.iter().cloned().chain([(name, value.to_owned())]);
        let (is_well, said) = run_alone(&["serve"], settings).await;
        assert!(!is_well && said.contains(told), "{name}={value}: {said}");
    }
}
