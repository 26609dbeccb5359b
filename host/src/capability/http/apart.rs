//! Requests in a task of their own: whoever waits for them is woken once, when all of them have ended.
//!
//! A guest waits on a stack of its own, and each time that it is woken costs it CPU time; how often that is would be decided by
//! whoever sends something, a byte at a time. Flows in: requests. Flows out: what became of them. Dropping the future ends them.

use std::{future::Future, panic::resume_unwind, sync::Arc};

use super::{
    message::{Failure, Request, Response},
    run::HttpRun,
};
use crate::supervisor::CancellationToken;

impl HttpRun {
    /// As [`HttpRun::send`].
    pub async fn send_apart(self: Arc<Self>, request: Request) -> Result<Response, Failure> {
        let run = Arc::clone(&self);
        self.apart(async move { run.send(request).await }).await
    }

    /// As [`HttpRun::send_all`].
    pub async fn send_all_apart(self: Arc<Self>, requests: Vec<Request>) -> Vec<Result<Response, Failure>> {
        let run = Arc::clone(&self);
        self.apart(async move { run.send_all(requests).await }).await
    }

    /// A panic of the work is one of whoever waits.
    async fn apart<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let left = CancellationToken::new();
        let _leaves = left.clone().drop_guard();
        let task = self.shared.connector.supervisor.spawn("http requests", async move {
            tokio::select! {
                ended = work => Some(ended),
                () = left.cancelled() => None,
            }
        });
        match task.outcome().await {
            Some(Ok(Some(ended))) => ended,
            Some(Err(panic)) => resume_unwind(Box::new(panic.to_string())),
            // Nobody waits any more, or the runtime ends, and whoever waits with it.
            Some(Ok(None)) | None => std::future::pending().await,
        }
    }
}
