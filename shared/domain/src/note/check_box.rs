//! The check boxes of a note: its blocks of type `checkListItem`.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::content::children_mut;

/// What names the one who is meant, in the inline content that editors call a mention; the first that is there.
const MENTION_PROPS: [&str; 3] = ["user", "name", "label"];

/// One check box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckBox {
    /// The block's id.
    pub(super) block: String,
    /// Its text, without what makes parts of it bold.
    pub(super) text: String,
    /// Whether it is ticked.
    pub(super) is_checked: bool,
}

/// The check boxes in the order of the note, those inside other blocks included.
pub(super) fn list(content: &Value) -> Vec<CheckBox> {
    let mut boxes = Vec::new();
    collect(content, &mut boxes);
    boxes
}

fn collect(blocks: &Value, boxes: &mut Vec<CheckBox>) {
    for block in blocks.as_array().into_iter().flatten() {
        if block["type"] == "checkListItem" {
            boxes.push(CheckBox {
                block: block["id"].as_str().unwrap_or_default().to_owned(),
                text: text_of(&block["content"]),
                is_checked: block["props"]["checked"] == true,
            });
        }
        collect(&block["children"], boxes);
    }
}

/// The text of inline content: what `note_inline_text` in the database says.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(pieces) => pieces.iter().map(text_of_piece).collect(),
        _ => String::new(),
    }
}

fn text_of_piece(piece: &Value) -> String {
    let Value::Object(members) = piece else { return piece.as_str().unwrap_or_default().to_owned() };
    match (members.get("text"), members.get("content")) {
        (Some(Value::String(text)), _) => text.clone(),
        (_, Some(inner @ (Value::String(_) | Value::Array(_)))) => text_of(inner),
        _ if piece["type"] == "mention" => {
            let name = MENTION_PROPS.iter().find_map(|prop| piece["props"][*prop].as_str());
            name.map(|name| format!("@{name}")).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// Ticks and unticks boxes, by the ids of their blocks. False when all are so already.
pub(super) fn tick(content: &mut Value, states: &HashMap<&str, bool>) -> bool {
    let mut has_changed = false;
    for block in content.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        let state = block.get("id").and_then(Value::as_str).and_then(|id| states.get(id).copied());
        if let Some(state) = state.filter(|_| block.get("type").is_some_and(|kind| kind == "checkListItem")) {
            has_changed |= tick_block(block, state);
        }
        if let Some(children) = children_mut(block) {
            let mut inner = Value::Array(std::mem::take(children));
            has_changed |= tick(&mut inner, states);
            if let Value::Array(inner) = inner {
                *children = inner;
            }
        }
    }
    has_changed
}

fn tick_block(block: &mut Map<String, Value>, is_checked: bool) -> bool {
    let was = block.get("props").is_some_and(|props| props["checked"] == true);
    if was == is_checked {
        return false;
    }
    match block.get_mut("props").and_then(Value::as_object_mut) {
        Some(props) => drop(props.insert("checked".to_owned(), Value::Bool(is_checked))),
        None => drop(block.insert("props".to_owned(), json!({"checked": is_checked}))),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &Value, expected: &str) {
        assert_eq!(text_of(content), expected, "{content}");
    }

    #[test]
    fn text_is_put_together_from_its_pieces() {
        check(&json!("plain"), "plain");
        check(&json!([{"type": "text", "text": "un", "styles": {}}, {"type": "text", "text": "do"}]), "undo");
        check(&json!(["see ", {"type": "link", "href": "x:y", "content": [{"type": "text", "text": "it"}]}]), "see it");
        check(&json!([{"type": "link", "href": "x:y", "content": "it"}]), "it");
        check(&json!([{"type": "text", "text": "ask "}, {"type": "mention", "props": {"user": "Ada"}}]), "ask @Ada");
        check(&json!([{"type": "formula", "props": {"text": "x"}}, 7, null]), "");
        check(&json!({"rows": []}), "");
        check(&json!(null), "");
    }

    #[test]
    fn ticking_reaches_every_level_and_changes_nothing_else() {
        let inner = json!({"id": "b", "type": "checkListItem", "props": {"checked": true, "textColor": "red"}});
        let mut content = json!([
            {"id": "a", "type": "checkListItem"},
            {"id": "p", "type": "paragraph", "children": [inner]},
            {"id": "c", "type": "paragraph", "props": {}},
        ]);
        let kept = content.clone();
        assert!(!tick(&mut content, &HashMap::from([("a", false), ("b", true), ("c", true), ("none", true)])));
        assert_eq!(content, kept);
        assert!(tick(&mut content, &HashMap::from([("a", true), ("b", false)])));
        assert_eq!(content[0]["props"], json!({"checked": true}));
        assert_eq!(content[1]["children"][0]["props"], json!({"checked": false, "textColor": "red"}));
        let states: Vec<(String, bool)> =
            list(&content).into_iter().map(|found| (found.block, found.is_checked)).collect();
        assert_eq!(states, [("a".to_owned(), true), ("b".to_owned(), false)]);
    }
}
