//! What a note holds: blocks in BlockNote's format, checked as far as the product relies on them.
//!
//! A block is `{id, type, props, content, children}`. Types, props and inline content that are not known here are
//! kept as they are, since editors have blocks of their own.

use std::collections::HashSet;

use base::extract::refuse_nul;
use base::{Error, Result};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::check_box;

/// The largest content, in bytes of compact JSON.
pub const CONTENT_BYTES_MAX: usize = 1024 * 1024;
/// The most blocks of a note, on all levels.
pub const BLOCKS_MAX: usize = 10_000;
/// How many levels of blocks may lie in each other.
pub const BLOCK_LEVELS_MAX: usize = 32;
/// The longest id or type of a block, in characters.
pub const BLOCK_NAME_CHARS_MAX: usize = 100;
/// The most check boxes of a note, as each of them may become a task in one write.
pub const CHECK_BOXES_MAX: usize = 500;

/// The blocks of a note: an array in which every block has an id of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content(Vec<Value>);

impl Content {
    /// Checks blocks and gives ids to those that have none. `at` is the pointer to them.
    ///
    /// # Errors
    ///
    /// 422 with the pointer to what is not a block, is there twice, lies too deep, is too much, or cannot be kept.
    pub fn parse(at: &str, blocks: Value, new_id: impl FnMut() -> Uuid) -> Result<Self> {
        refuse_nul(at, &blocks)?;
        let Value::Array(mut blocks) = blocks else { return Err(Error::invalid(at, "Expected an array of blocks.")) };
        let mut survey = Survey { new_id, ids: HashSet::new(), nameless: 0, count: 0 };
        survey.check(at, &blocks, 1)?;
        if survey.nameless > 0 {
            survey.give_ids(&mut blocks);
        }
        let content = Value::Array(blocks);
        if check_box::list(&content).len() > CHECK_BOXES_MAX {
            return Err(Error::invalid(at, format!("A note has at most {CHECK_BOXES_MAX} check boxes.")));
        }
        if bytes_of(&content) > CONTENT_BYTES_MAX {
            return Err(Error::invalid(at, "A note has at most 1 MiB of content as JSON."));
        }
        match content {
            Value::Array(blocks) => Ok(Self(blocks)),
            _ => Ok(Self::default()),
        }
    }

    /// The blocks as JSON.
    pub fn into_value(self) -> Value {
        Value::Array(self.0)
    }
}

/// Goes through the blocks and remembers what must be unique.
struct Survey<F> {
    new_id: F,
    ids: HashSet<String>,
    nameless: usize,
    count: usize,
}

impl<F: FnMut() -> Uuid> Survey<F> {
    fn check(&mut self, at: &str, blocks: &[Value], level: usize) -> Result<()> {
        if level > BLOCK_LEVELS_MAX && !blocks.is_empty() {
            return Err(Error::invalid(at, format!("Blocks lie at most {BLOCK_LEVELS_MAX} levels deep.")));
        }
        self.count += blocks.len();
        if self.count > BLOCKS_MAX {
            return Err(Error::invalid(at, "A note has at most 10,000 blocks."));
        }
        for (index, block) in blocks.iter().enumerate() {
            self.check_block(&format!("{at}/{index}"), block, level)?;
        }
        Ok(())
    }

    fn check_block(&mut self, at: &str, block: &Value, level: usize) -> Result<()> {
        let Value::Object(block) = block else { return Err(Error::invalid(at, "Expected a block: an object.")) };
        match block.get("id") {
            None | Some(Value::Null) => self.nameless += 1,
            Some(Value::String(id)) if is_name(id) => {
                if !self.ids.insert(id.clone()) {
                    return Err(Error::invalid(format!("{at}/id"), "Another block of the note has this id."));
                }
            }
            Some(_) => return Err(Error::invalid(format!("{at}/id"), "Expected 1 to 100 characters on one line.")),
        }
        match block.get("type") {
            Some(Value::String(kind)) if is_name(kind) => {}
            _ => return Err(Error::invalid(format!("{at}/type"), "Expected 1 to 100 characters on one line.")),
        }
        match block.get("props") {
            None | Some(Value::Null | Value::Object(_)) => {}
            Some(_) => return Err(Error::invalid(format!("{at}/props"), "Expected an object.")),
        }
        match block.get("content") {
            None | Some(Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_)) => {}
            Some(_) => {
                let expected = "Expected inline content: an array, or a string, or the object of a table.";
                return Err(Error::invalid(format!("{at}/content"), expected));
            }
        }
        match block.get("children") {
            None | Some(Value::Null) => Ok(()),
            Some(Value::Array(children)) => self.check(&format!("{at}/children"), children, level + 1),
            Some(_) => Err(Error::invalid(format!("{at}/children"), "Expected an array of blocks.")),
        }
    }

    fn give_ids(&mut self, blocks: &mut [Value]) {
        for block in blocks.iter_mut().filter_map(Value::as_object_mut) {
            if block.get("id").is_none_or(Value::is_null) {
                block.insert("id".to_owned(), Value::String((self.new_id)().to_string()));
            }
            if let Some(children) = children_mut(block) {
                self.give_ids(children);
            }
        }
    }
}

