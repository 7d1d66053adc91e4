//! `-d`: the messages that a call sends.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread;

use futures_core::Stream;
use seltzer::dynamic::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use crate::call::fields;
use crate::call::utf8::{BYTE_ORDER_MARK, Utf8};
use crate::error::Failure;
use crate::json;

/// How many messages are read ahead of what the server takes.
const READ_AHEAD_MESSAGES: usize = 1;

/// What a call is going to send.
pub(crate) enum Requests {
    /// All of it is known.
    Ready(Vec<DynamicMessage>),
    /// It is read while the call runs.
    Arriving(Box<dyn BufRead + Send>),
}

impl Requests {
    /// Reads what can be read before the call.
    ///
    /// # Errors
    /// It is not JSON of the method's messages, not as many as the method takes, or not there.
    pub(crate) fn read(data: &[String], method: &MethodDescriptor, allow_unknown: bool) -> Result<Self, Failure> {
        let input = method.input();
        let source: Box<dyn BufRead + Send> = match data {
            [] if method.is_client_streaming() => return Ok(Requests::Ready(Vec::new())),
            [] => return Ok(Requests::Ready(vec![DynamicMessage::new(input)])),
            [one] if one.starts_with('@') => open(&one[1..])?,
            many if many.iter().any(|one| one.starts_with('@')) => {
                return Err(Failure::usage("`-d @` takes everything from one place")
                    .with_hint("give a single `-d`, or write the messages out in each"));
            }
            many => {
                let texts: Vec<&str> = many.iter().map(|text| text.trim_start_matches(BYTE_ORDER_MARK)).collect();
                let messages = Messages::new(Cursor::new(texts.join("\n")), input.clone(), allow_unknown);
                let messages = messages.collect::<Result<Vec<_>, _>>();
                let messages = messages.map_err(|failure| match texts.iter().find_map(|text| place(text)) {
                    Some(hint) => failure.with_hint(hint),
                    None => failure,
                })?;
                check_count(messages.len(), method)?;
                return Ok(Requests::Ready(messages));
            }
        };
        if method.is_client_streaming() {
            return Ok(Requests::Arriving(source));
        }
        // A method that takes one message must have it whole, and no other after it.
        let messages = Messages::new(source, input, allow_unknown).collect::<Result<Vec<_>, _>>()?;
        check_count(messages.len(), method)?;
        Ok(Requests::Ready(messages))
    }

    /// The messages as a call takes them, and the failure that may come instead of one.
    pub(crate) fn into_stream(self, input: MessageDescriptor, allow_unknown: bool) -> (RequestStream, Failed) {
        let (failure, failed) = oneshot::channel();
        let source = match self {
            Requests::Ready(messages) => Source::Ready(messages.into_iter()),
            Requests::Arriving(reader) => Source::Arriving(arriving(Messages::new(reader, input, allow_unknown))),
        };
        (RequestStream { source, failure: Some(failure) }, Failed(failed))
    }
}

fn open(path: &str) -> Result<Box<dyn BufRead + Send>, Failure> {
    if path.is_empty() || path == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    match File::open(Path::new(path)) {
        Ok(file) => Ok(Box::new(BufReader::new(file))),
        Err(error) => Err(Failure::usage(format!("cannot read the messages in {path}: {error}"))
            .with_hint("`-d @FILE` reads a file, `-d @` standard input")),
    }
}

/// The hint for a text that is no message but says where one is.
fn place(text: &str) -> Option<String> {
    let text = text.trim();
    if text == "-" {
        return Some("`-d @` reads standard input".to_owned());
    }
    let is_file = text.ends_with(".json") || Path::new(text).is_file();
    is_file.then(|| format!("`-d @{text}` reads that file"))
}

fn check_count(count: usize, method: &MethodDescriptor) -> Result<(), Failure> {
    if count == 1 || method.is_client_streaming() {
        return Ok(());
    }
    let name = format!("{}/{}", method.parent_service().full_name(), method.name());
    Err(Failure::usage(format!("{name} takes one message, and there are {count}"))
        .with_hint("several messages are for methods that take a stream; a message without fields is {}"))
}

/// Messages that stand one after another.
struct Messages<R: BufRead> {
    values: serde_json::StreamDeserializer<'static, serde_json::de::IoRead<Utf8<R>>, Box<RawValue>>,
    descriptor: MessageDescriptor,
    allow_unknown: bool,
    count: u64,
}

impl<R: BufRead> Messages<R> {
    fn new(reader: R, descriptor: MessageDescriptor, allow_unknown: bool) -> Self {
        let values = serde_json::Deserializer::from_reader(Utf8::new(reader)).into_iter();
        Messages { values, descriptor, allow_unknown, count: 0 }
    }
}

