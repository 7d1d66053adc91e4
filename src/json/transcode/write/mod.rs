//! From protobuf's bytes to JSON.

mod known;
mod many;
mod scalar;

use std::ops::Range;

use crate::json::transcode::table::{Count, FieldTable, Form, MessageTable, Tables, What};
use crate::json::transcode::wire::{Content, DELIMITED, Damage, WireReader};
use crate::json::{JsonError, JsonOptions, base64, depth};

/// As many fields as most messages have, with those around them.
const FIELDS_AT_FIRST: usize = 32;

/// How deep messages may lie within each other in bytes, as for everybody who reads protobuf.
const READ_DEPTH_MAX: usize = 100;

/// Writes the JSON of a message, in one line.
///
/// # Errors
/// The bytes are not the message, or a value has no form in JSON: a timestamp out of range, an `Any` of an unknown type.
pub(crate) fn write(
    tables: &Tables,
    message: &MessageTable,
    bytes: &[u8],
    options: &JsonOptions,
    out: &mut Vec<u8>,
) -> Result<(), JsonError> {
    let start = out.len();
    let mut writer = JsonWriter { tables, options, out, fields: Vec::with_capacity(FIELDS_AT_FIRST) };
    writer.message(message, bytes, Depth::default()).map_err(|error| {
        out.truncate(start);
        error.of(message)
    })
}

/// Writes one field of a message as JSON of its own; what it is if it is not set, too.
///
/// # Errors
/// As [`write()`].
pub(crate) fn write_field(
    tables: &Tables,
    message: &MessageTable,
    number: u32,
    bytes: &[u8],
    options: &JsonOptions,
    out: &mut Vec<u8>,
) -> Result<(), JsonError> {
    let start = out.len();
    let mut writer = JsonWriter { tables, options, out, fields: Vec::with_capacity(FIELDS_AT_FIRST) };
    let written = Depth::default().inner().and_then(|depth| {
        writer.scan(message, bytes, 0)?;
        let Some(place) = message.by_number(number, 0) else {
            return Err(Failure::Formless(format!("there is no field {number} in it")));
        };
        writer.fields.retain(|(index, _)| *index == place);
        writer.alone(&message.fields[place], depth)
    });
    written.map_err(|error| {
        out.truncate(start);
        error.of(message)
    })
}

/// Why something was not written.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The bytes are not the message.
    Damaged(Damage),
    /// They are, and have no form in JSON.
    Formless(String),
    /// They are too deep for the stack.
    TooDeep,
}

impl From<Damage> for Failure {
    fn from(damage: Damage) -> Self {
        Failure::Damaged(damage)
    }
}

impl Failure {
    fn of(self, message: &MessageTable) -> JsonError {
        let name = message.full_name();
        match self {
            Failure::Damaged(damage) => JsonError::unplaced(format!("the bytes are no {name}: {damage}")),
            Failure::Formless(what) => JsonError::unplaced(format!("the message {name} has no JSON: {what}")),
            Failure::TooDeep => depth::too_deep(),
        }
    }
}

/// How deep it may go from here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depth {
    /// In these bytes.
    read: usize,
    /// In all, whatever is in an `Any`.
    written: usize,
}

impl Default for Depth {
    fn default() -> Self {
        Depth { read: READ_DEPTH_MAX + 1, written: depth::WRITTEN_DEPTH_MAX }
    }
}

impl Depth {
    /// One message further.
    pub(crate) fn inner(self) -> Result<Self, Failure> {
        let written = self.written.checked_sub(1).ok_or(Failure::TooDeep)?;
        let read = self.read.checked_sub(1).ok_or("messages lie too deep within each other")?;
        Ok(Depth { read, written })
    }

    /// The same where bytes begin that were read by nobody yet.
    pub(crate) fn anew(self) -> Self {
        Depth { read: Depth::default().read, ..self }
    }
}

/// Writes messages as JSON.
pub(crate) struct JsonWriter<'a, 'o> {
    pub(crate) tables: &'a Tables,
    pub(crate) options: &'a JsonOptions,
    pub(crate) out: &'o mut Vec<u8>,
    /// The fields of the messages that are being written, each with its place in its message; the innermost last.
    pub(crate) fields: Vec<(usize, Content<'a>)>,
}

/// A field that was left out of a message: another one of its oneof came later.
const LEFT_OUT: usize = usize::MAX;

impl<'a> JsonWriter<'a, '_> {
    /// Writes a message with what is around it.
    pub(crate) fn message(&mut self, message: &'a MessageTable, bytes: &'a [u8], depth: Depth) -> Result<(), Failure> {
        let depth = depth.inner()?;
        if message.form != Form::Fields {
            return known::write(self, message, bytes, depth);
        }
        self.out.push(b'{');
        self.members(message, bytes, depth, true)?;
        self.out.push(b'}');
        Ok(())
    }

    /// Writes the fields of a message, without what is around them.
    pub(crate) fn members(
        &mut self,
        message: &'a MessageTable,
        bytes: &'a [u8],
        depth: Depth,
        mut is_first: bool,
    ) -> Result<(), Failure> {
        let base = self.fields.len();
        self.scan(message, bytes, base)?;
        let all = self.options.default_values;
        let mut at = base;
        let mut expected = 0;
        while let Some((index, _)) = self.fields.get(at).copied() {
            let end = at + self.fields[at..].iter().take_while(|(other, _)| *other == index).count();
            if all {
                self.absent(message, expected..index, &mut is_first);
                expected = index + 1;
            }
            self.member(&message.fields[index], at..end, depth, &mut is_first)?;
            at = end;
        }
        if all {
            self.absent(message, expected..message.fields.len(), &mut is_first);
        }
        self.fields.truncate(base);
        Ok(())
    }

