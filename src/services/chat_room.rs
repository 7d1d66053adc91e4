//! The room behind `Calculator.Chat`: whoever is in it hears everything that is said in it, in one order.
//!
//! Nobody loses a message, and nobody can make the room grow: each participant has a queue of
//! [`QUEUE_MESSAGES`]. A speaker waits while a queue is full. A participant whose queue stays full for
//! [`SLOW_PARTICIPANT_GRACE`] is shown out with RESOURCE_EXHAUSTED, and the others go on without it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_stream::StreamExt;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::services::schemas::calculator::Message;
use crate::status::Status;

/// How many messages wait for a participant who reads more slowly than the others speak.
const QUEUE_MESSAGES: usize = 64;

/// How long the room waits for a participant whose queue is full: longer than any network's hiccup, short enough
/// for the others to bear it once.
const SLOW_PARTICIPANT_GRACE: Duration = Duration::from_secs(5);

/// The largest message. Together with the queue it bounds what a participant can cost: 4 MiB.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// How many participants a room holds.
const PARTICIPANTS_MAX: usize = 1_000;

/// A room where each message reaches everybody who is in it, the speaker included.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChatRoom {
    shared: Arc<Shared>,
}

/// What a participant hears: the call's response stream. Whoever drops it leaves the room.
#[derive(Debug)]
pub struct Heard {
    queue: mpsc::Receiver<Message>,
    ending: Ending,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

#[derive(Debug, Default)]
struct Shared {
    participants: Mutex<Participants>,
    /// Held while a message is handed round, so that everybody hears all messages in the same order.
    floor: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Participants {
    list: Vec<Participant>,
    next_number: u64,
}

#[derive(Debug, Clone)]
struct Participant {
    number: u64,
    queue: mpsc::Sender<Message>,
    ending: Ending,
}

/// How a participant's stream ends, once its queue is empty.
#[derive(Debug, Clone, Default)]
struct Ending {
    /// None if it ends well.
    status: Arc<OnceLock<Status>>,
    ended: CancellationToken,
}

impl ChatRoom {
    /// Lets somebody in who says `said`; they are in the room when this returns.
    pub(crate) fn enter<S>(&self, said: S) -> Result<Heard, Status>
    where
        S: Stream<Item = Result<Message, Status>> + Send + Unpin + 'static,
    {
        let (sender, queue) = mpsc::channel(QUEUE_MESSAGES);
        let ending = Ending::default();
        let participant = self.shared.admit(sender, ending.clone())?;
        // A task of its own, because what is said must go on while the speaker does not read.
        tokio::spawn(speak(Arc::clone(&self.shared), participant, said));
        let ended = Box::pin(ending.ended.clone().cancelled_owned());
        Ok(Heard { queue, ending, ended })
    }
}

impl Stream for Heard {
    type Item = Result<Message, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.queue.poll_recv(cx) {
            Poll::Ready(Some(message)) => return Poll::Ready(Some(Ok(message))),
            Poll::Ready(None) => {}
            // Somebody who was shown out does not wait for what is still being handed round.
            Poll::Pending => ready!(self.ended.as_mut().poll(cx)),
        }
        let ending = std::mem::take(&mut self.ending);
        self.queue.close();
        Poll::Ready(ending.status.get().cloned().map(Err))
    }
}

/// Hands everything that a participant says round, until they have said all, leave, or are shown out.
async fn speak<S>(room: Arc<Shared>, speaker: Participant, mut said: S)
where
    S: Stream<Item = Result<Message, Status>> + Unpin,
{
    loop {
        let next = tokio::select! {
            next = said.next() => next,
            () = speaker.queue.closed() => break,
            () = speaker.ending.ended.cancelled() => break,
        };
        let handed_round = match next {
            None => break,
            Some(Err(status)) => Err(status),
            Some(Ok(message)) => room.hand_round(message).await,
        };
        if let Err(status) = handed_round {
            speaker.ending.set(status);
            break;
        }
    }
    room.dismiss(&[speaker.number]);
}

impl Shared {
    fn admit(&self, queue: mpsc::Sender<Message>, ending: Ending) -> Result<Participant, Status> {
        let mut participants = self.participants();
        if participants.list.len() >= PARTICIPANTS_MAX {
            return Err(Status::resource_exhausted(format!(
                "the room holds {PARTICIPANTS_MAX} participants and is full: try again later"
            )));
        }
        let number = participants.next_number;
        participants.next_number += 1;
        let participant = Participant { number, queue, ending };
        participants.list.push(participant.clone());
        Ok(participant)
    }

    fn dismiss(&self, numbers: &[u64]) {
        self.participants().list.retain(|participant| !numbers.contains(&participant.number));
    }

    async fn hand_round(&self, message: Message) -> Result<(), Status> {
        let size = message.encoded_len();
        if size > MESSAGE_BYTES_MAX {
            return Err(Status::invalid_argument(format!(
                "a message of {size} bytes is too long for the room: say it in pieces of at most {MESSAGE_BYTES_MAX}"
            )));
        }
        let _floor = self.floor.lock().await;
        let listeners = self.participants().list.clone();
        let patience = Instant::now() + SLOW_PARTICIPANT_GRACE;
        let mut gone = Vec::new();
        for listener in listeners {
            match timeout_at(patience, listener.queue.send(message.clone())).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => gone.push(listener.number),
                Err(_) => {
                    listener.ending.set(Status::resource_exhausted(format!(
                        "{QUEUE_MESSAGES} messages have waited for {SLOW_PARTICIPANT_GRACE:?}: read faster, or speak less"
                    )));
                    gone.push(listener.number);
                }
            }
        }
        if !gone.is_empty() {
            self.dismiss(&gone);
        }
        Ok(())
    }

