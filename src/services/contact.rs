//! The service `Contact` (no package): tasks for a worker, pushed while it stays in contact.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tonic::{Request, Response};

use crate::codec::Streaming;
use crate::services::schemas::contact::contact_server::Contact;
use crate::services::schemas::contact::{self, ClientMsg, Empty, ServerMsg};
use crate::status::Status;

/// Gives a worker tasks, and takes in its status and its results.
#[derive(Debug, Clone)]
pub struct ContactHandler {
    task_interval: Duration,
}

/// The answers to a worker's status messages, one each.
#[derive(Debug)]
pub struct Answers<S>(S);

/// Tasks without end, one at each tick.
#[derive(Debug)]
pub struct Tasks {
    interval: Interval,
    given: u64,
}

/// How often a worker is given a task unless the server says otherwise.
pub(crate) const TASK_INTERVAL_DEFAULT: Duration = Duration::from_secs(2);

/// The shortest interval: below, the timer's own grain is all that remains.
const TASK_INTERVAL_MIN: Duration = Duration::from_millis(1);

impl ContactHandler {
    /// A handler that gives each worker a task at once and another at each interval.
    #[must_use]
    pub fn new(task_interval: Duration) -> Self {
        ContactHandler { task_interval: task_interval.max(TASK_INTERVAL_MIN) }
    }
}

impl Default for ContactHandler {
    fn default() -> Self {
        ContactHandler::new(TASK_INTERVAL_DEFAULT)
    }
}

impl Contact for ContactHandler {
    type SendStatusStream = Answers<Streaming<ClientMsg>>;

    async fn send_status(
        &self,
        request: Request<Streaming<ClientMsg>>,
    ) -> Result<Response<Self::SendStatusStream>, Status> {
        Ok(Response::new(Answers(request.into_inner())))
    }

    type GetTaskStream = Tasks;

    async fn get_task(&self, _: Request<Empty>) -> Result<Response<Self::GetTaskStream>, Status> {
        Ok(Response::new(Tasks::each(self.task_interval)))
    }

    async fn tell_result(&self, request: Request<Streaming<contact::Result>>) -> Result<Response<Empty>, Status> {
        let mut results = request.into_inner();
        while let Some(result) = results.message().await? {
            // Debug writing, because a worker's line breaks must not look like lines of the log.
            tracing::info!(result = ?result.ret, "a worker has told a result");
        }
        Ok(Response::new(Empty {}))
    }
}

impl<S> Stream for Answers<S>
where
    S: Stream<Item = Result<ClientMsg, Status>> + Unpin,
{
    type Item = Result<contact::Result, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(message.map(|message| Ok(contact::Result { ret: format!("received: {}", message?.msg) })))
    }
}

impl Tasks {
    fn each(task_interval: Duration) -> Self {
        let mut interval = interval(task_interval);
        // A worker that reads late gets the next task later, not all that it missed at once.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Tasks { interval, given: 0 }
    }
}

impl Stream for Tasks {
    type Item = Result<ServerMsg, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        ready!(self.interval.poll_tick(cx));
        self.given += 1;
        Poll::Ready(Some(Ok(ServerMsg { task: format!("task {}", self.given) })))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Whatever fails here fails the test.

    use tokio::time::Instant;
    use tokio_stream::StreamExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tasks_come_at_once_and_then_at_each_interval() {
        let handler = ContactHandler::new(Duration::from_secs(3));
        let mut tasks = handler.get_task(Request::new(Empty {})).await.unwrap().into_inner();
        let start = Instant::now();
        for (number, seconds) in [(1, 0), (2, 3), (3, 6)] {
            assert_eq!(tasks.next().await.unwrap().unwrap().task, format!("task {number}"));
            assert_eq!(start.elapsed().as_secs(), seconds);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_interval_of_zero_is_the_shortest_and_no_panic() {
        let mut tasks = Tasks::each(ContactHandler::new(Duration::ZERO).task_interval);
        assert_eq!(tasks.next().await.unwrap().unwrap().task, "task 1");
    }

    #[tokio::test]
    async fn each_status_message_is_answered_once_in_order() {
        let messages = ["up", "busy"].map(|msg| Ok(ClientMsg { msg: msg.to_owned() }));
        let answers: Vec<_> = Answers(tokio_stream::iter(messages)).collect().await;
        let texts: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().ret).collect();
        assert_eq!(texts, ["received: up", "received: busy"]);
    }
}
