//! The notes of a `RouteChat`: each is answered with all earlier ones of the same call at the same point.

use std::collections::HashMap;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use prost::Message as _;

use crate::services::schemas::route_guide::{Point, RouteNote};
use crate::status::Status;

/// How many notes a call may leave.
const NOTES_MAX: usize = 100_000;

/// How much the notes of a call may come to, because all of them are kept until it ends.
const NOTES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Takes notes from `notes` and gives back the earlier ones, one by one as they are asked for.
#[derive(Debug)]
pub struct EarlierNotes<S> {
    notes: S,
    notebook: Notebook,
    /// Which notes at which point are still to be given back.
    answering: Option<(Point, Range<usize>)>,
}

#[derive(Debug)]
struct Notebook {
    by_point: HashMap<Point, Vec<RouteNote>>,
    count: usize,
    bytes: usize,
}

impl<S> EarlierNotes<S> {
    pub(crate) fn new(notes: S) -> Self {
        let notebook = Notebook { by_point: HashMap::new(), count: 0, bytes: 0 };
        EarlierNotes { notes, notebook, answering: None }
    }
}

impl<S> Stream for EarlierNotes<S>
where
    S: Stream<Item = Result<RouteNote, Status>> + Unpin,
{
    type Item = Result<RouteNote, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some((point, range)) = &mut this.answering
                && let Some(index) = range.next()
            {
                return Poll::Ready(Some(Ok(this.notebook.by_point[point][index].clone())));
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

impl Notebook {
    /// Keeps a note and tells which earlier ones lie at its point.
    fn add(&mut self, note: RouteNote) -> Result<(Point, Range<usize>), Status> {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(note.encoded_len());
        if self.count > NOTES_MAX || self.bytes > NOTES_BYTES_MAX {
            return Err(Status::resource_exhausted(format!(
                "a call may leave {NOTES_MAX} notes of together {NOTES_BYTES_MAX} bytes: begin another call"
            )));
        }
        // A note without a point lies at zero degrees.
        let point = note.location.unwrap_or_default();
        let here = self.by_point.entry(point).or_default();
        let earlier = 0..here.len();
        here.push(note);
        Ok((point, earlier))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Whatever fails here fails the test.

    use tokio_stream::StreamExt;

    use super::*;
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
