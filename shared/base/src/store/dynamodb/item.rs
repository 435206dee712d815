//! What an item of the table has in it.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::store::Key;

/// An item, or the part of it that is its key.
pub(super) type Item = HashMap<String, AttributeValue>;

/// What all items of a key share: its space as it is, and its hash.
pub(super) fn partition(key: &Key) -> String {
    format!("{}#{}", key.space, URL_SAFE_NO_PAD.encode(key.digest))
}

pub(super) fn item_key(key: &Key, place: u32) -> Item {
    let place = number(i64::from(place));
    HashMap::from([("pk".to_owned(), AttributeValue::S(partition(key))), ("sk".to_owned(), place)])
}

pub(super) fn whole_item(key: &Key, place: u32, value: &[u8], ends: i64) -> Item {
    let mut item = item_key(key, place);
    item.insert("content".to_owned(), bytes(value));
    item.insert("expires_at".to_owned(), number(ends));
    item
}

pub(super) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn bytes(value: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(super) fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

pub(super) fn arrival_of(item: &Item) -> Option<i64> {
    number_of(item, "arrival_us")
}

/// The id of the last admission.
pub(super) fn admission_of(item: &Item) -> Option<&str> {
    item.get("admission")?.as_s().ok().map(String::as_str)
}

pub(super) fn content_of(mut item: Item) -> Option<Vec<u8>> {
    match item.remove("content")? {
        AttributeValue::B(content) => Some(content.into_inner()),
        _ => None,
    }
}

pub(super) fn is_alive(item: &Item, now: i64) -> bool {
    number_of(item, "expires_at").is_some_and(|ends| ends > now)
}
