//! One worker: bounded time, panics, deaths, and the graceful stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base::Error;
use domain::outbox::Entry;
use jobs::{Job, Limits, Worker};
use tokio::sync::{Notify, watch};

use super::outbox::{Outbox, Standing};

/// Nothing is waited for in vain.
pub(super) fn quick() -> Limits {
    Limits {
        attempts_max: 3,
        handle_timeout: Duration::from_millis(200),
        stop_grace: Duration::from_millis(200),
        backoff_first: Duration::from_millis(1),
        backoff_longest: Duration::from_millis(5),
        poll: Duration::from_millis(10),
    }
}

fn never() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    // The worker stops when it is gone.
    std::mem::forget(sender);
    receiver
}

fn worker<F>(outbox: &Outbox, handler: impl Fn(Entry) -> F + Send + Sync + 'static) -> Worker
where
    F: Future<Output = base::Result<()>> + Send + 'static,
{
    Worker::new(outbox.service.clone(), outbox.clock.clone(), quick(), handler)
}

async fn only(outbox: &Outbox) -> Standing {
    let mut standings = outbox.standings().await;
    assert_eq!(standings.len(), 1);
    standings.remove(0)
}

#[tokio::test]
async fn is_outside_of_any_transaction_while_it_handles() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 1).await;
    let superuser = Arc::new(outbox.database.superuser().await);
    let seen = Arc::new(AtomicUsize::new(0));
    let (asking, counting) = (Arc::clone(&superuser), Arc::clone(&seen));
    let worker = worker(&outbox, move |_| {
        let (asking, counting) = (Arc::clone(&asking), Arc::clone(&counting));
        async move {
            let open = "select count(*) from pg_stat_activity where datname = current_database()
                        and pid <> pg_backend_pid() and xact_start is not null and backend_type = 'client backend'";
            let open: i64 = asking.query_one(open, &[]).await?.get(0);
            counting.fetch_add(1 + usize::try_from(open).expect("a count"), Ordering::Relaxed);
            Ok(())
        }
    });
    assert!(worker.step(&never()).await.unwrap());
    assert_eq!(seen.load(Ordering::Relaxed), 1, "called once, without an open transaction");
    assert!(!worker.step(&never()).await.unwrap());
}

#[tokio::test]
async fn gives_up_after_the_last_attempt_and_tells_no_secret() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 1).await;
    let worker = worker(&outbox, async |_| {
        Err(Error::unavailable("sink_away", "The service does not answer.").with_source("key sk-hunter2 was refused"))
    });
    for attempt in 1..=3 {
        assert!(worker.step(&never()).await.unwrap());
        let entry = only(&outbox).await;
        assert_eq!((entry.attempts, entry.is_dead), (attempt, attempt == 3));
        assert_eq!(entry.last_error.as_deref(), Some("sink_away: The service does not answer."));
        outbox.clock.advance(quick().backoff_longest);
    }
    assert!(!worker.step(&never()).await.unwrap());
}

#[tokio::test]
async fn a_panic_and_a_handler_without_end_are_failures() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 1).await;
    let panicking = worker(&outbox, async |_| panic!("the secret is hunter2"));
    assert!(panicking.step(&never()).await.unwrap());
    let entry = only(&outbox).await;
    assert!(entry.is_open() && entry.last_error.is_some_and(|error| !error.contains("hunter2")));
    outbox.clock.advance(quick().backoff_longest);
    let endless = worker(&outbox, async |_| std::future::pending().await);
    assert!(endless.step(&never()).await.unwrap());
    assert_eq!(only(&outbox).await.attempts, 2);
}

