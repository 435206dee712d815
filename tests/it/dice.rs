//! Random numbers that a seed repeats, for tests that try what nobody would think of.

/// A source of random numbers (the algorithm is called `SplitMix64`).
pub(crate) struct Dice(u64);

impl Dice {
    /// The same numbers for the same seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed of this run: `TEST_SEED`, or a new one. It is printed, and shown with a test that fails.
    #[expect(clippy::print_stderr, reason = "a failure is repeated with its seed")]
    pub(crate) fn seed_of_run() -> u64 {
        let given = base::config::Env::from_process().get("TEST_SEED").and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| base::Clock::system().now().as_microsecond().unsigned_abs());
        eprintln!("TEST_SEED={seed}");
        seed
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound` - 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("it is less than a usize")
    }

    /// True once in `count` times.
    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}