    fn participants(&self) -> MutexGuard<'_, Participants> {
        // Only whole changes of a list happen under this lock, so a poisoned one still holds a sound list.
        self.participants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ending {
    fn set(&self, status: Status) {
        // The first reason stands.
        let _ = self.status.set(status);
        self.ended.cancel();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Whatever fails here fails the test.

    use tokio_stream::wrappers::ReceiverStream;

    use super::*;
    use crate::status::Code;

    struct Guest {
        mouth: mpsc::Sender<Result<Message, Status>>,
        ears: Heard,
    }

    impl Guest {
        fn enter(room: &ChatRoom) -> Self {
            let (mouth, said) = mpsc::channel(1);
            Guest { mouth, ears: room.enter(ReceiverStream::new(said)).unwrap() }
        }

        async fn say(&self, text: &str) {
            self.mouth.send(Ok(message(text))).await.unwrap();
        }

        async fn hear(&mut self) -> String {
            self.ears.next().await.unwrap().unwrap().text
        }
    }

    fn message(text: &str) -> Message {
        Message { user: "guest".to_owned(), text: text.to_owned(), sent_at_ms: 1 }
    }

    #[tokio::test]
    async fn everybody_hears_everything_the_speaker_included() {
        let room = ChatRoom::default();
        let (mut first, mut second) = (Guest::enter(&room), Guest::enter(&room));
        first.say("one").await;
        assert_eq!((first.hear().await, second.hear().await), ("one".to_owned(), "one".to_owned()));
        second.say("two").await;
        assert_eq!((first.hear().await, second.hear().await), ("two".to_owned(), "two".to_owned()));
    }

    #[tokio::test]
    async fn who_has_said_all_hears_it_to_the_end() {
        let room = ChatRoom::default();
        let said = (0..50).map(|number| Ok(message(&number.to_string())));
        let heard: Vec<_> = room.enter(tokio_stream::iter(said)).unwrap().collect().await;
        let texts: Vec<_> = heard.into_iter().map(|message| message.unwrap().text).collect();
        assert_eq!(texts, (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
        assert!(room.shared.participants().list.is_empty());
    }

    #[tokio::test]
    async fn all_hear_the_same_order() {
        let room = ChatRoom::default();
        let mut listener = Guest::enter(&room);
        let speakers = ["a", "b", "c"].map(|name| {
            let said = (0..20).map(move |_| Ok(message(name)));
            let heard = room.enter(tokio_stream::iter(said)).unwrap();
            tokio::spawn(heard.map(|message| message.unwrap().text).collect::<Vec<_>>())
        });
        let mut heard = Vec::new();
        for _ in 0..60 {
            heard.push(listener.hear().await);
        }
        for speaker in speakers {
            let theirs = speaker.await.unwrap();
            let found = heard.windows(theirs.len()).any(|window| window == theirs);
            assert!(found, "{theirs:?} is not a part of {heard:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_listen_is_shown_out_and_the_others_go_on() {
        let room = ChatRoom::default();
        let mut deaf = Guest::enter(&room);
        let said = (0..QUEUE_MESSAGES + 10).map(|number| Ok(message(&number.to_string())));
        let heard: Vec<_> = room.enter(tokio_stream::iter(said)).unwrap().collect().await;
        assert_eq!(heard.len(), QUEUE_MESSAGES + 10);
        assert!(heard.iter().all(Result::is_ok));
        for number in 0..QUEUE_MESSAGES {
            assert_eq!(deaf.hear().await, number.to_string());
        }
        let ending = deaf.ears.next().await.unwrap().unwrap_err();
        assert_eq!(ending.code(), Code::ResourceExhausted);
        assert!(deaf.ears.next().await.is_none());
    }

    #[tokio::test]
    async fn who_hangs_up_leaves_the_room() {
        let room = ChatRoom::default();
        let (first, mut second) = (Guest::enter(&room), Guest::enter(&room));
        drop(first.ears);
        first.mouth.closed().await;
        second.say("gone?").await;
        assert_eq!(second.hear().await, "gone?");
        assert_eq!(room.shared.participants().list.len(), 1);
    }

    #[tokio::test]
    async fn a_message_that_is_too_long_ends_its_speaker_only() {
        let room = ChatRoom::default();
        let (mut loud, mut other) = (Guest::enter(&room), Guest::enter(&room));
        loud.say(&"x".repeat(MESSAGE_BYTES_MAX)).await;
        let ending = loud.ears.next().await.unwrap().unwrap_err();
        assert_eq!(ending.code(), Code::InvalidArgument);
        other.say("still here").await;
        assert_eq!(other.hear().await, "still here");
    }

    #[tokio::test]
    async fn a_full_room_lets_nobody_in() {
        let room = ChatRoom::default();
        let guests: Vec<_> = (0..PARTICIPANTS_MAX).map(|_| Guest::enter(&room)).collect();
        let refused = room.enter(tokio_stream::pending()).unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        drop(guests);
    }
}