#[tokio::test]
async fn an_entry_that_kills_its_worker_each_time_is_given_up_untouched() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 2).await;
    for _ in 0..quick().attempts_max {
        // A worker that dies settles nothing.
        outbox.claim().await.expect("its time is over");
        outbox.clock.advance(super::outbox::LEASE + Duration::from_millis(1));
    }
    let handled = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&handled);
    let worker = worker(&outbox, move |_| {
        counting.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    });
    assert!(worker.step(&never()).await.unwrap());
    assert_eq!(handled.load(Ordering::Relaxed), 0);
    assert!(outbox.standings().await[0].is_dead);
    assert!(worker.step(&never()).await.unwrap());
    assert_eq!(handled.load(Ordering::Relaxed), 1, "the one behind it goes on");
}

#[tokio::test]
async fn at_a_stop_finishes_what_is_nearly_done_and_begins_nothing() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 2).await;
    let begun = Arc::new(Notify::new());
    let telling = Arc::clone(&begun);
    let worker = worker(&outbox, move |_| {
        telling.notify_one();
        async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(())
        }
    });
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(worker.run(stopped));
    begun.notified().await;
    stop.send(true).unwrap();
    running.await.unwrap();
    let standings = outbox.standings().await;
    assert!(standings[0].delivered_at.is_some() && standings[1].attempts == 0, "{standings:?}");
}

/// A worker whose handler never ends, and what tells that it has begun.
fn endless_worker(outbox: &Outbox) -> (Worker, Arc<Notify>) {
    let begun = Arc::new(Notify::new());
    let telling = Arc::clone(&begun);
    let limits = Limits { handle_timeout: Duration::from_mins(1), ..quick() };
    let worker = Worker::new(outbox.service.clone(), outbox.clock.clone(), limits, move |_| {
        telling.notify_one();
        std::future::pending()
    });
    (worker, begun)
}

#[tokio::test]
async fn at_a_stop_gives_back_what_takes_too_long() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 1).await;
    let (worker, begun) = endless_worker(&outbox);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(worker.run(stopped));
    begun.notified().await;
    let asked = Instant::now();
    // Dropping the sender is a stop too.
    drop(stop);
    running.await.unwrap();
    assert!(asked.elapsed() >= quick().stop_grace);
    assert_eq!(only(&outbox).await.attempts, 0, "the attempt does not count");
    let claim = outbox.claim().await.expect("it is due at once");
    assert_eq!(claim.entry.attempt, 1);
}

#[tokio::test]
async fn a_drain_gives_back_what_it_has_in_its_hands_at_a_stop() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 2).await;
    let (worker, begun) = endless_worker(&outbox);
    let (stop, stopped) = watch::channel(false);
    let draining = tokio::spawn(async move { worker.drain(Instant::now() + Duration::from_mins(5), &stopped).await });
    begun.notified().await;
    stop.send(true).unwrap();
    assert_eq!(draining.await.unwrap().unwrap(), 1, "nothing is begun after the stop");
    let standings = outbox.standings().await;
    assert!(standings.iter().all(|entry| entry.is_open() && entry.attempts == 0), "{standings:?}");
    let claim = outbox.claim().await.expect("it is due at once");
    assert_eq!((claim.entry.id, claim.entry.attempt), (standings[0].id, 1));
}

#[tokio::test]
async fn a_job_begins_nothing_after_the_stop() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 1).await;
    let (stop, stopped) = watch::channel(false);
    stop.send(true).unwrap();
    let until = Instant::now() + Duration::from_mins(5);
    assert_eq!(Job::Drain.run_unless_stopped(&outbox.jobs(), until, &stopped).await.unwrap(), 0);
    assert_eq!(only(&outbox).await.attempts, 0);
    stop.send(false).unwrap();
    assert_eq!(Job::Drain.run_unless_stopped(&outbox.jobs(), until, &stopped).await.unwrap(), 1);
    assert!(only(&outbox).await.delivered_at.is_some());
}

#[tokio::test]
async fn begins_nothing_that_might_not_be_done_in_time() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 3).await;
    let worker = worker(&outbox, async |_| Ok(()));
    assert_eq!(worker.drain(Instant::now() + quick().handle_timeout, &never()).await.unwrap(), 0);
    assert_eq!(worker.drain(Instant::now() + Duration::from_mins(1), &never()).await.unwrap(), 3);
}