    /// Finds the fields of a message, and puts them into their order.
    pub(crate) fn scan(&mut self, message: &MessageTable, bytes: &'a [u8], base: usize) -> Result<(), Failure> {
        let mut reader = WireReader::new(bytes);
        let (mut next, mut is_sorted) = (0, true);
        while !reader.is_empty() {
            let (number, wire_type, content) = reader.field()?;
            let Some(index) = message.by_number(number, next) else { continue };
            let field = &message.fields[index];
            let is_packed = wire_type == DELIMITED && field.is_packable();
            if wire_type != field.wire_type() && !is_packed {
                return Err(Failure::Damaged("a field has the wire type of another kind"));
            }
            is_sorted &= index + 1 >= next;
            next = index + 1;
            self.fields.push((index, content));
        }
        if message.has_oneofs {
            is_sorted &= !self.leave_out(message, base);
        }
        if !is_sorted {
            // Stable: of several the last counts.
            self.fields[base..].sort_by_key(|(index, _)| *index);
            let kept = self.fields.len() - self.fields.iter().rev().take_while(|field| field.0 == LEFT_OUT).count();
            self.fields.truncate(kept.max(base));
        }
        Ok(())
    }

    /// Marks what came before another field of its oneof; whether there was any.
    fn leave_out(&mut self, message: &MessageTable, base: usize) -> bool {
        let mut is_any = false;
        // The last field of each oneof, until another came before it.
        let mut last: Vec<(usize, bool)> = Vec::new();
        for (index, _) in self.fields[base..].iter_mut().rev() {
            let Some(oneof) = &message.fields[*index].oneof else { continue };
            let same = last.iter_mut().find(|(other, _)| message.fields[*other].oneof.as_ref() == Some(oneof));
            match same {
                None => last.push((*index, true)),
                Some((other, is_whole)) => {
                    *is_whole &= other == index;
                    if !*is_whole {
                        *index = LEFT_OUT;
                        is_any = true;
                    }
                }
            }
        }
        is_any
    }

    /// Writes fields that are not there, where they count as something.
    fn absent(&mut self, message: &MessageTable, places: Range<usize>, is_first: &mut bool) {
        for field in message.fields.get(places).unwrap_or_default() {
            if !field.has_presence && !field.is_extension {
                self.key(field, is_first);
                self.default(field);
            }
        }
    }

    fn default(&mut self, field: &FieldTable) {
        match field.count {
            // What is nothing has a form.
            Count::One => self.scalar(&field.value, Content::default_of(&field.value)).unwrap_or_default(),
            Count::List { .. } => self.out.extend_from_slice(b"[]"),
            Count::Map(_) => self.out.extend_from_slice(b"{}"),
        }
    }

    /// Writes one field with its name.
    fn member(
        &mut self,
        field: &'a FieldTable,
        places: Range<usize>,
        depth: Depth,
        is_first: &mut bool,
    ) -> Result<(), Failure> {
        let is_written = self.options.default_values || field.has_presence;
        match field.count {
            Count::One if !is_written && field.value.is_default(self.fields[places.end - 1].1) => return Ok(()),
            // Packed lists may be empty.
            Count::List { .. } if !is_written && field.is_packable() && self.is_nothing(places.clone()) => {
                return Ok(());
            }
            _ => {}
        }
        self.key(field, is_first);
        self.values(field, places, depth)
    }

    /// Whether packed lists hold no value.
    fn is_nothing(&self, places: Range<usize>) -> bool {
        self.fields[places].iter().all(|(_, content)| *content == Content::Bytes(&[]))
    }

    /// Writes all values of a field.
    pub(crate) fn values(&mut self, field: &'a FieldTable, places: Range<usize>, depth: Depth) -> Result<(), Failure> {
        match (&field.count, &field.value.what) {
            (Count::One, What::Message(place)) => self.merged(*place, places, depth),
            (Count::One, _) => self.scalar(&field.value, self.fields[places.end - 1].1),
            (Count::List { .. }, _) => self.list(field, places, depth),
            (Count::Map(keys), _) => self.map(field, keys, places, depth),
        }
    }

    /// Writes a field by itself.
    fn alone(&mut self, field: &'a FieldTable, depth: Depth) -> Result<(), Failure> {
        if !self.fields.is_empty() {
            return self.values(field, 0..self.fields.len(), depth);
        }
        match &field.value.what {
            What::Message(index) if matches!(field.count, Count::One) => {
                // There is nothing in a well-known type that is not there.
                let is_known = self.tables.message(*index).full_name().starts_with("google.protobuf.");
                self.out.extend_from_slice(if is_known { b"null" } else { b"{}" });
            }
            _ if field.has_presence => self.out.extend_from_slice(b"null"),
            _ => self.default(field),
        }
        Ok(())
    }

    fn key(&mut self, field: &FieldTable, is_first: &mut bool) {
        if !std::mem::take(is_first) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(field.key(self.options.proto_names));
    }

    /// Writes a message that came in one piece or in several.
    pub(crate) fn merged(&mut self, place: usize, places: Range<usize>, depth: Depth) -> Result<(), Failure> {
        let message = self.tables.message(place);
        if let [(_, Content::Bytes(bytes))] = self.fields[places.clone()] {
            return self.message(message, bytes, depth);
        }
        // Bytes behind each other are a message that was merged.
        let pieces = self.fields[places].iter().map(|(_, content)| content.bytes());
        let whole = pieces.collect::<Vec<_>>().concat();
        let (tables, options) = (self.tables, self.options);
        JsonWriter { tables, options, out: &mut *self.out, fields: Vec::new() }.message(message, &whole, depth)
    }
}