/// The blocks inside a block.
pub(super) fn children_mut(block: &mut Map<String, Value>) -> Option<&mut Vec<Value>> {
    block.get_mut("children").and_then(Value::as_array_mut)
}

fn is_name(text: &str) -> bool {
    (1..=BLOCK_NAME_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// The size of compact JSON, in bytes, without keeping the text.
fn bytes_of(value: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(blocks: Value) -> Result<Value> {
        let mut last = 0;
        let new_id = || {
            last += 1;
            Uuid::from_u128(last)
        };
        Content::parse("/content", blocks, new_id).map(Content::into_value)
    }

    fn check(blocks: &Value, pointer: Option<&str>) {
        let parsed = parse(blocks.clone());
        let problem = parsed.err().map(|error| error.problem());
        let at = problem.as_ref().and_then(|problem| problem.errors.first()).map(|field| field.pointer.as_str());
        assert_eq!(at, pointer, "{}", blocks.to_string().chars().take(200).collect::<String>());
    }

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!([{"type": "paragraph"}]), |children, _| json!([{"type": "x", "children": children}]))
    }

    #[test]
    fn names_what_is_not_a_block() {
        check(&json!([]), None);
        check(&json!([{"type": "my-own", "props": {"any": [1]}, "content": {"rows": 3}, "more": true}]), None);
        check(&json!([{"type": "paragraph", "content": "text"}]), None);
        check(&json!({}), Some("/content"));
        check(&json!(["text"]), Some("/content/0"));
        check(&json!([{"type": ""}]), Some("/content/0/type"));
        check(&json!([{"id": "1"}]), Some("/content/0/type"));
        check(&json!([{"type": "x", "id": 7}]), Some("/content/0/id"));
        check(&json!([{"type": "x", "id": "x".repeat(101)}]), Some("/content/0/id"));
        check(&json!([{"type": "x", "id": "a\nb"}]), Some("/content/0/id"));
        check(&json!([{"type": "x", "props": []}]), Some("/content/0/props"));
        check(&json!([{"type": "x", "content": 7}]), Some("/content/0/content"));
        check(&json!([{"type": "x", "children": {}}]), Some("/content/0/children"));
        check(&json!([{"type": "x", "content": [{"text": "a\u{0}"}]}]), Some("/content/0/content/0/text"));
    }

    #[test]
    fn ids_are_unique_on_all_levels() {
        let inner = json!({"id": "a", "type": "x"});
        check(&json!([{"id": "a", "type": "x", "children": [inner]}]), Some("/content/0/children/0/id"));
        check(&json!([{"id": "b", "type": "x", "children": [inner]}]), None);
    }

    #[test]
    fn missing_ids_are_given() {
        let given = parse(json!([{"type": "x", "id": null, "children": [{"type": "y"}, {"id": "own", "type": "z"}]}]));
        let given = given.expect("it is right");
        assert_eq!(given[0]["id"], json!(Uuid::from_u128(1)));
        assert_eq!(given[0]["children"][0]["id"], json!(Uuid::from_u128(2)));
        assert_eq!(given[0]["children"][1]["id"], "own");
    }

    #[test]
    fn bounds_hold() {
        check(&nested(BLOCK_LEVELS_MAX), None);
        check(&nested(BLOCK_LEVELS_MAX + 1), Some(&format!("/content{}", "/0/children".repeat(BLOCK_LEVELS_MAX))));
        let block = json!({"type": "paragraph"});
        check(&Value::Array(vec![block.clone(); BLOCKS_MAX]), None);
        check(&Value::Array(vec![block; BLOCKS_MAX + 1]), Some("/content"));
        let check_box = json!({"type": "checkListItem"});
        check(&Value::Array(vec![check_box.clone(); CHECK_BOXES_MAX]), None);
        check(&Value::Array(vec![check_box; CHECK_BOXES_MAX + 1]), Some("/content"));
        let frame = json!([{"content": "", "id": "a", "type": "x"}]).to_string().len();
        let filled = |length: usize| json!([{"content": "x".repeat(length), "id": "a", "type": "x"}]);
        check(&filled(CONTENT_BYTES_MAX - frame), None);
        check(&filled(CONTENT_BYTES_MAX - frame + 1), Some("/content"));
    }
}
