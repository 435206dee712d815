//! What a message of ChatGPT says, as text. What is no text is named in square brackets.

use std::collections::HashSet;

use serde_json::Value;

use crate::import::{keepable, text};

/// Kinds of content that are not said to anybody: thinking, and what the model is told about the user.
const UNSAID: [&str; 4] = ["thoughts", "reasoning_recap", "user_editable_context", "model_editable_context"];
/// The longest name of a file or of a kind of content that is shown, in characters.
const NAME_CHARS_MAX: usize = 200;

/// The text of a message, if it has any.
pub(super) fn of(message: &Value) -> Option<String> {
    let content = message.get("content")?;
    let kind = text(content, "content_type").unwrap_or("text");
    if UNSAID.contains(&kind) {
        return None;
    }
    let mut attached = Attached::of(message);
    let mut pieces = match kind {
        "code" => vec![code(content)],
        "execution_output" => vec![fenced("", text(content, "text").unwrap_or_default())],
        _ => pieces(content, kind, &mut attached),
    };
    pieces.extend(attached.rest());
    joined(&pieces)
}

/// The pictures of a message, if it has any. Other results of tools are left out.
pub(super) fn pictures_of(message: &Value) -> Option<String> {
    let parts = message.get("content")?.get("parts")?.as_array()?;
    let mut attached = Attached::of(message);
    let pictures = parts.iter().filter(|part| text(part, "content_type") == Some("image_asset_pointer"));
    joined(&pictures.map(|picture| attached.picture(picture)).collect::<Vec<_>>())
}

fn joined(pieces: &[String]) -> Option<String> {
    let said: Vec<&str> = pieces.iter().map(|piece| piece.trim()).filter(|piece| !piece.is_empty()).collect();
    (!said.is_empty()).then(|| keepable(&said.join("\n\n")))
}

/// The parts in their order; without parts, whatever text there is.
fn pieces(content: &Value, kind: &str, attached: &mut Attached) -> Vec<String> {
    if let Some(parts) = content.get("parts").and_then(Value::as_array) {
        return parts.iter().map(|part| piece(part, attached)).collect();
    }
    let words = ["text", "result", "content"].iter().find_map(|key| text(content, key));
    vec![words.map_or_else(|| named("content", kind), str::to_owned)]
}

fn piece(part: &Value, attached: &mut Attached) -> String {
    if let Some(words) = part.as_str() {
        return words.to_owned();
    }
    let Some(part_fields) = part.as_object().filter(|fields| !fields.is_empty()) else { return String::new() };
    match text(part, "content_type").unwrap_or("part") {
        "image_asset_pointer" => attached.picture(part),
        // What was spoken stands beside its sound, which then needs no mention.
        "audio_transcription" => text(part, "text").unwrap_or_default().to_owned(),
        "audio_asset_pointer" | "real_time_user_audio_video_asset_pointer" => String::new(),
        "video_container_asset_pointer" => "[video]".to_owned(),
        kind => match part_fields.get("text").and_then(Value::as_str) {
            Some(words) => words.to_owned(),
            None => named("content", kind),
        },
    }
}

fn code(content: &Value) -> String {
    let language = text(content, "language").filter(|language| *language != "unknown").unwrap_or_default();
    let is_word = language.chars().all(|c| c.is_ascii_alphanumeric() || "+-#.".contains(c));
    fenced(if is_word { language } else { "" }, text(content, "text").unwrap_or_default())
}

/// Code between fences that are longer than any in it.
fn fenced(language: &str, code: &str) -> String {
    if code.trim().is_empty() {
        return String::new();
    }
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", code.trim_end_matches('\n'))
}

/// `[kind: name]`, with a name that fits on a line.
fn named(kind: &str, name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    if name.is_empty() { format!("[{kind}]") } else { format!("[{kind}: {name}]") }
}

