//! Every store there is, so that the same is asked of all.
//!
//! `ALMANAC_TEST_DYNAMODB` adds a DynamoDB at that address, as `tests/dynamodb/run` does with one from npm.

use base::Clock;
use base::config::Env;
use base::http_client::{self, HttpClient};
use base::store::{Key, Store};
use serde_json::{Value, json};

use crate::fakes::dynamodb::{self, DynamoDbFake};

/// The table at a DynamoDB of somebody else's.
const TABLE: &str = "almanac-contract";

/// A store as two processes see it.
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) clock: Clock,
    pub(super) one: Store,
    pub(super) other: Store,
    /// Keeps this stage's keys apart from those of others in the same table.
    run: String,
}

impl Stage {
    /// A key of this stage's own.
    pub(super) fn key(&self, name: &str) -> Key {
        Key::new("contract", &format!("{} {name}", self.run))
    }

    /// Both processes.
    pub(super) fn both(&self) -> [&Store; 2] {
        [&self.one, &self.other]
    }

    fn of(name: &'static str, clock: Clock, [one, other]: [Store; 2]) -> Self {
        let run = clock.new_id().to_string();
        Self { name, clock, one, other, run }
    }

    fn at(name: &'static str, url: &str, env: &Env) -> Self {
        let clock = Clock::system();
        Self::of(name, clock.clone(), [0, 1].map(|_| store(env, &clock).unwrap_or_else(|_| panic!("a store at {url}"))))
    }
}

/// A process's store with these settings.
pub(super) fn store(env: &Env, clock: &Clock) -> Result<Store, base::config::ConfigError> {
    Store::from_env(env, clock.clone(), &HttpClient::default())
}

/// All of them.
pub(super) async fn all() -> Vec<Stage> {
    let clock = Clock::system();
    let memory = Store::memory(clock.clone());
    let mut stages = vec![Stage::of("memory", clock, [memory.clone(), memory])];
    for (name, fake) in [("fake", DynamoDbFake::start().await), ("discreet fake", DynamoDbFake::start_discreet().await)]
    {
        let settings = fake.settings();
        stages.push(Stage::at(name, &fake.url, &Env::from_pairs(settings)));
    }
    if let Some(url) = Env::from_process().get("ALMANAC_TEST_DYNAMODB") {
        create_table(url).await;
        stages.push(Stage::at("DynamoDB", url, &dynamodb::env(url, TABLE)));
    }
    stages
}

/// Creates the table, as `template.yaml` has it, unless it is there.
async fn create_table(url: &str) {
    let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let table = json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [attribute("pk", "S"), attribute("sk", "N")],
        "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
    });
    let answer = ask(url, "CreateTable", &table).await;
    let is_there = answer["__type"].as_str().is_some_and(|kind| kind.ends_with("ResourceInUseException"));
    assert!(is_there || answer["TableDescription"]["TableName"] == TABLE, "{answer}");
    while ask(url, "DescribeTable", &json!({"TableName": TABLE})).await["Table"]["TableStatus"] != "ACTIVE" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Asks a stand-in for DynamoDB, which takes any signature.
async fn ask(url: &str, operation: &str, request: &Value) -> Value {
    let scope = "AKIDEXAMPLE/20260101/eu-central-1/dynamodb/aws4_request";
    let answer = http_client::build()
        .post(url)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
        .body(request.to_string())
        .send()
        .await
        .expect("DynamoDB answers");
    answer.json().await.expect("JSON")
}
