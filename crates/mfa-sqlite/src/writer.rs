//! The thread that owns the writing connection, and group commit.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use futures_channel::oneshot;
use mfa_storage::{Operation, StorageError};
use rusqlite::Connection;

use crate::fault::Fault;

/// A handle to the writer thread. Dropping it lets the thread finish what is queued, and waits for that.
pub(crate) struct Writer {
    queue: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> Result<Self, Fault> {
        let (queue, messages) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("mfa-sqlite-writer".to_owned())
            .spawn(move || run(connection, &messages))?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Runs `work` inside a transaction and answers once that is committed. `work` may run twice: what its first run
    /// did is rolled back when another call of the same batch failed.
    ///
    /// Dropping the future changes nothing for the writer. If the thread has died, or dies on the way, that is an
    /// error: its end of the channel goes with it.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        operation: Operation,
        work: impl FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (reply, answer) = oneshot::channel();
        let call = Call { operation, work, outcome: None, reply };
        if self.queue.send(Message::Run(Box::new(call))).is_err() {
            return Err(Fault::Stopped.answer(operation));
        }
        answer.await.unwrap_or_else(|_| Err(Fault::Stopped.answer(operation)))
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let stopped = self.queue.send(Message::Stop);
        let Some(thread) = self.thread.take() else { return };
        // An answer can wake a task that drops the last handle on the writer thread itself, which cannot wait for its
        // own end: it ends by itself right after.
        if stopped.is_ok() && thread.thread().id() != thread::current().id() {
            let _panicked = thread.join();
        }
    }
}

enum Message {
    Run(Box<dyn Job>),
    Stop,
}

/// A call with its type forgotten.
trait Job: Send {
    fn run(&mut self, connection: &Connection) -> Result<(), Fault>;
    fn answer(self: Box<Self>, committed: Result<(), Fault>);
}

struct Call<T, F> {
    operation: Operation,
    work: F,
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T, StorageError>>,
}

impl<T: Send, F: FnMut(&Connection) -> Result<T, Fault> + Send> Job for Call<T, F> {
    fn run(&mut self, connection: &Connection) -> Result<(), Fault> {
        self.outcome = Some((self.work)(connection)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), Fault>) {
        let Self { operation, outcome, reply, .. } = *self;
        let outcome = committed.and_then(|()| outcome.ok_or(Fault::Stopped));
        let _dropped_by_the_caller = reply.send(outcome.map_err(|fault| fault.answer(operation)));
    }
}

fn run(connection: Connection, messages: &Receiver<Message>) {
    let mut batch = Vec::new();
    let mut stopping = false;
    while !stopping {
        let mut next = messages.recv().ok();
        loop {
            match next {
                Some(Message::Run(job)) => batch.push(job),
                Some(Message::Stop) | None => stopping = true,
            }
            next = match batch.len() < MAX_BATCH && !stopping {
                true => messages.try_recv().ok(),
                false => None,
            };
            if next.is_none() {
                break;
            }
        }
        commit_together(&connection, std::mem::take(&mut batch));
    }
    // Best effort: another process may be reading. Closing the last connection of all does the same again.
    let _busy = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
}

/// One transaction for all. If any of them fails inside it, nothing of it stands and each gets one of its own.
fn commit_together(connection: &Connection, mut batch: Vec<Box<dyn Job>>) {
    if batch.is_empty() {
        return;
    }
    let outcome =
        in_transaction(connection, |connection| batch.iter_mut().try_for_each(|job| job.run(connection)));
    match outcome {
        Err(Stage::Within(_)) if batch.len() > 1 => commit_each(connection, batch),
        outcome => answer_all(batch, outcome.map_err(Stage::into_fault)),
    }
}

