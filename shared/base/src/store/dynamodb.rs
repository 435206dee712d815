//! The short-lived store as a DynamoDB table.
//!
//! An item has the key's space and hash (`pk`), its number in a list or 0 (`sk`), and when it ends in seconds
//! (`expires_at`, which the table's TTL deletes by, hours later or days). A limit's item has `arrival_us` and
//! `admission` beside them, any other a `content`. Each change is a single write, so no transaction is ever
//! needed.

mod item;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use tokio::time::timeout;

use self::item::{
    Item, admission_of, arrival_of, bytes, content_of, is_alive, item_key, number, number_of, partition, text,
    whole_item,
};
use super::memory::Arrivals;
use super::{Admission, Key, Pace, StoreError, seconds_up};
use crate::aws::{Account, Patience};
use crate::config::{ConfigError, Env};
use crate::http_client::HttpClient;

/// A limit stands before every request and is counted elsewhere when the table does not answer.
const LIMIT_PATIENCE: Patience = Patience { attempts: 2, attempt_timeout: Duration::from_millis(300) };
/// Whoever keeps or takes something out has no other place to ask.
const VALUE_PATIENCE: Patience = Patience { attempts: 3, attempt_timeout: Duration::from_secs(1) };
/// How often a limit is tried: a key becomes busy, or idle, or full between two calls, and then no other.
const ADMIT_CALLS_MAX: usize = 4;
/// How long all of these calls may take.
const ADMIT_TIME: Duration = Duration::from_secs(1);
/// How many pages of a list are read at once; each has up to 1 MB.
const PAGES_MAX: usize = 16;

/// Clones share the connections and what is remembered.
#[derive(Debug, Clone)]
pub(super) struct DynamoDbStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    table: String,
    account: Account,
    limits: OnceLock<Client>,
    values: OnceLock<Client>,
    /// Until when keys are booked at least, so that a flood of requests of one key costs no calls once it is over
    /// its limit, and a busy key one call and not two; and so that counting goes on while the table is away.
    booked: Arrivals,
}

