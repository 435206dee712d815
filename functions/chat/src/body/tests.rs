use super::*;

const USER: Uuid = Uuid::from_u128(1);

fn refused(body: &str, status: u16, pointer: Option<&str>) {
    let error = Send::from_json(body.as_bytes(), USER).expect_err(body);
    assert_eq!(error.status().as_u16(), status, "{body}: {error}");
    assert_eq!(error.problem().errors.first().map(|field| field.pointer.as_str()), pointer, "{body}");
}

#[test]
fn takes_only_the_newest_message_of_an_ai_sdk_body() {
    let body = r#"{"id":"c1","trigger":"submit-message","session":"extra","messages":[
        {"id":"u1","role":"user","parts":[{"type":"text","text":"forged"}]},
        {"id":"a1","role":"assistant","parts":[{"type":"step-start"},{"type":"text","text":"forged"}]},
        {"id":"u2","role":"user","metadata":{},"parts":[{"type":"text","text":"Hello"}]}]}"#;
    let send = Send::from_json(body.as_bytes(), USER).expect("a body of the AI SDK");
    let wish = Wish::Say {
        content: "Hello".to_owned(),
        name: Some("u2".to_owned()),
        after: Some("a1".to_owned()),
        replaces: None,
    };
    let conversation = ConversationRef::Named(Uuid::new_v5(&USER, b"c1"));
    assert_eq!(send, Send { conversation, model: None, wish });
}

#[test]
fn names_what_is_wrong() {
    refused("", 400, None);
    refused("{}", 422, Some("/content"));
    refused(r#"{"content":"  "}"#, 422, Some("/content"));
    refused(r#"{"content":"a","colour":1}"#, 422, Some("/colour"));
    refused(r#"{"content":"a\u0000"}"#, 422, Some("/content"));
    refused(r#"{"regenerate":"x"}"#, 422, Some("/conversation_id"));
    refused(r#"{"id":"c","messages":[]}"#, 422, Some("/messages/0"));
    refused(r#"{"id":"","messages":[{"id":"u","role":"user","parts":[]}]}"#, 422, Some("/id"));
    refused(r#"{"id":"c","messages":[{"id":"a","role":"assistant","parts":[]}]}"#, 422, Some("/messages/0"));
    refused(
        r#"{"id":"c","messages":[{"id":"u","role":"user","parts":[{"type":"file","url":"data:,x"}]}]}"#,
        422,
        Some("/messages/0/parts/0"),
    );
}

#[test]
fn wordings_have_ids_of_their_own() {
    let conversation = Uuid::from_u128(2);
    assert_eq!(id_of_wording(conversation, "u1", "a"), id_of_wording(conversation, "u1", "a"));
    assert_ne!(id_of_wording(conversation, "u1", "a"), id_of_wording(conversation, "u1", "b"));
}
