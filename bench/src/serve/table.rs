//! The figures of the mixed work, as tables.

use std::time::Duration;

use super::clients::{Answer, Outcome, Pace};
use super::peer::Usage;
use super::work::Route;
use crate::report::Report;
use crate::sample::{median, ms, quantile};

/// What one target showed at one pace, over all rounds.
pub(super) struct Mixed {
    pub(super) name: &'static str,
    rounds: Vec<(Outcome, Usage)>,
}

impl Mixed {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, rounds: vec![] }
    }

    pub(super) fn add(&mut self, outcome: Outcome, usage: Usage) {
        self.rounds.push((outcome, usage));
    }

    pub(super) fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.rounds.iter().map(|(outcome, _)| outcome)
    }

    pub(super) fn into_outcomes(self) -> Vec<Outcome> {
        self.rounds.into_iter().map(|(outcome, _)| outcome).collect()
    }

    fn per_second(&self) -> Vec<f64> {
        self.outcomes().map(|outcome| count(outcome.answers.len()) / outcome.elapsed.as_secs_f64()).collect()
    }

    /// CPU time of each answer, over all rounds.
    fn cpu_ms(&self, of: impl Fn(&Usage) -> Duration) -> f64 {
        let answers: f64 = self.outcomes().map(|outcome| count(outcome.answers.len())).sum();
        self.rounds.iter().map(|(_, usage)| ms(of(usage))).sum::<f64>() / answers
    }

    fn times(&self, route: Route, time: impl Fn(&Answer) -> Duration) -> String {
        quantiles(self.outcomes(), |outcome| outcome.answers(route).map(|answer| ms(time(answer))).collect())
    }
}

/// Median and 99th percentile of each round, and of those the median over the rounds.
pub(super) fn quantiles<'a>(
    rounds: impl IntoIterator<Item = &'a Outcome>,
    figures: impl Fn(&Outcome) -> Vec<f64>,
) -> String {
    let rounds: Vec<Vec<f64>> = rounds.into_iter().map(figures).collect();
    let at = |part: f64| median(&rounds.iter().map(|round| quantile(round, part)).collect::<Vec<_>>());
    format!("{:.1} / {:.1}", at(0.5), at(0.99))
}

/// One pace: who did how much at what cost, then how long each route took.
pub(super) fn tell(report: &mut Report, pace: &Pace, all: &[Mixed]) {
    report.line(&match pace {
        Pace::Closed { clients } => format!("\n## Mixed, {clients} clients, each asking when it has its answer"),
        Pace::Open { per_second } => {
            format!("\n## Mixed, {per_second} requests per second, models speaking a word every 5 ms")
        }
    });
    report.head(&[
        "",
        "requests per second",
        "Almanac's, times",
        "failed",
        "CPU per request, ms",
        "times Almanac's",
        "database's CPU per request, ms",
        "resident, MiB",
    ]);
    let Some(own) = all.first() else { return };
    for peer in all {
        let pairs = own.per_second().into_iter().zip(peer.per_second());
        let times: Vec<f64> = pairs.map(|(own, peer)| own / peer).collect();
        let failed: usize = peer.outcomes().map(|outcome| outcome.failures.len()).sum();
        let resident = peer.rounds.iter().map(|(_, usage)| usage.resident_mib).fold(0.0, f64::max);
        let (own_cpu, cpu) = (own.cpu_ms(|usage| usage.cpu), peer.cpu_ms(|usage| usage.cpu));
        report.row(&[
            peer.name.to_owned(),
            format!("{:.0}", median(&peer.per_second())),
            format!("{:.2}", median(&times)),
            failed.to_string(),
            format!("{cpu:.3}"),
            format!("{:.2}", cpu / own_cpu),
            format!("{:.3}", peer.cpu_ms(|usage| usage.database_cpu)),
            format!("{resident:.1}"),
        ]);
    }
    let names: Vec<String> = all.iter().map(|peer| format!("{}, ms (median / p99)", peer.name)).collect();
    report.head(&std::iter::once("route").chain(names.iter().map(String::as_str)).collect::<Vec<_>>());
    for route in Route::ALL {
        let cells = all.iter().map(|peer| peer.times(route, |answer| answer.end));
        report.row(&std::iter::once(route.name().to_owned()).chain(cells).collect::<Vec<_>>());
        if route == Route::Chat {
            let cells = all.iter().map(|peer| peer.times(route, |answer| answer.first));
            report.row(&std::iter::once("its first word".to_owned()).chain(cells).collect::<Vec<_>>());
        }
    }
    for peer in all {
        if let Some(first) = peer.outcomes().find_map(|outcome| outcome.failures.first()) {
            report.line(&format!("\n{}'s first failure: {first}", peer.name));
        }
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
