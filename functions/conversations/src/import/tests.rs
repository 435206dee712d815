use std::collections::HashMap;

use domain::conversation::import::ImportedMessage;
use domain::message::{Role, Status};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const USER: Uuid = Uuid::from_u128(1);
const FILE: &str = include_str!("../../../../tests/it/conversations/chatgpt_export.json");

fn now() -> Timestamp {
    "2026-11-21T09:00:00Z".parse().expect("a time")
}

fn read_value(value: &Value) -> Result<ImportedConversation, Problem> {
    read(value.to_string().as_bytes(), USER, now()).map(|readable| readable.conversation)
}

/// What must be so of every conversation that is stored, whatever the file said.
fn check(conversation: &ImportedConversation) {
    let messages: HashMap<Uuid, &ImportedMessage> =
        conversation.messages.iter().map(|message| (message.id, message)).collect();
    assert_eq!(messages.len(), conversation.messages.len(), "ids are unique");
    assert!(messages.contains_key(&conversation.head_id), "the head is a message");
    assert!((1..=500).contains(&conversation.title.chars().count()), "{:?}", conversation.title);
    assert!(conversation.created_at <= conversation.updated_at && conversation.updated_at <= now());
    assert!(conversation.metadata.is_object());
    for (place, message) in conversation.messages.iter().enumerate() {
        assert!(!message.content.contains('\0') && !message.model.is_empty());
        assert!(message.role == Role::Assistant || message.status == Status::Complete);
        assert_ne!(message.status, Status::Streaming);
        let Some(parent) = message.parent_id else { continue };
        let above = conversation.messages.iter().position(|other| other.id == parent).expect("the parent is there");
        assert!(above < place, "a parent comes first");
        assert!(messages[&parent].created_at < message.created_at, "a parent is earlier");
    }
}

/// A ChatGPT conversation of these nodes: id, parent, role, text.
fn conversation(nodes: &[(&str, Option<&str>, &str, &str)]) -> Value {
    let node = |(id, parent, role, text): &(&str, Option<&str>, &str, &str)| {
        let message = json!({"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}});
        ((*id).to_owned(), json!({"id": id, "parent": parent, "message": message}))
    };
    json!({"id": "c", "mapping": nodes.iter().map(node).collect::<serde_json::Map<_, _>>()})
}

fn contents(conversation: &ImportedConversation) -> Vec<&str> {
    conversation.messages.iter().map(|message| message.content.as_str()).collect()
}

#[test]
fn nodes_above_themselves_are_left_out() {
    let circle = [("a", None, "user", "A"), ("b", Some("c"), "user", "B"), ("c", Some("b"), "user", "C")];
    let read = read_value(&conversation(&circle)).expect("one is left");
    assert_eq!(contents(&read), ["A"]);
    assert_eq!(read_value(&conversation(&circle[1..])), Err("It has no messages."));
}

#[test]
fn deep_trees_are_walked_without_the_stack() {
    let ids: Vec<String> = (0..MESSAGES_MAX).map(|depth| format!("{depth:05}")).collect();
    let parents = std::iter::once(None).chain(ids.iter().map(|id| Some(id.as_str())));
    let nodes: Vec<_> = ids.iter().zip(parents).map(|(id, parent)| (id.as_str(), parent, "user", "Again")).collect();
    let deep = conversation(&nodes);
    assert_eq!(read_value(&deep).expect("as many as there may be").messages.len(), MESSAGES_MAX);
    let mut deeper = deep;
    let one_more = conversation(&[("z", Some("00000"), "user", "More")]);
    deeper["mapping"]["z"] = one_more["mapping"]["z"].clone();
    assert_eq!(read_value(&deeper), Err("It has more than 20,000 messages."));
}

#[test]
fn replies_in_a_row_are_one_unless_they_branch() {
    let row = [
        ("q", None, "user", "Q"),
        ("r1", Some("q"), "assistant", "One"),
        ("r2", Some("r1"), "assistant", "Two"),
        ("r3", Some("r2"), "assistant", "Three"),
    ];
    assert_eq!(contents(&read_value(&conversation(&row)).expect("read")), ["Q", "One\n\nTwo\n\nThree"]);
    let branching = [row.as_slice(), &[("r4", Some("r1"), "assistant", "Four")]].concat();
    assert_eq!(contents(&read_value(&conversation(&branching)).expect("read")), ["Q", "One", "Two\n\nThree", "Four"]);
}

#[test]
fn ids_follow_from_the_user_and_the_source() {
    let value = conversation(&[("a", None, "user", "A")]);
    let of = |user, value: &Value| read(value.to_string().as_bytes(), user, now()).expect("read").conversation;
    assert_eq!(of(USER, &value), of(USER, &value));
    assert_ne!(of(USER, &value).id, of(Uuid::from_u128(2), &value).id);
    assert_ne!(of(USER, &value).messages[0].id, of(Uuid::from_u128(2), &value).messages[0].id);
    let mut nameless = value.clone();
    nameless["id"] = Value::Null;
    assert_eq!(of(USER, &nameless).id, of(USER, &nameless).id);
    assert_ne!(of(USER, &nameless).id, of(USER, &value).id);
}

#[test]
fn texts_are_bounded() {
    let long = "a".repeat(TEXT_BYTES_MAX + 1);
    assert_eq!(read_value(&conversation(&[("a", None, "user", &long)])), Err("A message is longer than 1 MiB."));
    assert!(read_value(&conversation(&[("a", None, "user", &long[1..])])).is_ok());
}

/// The places of all values below a value, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), found));
        }
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            places(member, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
        }),
        _ => {}
    }
}

