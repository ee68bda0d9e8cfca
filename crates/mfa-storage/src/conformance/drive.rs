//! Driving futures without a runtime, and races between real threads.

use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::Stores;

/// Drives a future on the calling thread, which sleeps while there is nothing to do.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls `future` up to `polls` times and then drops it.
pub(super) async fn poll_at_most<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left = left.saturating_sub(1);
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // Drops it at once: whether anything would wake it again is not asked.
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs `run(0)` to `run(threads - 1)` at once, each on a thread of its own, and collects what they answer in that
/// order. A panic in one of them goes on here.
pub(super) fn race<S: Stores, T: Send, F: Future<Output = T>>(
    stores: &S,
    threads: usize,
    run: impl Fn(usize) -> F + Sync,
) -> Vec<T> {
    let (barrier, awake) = (Barrier::new(threads), AtomicUsize::new(0));
    thread::scope(|scope| {
        let start = |index| {
            let (barrier, awake, run) = (&barrier, &awake, &run);
            scope.spawn(move || {
                barrier.wait();
                // Waking from the barrier takes longer than many a store needs for all of its work.
                awake.fetch_add(1, Ordering::SeqCst);
                while awake.load(Ordering::SeqCst) < threads {
                    thread::yield_now();
                }
                stores.drive(run(index))
            })
        };
        let running: Vec<_> = (0..threads).map(start).collect();
        let finish = |thread: thread::ScopedJoinHandle<'_, T>| match thread.join() {
            Ok(answer) => answer,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        running.into_iter().map(finish).collect()
    })
}

/// Keeps one thread at work until the others, who watch it, have met it often enough.
pub(super) struct Watched {
    looks: Vec<AtomicUsize>,
    over: AtomicBool,
}

impl Watched {
    pub(super) fn by(watchers: usize) -> Self {
        Self { looks: (0..watchers).map(|_| AtomicUsize::new(0)).collect(), over: AtomicBool::new(false) }
    }

    /// Whether the work goes on; `done` of it is.
    pub(super) fn goes_on(&self, done: usize) -> bool {
        let waiting = self.looks.iter().any(|looks| looks.load(Ordering::SeqCst) < LOOKS);
        !self.is_over() && done < MOST && (waiting || done < LEAST)
    }

    /// Counts a look of `watcher`, from 0.
    pub(super) fn looked(&self, watcher: usize) {
        if let Some(looks) = self.looks.get(watcher) {
            looks.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The work is done, or somebody has seen enough.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

const LOOKS: usize = 30;
const LEAST: usize = 60;
/// Where looks take much longer than the work, that ends all the same.
const MOST: usize = 1_000;
