//! A future that is asked only when it has news.
//!
//! A task that waits for several things asks all of them whenever one has news. Reading has news for every few frames,
//! and everything else that a session waits for hardly ever does.
//!
//! What the future waits for must not be waited for by others who share its place for a waker, or its news go to them.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::task::AtomicWaker;

/// Stands before a future, and lets those through who come when it has news.
pub struct Gate<F> {
    future: F,
    news: Arc<News>,
    /// Wakes the task by way of `news`.
    waker: Waker,
}

/// Whether there are any.
struct News {
    there: AtomicBool,
    task: AtomicWaker,
}

impl Wake for News {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.there.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<F: Future + Unpin> Gate<F> {
    pub fn new(future: F) -> Self {
        let news = Arc::new(News {
            there: AtomicBool::new(true),
            task: AtomicWaker::new(),
        });
        Self {
            future,
            waker: news.clone().into(),
            news,
        }
    }
}

impl<F: Future + Unpin> Future for Gate<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Before the look, or news that come between the two would be missed.
        self.news.task.register(context.waker());
        if !self.news.there.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let Self { future, waker, .. } = &mut *self;
        Pin::new(future).poll(&mut Context::from_waker(waker))
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn, sync::atomic::AtomicUsize};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_is_asked_at_first_and_then_when_it_has_news() {
        let (asked, inner) = (Cell::new(0), Cell::new(None));
        let future = poll_fn(|context| {
            asked.set(asked.get() + 1);
            inner.set(Some(context.waker().clone()));
            match asked.get() {
                3 => Poll::Ready("done"),
                _ => Poll::<&str>::Pending,
            }
        });
        let woken = Arc::new(Woken::default());
        let waker = woken.clone().into();
        let mut context = Context::from_waker(&waker);
        let mut gate = Gate::new(future);
        let mut poll = || Pin::new(&mut gate).poll(&mut context);
        for expected in 1..=2 {
            for _ in 0..5 {
                assert_eq!((poll(), asked.get()), (Poll::Pending, expected));
            }
            inner.take().unwrap().wake();
            assert_eq!(woken.0.load(Ordering::Relaxed), expected);
        }
        assert_eq!(poll(), Poll::Ready("done"));
    }

    #[tokio::test]
    async fn news_that_come_at_any_time_are_heard() {
        let (send, mut receive) = tokio::sync::mpsc::channel::<u32>(1);
        let sender = std::thread::spawn(move || {
            for number in 0..10_000 {
                send.blocking_send(number).unwrap();
            }
        });
        let mut sum = 0;
        let all = async {
            while let Some(number) = receive.recv().await {
                sum += number;
            }
        };
        Gate::new(std::pin::pin!(all)).await;
        sender.join().unwrap();
        assert_eq!(sum, 49_995_000);
    }
}
