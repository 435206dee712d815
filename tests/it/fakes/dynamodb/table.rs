//! The items, and the five operations on them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::expression::{self, Values};

/// How many items a page of a query has. DynamoDB's pages end at 1 MB.
const PAGE_LEN: usize = 3;

/// An item: each attribute's name with its type and value, as `{"N": "1"}`.
pub(super) type Item = Map<String, Value>;

/// Why something was not done.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) kind: &'static str,
    pub(super) detail: String,
    pub(super) item: Option<Item>,
}

impl Refusal {
    pub(super) fn of(kind: &'static str) -> Self {
        Self { kind, detail: String::new(), item: None }
    }

    fn invalid(detail: impl Into<String>) -> Self {
        Self { kind: "ValidationException", detail: detail.into(), item: None }
    }
}

#[derive(Debug, Default)]
pub(super) struct Table {
    items: BTreeMap<(String, i64), Item>,
    /// A refused condition does not tell the item.
    pub(super) is_discreet: bool,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn perform(&mut self, name: &str, operation: &str, request: &Value) -> Result<Value, Refusal> {
        if request["TableName"] != name {
            return Err(Refusal::of("ResourceNotFoundException"));
        }
        match operation {
            "PutItem" => self.put(request),
            "UpdateItem" => self.update(request),
            "GetItem" => self.get(request),
            "DeleteItem" => self.delete(request),
            "Query" => self.query(request),
            _ => Err(Refusal::of("UnknownOperationException")),
        }
    }

    fn put(&mut self, request: &Value) -> Result<Value, Refusal> {
        let item = request["Item"].as_object().ok_or_else(|| Refusal::invalid("no Item"))?;
        let key = key_of(item)?;
        let values = Values::of(request, &["ConditionExpression"]).map_err(Refusal::invalid)?;
        self.check(request, &key, &values)?;
        self.items.insert(key, item.clone());
        Ok(json!({}))
    }

    fn update(&mut self, request: &Value) -> Result<Value, Refusal> {
        let whole_key = request["Key"].as_object().ok_or_else(|| Refusal::invalid("no Key"))?;
        let key = key_of(whole_key)?;
        let expressions = ["ConditionExpression", "UpdateExpression"];
        let values = Values::of(request, &expressions).map_err(Refusal::invalid)?;
        self.check(request, &key, &values)?;
        let before = self.items.get(&key).unwrap_or(whole_key);
        let update = request["UpdateExpression"].as_str().ok_or_else(|| Refusal::invalid("no update"))?;
        let changed = expression::changes(update, before, &values).map_err(Refusal::invalid)?;
        let mut after = before.clone();
        after.extend(changed.clone());
        self.items.insert(key, after);
        match request["ReturnValues"].as_str() {
            Some("UPDATED_NEW") => Ok(json!({"Attributes": changed})),
            None => Ok(json!({})),
            Some(other) => Err(Refusal::invalid(format!("ReturnValues {other}"))),
        }
    }

    fn get(&self, request: &Value) -> Result<Value, Refusal> {
        let key = key_of(request["Key"].as_object().ok_or_else(|| Refusal::invalid("no Key"))?)?;
        is_consistent(request)?;
        Ok(self.items.get(&key).map_or_else(|| json!({}), |item| json!({"Item": item})))
    }

    fn delete(&mut self, request: &Value) -> Result<Value, Refusal> {
        let key = key_of(request["Key"].as_object().ok_or_else(|| Refusal::invalid("no Key"))?)?;
        if request["ReturnValues"] != "ALL_OLD" {
            return Err(Refusal::invalid("the store wants what it deletes"));
        }
        Ok(self.items.remove(&key).map_or_else(|| json!({}), |item| json!({"Attributes": item})))
    }

    fn query(&self, request: &Value) -> Result<Value, Refusal> {
        is_consistent(request)?;
        let values = Values::of(request, &["KeyConditionExpression"]).map_err(Refusal::invalid)?;
        let condition = request["KeyConditionExpression"].as_str().unwrap_or_default();
        let start = request["ExclusiveStartKey"].as_object().map(key_of).transpose()?;
        let mut page = Vec::new();
        for (key, item) in &self.items {
            let is_after = start.as_ref().is_none_or(|start| key > start);
            if is_after && expression::holds(condition, Some(item), &values).map_err(Refusal::invalid)? {
                page.push(item);
            }
        }
        let is_last = page.len() <= PAGE_LEN;
        page.truncate(PAGE_LEN);
        let mut output = json!({"Count": page.len(), "Items": page});
        if let Some(last) = page.last().filter(|_| !is_last) {
            output["LastEvaluatedKey"] = json!({"pk": last["pk"], "sk": last["sk"]});
        }
        Ok(output)
    }

    /// Whether the request's condition holds, if it has one.
    fn check(&self, request: &Value, key: &(String, i64), values: &Values) -> Result<(), Refusal> {
        let Some(condition) = request["ConditionExpression"].as_str() else { return Ok(()) };
        let item = self.items.get(key);
        if expression::holds(condition, item, values).map_err(Refusal::invalid)? {
            return Ok(());
        }
        let tells = request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD" && !self.is_discreet;
        let detail = "The conditional request failed".to_owned();
        Err(Refusal { kind: "ConditionalCheckFailedException", detail, item: item.filter(|_| tells).cloned() })
    }
}

fn key_of(item: &Item) -> Result<(String, i64), Refusal> {
    let partition = item.get("pk").and_then(|pk| pk["S"].as_str());
    let sort = item.get("sk").and_then(|sk| sk["N"].as_str()).and_then(|sk| sk.parse().ok());
    match (partition, sort) {
        (Some(partition), Some(sort)) => Ok((partition.to_owned(), sort)),
        _ => Err(Refusal::invalid("The provided key element does not match the schema")),
    }
}

/// Any other read may show what was there some time ago.
fn is_consistent(request: &Value) -> Result<(), Refusal> {
    if request["ConsistentRead"] == true { Ok(()) } else { Err(Refusal::invalid("the store reads consistently")) }
}
