//! Single values of options, read and checked.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use seltzer::codec::CompressionEncoding;
use seltzer::metadata::{AsciiMetadataKey, AsciiMetadataValue, BinaryMetadataKey, BinaryMetadataValue, MetadataMap};

/// Base64 with or without padding: both are written, and gRPC sends none.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Names that belong to the protocol, and what to use instead.
const RESERVED: &[(&str, &str)] = &[
    ("grpc-timeout", "use --timeout"),
    ("grpc-encoding", "use --compression"),
    ("grpc-accept-encoding", "replies are accepted in all encodings"),
    ("grpc-message", "it is the server's to send"),
    ("grpc-status", "it is the server's to send"),
    ("grpc-status-details-bin", "it is the server's to send"),
    ("grpc-message-type", "it belongs to the protocol"),
    ("content-type", "it is always application/grpc"),
    ("content-length", "a call has none"),
    ("te", "it is always `trailers`"),
    ("user-agent", "it names this program"),
];

/// A piece of metadata, from `-H name:value`.
#[derive(Debug, Clone)]
pub(crate) enum Header {
    Text(AsciiMetadataKey, AsciiMetadataValue),
    Bytes(BinaryMetadataKey, BinaryMetadataValue),
}

impl Header {
    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        match self {
            Header::Text(key, _) => key.as_str(),
            Header::Bytes(key, _) => key.as_str(),
        }
    }

    /// Adds it to what a call sends.
    pub(crate) fn append_to(&self, metadata: &mut MetadataMap) {
        match self {
            Header::Text(key, value) => {
                metadata.append(key, value.clone());
            }
            Header::Bytes(key, value) => {
                metadata.append_bin(key, value.clone());
            }
        }
    }
}

/// Reads `name:value`, or `name-bin:base64`; `${NAME}` in a value is an environment variable.
pub(super) fn header(text: &str) -> Result<Header, String> {
    let (name, value) = text.split_once(':').ok_or("write it as name:value")?;
    let value = &expanded(value, |name| std::env::var(name).ok())?;
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
    if let Some((_, instead)) = RESERVED.iter().find(|(reserved, _)| *reserved == name) {
        return Err(format!("`{name}` belongs to the protocol: {instead}"));
    }
    let bad_name = || format!("`{name}` is no name for metadata: use letters, digits, `-`, `_` and `.`");
    if name.ends_with("-bin") {
        let bytes = BASE64
            .decode(value)
            .map_err(|error| format!("the value of a name in -bin is written in base64, and this is not: {error}"))?;
        let key = BinaryMetadataKey::from_bytes(name.as_bytes()).map_err(|_| bad_name())?;
        return Ok(Header::Bytes(key, BinaryMetadataValue::from_bytes(&bytes)));
    }
    let key = AsciiMetadataKey::from_bytes(name.as_bytes()).map_err(|_| bad_name())?;
    let is_printable = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    match value.parse() {
        Ok(value) if is_printable => Ok(Header::Text(key, value)),
        _ => Err("the value is not printable ASCII: give it a name in -bin, and write it in base64".to_owned()),
    }
}

/// Text with the values of variables in the place of `${NAME}`. `$${` is `${`.
fn expanded(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            whole = whole + before + "${";
            rest = after;
            continue;
        }
        let (name, after) = after.split_once('}').ok_or("`${` has no `}`; `$${` stands for itself")?;
        let value = variable(name).ok_or_else(|| format!("there is no environment variable `{name}`"))?;
        whole = whole + before + &value;
        rest = after;
    }
    Ok(whole + rest)
}

/// The files of a certificate and its key, for a name that clients ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedIdentity {
    pub(crate) name: String,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// Reads `NAME=CERT:KEY`.
pub(super) fn named_identity(text: &str) -> Result<NamedIdentity, String> {
    let parts = text.split_once('=').and_then(|(name, files)| Some((name, files.rsplit_once(':')?)));
    match parts {
        Some((name, (cert, key))) if ![name, cert, key].contains(&"") => {
            Ok(NamedIdentity { name: name.to_owned(), cert: cert.into(), key: key.into() })
        }
        _ => Err("write it as NAME=CERT:KEY, as in api.example.com=api.pem:api.key".to_owned()),
    }
}

