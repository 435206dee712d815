//! How long a reply may become.

/// The most that a reply may have, in bytes: its text and the model's thinking together, since both stay in memory until
/// it has ended. A reply is cut at this length, and ends with the reason `length`.
const REPLY_BYTES_MAX: usize = 1024 * 1024;

/// What a reply may still have: never more than [`REPLY_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    bytes_left: usize,
}

impl Room {
    /// All of it.
    pub(crate) fn whole() -> Self {
        Self { bytes_left: REPLY_BYTES_MAX }
    }

    /// Takes room for a piece and gives what is kept of it. A piece that is cut leaves no room.
    pub(crate) fn keep(&mut self, mut piece: String) -> String {
        // The database keeps every character but this one. What takes its place is longer, so it is measured after.
        if piece.contains('\0') {
            piece = piece.replace('\0', "\u{fffd}");
        }
        let kept = piece.floor_char_boundary(self.bytes_left);
        // No boundary lies beyond what is left.
        self.bytes_left = if kept < piece.len() { 0 } else { self.bytes_left - kept };
        piece.truncate(kept);
        piece
    }

    /// How much has been taken, in bytes.
    pub(crate) fn taken(self) -> usize {
        REPLY_BYTES_MAX - self.bytes_left
    }

    /// Whether nothing more is kept.
    pub(crate) fn is_full(self) -> bool {
        self.bytes_left == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(bytes_left: usize, piece: &str, kept: &str, then_left: usize) {
        let mut room = Room { bytes_left };
        assert_eq!(room.keep(piece.to_owned()), kept, "{piece:?} in {bytes_left}");
        assert_eq!(room, Room { bytes_left: then_left }, "{piece:?} in {bytes_left}");
    }

    #[test]
    fn a_piece_is_cut_between_two_characters() {
        check(5, "four", "four", 1);
        check(4, "four", "four", 0);
        check(3, "four", "fou", 0);
        check(3, "a🖐", "a", 0);
        check(0, "four", "", 0);
        check(0, "", "", 0);
    }

    #[test]
    fn what_stands_for_a_nul_is_measured_as_it_is_kept() {
        check(3, "\0", "\u{fffd}", 0);
        check(2, "\0", "", 0);
        check(7, "\0\0\0", "\u{fffd}\u{fffd}", 0);
        check(8, "a\0b", "a\u{fffd}b", 3);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_the_beginning_of_what_came(
            bytes_left in 0_usize..40, pieces in prop::collection::vec("[\0a-c€🖐]{0,6}", 0..20)
        ) {
            let mut room = Room { bytes_left };
            let mut kept = String::new();
            for piece in &pieces {
                kept += &room.keep(piece.clone());
            }
            let came = pieces.concat().replace('\0', "\u{fffd}");
            prop_assert!(came.starts_with(&kept) && kept.len() <= bytes_left);
            prop_assert!(kept == came || room.is_full(), "only what is full loses something");
            prop_assert!(kept == came || kept.len() + 4 > bytes_left, "no character that fits is lost");
        }
    }
}
