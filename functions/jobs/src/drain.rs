//! `drain`: sees to it that what is due in the outbox is delivered, also what nobody was told of.
//!
//! With a queue, each owner whose lane is due becomes a message, so that as many are served at once as the queue
//! calls functions. Nothing is taken for that: a message that is lost, late or doubled does no harm. Without a queue,
//! or when it is away, or when it takes messages and nothing comes of them, what is due is delivered here.

use std::time::{Duration, Instant};

use base::Result;
use base::http::Unit;
use base::queue::{JobsQueue, OWNERS_MAX};
use domain::outbox::{self, Standing};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::watch;

use crate::App;

/// How many owners one sweep hands to the queue. Those who are left are the next sweep's.
const RELAYED_MAX: i64 = 5_000;
/// How many calls of the queue are under way at once.
const CALLS_AT_ONCE: usize = 8;
/// After this long the queue is not trusted to have what is due delivered. The sweep comes every minute, and delivering
/// one entry may take as long.
const OVERDUE: Duration = Duration::from_mins(5);

/// Runs until nothing is due, this time has come or `stop` turns true, and gives how many owners it handed to the queue,
/// or how many deliveries it tried.
pub(crate) async fn drain(app: &App, until: Instant, stop: &watch::Receiver<bool>) -> Result<u64> {
    let standing = outbox::standing(app.db.as_service().await?, app.clock.now()).await?;
    measure(app, standing);
    let Some(queue) = &app.queue else { return app.worker().drain(until, stop).await };
    let is_overdue = standing.waiting.is_some_and(|waiting| waiting > OVERDUE);
    match relay(app, queue, until).await? {
        Some(owners) if !is_overdue => Ok(owners),
        relayed => {
            tracing::warn!(is_relayed = relayed.is_some(), is_overdue, "the queue does not help; delivering here");
            app.worker().drain(until, stop).await
        }
    }
}

/// Hands the owners whose lanes are due to the queue, and gives how many; none when the queue did not take them all.
async fn relay(app: &App, queue: &JobsQueue, until: Instant) -> Result<Option<u64>> {
    let owners = outbox::owners_due(app.db.as_service().await?, app.clock.now(), RELAYED_MAX).await?;
    let calls: Vec<_> = owners.chunks(OWNERS_MAX).map(|owners| queue.send(owners)).collect();
    let calls = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).try_collect::<()>();
    let sent = tokio::time::timeout_at(until.into(), calls).await;
    match sent {
        Ok(Ok(())) => Ok(Some(u64::try_from(owners.len()).unwrap_or(u64::MAX))),
        Ok(Err(error)) => {
            tracing::warn!(cause = error.cause(), "the queue did not take what is due");
            Ok(None)
        }
        Err(_late) => Ok(None),
    }
}

fn measure(app: &App, Standing { waiting, given_up }: Standing) {
    let waiting_seconds = waiting.unwrap_or_default().as_secs();
    let measures =
        [("outbox_given_up", Unit::Count, given_up), ("outbox_waiting_seconds", Unit::Seconds, waiting_seconds)];
    app.metrics.write_values(app.clock.now(), &measures);
}
