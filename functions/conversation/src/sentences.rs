//! Cutting a growing text into sentences that can be spoken one by one.
//!
//! Boundaries are those of Unicode (UAX #29). A sentence is handed out once nothing that follows can show any more that it
//! goes on, as it does in `e.g. this`. However the text arrives, the same sentences come out, and together they are
//! the text.

use unicode_segmentation::UnicodeSegmentation;

/// A sentence is cut at a space before it gets longer than this, in bytes: a voice must not wait for ever.
const SENTENCE_BYTES_MAX: usize = 400;

/// Text that has arrived and was not handed out yet.
#[derive(Debug, Default)]
pub(crate) struct Sentences {
    rest: String,
}

impl Sentences {
    /// Adds text and takes out the sentences that are certain by now.
    pub(crate) fn push(&mut self, text: &str) -> Vec<String> {
        self.rest.push_str(text);
        let mut ready = Vec::new();
        while let Some(end) = certain_end(&self.rest) {
            let later = self.rest.split_off(end);
            ready.push(std::mem::replace(&mut self.rest, later));
        }
        ready
    }

    /// What is left when the text has ended.
    pub(crate) fn finish(mut self) -> Vec<String> {
        let mut last = Vec::new();
        while !self.rest.is_empty() {
            let first = self.rest.split_sentence_bounds().next().map_or(0, str::len);
            let end = if first > SENTENCE_BYTES_MAX { cut_of(&self.rest) } else { first };
            let later = self.rest.split_off(end);
            last.push(std::mem::replace(&mut self.rest, later));
        }
        last
    }
}

/// Where the first sentence ends for certain, whatever may still follow.
fn certain_end(text: &str) -> Option<usize> {
    // One character more than the greatest length must be there, so that cuts do not depend on the chunks.
    let is_long = text.len() > SENTENCE_BYTES_MAX + 4;
    let mut bounds = text.split_sentence_bounds();
    let first = bounds.next()?;
    if first.len() > SENTENCE_BYTES_MAX {
        return is_long.then(|| cut_of(text));
    }
    // Once another has begun, only a small letter can still join the two (rule SB8), if it is the first letter there.
    bounds.next()?;
    let followed = format!("{text}a");
    let is_certain = followed.split_sentence_bounds().next() == Some(first);
    is_certain.then_some(first.len())
}

/// The end of the last word that fits, or of the last character when there is no space.
fn cut_of(text: &str) -> usize {
    let room = text.floor_char_boundary(SENTENCE_BYTES_MAX);
    text[..room]
        .rfind(char::is_whitespace)
        .map_or(room, |space| space + text[space..].chars().next().map_or(1, char::len_utf8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(chunks: &[&str]) -> Vec<String> {
        let mut sentences = Sentences::default();
        let mut all: Vec<String> = chunks.iter().flat_map(|chunk| sentences.push(chunk)).collect();
        all.extend(sentences.finish());
        all
    }

    #[test]
    fn hands_out_a_sentence_when_the_next_begins() {
        let mut sentences = Sentences::default();
        assert!(sentences.push("Good morning. ").is_empty());
        assert_eq!(sentences.push("You"), ["Good morning. "]);
        assert_eq!(sentences.push(" have two meetings!\nThe"), ["You have two meetings!\n"]);
        assert_eq!(sentences.finish(), ["The"]);
    }

    #[test]
    fn knows_where_sentences_end() {
        assert_eq!(cut(&["Pay 3.50 today. Then rest."]), ["Pay 3.50 today. ", "Then rest."]);
        assert_eq!(cut(&["今日は忙しい。明日は休み。"]), ["今日は忙しい。", "明日は休み。"]);
        assert_eq!(cut(&["Tools, e.g. ", "a hammer. Done."]), ["Tools, e.g. a hammer. ", "Done."]);
        assert!(cut(&[]).is_empty());
        // A mark is alphabetic and no letter yet.
        assert_eq!(cut(&["Or so.^\u{abe}", "\u{10d70}"]), ["Or so.^\u{abe}\u{10d70}"]);
    }

    #[test]
    fn a_text_without_ends_is_cut_between_words() {
        let text = "word ".repeat(200);
        let sentences = cut(&[&text]);
        assert!(sentences.iter().all(|sentence| sentence.len() <= SENTENCE_BYTES_MAX && sentence.ends_with("word ")));
        assert_eq!(sentences.concat(), text);
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter_and_nothing_is_lost(
            words in proptest::collection::vec("[a-zA-Z]{1,9}[.!?,。\n]{0,2}[ \n0-9\"]{0,3}|\\PC{0,5}", 0..120),
            size in 1_usize..40,
        ) {
            let text = words.concat();
            let chars: Vec<char> = text.chars().collect();
            let chunks: Vec<String> = chars.chunks(size).map(|chunk| chunk.iter().collect()).collect();
            let in_chunks = cut(&chunks.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(in_chunks.concat(), text.clone());
            prop_assert_eq!(in_chunks, cut(&[&text]));
        }
    }
}
