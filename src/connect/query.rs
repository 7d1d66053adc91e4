//! Messages in the query of a GET request.

use std::borrow::Cow;

use http::Uri;
use percent_encoding::percent_decode;

use crate::connect::form::Form;
use crate::json::base64;
use crate::status::Status;

/// The query of a request, as it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(crate) fn of(uri: &'a Uri) -> Self {
        Query(uri.query().unwrap_or_default())
    }

    /// The first value of a name, as it is written.
    fn raw(self, name: &str) -> Option<&'a str> {
        self.0.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key) == name.as_bytes()).then_some(value)
        })
    }

    pub(crate) fn has(self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The first value of a name, as text. What is not UTF-8 is no value that anybody looks for.
    pub(crate) fn text(self, name: &str) -> Option<String> {
        self.raw(name).map(|value| String::from_utf8_lossy(&decoded(value)).into_owned())
    }

    /// What the message is written in.
    ///
    /// # Errors
    /// INVALID_ARGUMENT: nothing is said, or nothing that is known.
    pub(crate) fn form(self) -> Result<Form, Status> {
        match self.text("encoding").as_deref() {
            Some("proto") => Ok(Form::Protobuf),
            Some("json") => Ok(Form::Json),
            Some(other) => Err(Status::invalid_argument(format!(
                "the parameter encoding must be proto or json, and it is {other:?}"
            ))),
            None => Err(Status::invalid_argument("the parameter encoding is missing: it must be proto or json")),
        }
    }

    /// The bytes of the message, as they are compressed.
    ///
    /// # Errors
    /// INVALID_ARGUMENT: there is none, or it is not base64 although it says so.
    pub(crate) fn message(self) -> Result<Vec<u8>, Status> {
        let Some(message) = self.raw("message") else {
            return Err(Status::invalid_argument("the parameter message is missing: it holds the request"));
        };
        let message = decoded(message);
        match self.text("base64").as_deref() {
            Some("1") => base64::decode_url(&message).map_err(|error| {
                Status::invalid_argument(format!("the parameter message is not base64 as URLs have it: {error}"))
            }),
            None | Some("0" | "") => Ok(message.into_owned()),
            Some(other) => Err(Status::invalid_argument(format!(
                "the parameter base64 must be 1 or be left out, and it is {other:?}"
            ))),
        }
    }
}

/// A part of a query as it is meant. `+` is a space, as forms have it.
fn decoded(text: &str) -> Cow<'_, [u8]> {
    if text.contains('+') {
        return percent_decode(text.replace('+', " ").as_bytes()).collect::<Vec<u8>>().into();
    }
    percent_decode(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_from_queries() {
        let table: [(&str, Result<&[u8], ()>); 15] = [
            ("/?message=%7B%7D", Ok(b"{}")),
            ("/?message={}&base64=0", Ok(b"{}")),
            ("/?message=a+b%2Bc", Ok(b"a b+c")),
            ("/?x=1&message=first&message=second", Ok(b"first")),
            ("/?message=", Ok(b"")),
            ("/?message", Ok(b"")),
            ("/?mess%61ge=x", Ok(b"x")),
            ("/?message=__79&base64=1", Ok(&[0xff, 0xfe, 0xfd])),
            ("/?message=YQ&base64=1", Ok(b"a")),
            ("/?message=YQ%3D%3D&base64=1", Ok(b"a")),
            ("/?message=%FF", Ok(&[0xff])),
            ("/?message=+/79&base64=1", Err(())),
            ("/?message=Y&base64=1", Err(())),
            ("/?message=YQ&base64=yes", Err(())),
            ("/?encoding=json", Err(())),
        ];
        for (uri, expected) in table {
            let uri: Uri = uri.parse().expect("a valid one");
            let read = Query::of(&uri).message();
            match expected {
                Ok(bytes) => assert_eq!(read.expect("valid"), bytes, "{uri}"),
                Err(()) => assert_eq!(read.expect_err("invalid").code(), crate::Code::InvalidArgument, "{uri}"),
            }
        }
    }

    #[test]
    fn forms_are_read_from_queries() {
        let table = [
            ("/?encoding=proto", Some(Form::Protobuf)),
            ("/?encoding=json", Some(Form::Json)),
            ("/?encoding=JSON", None),
            ("/?encoding=", None),
            ("/", None),
        ];
        for (uri, expected) in table {
            assert_eq!(Query::of(&Uri::from_static(uri)).form().ok(), expected, "{uri}");
        }
    }
}
