//! The promise of the outbox under everything at once: several processes of several workers, writers that go on, and a
//! service that fails in every way. Whatever happens, a user's entries arrive in the order of their commits, each
//! at least once, and none is given up before its last attempt.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use base::{Error, Result};
use domain::outbox::Entry;
use jobs::{Limits, Worker};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::outbox::{Outbox, Standing};
use crate::dice::Dice;
use crate::fakes::sink::{Arrival, Fate, SinkFake};

const USERS: usize = 10;
const ENTRIES: usize = 12;
const PROCESSES: usize = 3;
const WORKERS: usize = 3;
/// One entry of each user that the service never takes.
const POISON: usize = 5;
const LIMITS: Limits = Limits {
    attempts_max: 5,
    handle_timeout: Duration::from_secs(1),
    stop_grace: Duration::from_secs(1),
    backoff_first: Duration::from_millis(2),
    backoff_longest: Duration::from_millis(20),
    poll: Duration::from_millis(5),
};
const PATIENCE: Duration = Duration::from_mins(1);

/// A service that takes about two thirds of what comes, and answers well for about half.
async fn sink(seed: u64) -> SinkFake {
    let dice = Mutex::new(Dice::seeded(seed));
    SinkFake::start(move |body| {
        if body["payload"]["number"] == POISON {
            return Fate::Refused;
        }
        match dice.lock().expect("no holder panics").below(100) {
            0..25 => Fate::Refused,
            25..35 => Fate::TakenAndDenied,
            35..37 => Fate::TakenInSilence,
            37..60 => Fate::TakenSlowly(Duration::from_millis(15)),
            _ => Fate::Taken,
        }
    })
    .await
}

async fn deliver(http: reqwest::Client, url: String, entry: Entry) -> Result<()> {
    let body = json!({"user_id": entry.user_id, "id": entry.id, "payload": entry.payload});
    let answer = http.post(url).json(&body).send().await.map_err(Error::internal)?;
    answer.error_for_status().map(drop).map_err(Error::internal)
}

/// Commits the entries of all users, several at once for each user.
async fn write(outbox: &Outbox, users: &[Uuid]) {
    let of_user = |user: Uuid| async move {
        let halves = (0..2).map(|half| async move {
            for number in (0..ENTRIES).filter(|number| number % 2 == half) {
                outbox.add(user, json!({"number": number})).await;
            }
        });
        futures_util::future::join_all(halves).await;
    };
    futures_util::future::join_all(users.iter().map(|user| of_user(*user))).await;
}

async fn until_nothing_waits(outbox: &Outbox) -> Vec<Standing> {
    let settled = async {
        loop {
            let standings = outbox.standings().await;
            if standings.len() == USERS * ENTRIES && !standings.iter().any(Standing::is_open) {
                return standings;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.expect("everything is delivered or given up")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn users_get_everything_in_their_order() {
    let seed = Dice::seed_of_run();
    let outbox = Outbox::open().await;
    let sink = sink(seed).await;
    let mut users = Vec::new();
    for _ in 0..USERS {
        users.push(outbox.user().await);
    }
    let (stop, stopped) = watch::channel(false);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..PROCESSES {
        let (http, url) = (base::http_client::build(), sink.url.clone());
        let handler = move |entry| deliver(http.clone(), url.clone(), entry);
        let worker = Worker::new(outbox.another_service(), outbox.clock.clone(), LIMITS, handler);
        for _ in 0..WORKERS {
            running.spawn(worker.clone().run(stopped.clone()));
        }
    }
    write(&outbox, &users).await;
    let standings = until_nothing_waits(&outbox).await;
    stop.send(true).expect("the workers run");
    while let Some(ended) = running.join_next().await {
        ended.expect("no worker panics");
    }
    check(&standings, &sink.arrivals());
}

fn check(standings: &[Standing], arrivals: &[Arrival]) {
    let mut arrivals_of: HashMap<i64, Vec<&Arrival>> = HashMap::new();
    let mut last_of: BTreeMap<&str, i64> = BTreeMap::new();
    for arrival in arrivals {
        let (user, id) = (user_of(&arrival.body), arrival.body["id"].as_i64().expect("an id"));
        let last = last_of.insert(user, id).unwrap_or_default();
        assert!(last <= id, "entry {id} of {user} came after {last}");
        arrivals_of.entry(id).or_default().push(arrival);
    }
    for entry in standings {
        let tries = arrivals_of.get(&entry.id).map_or(&[][..], Vec::as_slice);
        assert_eq!(tries.len(), usize::try_from(entry.attempts).expect("a count"), "each attempt came once: {entry:?}");
        let is_poison = tries[0].body["payload"]["number"] == POISON;
        assert!(!is_poison || entry.is_dead, "nobody took it: {entry:?}");
        if entry.is_dead {
            assert_eq!(entry.attempts, LIMITS.attempts_max, "given up before the last attempt: {entry:?}");
        } else {
            assert!(tries.iter().any(|arrival| arrival.is_taken()), "never taken: {entry:?}");
            let last = tries.last().expect("an attempt");
            assert!(matches!(last.fate, Fate::Taken | Fate::TakenSlowly(_)), "settled by a failure: {entry:?}");
        }
    }
    let poisoned = standings.iter().filter(|entry| entry.is_dead).count();
    assert!(poisoned >= USERS, "one of each user at least");
    for pair in delivery_times(standings).values() {
        assert!(pair.is_sorted(), "delivered in the order of commits: {pair:?}");
    }
}

fn user_of(body: &Value) -> &str {
    body["user_id"].as_str().expect("a user")
}

/// When each user's entries were delivered, in the order of their ids.
fn delivery_times(standings: &[Standing]) -> BTreeMap<Uuid, Vec<jiff::Timestamp>> {
    let mut times: BTreeMap<Uuid, Vec<jiff::Timestamp>> = BTreeMap::new();
    for entry in standings {
        times.entry(entry.user_id).or_default().extend(entry.delivered_at);
    }
    times
}
