//! Requests to Almanac, round by round beside `pgbench` running what Almanac sends to its database for them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::almanac::Almanac;
use crate::capture::Capture;
use crate::load::{Clients, Target};
use crate::pgbench::{Pgbench, Turn};
use crate::process;
use crate::sample::{median, ms};
use crate::script::{Script, Sending, Types};

/// How many requests are laid out, each of a user taken by chance.
const REQUESTS: usize = 2000;
/// How often a request is made once more when what was sent for it was another time something else.
const TRIES: usize = 3;

/// What is asked, and how one sees that it was answered.
pub(crate) struct Question {
    /// What it is called in reports.
    pub(crate) name: &'static str,
    /// One for each user.
    pub(crate) requests: Vec<Vec<u8>>,
    /// The status of every answer.
    pub(crate) status: &'static str,
    /// How many rows every answer has; `None` where it is no list.
    pub(crate) rows: Option<usize>,
}

/// A question to Almanac, and what it costs the database alone.
pub(crate) struct Case {
    target: Target,
    pgbench: Pgbench,
}

/// How long both are asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    pub(crate) rounds: usize,
    /// Of a turn.
    pub(crate) seconds: u64,
}

/// What the cells of [`Case::measure`] mean.
pub(crate) const HEAD: [&str; 11] = [
    "clients",
    "Almanac, per second",
    "pgbench pipelined",
    "pgbench one by one",
    "of pgbench pipelined",
    "of pgbench one by one",
    "answer, ms",
    "Almanac's CPU each, ms",
    "database's CPU each, ms",
    "the same for pgbench pipelined",
    "resident, MiB",
];

impl Case {
    /// Asks each user's question twice, so as to know what is sent for it, and lays out `pgbench`'s scripts.
    pub(crate) async fn prepare(almanac: &Almanac, folder: &Path, question: &Question) -> Result<Self> {
        let capture = Capture::start(almanac).await?;
        let mut types = Types::new(almanac.superuser().await?);
        let mut scripts = Vec::with_capacity(question.requests.len());
        for request in &question.requests {
            // Until twice the same is sent: at first, and every half minute, Almanac looks the user up besides.
            let (mut first, answer) = capture.request(request).await?;
            let mut second = capture.request(request).await?.0;
            for _ in 0..TRIES {
                if Script::is_same(&first, &second) {
                    break;
                }
                first = std::mem::replace(&mut second, capture.request(request).await?.0);
            }
            let rows = answer.as_array().map(Vec::len);
            ensure!(rows == question.rows, "{}: {rows:?} rows instead of {:?}", question.name, question.rows);
            scripts.push(Script::of(&mut types, &first, &second).await?);
        }
        capture.stop().await?;
        let pgbench = Pgbench::new(&folder.join(question.name.replace([' ', ','], "-")), almanac, &scripts)?;
        Ok(Self { target: question.target(almanac), pgbench })
    }

    /// Asks both in turn, and gives the cells of a row.
    pub(crate) async fn measure(&self, almanac: &Almanac, at_once: usize, time: Time) -> Result<Vec<String>> {
        let mut clients = Clients::open(self.target.clone(), at_once).await?;
        let (mut own, mut piped, mut single, mut answer_ms) = (vec![], vec![], vec![], vec![]);
        let (mut cpu, mut database_cpu, mut answers) = (Duration::ZERO, Duration::ZERO, 0);
        for _ in 0..time.rounds {
            let database = almanac.database_pids();
            let before = (process::cpu(almanac.pid())?, process::cpu_of_all(&database));
            let (timings, elapsed) = clients.run_for(Duration::from_secs(time.seconds)).await?;
            cpu += process::cpu(almanac.pid())?.saturating_sub(before.0);
            database_cpu += process::cpu_of_all(&database).saturating_sub(before.1);
            answers += u32::try_from(timings.len())?;
            own.push(f64::from(u32::try_from(timings.len())?) / elapsed.as_secs_f64());
            answer_ms.push(median(&timings.iter().map(|timing| ms(timing.end)).collect::<Vec<_>>()));
            piped.push(self.pgbench.run(at_once, time.seconds, Sending::Pipelined).await?);
            single.push(self.pgbench.run(at_once, time.seconds, Sending::OneByOne).await?);
        }
        let per_second = |turns: &[Turn]| turns.iter().map(|turn| turn.per_second).collect::<Vec<_>>();
        let total = |figure: &dyn Fn(&Turn) -> f64| piped.iter().map(figure).sum::<f64>();
        let (peer_cpu, peer_answers) = (total(&|turn| turn.database_cpu_ms), total(&|turn| turn.transactions));
        let (piped, single) = (per_second(&piped), per_second(&single));
        let ratio = |peer: &[f64]| median(&own.iter().zip(peer).map(|(own, peer)| own / peer).collect::<Vec<_>>());
        Ok(vec![
            at_once.to_string(),
            format!("{:.0}", median(&own)),
            format!("{:.0}", median(&piped)),
            format!("{:.0}", median(&single)),
            format!("{:.2}", ratio(&piped)),
            format!("{:.2}", ratio(&single)),
            format!("{:.2}", median(&answer_ms)),
            format!("{:.3}", ms(cpu) / f64::from(answers)),
            format!("{:.3}", ms(database_cpu) / f64::from(answers)),
            format!("{:.3}", peer_cpu / peer_answers),
            format!("{:.1}", process::resident_mib(&[almanac.pid()])),
        ])
    }
}

impl Question {
    /// Users come by chance, as they do in `pgbench`, so that both meet the same user as often.
    fn target(&self, almanac: &Almanac) -> Target {
        let mut state = 1_u64;
        let by_chance = (0..REQUESTS).map(|_| {
            // Knuth's constants for a linear congruential generator; its high bits are the good ones.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = usize::try_from(state >> 33).unwrap_or_default() % self.requests.len();
            self.requests[place].clone()
        });
        let ending = match self.rows {
            None => "}",
            Some(0) => "[]",
            Some(_) => "}]",
        };
        let (name, status) = (self.name, self.status);
        Target { name, address: almanac.address, requests: by_chance.collect(), status, marks: &[], ending }
    }
}
