//! DynamoDB's expressions, as far as the short-lived store uses them: `SET` with sums, and conditions of comparisons
//! and `attribute_not_exists` with `AND`, which binds tighter, and `OR`.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::table::Item;

/// The values that a request's expressions name, like `:now`.
pub(super) struct Values(Item);

impl Values {
    /// Those of a request, all of which one of these expressions must use.
    pub(super) fn of(request: &Value, expressions: &[&str]) -> Result<Self, String> {
        let values = request["ExpressionAttributeValues"].as_object().cloned().unwrap_or_default();
        let text: Vec<&str> = expressions.iter().filter_map(|name| request[*name].as_str()).collect();
        let text = text.join(" ");
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').collect();
        match values.keys().find(|name| !words.contains(&name.as_str())) {
            Some(unused) => Err(format!("Value provided in ExpressionAttributeValues unused in expressions: {unused}")),
            None => Ok(Self(values)),
        }
    }
}

/// Whether a condition holds for an item.
pub(super) fn holds(condition: &str, item: Option<&Item>, values: &Values) -> Result<bool, String> {
    let mut any = false;
    for alternative in condition.split(" OR ") {
        let mut all = true;
        for term in alternative.split(" AND ") {
            all &= term_holds(term.trim(), item, values)?;
        }
        any |= all;
    }
    Ok(any)
}

fn term_holds(term: &str, item: Option<&Item>, values: &Values) -> Result<bool, String> {
    if let Some(name) = term.strip_prefix("attribute_not_exists(").and_then(|rest| rest.strip_suffix(')')) {
        return Ok(item.is_none_or(|item| !item.contains_key(name)));
    }
    let [left, operator, right] = term.split(' ').collect::<Vec<_>>()[..] else {
        return Err(format!("not understood: {term}"));
    };
    let (left, right) = (operand(left, item, values)?, operand(right, item, values)?);
    // What is not there compares as nothing at all.
    if let ("<>", Some(left), Some(right)) = (operator, left, right) {
        return Ok(left != right);
    }
    let Some(order) = left.zip(right).and_then(|(left, right)| compare(left, right)) else { return Ok(false) };
    match operator {
        "=" => Ok(order == Ordering::Equal),
        "<=" => Ok(order != Ordering::Greater),
        ">" => Ok(order == Ordering::Greater),
        _ => Err(format!("not understood: {operator}")),
    }
}

/// What `SET name = value, name = name + value` changes in an item.
pub(super) fn changes(update: &str, item: &Item, values: &Values) -> Result<Item, String> {
    let assignments = update.strip_prefix("SET ").ok_or("only SET is understood")?;
    let mut changed = Item::new();
    for assignment in assignments.split(", ") {
        let (name, sum) = assignment.split_once(" = ").ok_or("an assignment without a value")?;
        let mut terms = Vec::new();
        for term in sum.split(" + ") {
            let value = operand(term, Some(item), values)?;
            terms.push(value.ok_or("The provided expression refers to an attribute that does not exist in the item")?);
        }
        let value = match terms[..] {
            [one] => one.clone(),
            _ => json!({"N": terms.into_iter().filter_map(number).sum::<i128>().to_string()}),
        };
        changed.insert(name.to_owned(), value);
    }
    Ok(changed)
}

/// An attribute of the item, if it is there, or a value that the request gives.
fn operand<'a>(name: &str, item: Option<&'a Item>, values: &'a Values) -> Result<Option<&'a Value>, String> {
    if name.starts_with(':') {
        return values.0.get(name).map(Some).ok_or_else(|| format!("An expression attribute value is missing: {name}"));
    }
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        return Err(format!("not an attribute's name: {name}"));
    }
    Ok(item.and_then(|item| item.get(name)))
}

fn number(value: &Value) -> Option<i128> {
    value["N"].as_str()?.parse().ok()
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    let numbers = number(left).zip(number(right)).map(|(left, right)| left.cmp(&right));
    let same = (left == right).then_some(Ordering::Equal);
    numbers.or(same)
}