/// Puts at one place what is at another, or something that nobody expects.
fn mutate(value: &mut Value, (place, other, kind): (usize, usize, u8)) {
    let mut all = Vec::new();
    places(value, "", &mut all);
    let other = value.pointer(&all[other % all.len()]).cloned().unwrap_or_default();
    let Some(target) = value.pointer_mut(&all[place % all.len()]) else { return };
    *target = match kind % 8 {
        0 => Value::Null,
        1 => json!(-1e300),
        2 => json!(u64::MAX),
        3 => json!("a\u{0}\u{1f600}"),
        4 => json!([]),
        5 => json!({}),
        6 => json!(true),
        _ => other,
    };
}

/// A conversation as it is exported here, with a branch and a reply that says nothing.
fn own_export() -> Value {
    let message = |id: u128, parent: Option<u128>, role: &str, content: &str| {
        json!({"id": Uuid::from_u128(id), "parent_id": parent.map(Uuid::from_u128), "role": role, "content": content,
               "model": "local/demo", "status": "complete", "finish_reason": "stop", "error_code": null,
               "usage": {"input_tokens": 1, "output_tokens": 2, "estimated": false},
               "created_at": "2026-11-20T09:00:00Z", "updated_at": "2026-11-20T09:00:00Z"})
    };
    json!({
        "format": own::FORMAT, "version": own::VERSION,
        "conversation": {
            "id": Uuid::from_u128(9), "title": "Mine", "head_id": Uuid::from_u128(3), "metadata": {"pinned": [true]},
            "archived_at": null, "created_at": "2026-11-20T09:00:00Z", "updated_at": "2026-11-20T10:00:00Z"},
        "messages": [
            message(1, None, "user", "Question"), message(2, Some(1), "assistant", ""),
            message(3, Some(1), "assistant", "Answer"), message(4, Some(3), "user", "More"),
        ],
    })
}

#[test]
fn our_own_is_read_as_it_was() {
    let read = read(own_export().to_string().as_bytes(), USER, now()).expect("read");
    check(&read.conversation);
    assert_eq!(read.original_id, Some(Uuid::from_u128(9)));
    assert_eq!(contents(&read.conversation), ["Question", "", "Answer", "More"]);
    assert_eq!(read.conversation.head_id, read.conversation.messages[2].id);
    assert_eq!(read.conversation.metadata, json!({"pinned": [true]}));
    let mut doubled = own_export();
    doubled["messages"][2]["id"] = doubled["messages"][1]["id"].clone();
    check(&read_value(&doubled).expect("the second one of an id is left out"));
}

proptest! {
    #[test]
    fn no_mutated_export_of_our_own_breaks_the_import(
        mutations in proptest::collection::vec((any::<usize>(), any::<usize>(), any::<u8>()), 0..8),
    ) {
        let mut value = own_export();
        for mutation in mutations {
            mutate(&mut value, mutation);
        }
        if let Ok(conversation) = read_value(&value) {
            check(&conversation);
        }
    }

    #[test]
    fn no_mutated_conversation_breaks_the_import(
        index in 0_usize..5,
        mutations in proptest::collection::vec((any::<usize>(), any::<usize>(), any::<u8>()), 0..12),
    ) {
        let elements = elements::split(FILE.as_bytes()).expect("the file is whole");
        let mut value = elements::parse(elements[index]).expect("the conversation is whole");
        for mutation in mutations {
            mutate(&mut value, mutation);
        }
        if let Ok(conversation) = read_value(&value) {
            check(&conversation);
        }
    }

    #[test]
    fn no_damaged_file_breaks_the_import(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        end in any::<proptest::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut file = FILE.as_bytes().to_vec();
        for (place, byte) in damage {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if is_cut {
            file.truncate(end.index(file.len()));
        }
        for element in elements::split(&file).unwrap_or_default() {
            if let Ok(readable) = read(element, USER, now()) {
                check(&readable.conversation);
            }
        }
    }
}
