//! HPACK against the specification's own examples, recorded traffic, a slow decoder, hostile peers, and itself.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]
#![allow(clippy::print_stdout, reason = "what ran, and the seeds, belong into the log")]

mod differential;
mod encoding;
mod hostile;
mod json;
mod memory;
mod reference;
mod specification;
mod stories;

use seltzer_h2::hpack::{Decoder, Error, Limits};
use seltzer_h2::{FieldList, HeaderField};

/// Names and values as text.
type Fields = Vec<(String, String)>;

fn text(list: &FieldList) -> Fields {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    list.iter().map(|field| (text(field.name), text(field.value))).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, Error> {
    let decoded = decoder.decode(block, &Limits::default())?;
    assert!(!decoded.is_too_large);
    assert_eq!(decoded.field_count, decoder.fields().len());
    let bytes: usize = decoder.fields().iter().map(|field| field.name.len() + field.value.len() + 32).sum();
    assert_eq!(decoded.list_bytes, bytes);
    Ok(text(decoder.fields()))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn fields(list: &[(&str, &str)]) -> Fields {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn header<'a>(name: &'a str, value: &'a str) -> HeaderField<'a> {
    HeaderField::new(name.as_bytes(), value.as_bytes())
}
