//! Tells whoever does the jobs that there is work, so that it does not wait for the next look.
//!
//! What is to be done is in the database, committed with the change that it follows. Announcing it is a courtesy: an
//! announcement may be lost or come twice, and the work is found all the same, or found done.
//!
//! [`crate::Db::announcing`] takes an announcer, of which there are two kinds: [`Bell`] wakes the workers of the same
//! process, and [`JobsQueue`] sends messages that call the function `jobs`.

mod jobs_queue;

use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
pub use jobs_queue::JobsQueue;
use tokio::sync::Notify;
use uuid::Uuid;

/// How many owners one call announces: SQS takes as many messages at once.
pub const OWNERS_MAX: usize = 10;

/// Something that takes announcements. It is a trait, so that programs which announce nothing do not carry a client
/// of a queue.
pub trait Announce: fmt::Debug + Send + Sync {
    /// Says that there is work for these owners, at most [`OWNERS_MAX`] of them. It takes at most a second, and a
    /// failure is logged and nothing else.
    fn announce<'a>(&'a self, owners: &'a [Uuid]) -> BoxFuture<'a, ()>;
}

/// Wakes workers of the same process. Clones are one bell.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Waits until it is rung. Each ring wakes one who waits; when nobody does, the next who comes need not wait.
    pub async fn rung(&self) {
        self.0.notified().await;
    }
}

impl Announce for Bell {
    fn announce<'a>(&'a self, owners: &'a [Uuid]) -> BoxFuture<'a, ()> {
        let ring = async move {
            for _ in owners {
                self.0.notify_one();
            }
        };
        ring.boxed()
    }
}
