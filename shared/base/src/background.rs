//! Work that goes on after an answer: a reply whose reader has left, a report on its way.
//!
//! A process that is about to end, or that Lambda is about to freeze, first waits until all of it is [`finished`].
//! So only bounded work belongs here; what serves for as long as the process lives, such as a connection's driver,
//! is a plain task.

use std::sync::LazyLock;

use tokio::sync::watch;

/// All that is unfinished in this process. A freeze takes the whole of it, whichever request began the work.
static UNFINISHED: LazyLock<Unfinished> = LazyLock::new(Unfinished::default);

/// Counts as unfinished work until it is dropped. For work that waits in a queue; [`spawn`] has its own.
#[derive(Debug)]
#[must_use = "work counts as finished as soon as this is dropped"]
pub struct Held(watch::Sender<usize>);

/// How many pieces of work there are. Clones share the count.
#[derive(Debug, Clone, Default)]
struct Unfinished(watch::Sender<usize>);

/// Runs work in a task of its own. A panic in it ends it like a return.
pub fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    let held = hold();
    tokio::spawn(async move {
        let _held = held;
        work.await;
    });
}

/// Says that there is work until the answer is dropped.
pub fn hold() -> Held {
    UNFINISHED.hold()
}

/// Waits until there is none, the work that is begun meanwhile included. It may take as long as the longest work,
/// so callers bound it.
pub async fn finished() {
    UNFINISHED.none().await;
}

impl Unfinished {
    fn hold(&self) -> Held {
        self.0.send_modify(|count| *count += 1);
        Held(self.0.clone())
    }

    async fn none(&self) {
        let mut count = self.0.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _none = count.wait_for(|count| *count == 0).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn waits_for_all_that_is_held() {
        let unfinished = Unfinished::default();
        assert!(unfinished.none().now_or_never().is_some(), "nothing was begun");
        let (first, second) = (unfinished.hold(), unfinished.hold());
        let mut waiting = Box::pin(unfinished.none());
        drop(first);
        assert!((&mut waiting).now_or_never().is_none(), "one is left");
        drop(second);
        waiting.await;
    }

    #[tokio::test]
    async fn work_that_panics_is_finished() {
        let unfinished = Unfinished::default();
        let held = unfinished.hold();
        let task = tokio::spawn(async move {
            let _held = held;
            assert!(std::hint::black_box(false), "a fault in the work");
        });
        assert!(task.await.is_err());
        assert!(unfinished.none().now_or_never().is_some());
    }

    #[tokio::test]
    async fn spawned_work_is_waited_for() {
        let (done, is_done) = watch::channel(false);
        spawn(async move {
            tokio::task::yield_now().await;
            done.send_replace(true);
        });
        finished().await;
        assert!(*is_done.borrow());
    }
}
