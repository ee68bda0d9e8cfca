//! Futures polled by hand.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future and whether it was woken since it was last polled.
pub(crate) struct Task<'a, T> {
    future: Option<Pin<Box<dyn Future<Output = T> + Send + 'a>>>,
    woken: Arc<Flag>,
    pub(crate) answer: Option<T>,
}

impl<'a, T> Task<'a, T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self { future: Some(Box::pin(future)), woken: Arc::new(Flag(AtomicBool::new(true))), answer: None }
    }

    /// Whether an executor would poll it now.
    pub(crate) fn is_woken(&self) -> bool {
        self.is_alive() && self.woken.0.load(Ordering::SeqCst)
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.future.is_some()
    }

    pub(crate) fn poll(&mut self) -> bool {
        self.woken.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(self.woken.clone());
        let Some(future) = &mut self.future else { return true };
        if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.answer = Some(answer);
            self.future = None;
        }
        self.answer.is_some()
    }

    pub(crate) fn cut_off(&mut self) {
        self.future = None;
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