fn commit_each(connection: &Connection, batch: Vec<Box<dyn Job>>) {
    let mut rest = batch.into_iter();
    while let Some(mut job) = rest.next() {
        match in_transaction(connection, |connection| job.run(connection)) {
            // Whoever keeps us from beginning keeps the rest from it too; they need not each wait for that in turn.
            Err(Stage::Begin(fault)) => {
                job.answer(Err(fault.clone()));
                return answer_all(rest.collect(), Err(fault));
            }
            outcome => job.answer(outcome.map_err(Stage::into_fault)),
        }
    }
}

fn answer_all(batch: Vec<Box<dyn Job>>, outcome: Result<(), Fault>) {
    for job in batch {
        job.answer(outcome.clone());
    }
}

/// Where a transaction failed.
enum Stage {
    Begin(Fault),
    Within(Fault),
    /// Whether it stands is not known.
    Commit(Fault),
}

impl Stage {
    fn into_fault(self) -> Fault {
        match self {
            Self::Begin(fault) | Self::Within(fault) | Self::Commit(fault) => fault,
        }
    }
}

/// `IMMEDIATE`, since a transaction that starts by reading cannot become a writing one once another has committed.
fn in_transaction(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<(), Fault>,
) -> Result<(), Stage> {
    statement(connection, "BEGIN IMMEDIATE").map_err(Stage::Begin)?;
    let outcome = work(connection)
        .map_err(Stage::Within)
        .and_then(|()| statement(connection, "COMMIT").map_err(Stage::Commit));
    if !connection.is_autocommit() {
        // After some errors SQLite has rolled back by itself. If this fails, so does the next BEGIN.
        let _already_gone = statement(connection, "ROLLBACK");
    }
    outcome
}