impl<R: BufRead> Iterator for Messages<R> {
    type Item = Result<DynamicMessage, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.values.next()?;
        self.count += 1;
        let fail = |what: &dyn std::fmt::Display| Failure::usage(format!("message {}: {what}", self.count));
        Some(match value {
            Ok(json) => json::read(&self.descriptor, json.get(), self.allow_unknown).map_err(|error| {
                let failure = fail(&error);
                match fields::describe(&self.descriptor) {
                    Some(hint) => failure.with_hint(hint),
                    None => failure,
                }
            }),
            Err(error) if error.is_io() => Err(Failure::usage(format!("cannot read the messages: {error}"))),
            Err(error) => Err(fail(&format_args!("not JSON: {error}"))
                .with_hint(r#"in a shell, single quotes keep JSON whole: -d '{"name": "world"}'"#)),
        })
    }
}

/// Reads messages on a thread of its own, because reading standard input cannot be interrupted.
fn arriving(messages: Messages<Box<dyn BufRead + Send>>) -> mpsc::Receiver<Result<DynamicMessage, Failure>> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD_MESSAGES);
    thread::spawn(move || {
        for message in messages {
            let is_last = message.is_err();
            if sender.blocking_send(message).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

/// The messages of a call. It never ends after a failure: the server must not take half a stream for a whole one.
pub(crate) struct RequestStream {
    source: Source,
    /// Taken when it was told.
    failure: Option<oneshot::Sender<Failure>>,
}

enum Source {
    Ready(std::vec::IntoIter<DynamicMessage>),
    Arriving(mpsc::Receiver<Result<DynamicMessage, Failure>>),
}

impl Stream for RequestStream {
    type Item = DynamicMessage;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<DynamicMessage>> {
        if self.failure.is_none() {
            return Poll::Pending;
        }
        let message = match &mut self.source {
            Source::Ready(messages) => messages.next().map(Ok),
            Source::Arriving(receiver) => ready!(receiver.poll_recv(cx)),
        };
        match message.transpose() {
            Ok(message) => Poll::Ready(message),
            Err(failure) => {
                if let Some(sender) = self.failure.take() {
                    // Nobody waits if the call is over already.
                    let _ = sender.send(failure);
                }
                Poll::Pending
            }
        }
    }
}

/// The failure of the input, should there be one.
pub(crate) struct Failed(oneshot::Receiver<Failure>);

impl Failed {
    /// Waits for the failure; forever if the input is good.
    pub(crate) async fn wait(self) -> Failure {
        match self.0.await {
            Ok(failure) => failure,
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn read(method: &str, data: &[&str]) -> Result<usize, String> {
        let schemas = catalogue::demo_services().expect("they are built in");
        let method = schemas.method(method).expect(method);
        let data: Vec<String> = data.iter().map(|&text| text.to_owned()).collect();
        match Requests::read(&data, &method, false) {
            Ok(Requests::Ready(messages)) => Ok(messages.len()),
            Ok(Requests::Arriving(_)) => panic!("nothing arrives"),
            Err(failure) => Err(failure.to_string()),
        }
    }

    #[test]
    fn messages_are_counted_and_checked() {
        let table: &[(&str, &[&str], Result<usize, &str>)] = &[
            ("Calculator/Add", &[], Ok(1)),
            ("Calculator/SumNumbers", &[], Ok(0)),
            ("Calculator/Add", &[r#"{"a": 1, "b": 2}"#], Ok(1)),
            ("Calculator/SumNumbers", &[r#"{"value":1}{"value":2} {"value":3}"#], Ok(3)),
            ("Calculator/SumNumbers", &[r#"{"value":1}"#, r#"{"value":2}"#], Ok(2)),
            ("Calculator/Add", &["{} {}"], Err("Calculator/Add takes one message, and there are 2")),
            ("Calculator/Add", &[""], Err("and there are 0")),
            ("Calculator/Add", &["{a: 1}"], Err("message 1: not JSON: key must be a string at line 1 column 2")),
            ("Calculator/Add", &[r#"{"c": 1}"#], Err("BinaryOperation has the fields a (double) and b (double)")),
            ("Calculator/SumNumbers", &[r#"{} {"value": "x"}"#], Err("message 2: not a Number in JSON")),
            ("Calculator/Add", &["@", "{}"], Err("takes everything from one place")),
            ("Calculator/Add", &["@/no/such/file"], Err("cannot read the messages in /no/such/file")),
            ("Calculator/Add", &["add.json"], Err("column 1\n  hint: `-d @add.json` reads that file")),
            ("Calculator/Add", &["Cargo.toml"], Err("column 1\n  hint: `-d @Cargo.toml` reads that file")),
            ("Calculator/SumNumbers", &["{}", "add.json"], Err("hint: `-d @add.json` reads that file")),
            ("Calculator/Add", &["-"], Err("hint: `-d @` reads standard input")),
            ("Calculator/Add", &["\u{feff}{}"], Ok(1)),
            ("Calculator/SumNumbers", &["\u{feff}{}", "\u{feff}{}"], Ok(2)),
        ];
        for (method, data, expected) in table {
            match (read(method, data), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, *expected, "{method} {data:?}"),
                (Err(found), Err(part)) => assert!(found.contains(part), "{method} {data:?}: {found}"),
                (found, _) => panic!("{method} {data:?}: {found:?}"),
            }
        }
    }
}
