//! The text as it comes. A reply that did not end well says so in its last line, so that it is never taken
//! for whole.

use crate::live::Part;

pub(super) struct PlainText;

impl PlainText {
    pub(super) fn encode(part: &Part, out: &mut Vec<u8>) {
        match part {
            Part::Text(text) => out.extend_from_slice(text.as_bytes()),
            Part::Abort => out.extend_from_slice(b"\n\n[Stopped.]\n"),
            Part::Error { detail, .. } => {
                out.extend_from_slice(format!("\n\n[The reply broke off: {detail}]\n").as_bytes());
            }
            Part::Start { .. }
            | Part::Title { .. }
            | Part::TextStart
            | Part::TextEnd
            | Part::ReasoningStart
            | Part::Reasoning(_)
            | Part::ReasoningEnd
            | Part::Finish { .. } => {}
        }
    }
}