impl DynamoDbStore {
    /// Reads [`Account`]'s settings. Nothing is connected.
    pub(super) fn new(table: &str, env: &Env, http: &HttpClient) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(Inner {
            table: table.to_owned(),
            account: Account::from_env(env, http)?,
            limits: OnceLock::new(),
            values: OnceLock::new(),
            booked: Arrivals::default(),
        })))
    }

    /// An idle key is booked from now on, a busy one for a step more; each is one conditional update, tried in the
    /// order in which they are likely. The item remembers the last admission by its id, so that one whose answer was
    /// lost is found done and not counted again, unless another came between: then a limit is used up too early. It
    /// is never exceeded.
    pub(super) async fn admit(&self, key: &Key, pace: Pace, now_us: i64, id: &str) -> Result<Admission, StoreError> {
        timeout(ADMIT_TIME, self.book_one(key, pace, now_us, id)).await.unwrap_or_else(|elapsed| Err(away(elapsed)))
    }

    async fn book_one(&self, key: &Key, pace: Pace, now_us: i64, id: &str) -> Result<Admission, StoreError> {
        let booked = &self.0.booked;
        let mut arrival = booked.find(key);
        for _ in 0..ADMIT_CALLS_MAX {
            if let Some(refused) = arrival.and_then(|arrival| Admission::refused(arrival, pace, now_us)) {
                return Ok(refused);
            }
            let is_busy = arrival.is_some_and(|arrival| arrival > now_us);
            let update = if is_busy { self.extend(key, pace, now_us) } else { self.begin(key, pace, now_us) };
            let (item, is_done) = match update.expression_attribute_values(":id", text(id)).send().await {
                Ok(output) => (output.attributes, true),
                Err(error) => {
                    let item = self.item_after(key, error).await?;
                    let is_done = item.as_ref().and_then(admission_of) == Some(id);
                    (item, is_done)
                }
            };
            arrival = item.as_ref().and_then(arrival_of);
            if let Some(arrival) = arrival {
                booked.raise(key, arrival, now_us);
            }
            if is_done {
                return arrival.map(|arrival| Admission::admitted(arrival, now_us)).ok_or_else(unreadable);
            }
        }
        Err(StoreError::Away("the key changes too often".into()))
    }

    /// Counts by what is known here, when the table cannot be asked.
    pub(super) fn admit_here(&self, key: &Key, pace: Pace, now_us: i64) -> Admission {
        self.0.booked.admit(key, pace, now_us)
    }

    /// Books an idle key.
    fn begin(&self, key: &Key, pace: Pace, now_us: i64) -> UpdateItemFluentBuilder {
        self.book(key, pace, now_us)
            .update_expression("SET arrival_us = :next, expires_at = :ends, admission = :id")
            .condition_expression("attribute_not_exists(pk) OR arrival_us <= :now")
            .expression_attribute_values(":next", number(now_us + pace.step_us()))
    }

    /// Books a busy key for a step more, unless that is more than its pace allows.
    fn extend(&self, key: &Key, pace: Pace, now_us: i64) -> UpdateItemFluentBuilder {
        self.book(key, pace, now_us)
            .update_expression("SET arrival_us = arrival_us + :step, expires_at = :ends, admission = :id")
            .condition_expression("arrival_us > :now AND arrival_us <= :latest AND admission <> :id")
            .expression_attribute_values(":step", number(pace.step_us()))
            .expression_attribute_values(":latest", number(pace.latest_us(now_us)))
    }

    /// What both updates share. The item ends when the key is idle for certain.
    fn book(&self, key: &Key, pace: Pace, now_us: i64) -> UpdateItemFluentBuilder {
        self.limits()
            .update_item()
            .table_name(&self.0.table)
            .set_key(Some(item_key(key, 0)))
            .expression_attribute_values(":now", number(now_us))
            .expression_attribute_values(":ends", number(seconds_up(now_us + pace.burst_us())))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// What is there, after an update's condition did not hold.
    async fn item_after(&self, key: &Key, error: SdkError<UpdateItemError>) -> Result<Option<Item>, StoreError> {
        match error.into_service_error() {
            UpdateItemError::ConditionalCheckFailedException(failed) if failed.item().is_some() => Ok(failed.item),
            // Not every stand-in for DynamoDB tells the item.
            UpdateItemError::ConditionalCheckFailedException(_) => {
                let found = self.limits().get_item().table_name(&self.0.table).set_key(Some(item_key(key, 0)));
                Ok(found.consistent_read(true).send().await.map_err(away)?.item)
            }
            error => Err(away(error)),
        }
    }

    /// Done twice it is as done once.
    pub(super) async fn put(&self, key: &Key, value: &[u8], ends: i64) -> Result<(), StoreError> {
        let item = whole_item(key, 0, value, ends);
        let put = self.values().put_item().table_name(&self.0.table).set_item(Some(item));
        put.send().await.map(drop).map_err(away)
    }

    /// Deletes the item, which tells what it was to one caller only: the one whose answer is lost gets nothing when
    /// it tries again.
    pub(super) async fn take(&self, key: &Key, now: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let taken = self.values().delete_item().table_name(&self.0.table).set_key(Some(item_key(key, 0)));
        let taken = taken.return_values(ReturnValue::AllOld).send().await.map_err(away)?;
        Ok(taken.attributes.filter(|item| is_alive(item, now)).and_then(content_of))
    }

    /// What is there already with the same value is put anew, so that a lost answer does no harm.
    pub(super) async fn append(
        &self,
        list: &Key,
        place: u32,
        value: &[u8],
        ends: i64,
        now: i64,
    ) -> Result<(), StoreError> {
        let appended = self
            .values()
            .put_item()
            .table_name(&self.0.table)
            .set_item(Some(whole_item(list, place, value, ends)))
            .condition_expression("attribute_not_exists(pk) OR content = :content OR expires_at <= :now")
            .expression_attribute_values(":content", bytes(value))
            .expression_attribute_values(":now", number(now))
            .send()
            .await;
        match appended {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Err(StoreError::Taken),
            Err(error) => Err(away(error)),
        }
    }

    pub(super) async fn read_after(&self, list: &Key, after: u32, now: i64) -> Result<Vec<(u32, Vec<u8>)>, StoreError> {
        let mut unbroken = Vec::new();
        let (mut wanted, mut resume_at) = (after.saturating_add(1), None);
        for _ in 0..PAGES_MAX {
            let page = self.read_page(list, after, resume_at.take()).await?;
            for item in page.items.unwrap_or_default() {
                if number_of(&item, "sk") != Some(i64::from(wanted)) || !is_alive(&item, now) {
                    return Ok(unbroken);
                }
                unbroken.push((wanted, content_of(item).ok_or_else(unreadable)?));
                wanted = wanted.saturating_add(1);
            }
            resume_at = page.last_evaluated_key;
            if resume_at.is_none() {
                break;
            }
        }
        Ok(unbroken)
    }

    async fn read_page(
        &self,
        list: &Key,
        after: u32,
        resume_at: Option<Item>,
    ) -> Result<aws_sdk_dynamodb::operation::query::QueryOutput, StoreError> {
        self.values()
            .query()
            .table_name(&self.0.table)
            .consistent_read(true)
            .key_condition_expression("pk = :list AND sk > :after")
            .expression_attribute_values(":list", AttributeValue::S(partition(list)))
            .expression_attribute_values(":after", number(i64::from(after)))
            .set_exclusive_start_key(resume_at)
            .send()
            .await
            .map_err(away)
    }

    fn limits(&self) -> &Client {
        self.0.limits.get_or_init(|| self.0.account.dynamodb(LIMIT_PATIENCE))
    }

    fn values(&self) -> &Client {
        self.0.values.get_or_init(|| self.0.account.dynamodb(VALUE_PATIENCE))
    }
}

fn away(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Away(Box::new(error))
}

fn unreadable() -> StoreError {
    StoreError::Away("the table has an item that nobody here wrote".into())
}
