//! Figures.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970, for times that cross processes of one machine.
#[expect(clippy::disallowed_methods, reason = "a measurement needs the true time")]
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The middle of the figures, `NaN` when there are none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    quantile(figures, 0.5)
}

/// The figure below which this part of the figures lies, between neighbours in proportion.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "there are never so many figures, and places are positive"
)]
pub(crate) fn quantile(figures: &[f64], part: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = last as f64 * part;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert!(median(&[]).is_nan());
        for (figures, part, expected) in
            [(&[3.0, 1.0, 2.0][..], 0.5, 2.0), (&[1.0, 2.0], 0.5, 1.5), (&[0.0, 10.0, 20.0], 0.95, 19.0)]
        {
            assert!((quantile(figures, part) - expected).abs() < 1e-9, "{figures:?} at {part}");
        }
    }
}
