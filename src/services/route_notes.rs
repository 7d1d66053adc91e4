//! The notes of a `RouteChat`: each is answered with all earlier ones of the same call at the same point.

use std::collections::HashMap;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::services::geography::Position;
use crate::status::Status;

/// How many notes a call may leave.
const NOTES_MAX: usize = 100_000;

/// How much the notes of a call may come to, because all of them are kept until it ends.
const NOTES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A note of either route guide.
pub(crate) trait Note: prost::Message + Clone + Unpin {
    /// Where it was left; a note without a point lies at zero degrees.
    fn position(&self) -> Position;
}

/// Takes notes from `notes` and gives back the earlier ones, one by one as they are asked for.
#[derive(Debug)]
pub struct EarlierNotes<S, N> {
    notes: S,
    notebook: Notebook<N>,
    /// Which notes at which position are still to be given back.
    answering: Option<(Position, Range<usize>)>,
}

#[derive(Debug)]
struct Notebook<N> {
    by_position: HashMap<Position, Vec<N>>,
    count: usize,
    bytes: usize,
}

impl<S, N> EarlierNotes<S, N> {
    pub(crate) fn new(notes: S) -> Self {
        let notebook = Notebook { by_position: HashMap::new(), count: 0, bytes: 0 };
        EarlierNotes { notes, notebook, answering: None }
    }
}

impl<S, N> Stream for EarlierNotes<S, N>
where
    S: Stream<Item = Result<N, Status>> + Unpin,
    N: Note,
{
    type Item = Result<N, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some((position, range)) = &mut this.answering
                && let Some(index) = range.next()
            {
                return Poll::Ready(Some(Ok(this.notebook.by_position[position][index].clone())));
            }
            match ready!(Pin::new(&mut this.notes).poll_next(cx)) {
                Some(Ok(note)) => match this.notebook.add(note) {
                    Ok(earlier) => this.answering = Some(earlier),
                    Err(status) => return Poll::Ready(Some(Err(status))),
                },
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<N: Note> Notebook<N> {
    /// Keeps a note and tells which earlier ones lie at its position.
    fn add(&mut self, note: N) -> Result<(Position, Range<usize>), Status> {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(note.encoded_len());
        if self.count > NOTES_MAX || self.bytes > NOTES_BYTES_MAX {
            return Err(Status::resource_exhausted(format!(
                "a call may leave {NOTES_MAX} notes of together {NOTES_BYTES_MAX} bytes: begin another call"
            )));
        }
        let position = note.position();
        let here = self.by_position.entry(position).or_default();
        let earlier = 0..here.len();
        here.push(note);
        Ok((position, earlier))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Whatever fails here fails the test.

    use tokio_stream::StreamExt;

    use super::*;
    use crate::services::schemas::routeguide::{Point, RouteNote};
    use crate::status::Code;

    fn note(latitude: i32, message: &str) -> RouteNote {
        RouteNote { location: Some(Point { latitude, longitude: 0 }), message: message.to_owned() }
    }

    async fn answers(notes: Vec<RouteNote>) -> Vec<Result<RouteNote, Status>> {
        EarlierNotes::new(tokio_stream::iter(notes.into_iter().map(Ok))).collect().await
    }

    #[tokio::test]
    async fn a_note_is_answered_with_the_earlier_ones_at_its_point() {
        let notes = vec![note(1, "a"), note(2, "b"), note(1, "c"), note(1, "d"), note(2, "e")];
        let texts: Vec<_> = answers(notes).await.into_iter().map(|note| note.unwrap().message).collect();
        assert_eq!(texts, ["a", "a", "c", "b"]);
    }

    #[tokio::test]
    async fn a_note_without_a_point_lies_at_zero() {
        let nowhere = RouteNote { location: None, message: "nowhere".to_owned() };
        let answers = answers(vec![nowhere.clone(), note(0, "zero")]).await;
        assert_eq!(answers.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [nowhere]);
    }

    #[tokio::test]
    async fn notes_beyond_the_limit_end_the_call() {
        let long = "x".repeat(NOTES_BYTES_MAX / 4);
        let answers = answers((0..5).map(|point| note(point, &long)).collect()).await;
        assert_eq!(answers[0].as_ref().unwrap_err().code(), Code::ResourceExhausted);
    }
}
