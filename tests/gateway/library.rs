//! The service of the tests: it answers with what it was asked.

use std::pin::Pin;

use bytes::Bytes;
use seltzer::error_details::{ErrorDetails, StatusExt as _};
use seltzer::{Code, Request, Response, Status, Streaming};
use seltzer_fixtures::nested::google::api::HttpBody;
use seltzer_fixtures::nested::rest::library_server::LibraryServer;
use seltzer_fixtures::nested::rest::{self, Author, Book, Everything};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Answers with what it was asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Library;

impl Library {
    pub(super) fn server() -> LibraryServer<Library> {
        LibraryServer::new(Library)
    }
}

impl rest::library_server::Library for Library {
    /// The title is the ISBN, or the value of the metadata that it names; tags are the mask.
    async fn get_book(&self, request: Request<rest::GetBookRequest>) -> Result<Response<Book>, Status> {
        let (metadata, _, request) = request.into_parts();
        let shown = |name: &str| {
            let all = metadata.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned());
            all.collect::<Vec<_>>().join("|")
        };
        let title = match request.isbn.strip_prefix("metadata:") {
            Some("timeout") => {
                format!("{:?}", seltzer::context::current().deadline().is_some())
            }
            Some(name) => shown(name),
            None => request.isbn,
        };
        let tags = request.read_mask.unwrap_or_default().paths;
        let mut response = Response::new(Book { name: request.name, title, tags, ..Book::default() });
        if let Some(value) = metadata.get("x-echo") {
            response.metadata_mut().insert("x-echoed", value.clone());
            response.metadata_mut().insert("location", "/v1/somewhere".parse().unwrap());
        }
        Ok(response)
    }

    async fn create_book(&self, request: Request<rest::CreateBookRequest>) -> Result<Response<Book>, Status> {
        let request = request.into_inner();
        let mut book = request.book.unwrap_or_default();
        book.name = format!("{}/books/{}", request.parent, request.book_id);
        Ok(Response::new(book))
    }

    async fn update_book(
        &self,
        request: Request<rest::UpdateBookRequest>,
    ) -> Result<Response<rest::UpdateBookRequest>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn delete_book(&self, _: Request<rest::GetBookRequest>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }

    async fn list_books(
        &self,
        request: Request<rest::ListBooksRequest>,
    ) -> Result<Response<rest::ListBooksReply>, Status> {
        let request = request.into_inner();
        let books = (1..=request.page_size).map(|number| book(&request.parent, number)).collect();
        Ok(Response::new(rest::ListBooksReply { books, next_page_token: request.parent }))
    }

    type WatchBooksStream = Replies<Book>;

    async fn watch_books(
        &self,
        request: Request<rest::ListBooksRequest>,
    ) -> Result<Response<Self::WatchBooksStream>, Status> {
        if let Some(value) = request.metadata().get("x-last") {
            seltzer::context::current().set_trailing_metadata("x-last", value.to_str().unwrap())?;
            seltzer::context::current().set_trailing_metadata("x-other", "unannounced")?;
        }
        let rest::ListBooksRequest { parent, page_size, .. } = request.into_inner();
        if page_size < 0 {
            return Err(Status::out_of_range("no such page"));
        }
        let books = (1..=page_size).map(move |number| Ok(book(&parent, number)));
        Ok(Response::new(Box::pin(tokio_stream::iter(books))))
    }

    async fn import_books(&self, request: Request<Streaming<Book>>) -> Result<Response<rest::ImportReply>, Status> {
        let mut books = request.into_inner();
        let mut titles = Vec::new();
        while let Some(book) = books.message().await? {
            titles.push(book.title);
        }
        Ok(Response::new(rest::ImportReply { count: i32::try_from(titles.len()).unwrap(), titles }))
    }

    type ExchangeStream = Replies<Book>;

    async fn exchange(&self, request: Request<Streaming<Book>>) -> Result<Response<Self::ExchangeStream>, Status> {
        Ok(Response::new(Box::pin(request.into_inner())))
    }

    async fn get_cover(&self, request: Request<rest::GetBookRequest>) -> Result<Response<HttpBody>, Status> {
        Ok(Response::new(body("image/png", request.get_ref().name.as_bytes())))
    }

    async fn put_cover(&self, request: Request<rest::UploadRequest>) -> Result<Response<HttpBody>, Status> {
        let rest::UploadRequest { name, file, comment } = request.into_inner();
        let file = file.unwrap_or_default();
        let text = format!("{name} {comment} {}", String::from_utf8_lossy(&file.data));
        Ok(Response::new(body(&file.content_type, text.as_bytes())))
    }

    async fn reflect(&self, request: Request<HttpBody>) -> Result<Response<HttpBody>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn upload(
        &self,
        request: Request<Streaming<rest::UploadRequest>>,
    ) -> Result<Response<rest::ImportReply>, Status> {
        let mut pieces = request.into_inner();
        let (mut first, mut bytes) = (None, 0);
        while let Some(piece) = pieces.message().await? {
            let file = piece.file.unwrap_or_default();
            bytes += file.data.len();
            first.get_or_insert((piece.name, file.content_type, piece.comment));
        }
        let (name, content_type, comment) = first.unwrap_or_default();
        Ok(Response::new(rest::ImportReply {
            count: i32::try_from(bytes).unwrap(),
            titles: vec![name, content_type, comment],
        }))
    }

    type DownloadStream = Replies<HttpBody>;

    async fn download(&self, request: Request<rest::GetBookRequest>) -> Result<Response<Self::DownloadStream>, Status> {
        let name = request.into_inner().name;
        let ends = name.strip_prefix("broken/").map(|_| Err(Status::data_loss("the disk is gone")));
        let pieces = [body("text/plain", name.as_bytes()), body("", b" and"), body("", b" more")];
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces.map(Ok)).chain(tokio_stream::iter(ends)))))
    }

    async fn echo(&self, request: Request<Everything>) -> Result<Response<Everything>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn plain(&self, request: Request<Everything>) -> Result<Response<Everything>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn fail(&self, request: Request<rest::FailRequest>) -> Result<Response<Author>, Status> {
        Err(failure(&request.into_inner()))
    }

    type FailLaterStream = Replies<Author>;

    async fn fail_later(&self, request: Request<rest::FailRequest>) -> Result<Response<Self::FailLaterStream>, Status> {
        let request = request.into_inner();
        let before = (1..=request.after).map(|born| Ok(Author { born, ..Author::default() }));
        let all: Vec<_> = before.chain([Err(failure(&request))]).collect();
        // Nothing of it is there when it is looked at first.
        let (sender, stream) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            for reply in all {
                let _ = sender.send(reply).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

fn book(parent: &str, number: i32) -> Book {
    Book { name: format!("{parent}/books/{number}"), ..Book::default() }
}

fn body(content_type: &str, data: &[u8]) -> HttpBody {
    HttpBody { content_type: content_type.to_owned(), data: Bytes::copy_from_slice(data).into(), ..HttpBody::default() }
}

/// The status that was asked for, with details if its message is `detailed`.
fn failure(request: &rest::FailRequest) -> Status {
    let code = Code::from(request.code);
    let mut status = match request.message.as_str() {
        "detailed" => {
            let details = ErrorDetails::with_bad_request_violation("name", "must not be empty");
            Status::with_error_details(code, "detailed", details)
        }
        message => Status::new(code, message),
    };
    status.metadata_mut().insert("x-why", "because".parse().unwrap());
    status
}
