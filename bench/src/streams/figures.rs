//! What the targets showed, as a table.

use std::time::Duration;

use crate::load::Timing;
use crate::report::Report;
use crate::sample::{median, ms, quantile};

/// The places of the two views among a target's marks.
const TEXT: usize = 0;
const SENTENCE: usize = 1;

/// What one target showed, over all rounds.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) name: &'static str,
    pub(super) timings: Vec<Vec<Timing>>,
    pub(super) per_second: Vec<f64>,
    pub(super) cpu: Duration,
    pub(super) database_cpu: Duration,
    pub(super) resident_mib: f64,
}

impl Figures {
    /// The median over rounds of each round's quantile, in milliseconds.
    fn at(&self, part: f64, time: impl Fn(&Timing) -> Duration) -> f64 {
        median(&self.timings.iter().map(|round| quantile_ms(round, part, &time)).collect::<Vec<_>>())
    }

    /// By how much this quantile is later than the other's, round for round, in milliseconds.
    fn later_than(&self, other: &Self, part: f64, time: impl Fn(&Timing) -> Duration) -> f64 {
        let rounds = self.timings.iter().zip(&other.timings);
        let later = rounds.map(|(own, others)| quantile_ms(own, part, &time) - quantile_ms(others, part, &time));
        median(&later.collect::<Vec<_>>())
    }

    fn streams(&self) -> f64 {
        self.timings.iter().map(|round| f64::from(u32::try_from(round.len()).unwrap_or(u32::MAX))).sum()
    }

    fn cpu_per_stream_ms(&self) -> f64 {
        ms(self.cpu) / self.streams()
    }
}

fn quantile_ms(round: &[Timing], part: f64, time: impl Fn(&Timing) -> Duration) -> f64 {
    quantile(&round.iter().map(|timing| ms(time(timing))).collect::<Vec<_>>(), part)
}

/// One table.
pub(super) fn tell(report: &mut Report, pace: &str, at_once: usize, count: usize, all: &[Figures]) {
    report.line(&format!("\n## {pace}, {at_once} at once ({count} streams each)"));
    report.head(&[
        "",
        "first byte, ms (median / p95)",
        "added first byte",
        "added first text",
        "added first sentence",
        "whole stream, ms",
        "streams/s",
        "CPU per stream, ms",
        "× nginx",
        "database's CPU per stream, ms",
        "resident, MiB",
    ]);
    let nginx = all.iter().find(|figures| figures.name == "nginx").map_or(f64::NAN, Figures::cpu_per_stream_ms);
    for figures in all {
        let added = |time: &dyn Fn(&Timing) -> Duration| match all.first() {
            Some(direct) if figures.name != "direct" => {
                format!("{:.2} / {:.2}", figures.later_than(direct, 0.5, time), figures.later_than(direct, 0.95, time))
            }
            _ => String::new(),
        };
        let number = |figure: f64, shown: bool| if shown { format!("{figure:.2}") } else { String::new() };
        let is_proxy = figures.name != "direct";
        report.row(&[
            figures.name.to_owned(),
            format!("{:.2} / {:.2}", figures.at(0.5, |t| t.first_byte), figures.at(0.95, |t| t.first_byte)),
            added(&|timing| timing.first_byte),
            added(&|timing| timing.marks[TEXT]),
            added(&|timing| timing.marks[SENTENCE]),
            format!("{:.1}", figures.at(0.5, |timing| timing.end)),
            format!("{:.0}", median(&figures.per_second)),
            number(figures.cpu_per_stream_ms(), is_proxy),
            number(figures.cpu_per_stream_ms() / nginx, is_proxy),
            number(ms(figures.database_cpu) / figures.streams(), !figures.database_cpu.is_zero()),
            number(figures.resident_mib, is_proxy),
        ]);
    }
}
