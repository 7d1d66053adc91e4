//! Well-known types, which have forms of their own in JSON.

use std::ops::{Range, RangeInclusive};

use crate::json::transcode::table::{Form, MessageTable};
use crate::json::transcode::wire::Content;
use crate::json::transcode::write::scalar::text;
use crate::json::transcode::write::{Depth, Failure, JsonWriter};

/// The range of a timestamp: the years 1 to 9999.
const TIMESTAMP_SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// The range of a duration: about ten thousand years.
const DURATION_SECONDS_MAX: u64 = 315_576_000_000;
const NANOS_MAX: u32 = 999_999_999;

/// Writes a well-known type.
pub(crate) fn write<'a>(
    writer: &mut JsonWriter<'a, '_>,
    message: &'a MessageTable,
    bytes: &'a [u8],
    depth: Depth,
) -> Result<(), Failure> {
    let base = writer.fields.len();
    writer.scan(message, bytes, base)?;
    let found = Found { message, places: base..writer.fields.len() };
    match message.form {
        Form::Any => any(writer, &found, depth)?,
        Form::Wrapper => wrapper(writer, &found)?,
        Form::Value => value(writer, &found, depth)?,
        Form::Timestamp => timestamp(writer, &found)?,
        Form::Duration => duration(writer, &found)?,
        Form::FieldMask => field_mask(writer, &found)?,
        Form::Struct | Form::List if message.fields.len() == 1 => {
            writer.values(&message.fields[0], found.places, depth)?;
        }
        _ => writer.out.extend_from_slice(b"{}"),
    }
    writer.fields.truncate(base);
    Ok(())
}

/// The fields of a message, by their places in the writer.
struct Found<'a> {
    message: &'a MessageTable,
    places: Range<usize>,
}

impl Found<'_> {
    /// All that is there of a field.
    fn all<'a>(&self, writer: &JsonWriter<'a, '_>, number: u32) -> impl DoubleEndedIterator<Item = Content<'a>> {
        let is_it = move |(index, _): &&(usize, Content<'a>)| self.message.fields[*index].number == number;
        writer.fields[self.places.clone()].iter().filter(is_it).map(|(_, content)| *content)
    }

    fn bytes<'a>(&self, writer: &JsonWriter<'a, '_>, number: u32) -> &'a [u8] {
        self.all(writer, number).next_back().map(Content::bytes).unwrap_or_default()
    }

    fn bits(&self, writer: &JsonWriter<'_, '_>, number: u32) -> u64 {
        self.all(writer, number).next_back().map(Content::bits).unwrap_or_default()
    }
}

fn wrapper(writer: &mut JsonWriter<'_, '_>, found: &Found<'_>) -> Result<(), Failure> {
    let Some(field) = found.message.fields.first() else {
        return Err(Failure::Formless("this wrapper has no value".to_owned()));
    };
    let content = found.all(writer, field.number).next_back().unwrap_or(Content::default_of(&field.value));
    writer.scalar(&field.value, content)
}

/// `google.protobuf.Value`: whatever is set of it.
fn value<'a>(writer: &mut JsonWriter<'a, '_>, found: &Found<'a>, depth: Depth) -> Result<(), Failure> {
    const NUMBER: u32 = 2;
    let Some((index, content)) = writer.fields[found.places.clone()].last().copied() else {
        writer.out.extend_from_slice(b"null");
        return Ok(());
    };
    let field = &found.message.fields[index];
    if field.number == NUMBER && !f64::from_bits(content.bits()).is_finite() {
        let what = "a google.protobuf.Value holds a number that is not finite".to_owned();
        return Err(Failure::Formless(what));
    }
    writer.values(field, found.places.clone(), depth)
}

fn timestamp(writer: &mut JsonWriter<'_, '_>, found: &Found<'_>) -> Result<(), Failure> {
    let time = prost_types::Timestamp { seconds: found.bits(writer, 1) as i64, nanos: found.bits(writer, 2) as i32 };
    if !TIMESTAMP_SECONDS.contains(&time.seconds) {
        return Err(Failure::Formless(format!("the timestamp of {} seconds is out of range", time.seconds)));
    }
    writer.quoted(&time);
    Ok(())
}

fn duration(writer: &mut JsonWriter<'_, '_>, found: &Found<'_>) -> Result<(), Failure> {
    let duration = prost_types::Duration { seconds: found.bits(writer, 1) as i64, nanos: found.bits(writer, 2) as i32 };
    if duration.seconds.unsigned_abs() > DURATION_SECONDS_MAX || duration.nanos.unsigned_abs() > NANOS_MAX {
        return Err(Failure::Formless(format!("the duration of {} seconds is out of range", duration.seconds)));
    }
    writer.quoted(&duration);
    Ok(())
}

fn field_mask(writer: &mut JsonWriter<'_, '_>, found: &Found<'_>) -> Result<(), Failure> {
    let mut paths = String::new();
    for path in found.all(writer, 1) {
        let path = text(path.bytes())?;
        if !paths.is_empty() {
            paths.push(',');
        }
        camel_case(path, &mut paths).map_err(|()| {
            Failure::Formless(format!("the path {path:?} of a field mask would not be read again as it is"))
        })?;
    }
    writer.plain(&paths);
    Ok(())
}

/// Writes a path as JSON has it: `a_b.c_d` is `aB.cD`.
fn camel_case(path: &str, out: &mut String) -> Result<(), ()> {
    for (index, part) in path.split('.').enumerate() {
        if index > 0 {
            out.push('.');
        }
        let mut is_behind_line = false;
        for character in part.chars() {
            match (character, is_behind_line) {
                ('a'..='z', true) => out.push(character.to_ascii_uppercase()),
                ('A'..='Z', _) | (_, true) => return Err(()),
                ('_', false) => {}
                (_, false) => out.push(character),
            }
            is_behind_line = character == '_';
        }
    }
    Ok(())
}

fn any<'a>(writer: &mut JsonWriter<'a, '_>, found: &Found<'a>, depth: Depth) -> Result<(), Failure> {
    const VALUE: u32 = 2;
    let (url, held) = (text(found.bytes(writer, 1))?, found.bytes(writer, VALUE));
    let Some((_, name)) = url.rsplit_once('/') else {
        return Err(Failure::Formless(format!("the type {url:?} of an Any has no '/'")));
    };
    let Some(message) = writer.tables.by_name(name) else {
        return Err(Failure::Formless(format!("message '{name}' not found")));
    };
    writer.out.extend_from_slice(b"{\"@type\":");
    writer.plain(url);
    if message.form == Form::Fields {
        writer.members(message, held, depth.anew().inner()?, false)?;
    } else {
        writer.out.extend_from_slice(b",\"value\":");
        writer.message(message, held, depth.anew())?;
    }
    writer.out.push(b'}');
    Ok(())
}
