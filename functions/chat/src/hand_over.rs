//! Handing a reply over to other processes: what the writer's process keeps in memory goes to the short-lived store
//! as well, so that whoever follows from elsewhere reads the same parts.
//!
//! It begins when somebody elsewhere follows the reply, which the writer learns when it saves, and not before: most
//! replies are followed by nobody but the client that asked, and cost the store nothing. The price is that the first
//! follower elsewhere waits for the first part until the next save: up to a second, and half of the lease where one
//! process writes many replies.
//!
//! From then on what came in a quarter of a second is one write, from the start of the reply to its last part: four
//! writes a second at most, of one write unit each (1 KB holds more than a hundred tokens), and as many reads for each
//! follower. The publisher is one more follower of the [`LiveReply`], so a store that is slow or away holds nobody up;
//! what it does not get, others read from the row.

mod codec;

use std::sync::Arc;
use std::time::Duration;

use base::background;
use base::store::{Key, Store, StoreError};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::live::{LiveReply, Part};
use codec::Decoder;

/// What comes within this time goes into one batch.
const BATCH_TIME: Duration = Duration::from_millis(250);
/// The largest batch, in bytes: far below what an item of the store holds, and small beside its throughput.
const BATCH_BYTES_MAX: usize = 48 * 1024;
/// The wait before a batch that the store did not take is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(500);
/// How long a batch is tried once the reply has ended. Followers turn to the row by then, and a process that is about to
/// be frozen waits for it.
const LAST_TIME: Duration = Duration::from_secs(2);
/// How long a follower waits for the store. It asks again soon.
const READ_TIME: Duration = Duration::from_secs(1);
/// How long a batch is kept. It outlives the longest reply (13 minutes, and up to two in which its ending is stored), so
/// that one who comes late still finds the start.
const KEPT: Duration = Duration::from_mins(20);

/// Begins to hand a reply over, unless that was done.
pub(crate) fn begin(store: &Store, live: &Arc<LiveReply>) {
    if store.is_shared() && live.hand_over() {
        background::spawn(publish(store.clone(), Arc::clone(live)));
    }
}

fn list_of(reply: Uuid) -> Key {
    Key::new("reply", &reply.to_string())
}

async fn publish(store: Store, live: Arc<LiveReply>) {
    let list = list_of(live.reply_id);
    let (mut follower, mut unsent, mut number) = (live.follow(), Vec::new(), 0);
    while let Some(parts) = follower.next().await {
        codec::encode(&parts, &mut unsent);
        for bytes in unsent.chunks(BATCH_BYTES_MAX) {
            number += 1;
            if let Err(error) = append(&store, &list, number, &codec::batch(bytes), &live).await {
                tracing::warn!(?error, reply_id = %live.reply_id, "a reply is no longer handed over");
                return;
            }
        }
        unsent.clear();
        // The end is not waited for.
        drop(timeout(BATCH_TIME, live.ended()).await);
    }
}

/// Puts a batch into the list, trying again for as long as the reply is being written.
async fn append(store: &Store, list: &Key, number: u32, batch: &[u8], live: &LiveReply) -> Result<(), StoreError> {
    let trying = async {
        loop {
            match store.append(list, number, batch, KEPT).await {
                Err(StoreError::Away(source)) => {
                    tracing::debug!(?source, number, "a part of a reply was not handed over yet");
                    sleep(RETRY_WAIT).await;
                }
                result => return result,
            }
        }
    };
    tokio::select! {
        result = trying => result,
        () = async { live.ended().await; sleep(LAST_TIME).await } => {
            Err(StoreError::Away("the reply has ended meanwhile".into()))
        }
    }
}

/// A reply as its writer elsewhere hands it over, read from its start.
pub(crate) struct HandedOver {
    store: Store,
    list: Key,
    number: u32,
    decoder: Decoder,
    is_answering: bool,
}

/// What was handed over cannot be read: another version wrote it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl HandedOver {
    /// The reply with this id; none when no other process sees the store.
    pub(crate) fn of(store: &Store, reply: Uuid) -> Option<Self> {
        let list = list_of(reply);
        store.is_shared().then(|| Self {
            store: store.clone(),
            list,
            number: 0,
            decoder: Decoder::default(),
            is_answering: true,
        })
    }

    /// Whether the writer may yet begin: nothing has come, and the store would have told.
    pub(crate) fn may_begin(&self) -> bool {
        self.number == 0 && self.is_answering
    }

    /// The parts that came since the last call: none when there are none yet, or the store is away.
    pub(crate) async fn read(&mut self) -> Result<Vec<Part>, Unreadable> {
        let mut parts = Vec::new();
        let reading = self.store.read_after(&self.list, self.number);
        let read = timeout(READ_TIME, reading).await;
        self.is_answering = matches!(read, Ok(Ok(_)));
        match read {
            Ok(Ok(batches)) => {
                for (number, batch) in batches {
                    if number != self.number + 1 {
                        break;
                    }
                    self.decoder.read(&batch, &mut parts)?;
                    self.number = number;
                }
            }
            Ok(Err(error)) => tracing::debug!(?error, "a reply that is written elsewhere could not be read on"),
            Err(_) => tracing::debug!("a reply that is written elsewhere could not be read on in time"),
        }
        Ok(parts)
    }
}
