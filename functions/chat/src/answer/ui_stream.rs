//! The AI SDK's UI message stream: server-sent events with one JSON part each, then `[DONE]`.
//!
//! The client ends a stream on a part it does not know, and takes the end of a stream without an `error` part
//! for success.

use serde_json::{Value, json};

use crate::live::Part;

/// A comment, which clients skip.
pub(super) const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";
const DONE: &[u8] = b"data: [DONE]\n\n";

/// Writes parts as events. Blocks of text and reasoning are numbered in the order they come.
#[derive(Debug, Default)]
pub(super) struct UiStream {
    texts: usize,
    reasonings: usize,
}

impl UiStream {
    pub(super) fn encode(&mut self, part: &Part, out: &mut Vec<u8>) {
        match part {
            Part::Start { reply_id, conversation_id, question_id, model } => {
                let metadata = json!({"model": **model, "conversationId": conversation_id, "questionId": question_id});
                event(out, &json!({"type": "start", "messageId": reply_id, "messageMetadata": metadata}));
                event(out, &json!({"type": "start-step"}));
            }
            Part::Title { conversation_id, title } => {
                let data = json!({"id": conversation_id, "title": **title});
                event(out, &json!({"type": "data-conversation", "data": data, "transient": true}));
            }
            Part::TextStart => {
                self.texts += 1;
                event(out, &json!({"type": "text-start", "id": format!("text-{}", self.texts)}));
            }
            Part::Text(delta) => delta_event(out, "text", self.texts, delta),
            Part::TextEnd => event(out, &json!({"type": "text-end", "id": format!("text-{}", self.texts)})),
            Part::ReasoningStart => {
                self.reasonings += 1;
                event(out, &json!({"type": "reasoning-start", "id": format!("reasoning-{}", self.reasonings)}));
            }
            Part::Reasoning(delta) => delta_event(out, "reasoning", self.reasonings, delta),
            Part::ReasoningEnd => {
                event(out, &json!({"type": "reasoning-end", "id": format!("reasoning-{}", self.reasonings)}));
            }
            Part::Finish { reason, usage } => {
                let usage = json!({
                    "inputTokens": usage.input_tokens,
                    "outputTokens": usage.output_tokens,
                    "estimated": usage.estimated,
                });
                event(out, &json!({"type": "finish-step"}));
                event(out, &json!({"type": "finish", "finishReason": reason, "messageMetadata": {"usage": usage}}));
                out.extend_from_slice(DONE);
            }
            Part::Abort => {
                event(out, &json!({"type": "abort", "reason": "stopped"}));
                out.extend_from_slice(DONE);
            }
            Part::Error { detail, code } => {
                event(out, &json!({"type": "error", "errorText": **detail, "code": code}));
                out.extend_from_slice(DONE);
            }
        }
    }
}

fn event(out: &mut Vec<u8>, part: &Value) {
    out.extend_from_slice(b"data: ");
    // Writing JSON into memory cannot fail.
    let _written = serde_json::to_writer(&mut *out, part);
    out.extend_from_slice(b"\n\n");
}

/// Deltas are most of a stream, so they are written without building a value first.
fn delta_event(out: &mut Vec<u8>, kind: &str, block: usize, delta: &str) {
    out.extend_from_slice(format!(r#"data: {{"type":"{kind}-delta","id":"{kind}-{block}","delta":"#).as_bytes());
    let _written = serde_json::to_writer(&mut *out, delta);
    out.extend_from_slice(b"}\n\n");
}
