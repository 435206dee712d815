//! Small sets of numbers, as the lists of a rule hold them: without allocating, sorted and without doubles.

/// A set of numbers from 0 to 63.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn insert(&mut self, number: i32) {
        debug_assert!((0..64).contains(&number), "the parser keeps the bounds");
        self.0 |= 1 << number;
    }

    pub(super) fn with(number: i32) -> Self {
        Self(1 << number)
    }

    pub(super) fn contains(self, number: i32) -> bool {
        self.0 >> number & 1 == 1
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a list that is absent lets everything pass, and this one lets `number` pass.
    pub(super) fn allows(self, number: i32) -> bool {
        self.is_empty() || self.contains(number)
    }

    /// In ascending order.
    pub(super) fn iter(self) -> impl Iterator<Item = i32> {
        (0..64).filter(move |number| self.contains(*number))
    }
}

/// A set of ordinals counted from the front (1, 2, …) or from the back (-1, -2, …), each up to `64 * WORDS - 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ordinals<const WORDS: usize> {
    front: [u64; WORDS],
    back: [u64; WORDS],
}

impl<const WORDS: usize> Default for Ordinals<WORDS> {
    fn default() -> Self {
        Self { front: [0; WORDS], back: [0; WORDS] }
    }
}

impl<const WORDS: usize> Ordinals<WORDS> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "a set has a few words")]
    const LIMIT: i32 = 64 * WORDS as i32;

    pub(super) fn insert(&mut self, ordinal: i32) {
        debug_assert!(ordinal != 0 && ordinal.abs() < Self::LIMIT, "the parser keeps the bounds");
        let words = if ordinal > 0 { &mut self.front } else { &mut self.back };
        let bit = ordinal.unsigned_abs() as usize;
        words[bit / 64] |= 1 << (bit % 64);
    }

    fn has(words: &[u64; WORDS], ordinal: i32) -> bool {
        let bit = ordinal.unsigned_abs() as usize;
        words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    /// Whether it holds what is the `front`th from the front and, as a negative number, the `back`th from the back.
    pub(super) fn contains(&self, front: i32, back: i32) -> bool {
        Self::has(&self.front, front) || Self::has(&self.back, back)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.front.iter().chain(&self.back).all(|word| *word == 0)
    }

    /// From the front in ascending order, then from the back: -1, -2, …
    pub(super) fn iter(&self) -> impl Iterator<Item = i32> {
        let front = (1..Self::LIMIT).filter(|ordinal| Self::has(&self.front, *ordinal));
        let back = (1..Self::LIMIT).filter(|ordinal| Self::has(&self.back, *ordinal)).map(|ordinal| -ordinal);
        front.chain(back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_and_single() {
        let mut numbers = Numbers::default();
        assert!(numbers.is_empty() && numbers.allows(7));
        for number in [59, 0, 7, 0, 63] {
            numbers.insert(number);
        }
        assert_eq!(numbers.iter().collect::<Vec<_>>(), [0, 7, 59, 63]);
        assert!(numbers.allows(59) && !numbers.allows(58));
    }

    #[test]
    fn ordinals_count_from_both_ends() {
        let mut ordinals = Ordinals::<6>::default();
        assert!(ordinals.is_empty());
        for ordinal in [-1, 366, 1, -366, 1, 64] {
            ordinals.insert(ordinal);
        }
        assert_eq!(ordinals.iter().collect::<Vec<_>>(), [1, 64, 366, -1, -366]);
        assert!(ordinals.contains(1, -365) && ordinals.contains(365, -1) && !ordinals.contains(2, -2));
        assert!(!ordinals.contains(100_000, -100_000));
    }
}
