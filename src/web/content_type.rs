//! The content types of gRPC-Web.

use http::HeaderValue;
#[cfg(feature = "web")]
use http::header::HeaderMap;

#[cfg(feature = "web")]
use crate::server::accepted::media_ranges;

/// What a content type of gRPC-Web says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    /// The bytes of the body travel in base64.
    pub(crate) is_text: bool,
    pub(crate) form: MessageForm,
}

/// What messages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageForm {
    Protobuf,
    Json,
    /// Nothing that is known here.
    Unknown,
}

/// Reads a content type; `None` if it is not gRPC-Web's.
pub(crate) fn form(content_type: &HeaderValue) -> Option<Form> {
    let all = content_type.to_str().ok()?;
    form_of(&all.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The same of a name in lower case.
fn form_of(name: &str) -> Option<Form> {
    let rest = name.strip_prefix("application/grpc-web")?;
    let (is_text, rest) = match rest.strip_prefix("-text") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let form = match rest {
        "" | "+proto" => MessageForm::Protobuf,
        "+json" => MessageForm::Json,
        other if other.starts_with('+') => MessageForm::Unknown,
        _ => return None,
    };
    Some(Form { is_text, form })
}

#[cfg(feature = "web")]
impl Form {
    /// The form of the answer to a request in this one: text or binary as its `accept` says; like the request, if that
    /// says neither or both.
    pub(crate) fn of_answer(self, headers: &HeaderMap) -> Form {
        let (mut text, mut binary) = (0.0, 0.0);
        for (kind, quality) in media_ranges(headers) {
            let Some(form) = form_of(&kind) else { continue };
            let best = if form.is_text { &mut text } else { &mut binary };
            *best = quality.max(*best);
        }
        let is_text = if text == binary { self.is_text } else { text > binary };
        Form { is_text, ..self }
    }

    /// The content type of an answer in this form.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match (self.is_text, self.form) {
            (false, MessageForm::Json) => "application/grpc-web+json",
            (true, MessageForm::Json) => "application/grpc-web-text+json",
            (false, _) => "application/grpc-web+proto",
            (true, _) => "application/grpc-web-text+proto",
        })
    }
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "web")]
    use http::header::ACCEPT;

    use super::*;

    #[test]
    fn content_types_are_read_as_their_clients_write_them() {
        let some = |is_text, form| Some(Form { is_text, form });
        let table = [
            ("application/grpc-web", some(false, MessageForm::Protobuf)),
            ("application/grpc-web+proto", some(false, MessageForm::Protobuf)),
            ("application/grpc-web+proto; charset=utf-8", some(false, MessageForm::Protobuf)),
            ("application/grpc-web;q=1", some(false, MessageForm::Protobuf)),
            ("Application/gRPC-Web+Proto", some(false, MessageForm::Protobuf)),
            ("application/grpc-web-text", some(true, MessageForm::Protobuf)),
            ("application/grpc-web-text+proto", some(true, MessageForm::Protobuf)),
            ("application/grpc-web+json", some(false, MessageForm::Json)),
            ("application/grpc-web-text+json", some(true, MessageForm::Json)),
            ("application/grpc-web+thrift", some(false, MessageForm::Unknown)),
            ("application/grpc-web-text+x", some(true, MessageForm::Unknown)),
            ("application/grpc-webs", None),
            ("application/grpc-web-texts", None),
            ("application/grpc-web-", None),
            ("application/grpc", None),
            ("application/grpc+proto", None),
            ("application/json", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(form(&HeaderValue::from_static(text)), expected, "{text:?}");
        }
        assert_eq!(form(&HeaderValue::from_bytes(b"application/grpc-web\xff").expect("allowed")), None);
    }

    #[cfg(feature = "web")]
    #[cfg(feature = "web")]
    #[test]
    fn an_answer_is_in_the_form_that_is_accepted() {
        // (whether the request is text, what it accepts, whether the answer is text)
        let table: [(bool, &[&str], bool); 12] = [
            (false, &[], false),
            (true, &[], true),
            (false, &["*/*"], false),
            (true, &["*/*"], true),
            (false, &["application/grpc-web-text"], true),
            (true, &["application/grpc-web"], false),
            (true, &["Application/gRPC-Web+Proto; charset=x"], false),
            (true, &["application/grpc-web-text, application/grpc-web"], true),
            (false, &["application/grpc-web-text", "application/grpc-web"], false),
            (true, &["application/grpc-web-text;q=0.5, application/grpc-web"], false),
            (true, &["application/grpc-web;q=0"], true),
            (true, &["application/grpc-web; q=x, text/html"], true),
        ];
        for (is_text, accept, expected) in table {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(ACCEPT, HeaderValue::from_static(value));
            }
            let answer = Form { is_text, form: MessageForm::Json }.of_answer(&headers);
            assert_eq!(answer, Form { is_text: expected, form: MessageForm::Json }, "{is_text} {accept:?}");
        }
    }

    #[test]
    fn an_answer_is_in_the_form_of_its_request() {
        for text in [
            "application/grpc-web+proto",
            "application/grpc-web+json",
            "application/grpc-web-text+proto",
            "application/grpc-web-text+json",
        ] {
            let read = form(&HeaderValue::from_static(text)).expect("a known one");
            assert_eq!(read.content_type(), text);
        }
    }
}