/// Reads a number of seconds, with a fraction perhaps.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "write a number of seconds, such as 5 or 0.25")?;
    Duration::try_from_secs_f64(number).map_err(|_| "it is not a time that can pass".to_owned())
}

/// Reads a number of seconds that is more than none.
pub(super) fn seconds_not_zero(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("there must be some time".to_owned()),
        time => Ok(time),
    }
}

/// Reads a token as it can stand in a header.
pub(super) fn token(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    match text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err("it has characters other than printable ASCII without spaces".to_owned()),
    }
}

/// The names of the encodings that are compiled in.
pub(super) fn compression() -> impl TypedValueParser<Value = CompressionEncoding> {
    let names = CompressionEncoding::BUILT_IN.iter().map(|encoding| encoding.name());
    PossibleValuesParser::new(names)
        .map(|name| CompressionEncoding::from_name(&name).expect("one of the possible values"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        type Expected = Result<(&'static str, &'static [u8]), &'static str>;
        let table: &[(&str, Expected)] = &[
            ("authorization: Bearer token123", Ok(("authorization", b"Bearer token123"))),
            ("X-Tag:a:b", Ok(("x-tag", b"a:b"))),
            ("empty:", Ok(("empty", b""))),
            ("trace-bin:AQID", Ok(("trace-bin", &[1, 2, 3]))),
            ("trace-bin:AQI=", Ok(("trace-bin", &[1, 2]))),
            ("trace-bin:AQI", Ok(("trace-bin", &[1, 2]))),
            ("trace-bin:not base64", Err("base64")),
            ("no-colon", Err("name:value")),
            ("grpc-timeout:1S", Err("--timeout")),
            ("TE: gzip", Err("belongs to the protocol")),
            ("name: 名", Err("-bin")),
            ("n ame:x", Err("no name for metadata")),
            (":x", Err("no name for metadata")),
        ];
        for (text, expected) in table {
            let mut metadata = MetadataMap::new();
            match (header(text), expected) {
                (Ok(header), Ok((name, value))) => {
                    header.append_to(&mut metadata);
                    let found = if name.ends_with("-bin") {
                        metadata.get_bin(*name).expect(text).to_bytes().expect(text).to_vec()
                    } else {
                        metadata.get(*name).expect(text).as_bytes().to_vec()
                    };
                    assert_eq!(found, *value, "{text}");
                }
                (Err(message), Err(part)) => assert!(message.contains(part), "{text}: {message}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn variables_stand_in_values() {
        let table = [
            ("Bearer ${TOKEN}", Ok("Bearer t0ps3cret")),
            ("${TOKEN}${TOKEN}", Ok("t0ps3crett0ps3cret")),
            ("$TOKEN $ {TOKEN}", Ok("$TOKEN $ {TOKEN}")),
            ("$${TOKEN} ${TOKEN}", Ok("${TOKEN} t0ps3cret")),
            ("${EMPTY}", Ok("")),
            ("${NONE}", Err("there is no environment variable `NONE`")),
            ("${TOKEN", Err("`${` has no `}`; `$${` stands for itself")),
        ];
        let variable = |name: &str| match name {
            "TOKEN" => Some("t0ps3cret".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expected) in table {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(expanded(text, variable), expected, "{text}");
        }
    }

    #[test]
    fn named_identities_are_read() {
        let table = [
            ("a.example=a.pem:a.key", Some(("a.example", "a.pem", "a.key"))),
            ("*.a.example=/etc/a=b.pem:a.key", Some(("*.a.example", "/etc/a=b.pem", "a.key"))),
            ("a.pem:a.key", None),
            ("a=a.pem", None),
            ("a=:a.key", None),
            ("a=a.pem:", None),
            ("=a.pem:a.key", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(name, cert, key)| NamedIdentity {
                name: name.to_owned(),
                cert: cert.into(),
                key: key.into(),
            });
            assert_eq!(named_identity(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn seconds_are_read() {
        let table = [("5", Some(5_000)), ("0.25", Some(250)), ("0", Some(0)), ("-1", None), ("x", None), ("inf", None)];
        for (text, milliseconds) in table {
            assert_eq!(seconds(text).ok().map(|time| time.as_millis()), milliseconds, "{text}");
        }
        assert!(seconds_not_zero("0").is_err() && seconds_not_zero("0.001").is_ok());
    }
}
