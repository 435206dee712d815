//! Which kind of block is open in the stream of parts.

use crate::live::Part;

/// The open block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Block {
    /// None is.
    #[default]
    None,
    /// The reply's text.
    Text,
    /// The model's thinking.
    Reasoning,
}

impl Block {
    /// Goes over to another kind; the parts close the one and open the other. Nothing when it is open already.
    pub(crate) fn open(&mut self, block: Self) -> impl Iterator<Item = Part> + use<> {
        let (old, is_new) = (*self, *self != block);
        *self = block;
        let close = match old {
            Self::Text => Some(Part::TextEnd),
            Self::Reasoning => Some(Part::ReasoningEnd),
            Self::None => None,
        };
        let open = match block {
            Self::Text => Some(Part::TextStart),
            Self::Reasoning => Some(Part::ReasoningStart),
            Self::None => None,
        };
        [close, open].into_iter().flatten().filter(move |_| is_new)
    }

    /// Sees what was said by somebody else.
    pub(crate) fn see(&mut self, part: &Part) {
        match part {
            Part::TextStart => *self = Self::Text,
            Part::ReasoningStart => *self = Self::Reasoning,
            Part::TextEnd | Part::ReasoningEnd => *self = Self::None,
            _ => {}
        }
    }
}
