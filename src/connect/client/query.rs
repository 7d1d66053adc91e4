//! Messages in the query of a GET request.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Uri;
use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::connect::QUERY_VERSION;

/// Longer paths and queries are not sent: many servers and proxies take no more than 8 KiB for the first line.
const PATH_AND_QUERY_BYTES_MAX: usize = 7 * 1024;

/// What stands as it is in a query.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The URI of a call by GET; `None`: its message is too long for one.
pub(super) fn uri(uri: &Uri, codec: &str, message: &[u8], encoding: Option<&str>) -> Option<Uri> {
    let mut query = format!("{}?connect={QUERY_VERSION}&encoding=", uri.path());
    query.extend(utf8_percent_encode(codec, ESCAPED));
    // JSON is text unless it is compressed.
    match std::str::from_utf8(message) {
        Ok(text) if codec == "json" && encoding.is_none() => {
            query.push_str("&message=");
            query.extend(utf8_percent_encode(text, ESCAPED));
        }
        _ => {
            // Writing into text does not fail.
            let _ = write!(query, "&base64=1&message={}", URL_SAFE_NO_PAD.encode(message));
        }
    }
    if let Some(encoding) = encoding {
        query.push_str("&compression=");
        query.extend(utf8_percent_encode(encoding, ESCAPED));
    }
    if query.len() > PATH_AND_QUERY_BYTES_MAX {
        return None;
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(query).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_written_into_queries() {
        let plain = "/a.B/C";
        let named = "https://host:1/a.B/C";
        type Row<'a> = (&'a str, &'a str, &'a [u8], Option<&'a str>, &'a str);
        let table: [Row<'_>; 6] = [
            (plain, "proto", b"", None, "/a.B/C?connect=v1&encoding=proto&base64=1&message="),
            (plain, "proto", &[0xfb, 0xff], None, "/a.B/C?connect=v1&encoding=proto&base64=1&message=-_8"),
            (plain, "json", b"{\"a\":1}", None, "/a.B/C?connect=v1&encoding=json&message=%7B%22a%22%3A1%7D"),
            (
                plain,
                "json",
                b"a+ b",
                Some("gzip"),
                "/a.B/C?connect=v1&encoding=json&base64=1&message=YSsgYg&compression=gzip",
            ),
            (named, "proto", b"a", None, "https://host:1/a.B/C?connect=v1&encoding=proto&base64=1&message=YQ"),
            (plain, "json", "\u{9664}".as_bytes(), None, "/a.B/C?connect=v1&encoding=json&message=%E9%99%A4"),
        ];
        for (to, codec, message, encoding, expected) in table {
            let to: Uri = to.parse().expect("a valid one");
            assert_eq!(uri(&to, codec, message, encoding).expect("it is short").to_string(), expected);
        }
    }

    #[test]
    fn what_is_too_long_is_not_written() {
        let to = Uri::from_static("/a.B/C");
        let largest = (1..PATH_AND_QUERY_BYTES_MAX).rfind(|bytes| uri(&to, "proto", &vec![0; *bytes], None).is_some());
        let largest = largest.expect("short ones are written");
        let length = |bytes| uri(&to, "proto", &vec![0; bytes], None).map(|uri| uri.to_string().len());
        assert!(length(largest).is_some_and(|length| length <= PATH_AND_QUERY_BYTES_MAX && length > 7000));
        assert_eq!(length(largest + 1), None);
    }
}
