//! The one thread that changes anything. It takes all jobs that wait, makes what they changed durable once, and only then
//! answers them: the more callers, the fewer flushes for each. Knows nothing of what the jobs do.

use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::oneshot;

use super::Core;
use super::core::Trouble;
use crate::store::StoreError;

/// How many jobs share a flush at most: bounds how long the first of them waits.
const GROUP: usize = 1024;

/// Tells a caller how its job came out, given whether the group became durable.
pub(super) type Answer = Box<dyn FnOnce(&Result<(), Trouble>) + Send>;
pub(super) type Job = Box<dyn FnOnce(&mut Core) -> Answer + Send>;

/// The way to the thread. The thread ends, and the files are closed, when this is dropped.
pub(super) struct Writer(Sender<Job>);

impl Writer {
    /// Starts the thread. If the system has none to give, every job is answered with [`StoreError::Closed`].
    pub(super) fn start(core: Core) -> Self {
        let (sender, receiver) = channel();
        let spawned = std::thread::Builder::new().name("store".to_owned()).spawn(move || work(core, &receiver));
        if let Err(error) = spawned {
            tracing::error!(%error, "the thread of the store could not be started");
        }
        Self(sender)
    }

    /// A writer without a thread: whoever holds the other end does the jobs.
    #[cfg(test)]
    pub(super) fn by_hand() -> (Self, Receiver<Job>) {
        let (sender, receiver) = channel();
        (Self(sender), receiver)
    }

    /// Does a job on the thread; answers when what it changed is durable.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Core) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.hand_in(|sender| {
            Box::new(move |core| {
                let result = core.attempt(job);
                Box::new(move |durable| {
                    let durable = durable.as_ref().map_err(|why| why.error("making a change durable"));
                    // A caller that went away needs no answer; what it asked for has been done.
                    let _ = sender.send(durable.and(result));
                })
            })
        })
        .await
    }

    /// Does a job on the thread; answers at once. What it saw may not be durable yet, but is before anything that is handed
    /// in afterwards.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Core) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.hand_in(|sender| {
            Box::new(move |core| {
                let _ = sender.send(core.attempt(job));
                Box::new(|_| {})
            })
        })
        .await
    }

    async fn hand_in<T: Send + 'static>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        self.0.send(job(sender)).map_err(|_| StoreError::Closed)?;
        receiver.await.map_err(|_| StoreError::Closed)?
    }
}

fn work(mut core: Core, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut answers = vec![first(&mut core)];
        while answers.len() < GROUP && !core.is_closing() {
            let Ok(job) = jobs.try_recv() else { break };
            answers.push(job(&mut core));
        }
        let durable = core.settle();
        answers.into_iter().for_each(|answer| answer(&durable));
        if core.is_closing() {
            return;
        }
    }
    core.close();
    if let Err(trouble) = core.settle() {
        tracing::error!(error = %trouble.error("closing"), "the store could not be closed in order");
    }
}
