//! What clients say that they take: `accept` and `accept-encoding` (RFC 9110, section 12.5).

#[cfg(any(feature = "connect", feature = "gateway"))]
use http::header::ACCEPT_ENCODING;
use http::header::{HeaderMap, HeaderName};

/// The media ranges of `accept`, in lower case and without parameters, each with its weight.
#[cfg(any(feature = "web", feature = "gateway"))]
pub(crate) fn media_ranges(headers: &HeaderMap) -> impl Iterator<Item = (String, f32)> {
    listed(headers, http::header::ACCEPT)
}

/// Whether a coding of answers is taken, by its name or by `*`.
#[cfg(any(feature = "connect", feature = "gateway"))]
pub(crate) fn takes_coding(headers: &HeaderMap, coding: &str) -> bool {
    let mut any = false;
    for (name, weight) in listed(headers, ACCEPT_ENCODING) {
        if name == coding || name.strip_prefix("x-") == Some(coding) {
            return weight > 0.0;
        }
        any |= name == "*" && weight > 0.0;
    }
    any
}

/// What a header lists, each with its weight: 1 unless it says, 0 for what is no number.
fn listed(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = (String, f32)> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        (name, weight.map_or(1.0, |weight| weight.trim().parse::<f32>().unwrap_or(0.0)))
    })
}

#[cfg(test)]
mod tests {
    #![allow(unused_imports, reason = "not all protocols look at all of it")]

    use http::HeaderValue;

    use super::*;

    #[cfg(any(feature = "connect", feature = "gateway"))]
    #[test]
    fn codings_are_taken_as_they_are_listed() {
        let table: [(&[&str], bool); 20] = [
            (&[], false),
            (&[""], false),
            (&["gzip"], true),
            (&["GZIP"], true),
            (&["x-gzip"], true),
            (&["br, gzip;q=0.5"], true),
            (&["br", "deflate, gzip ; q=0.5"], true),
            (&["gzip;q=0"], false),
            (&["gzip;Q=0.0"], false),
            (&["gzip; q=0.000, *"], false),
            (&["gzip;q=no"], false),
            (&["gzip;v=1;q=0"], false),
            (&["*"], true),
            (&["identity, *;q=0.1"], true),
            (&["*;q=0"], false),
            (&["*;q=0, gzip"], true),
            (&["identity"], false),
            (&["br"], false),
            (&["xgzip, gzipx"], false),
            (&["gzip=q"], false),
        ];
        for (values, expected) in table {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(takes_coding(&headers, "gzip"), expected, "{values:?}");
        }
    }

    #[cfg(any(feature = "web", feature = "gateway"))]
    #[test]
    fn media_ranges_have_weights() {
        let mut headers = HeaderMap::new();
        headers.append(http::header::ACCEPT, HeaderValue::from_static("Text/HTML;level=1;q=0.5, a/b"));
        headers.append(http::header::ACCEPT, HeaderValue::from_static("*/* ; q=x"));
        let ranges: Vec<_> = media_ranges(&headers).collect();
        assert_eq!(ranges, [("text/html".to_owned(), 0.5), ("a/b".to_owned(), 1.0), ("*/*".to_owned(), 0.0)]);
    }
}