/// The files that came with a message, of which each is named once.
struct Attached {
    files: Vec<(String, String)>,
    shown: HashSet<String>,
}

impl Attached {
    fn of(message: &Value) -> Self {
        let files = message.get("metadata").and_then(|metadata| metadata.get("attachments")).and_then(Value::as_array);
        let file =
            |file: &Value| Some((text(file, "id").unwrap_or_default().to_owned(), text(file, "name")?.to_owned()));
        Self { files: files.into_iter().flatten().filter_map(file).collect(), shown: HashSet::new() }
    }

    /// A picture, with the name of the file that it is, as in `file-service://file-1` or `sediment://file_1`.
    fn picture(&mut self, part: &Value) -> String {
        let id = text(part, "asset_pointer").and_then(|pointer| pointer.split_once("://")).map_or("", |(_, id)| id);
        let file = self.files.iter().find(|(file, _)| !file.is_empty() && file == id);
        if file.is_some() {
            self.shown.insert(id.to_owned());
        }
        named("image", file.map_or("", |(_, name)| name))
    }

    /// The files that are no picture shown before.
    fn rest(&self) -> Vec<String> {
        let rest = self.files.iter().filter(|(id, _)| !self.shown.contains(id));
        rest.map(|(_, name)| named("file", name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "the cases are written where they are used")]
    fn check(message: Value, expected: Option<&str>) {
        assert_eq!(of(&message).as_deref(), expected, "{message}");
    }

    #[test]
    fn every_kind_is_kept_as_text() {
        let content = |content: Value| json!({"content": content});
        check(content(json!({"content_type": "text", "parts": ["One", "Two"]})), Some("One\n\nTwo"));
        check(content(json!({"content_type": "text", "parts": [""]})), None);
        check(content(json!({"content_type": "text"})), Some("[content: text]"));
        check(
            content(json!({"content_type": "code", "language": "rust", "text": "fn a() {}\n"})),
            Some("```rust\nfn a() {}\n```"),
        );
        check(
            content(json!({"content_type": "code", "language": "unknown", "text": "a ``` b"})),
            Some("````\na ``` b\n````"),
        );
        check(content(json!({"content_type": "thoughts", "thoughts": [{"content": "Hm."}]})), None);
        check(content(json!({"content_type": "tether_quote", "text": "Quoted", "url": "x"})), Some("Quoted"));
        check(content(json!({"content_type": "of_tomorrow", "shape": 1})), Some("[content: of_tomorrow]"));
        check(
            content(json!({"content_type": "of_tomorrow", "parts": [{"content_type": "smell"}, 7]})),
            Some("[content: smell]"),
        );
        check(content(json!("only text")), Some("[content: text]"));
        check(json!({}), None);
        check(content(json!({"parts": ["a\u{0}b"]})), Some("a\u{fffd}b"));
    }

    #[test]
    fn what_came_along_is_named_once() {
        let picture =
            json!({"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1", "width": 3});
        let voice = json!([
            {"content_type": "audio_transcription", "text": "Hello?", "direction": "in"},
            {"content_type": "real_time_user_audio_video_asset_pointer", "audio_asset_pointer": {}},
        ]);
        check(json!({"content": {"content_type": "multimodal_text", "parts": voice}}), Some("Hello?"));
        check(
            json!({
                "content": {"content_type": "multimodal_text", "parts": [picture, "What is it?"]},
                "metadata": {"attachments": [{"id": "file-1", "name": "cat.png"}, {"id": "file-2", "name": "a\nb.pdf"}]},
            }),
            Some("[image: cat.png]\n\nWhat is it?\n\n[file: ab.pdf]"),
        );
        let made = json!({"content": {"content_type": "multimodal_text", "parts": [picture, "Result: 1"]}});
        assert_eq!(pictures_of(&made).as_deref(), Some("[image]"));
        assert_eq!(pictures_of(&json!({"content": {"content_type": "text", "parts": ["Searching"]}})), None);
    }
}
