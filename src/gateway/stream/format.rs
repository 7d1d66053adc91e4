//! How a stream of messages is written in the body of an answer.

use http::header::{HeaderMap, HeaderValue};

use crate::server::accepted::media_ranges;

/// How a stream of messages is written in the body of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamFormat {
    /// One array.
    Array,
    /// A message a line.
    Lines,
    /// Server-sent events.
    Events,
}

impl StreamFormat {
    /// What a client likes best of these; the array where it does not say.
    pub(crate) fn accepted(headers: &HeaderMap) -> StreamFormat {
        let mut best = (StreamFormat::Array, 0.0);
        for (kind, quality) in media_ranges(headers) {
            let format = match kind.as_str() {
                "application/x-ndjson"
                | "application/ndjson"
                | "application/jsonl"
                | "application/x-jsonlines"
                | "application/json-lines" => StreamFormat::Lines,
                "text/event-stream" => StreamFormat::Events,
                "application/json" => StreamFormat::Array,
                _ => continue,
            };
            if quality > best.1 {
                best = (format, quality);
            }
        }
        best.0
    }

    /// Whether the body of a request says that it is a message a line.
    pub(crate) fn is_lines(content_type: Option<&str>) -> bool {
        let kind = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        let known = ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];
        known.iter().any(|known| kind.eq_ignore_ascii_case(known))
    }

    /// The content type of the answer.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            StreamFormat::Array => "application/json",
            StreamFormat::Lines => "application/x-ndjson",
            StreamFormat::Events => "text/event-stream",
        })
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;

    use super::*;

    #[test]
    fn what_is_liked_best_is_chosen() {
        for (accept, expected) in [
            (&[][..], StreamFormat::Array),
            (&["*/*"], StreamFormat::Array),
            (&["application/json"], StreamFormat::Array),
            (&["application/x-ndjson"], StreamFormat::Lines),
            (&["Application/NDJSON; charset=utf-8"], StreamFormat::Lines),
            (&["text/event-stream"], StreamFormat::Events),
            (&["text/event-stream, application/json"], StreamFormat::Events),
            (&["text/event-stream;q=0.5, application/json"], StreamFormat::Array),
            (&["text/event-stream;q=0", "application/x-ndjson;q=0.1"], StreamFormat::Lines),
            (&["text/html,application/xhtml+xml,*/*;q=0.8"], StreamFormat::Array),
            (&["text/event-stream;q=x"], StreamFormat::Array),
        ] {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(ACCEPT, HeaderValue::from_static(value));
            }
            assert_eq!(StreamFormat::accepted(&headers), expected, "{accept:?}");
        }
    }
}