fn statement(connection: &Connection, sql: &str) -> Result<(), Fault> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// Enough to share one flush among everybody, few enough that the first of them does not wait for long.
const MAX_BATCH: usize = 512;

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll, Wake, Waker};
    use std::time::Duration;

    use super::*;

    fn start() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE seen (number INTEGER PRIMARY KEY,
                                    parent INTEGER REFERENCES seen DEFERRABLE INITIALLY DEFERRED)",
            )
            .unwrap();
        Writer::start(connection).unwrap()
    }

    fn insert(connection: &Connection, number: u32, parent: u32) -> Result<(), Fault> {
        connection.execute("INSERT INTO seen VALUES (?1, ?2)", [number, parent])?;
        Ok(())
    }

    fn count(writer: &Writer) -> u32 {
        let count = |connection: &Connection| {
            Ok(connection.query_row("SELECT count(*) FROM seen", [], |row| row.get(0))?)
        };
        pollster::block_on(writer.call(Operation::Load, count)).unwrap()
    }

    /// Queues `calls` while the thread is held, so that they meet in one batch, and collects their answers.
    fn together<T>(writer: &Writer, mut calls: Vec<Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
        let (release, held) = mpsc::channel::<()>();
        let (started, holding) = mpsc::channel::<()>();
        let hold = move |_: &Connection| {
            let _noticed = started.send(());
            let _released = held.recv();
            Ok(())
        };
        let mut hold = Box::pin(writer.call(Operation::Load, hold));
        let mut context = Context::from_waker(Waker::noop());
        assert!(hold.as_mut().poll(&mut context).is_pending());
        holding.recv().unwrap();
        for call in &mut calls {
            assert!(call.as_mut().poll(&mut context).is_pending());
        }
        drop(release);
        calls.into_iter().map(pollster::block_on).collect()
    }

    #[test]
    fn one_bad_call_fails_alone_and_the_rest_of_its_batch_stands_once() {
        let writer = start();
        let runs = Arc::new(AtomicU32::new(0));
        let call = |number: u32, bad: bool| {
            let runs = runs.clone();
            let work = move |connection: &Connection| {
                runs.fetch_add(1, Ordering::Relaxed);
                insert(connection, number, number)?;
                if bad { Err(Fault::ReadOnly) } else { Ok(()) }
            };
            Box::pin(writer.call(Operation::Commit, work)) as Pin<Box<dyn Future<Output = _> + Send>>
        };
        let answers = together(&writer, vec![call(1, false), call(2, true), call(3, false)]);
        assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(count(&writer), 2);
        // Together: the first, and the bad one, which ends it. Then each alone. One by one there were three.
        assert_eq!(runs.load(Ordering::Relaxed), 5);
    }

    #[test]
    fn when_the_commit_itself_fails_nobody_of_the_batch_is_told_that_it_worked() {
        let writer = start();
        let call = |number: u32, parent: u32| {
            let work = move |connection: &Connection| insert(connection, number, parent);
            Box::pin(writer.call(Operation::Commit, work)) as Pin<Box<dyn Future<Output = _> + Send>>
        };
        let answers = together(&writer, vec![call(1, 1), call(2, 99), call(3, 3)]);
        assert!(answers.iter().all(Result::is_err));
        assert_eq!(count(&writer), 0);
        pollster::block_on(call(4, 4)).unwrap();
        assert_eq!(count(&writer), 1);
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_nothing_half_done() {
        let writer = start();
        let fill = |connection: &Connection| {
            let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
            for number in 0..10_000 {
                insert(connection, number, number)?;
            }
            Ok(())
        };
        let error = pollster::block_on(writer.call(Operation::Commit, fill)).unwrap_err();
        assert!(!error.is_transient());
        assert_eq!(count(&writer), 0);
    }

    #[test]
    fn a_dead_writer_answers_with_errors() {
        let writer = start();
        let die = |_: &Connection| -> Result<(), Fault> { panic!("on purpose") };
        assert!(pollster::block_on(writer.call(Operation::Commit, die)).is_err());
        for _ in 0..3 {
            let error = pollster::block_on(writer.call(Operation::Commit, |_| Ok(()))).unwrap_err();
            assert_eq!(error.operation, Operation::Commit);
        }
    }

    #[test]
    fn what_was_queued_before_the_drop_is_committed() {
        let dropped = Arc::new(AtomicU32::new(0));
        let writer = start();
        for _ in 0..100 {
            let dropped = dropped.clone();
            let work = move |_: &Connection| Ok(dropped.fetch_add(1, Ordering::Relaxed));
            let call = std::pin::pin!(writer.call(Operation::Commit, work));
            let _answered_or_not = call.poll(&mut Context::from_waker(Waker::noop()));
        }
        drop(writer);
        assert_eq!(dropped.load(Ordering::Relaxed), 100);
    }

    type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Drops its task on whichever thread wakes it, as some runtimes do when they shut down.
    struct DropOnWake {
        task: Mutex<Option<Task>>,
        dropped: mpsc::SyncSender<()>,
    }

    impl Wake for DropOnWake {
        fn wake(self: Arc<Self>) {
            let task = self.task.lock().unwrap().take();
            drop(task);
            self.dropped.try_send(()).unwrap();
        }
    }

    #[test]
    fn the_last_handle_may_be_dropped_on_the_writer_thread() {
        let writer = start();
        let (release, held) = mpsc::channel::<()>();
        let task: Task = Box::pin(async move {
            let hold = move |_: &Connection| {
                let _released = held.recv();
                Ok(())
            };
            let _never_seen = writer.call(Operation::Commit, hold).await;
        });
        let (dropped, gone) = mpsc::sync_channel(1);
        let waker = Arc::new(DropOnWake { task: Mutex::new(Some(task)), dropped });
        {
            let mut slot = waker.task.lock().unwrap();
            let polling = Waker::from(waker.clone());
            let poll = slot.as_mut().map(|task| task.as_mut().poll(&mut Context::from_waker(&polling)));
            assert!(matches!(poll, Some(Poll::Pending)));
        }
        release.send(()).unwrap();
        gone.recv_timeout(Duration::from_secs(30)).unwrap();
    }
}
