//! Methods with braces: `rpc Get(Id) returns (Item) {}` has options, which are empty, and without braces it has none.
//! The parser underneath makes no difference.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field};
use prost_types::FileDescriptorProto;

/// Fields of `FileDescriptorProto`, `ServiceDescriptorProto` and `MethodDescriptorProto`.
const SERVICE: u32 = 6;
const METHOD: u32 = 2;
const METHOD_OUTPUT: u32 = 3;
const METHOD_OPTIONS: u32 = 4;

/// The methods that have braces and no options, by the indices of service and method.
pub(crate) fn empty(file: &FileDescriptorProto, text: &str) -> Vec<(usize, usize)> {
    let mut lines = None;
    let mut methods = Vec::new();
    for location in file.source_code_info.iter().flat_map(|info| &info.location) {
        let [6, service, 2, method] = location.path[..] else { continue };
        let (Ok(service), Ok(method)) = (usize::try_from(service), usize::try_from(method)) else { continue };
        let ([line, _, column] | [_, _, line, column]) = location.span[..] else { continue };
        let lines = lines.get_or_insert_with(|| text.split('\n').collect::<Vec<_>>());
        let end = usize::try_from(line).ok().and_then(|line| lines.get(line)?.get(..usize::try_from(column).ok()?));
        let is_plain = file.service.get(service).and_then(|service| service.method.get(method));
        let is_plain = is_plain.is_some_and(|method| method.options.is_none());
        if is_plain && end.is_some_and(|end| end.ends_with('}')) {
            methods.push((service, method));
        }
    }
    methods
}

/// A file's descriptor with empty options for these methods.
pub(crate) fn with_options(file: Vec<u8>, methods: &[(usize, usize)]) -> Vec<u8> {
    if methods.is_empty() {
        return file;
    }
    map_each(&file, SERVICE, &mut |index, service| {
        let own: Vec<usize> =
            methods.iter().filter(|(service, _)| *service == index).map(|(_, method)| *method).collect();
        map_each(service, METHOD, &mut |index, method| {
            if own.contains(&index) { with_empty_options(method) } else { method.to_vec() }
        })
    })
}

/// Options come behind the output type.
fn with_empty_options(method: &[u8]) -> Vec<u8> {
    let mut changed = Vec::with_capacity(method.len() + 2);
    let mut rest = method;
    while let Some((field, _, bytes)) = next(&mut rest) {
        changed.extend_from_slice(bytes);
        if field == METHOD_OUTPUT {
            encode_key(METHOD_OPTIONS, WireType::LengthDelimited, &mut changed);
            encode_varint(0, &mut changed);
        }
    }
    changed
}

/// A message with each message in one of its fields changed.
fn map_each(message: &[u8], field: u32, change: &mut dyn FnMut(usize, &[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut changed = Vec::with_capacity(message.len() + 8);
    let mut rest = message;
    let mut index = 0;
    while let Some((number, wire_type, bytes)) = next(&mut rest) {
        if number != field || wire_type != WireType::LengthDelimited {
            changed.extend_from_slice(bytes);
            continue;
        }
        let mut inner = bytes;
        decode_key(&mut inner).expect("it was decoded before");
        decode_varint(&mut inner).expect("it was skipped before");
        let inner = change(index, inner);
        encode_key(field, wire_type, &mut changed);
        encode_varint(inner.len() as u64, &mut changed);
        changed.extend_from_slice(&inner);
        index += 1;
    }
    changed
}

/// The next field of a message that the compiler encoded: its number, its type, and all its bytes.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(u32, WireType, &'a [u8])> {
    if rest.is_empty() {
        return None;
    }
    let start = *rest;
    let (field, wire_type) = decode_key(rest).expect("the compiler encodes valid messages");
    skip_field(wire_type, field, rest, DecodeContext::default()).expect("the compiler encodes valid messages");
    Some((field, wire_type, &start[..start.len() - rest.len()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_go_behind_the_output() {
        // Two services; the second has methods with output `.A`, and one of them streams.
        let method = [0x1a, 2, b'.', b'A', 0x30, 1];
        let service = [&[0x12, 4][..], &method[..4], &[0x12, 6], &method].concat();
        let file = [&[0x32, 0, 0x32, 14][..], &service].concat();
        let expected = [&[0x32, 0, 0x32, 16, 0x12, 4][..], &method[..4], &[0x12, 8], &method[..4], &[0x22, 0, 0x30, 1]];
        assert_eq!(with_options(file.clone(), &[(1, 1)]), expected.concat());
        assert_eq!(with_options(file.clone(), &[]), file);
    }
}
