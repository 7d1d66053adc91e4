//! Both ways, the short one and the one by `DynamicMessage`, with messages by chance.

mod random;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use seltzer_fixtures::nested::{old, recursive, rest, shapes, well_known};

use crate::json::transcode::wire::{Content, DELIMITED, GROUP, WireReader, WireWriter};
use crate::json::transcode::{self, Tables};
use crate::json::{JsonError, JsonOptions, read_message, write_message};

/// How many messages of each type are made.
const ROUNDS: usize = 100;

/// All messages of the hard schemas.
fn types() -> Vec<(Tables, Vec<MessageDescriptor>)> {
    let sets = [
        rest::FILE_DESCRIPTOR_SET,
        old::FILE_DESCRIPTOR_SET,
        shapes::FILE_DESCRIPTOR_SET,
        recursive::FILE_DESCRIPTOR_SET,
        well_known::FILE_DESCRIPTOR_SET,
    ];
    let pools = sets.into_iter().map(|set| DescriptorPool::decode(set).unwrap());
    pools
        .map(|pool| {
            let is_own =
                |message: &MessageDescriptor| !message.is_map_entry() && !message.full_name().starts_with("google.api");
            (Tables::of(&pool), pool.all_messages().filter(is_own).collect())
        })
        .collect()
}

/// Runs a check with many messages of every type, and random numbers that are the same in every run.
fn with_messages(check: impl Fn(&mut fastrand::Rng, &Tables, &DynamicMessage)) {
    for (tables, messages) in types() {
        for descriptor in messages {
            let mut random = fastrand::Rng::with_seed(descriptor.full_name().len() as u64);
            for _ in 0..ROUNDS {
                let message = random::message(&mut random, &descriptor, 0);
                check(&mut random, &tables, &message);
            }
        }
    }
}

fn some_options(random: &mut fastrand::Rng) -> JsonOptions {
    JsonOptions::new()
        .default_values(random.bool())
        .enum_numbers(random.bool())
        .proto_names(random.bool())
        .ignore_unknown(random.bool())
}

/// A message as JSON by way of a `DynamicMessage`. Maps have no order there.
fn dynamic_json(message: &DynamicMessage, options: &JsonOptions) -> Result<serde_json::Value, JsonError> {
    let mut json = Vec::new();
    write_message(message, options, &mut json)?;
    Ok(serde_json::from_slice(&json).unwrap())
}

fn direct_json(
    tables: &Tables,
    descriptor: &MessageDescriptor,
    bytes: &[u8],
    options: &JsonOptions,
) -> Result<serde_json::Value, JsonError> {
    let mut json = Vec::new();
    transcode::write(tables, tables.message(tables.place(descriptor)), bytes, options, &mut json)?;
    Ok(serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&json))))
}

/// What both ways make of bytes: the same JSON, or no JSON. Whether one of them passed over damage that the other one
/// found: the short way in a value that another one replaced, the other one in the wire type of a map's entry.
fn check_write(tables: &Tables, descriptor: &MessageDescriptor, bytes: &[u8], options: &JsonOptions) -> bool {
    let direct = direct_json(tables, descriptor, bytes, options);
    let Ok(message) = DynamicMessage::decode(descriptor.clone(), bytes) else { return direct.is_ok() };
    let dynamic = dynamic_json(&message, options);
    match (&direct, &dynamic) {
        (Ok(direct), Ok(dynamic)) => assert_eq!(direct, dynamic, "{} {bytes:?}", descriptor.full_name()),
        (Err(_), Err(_)) => {}
        (Err(_), Ok(_)) => return true,
        _ => panic!("{} {bytes:?}: {direct:?}, and dynamic {dynamic:?}", descriptor.full_name()),
    }
    false
}

/// Runs [`check_write`] with what is made of many messages. Damage may be passed over in one of a hundred.
fn check_writes(make: impl Fn(&mut fastrand::Rng, Vec<u8>) -> Vec<u8>) {
    let counts = std::cell::Cell::new((0_usize, 0));
    with_messages(|random, tables, message| {
        let (all, passed_over) = counts.get();
        let bytes = make(random, message.encode_to_vec());
        let is_passed_over = check_write(tables, &message.descriptor(), &bytes, &some_options(random));
        counts.set((all + 1, passed_over + usize::from(is_passed_over)));
    });
    let (all, passed_over) = counts.get();
    assert!(all > 5_000 && passed_over * 100 <= all, "{passed_over} of {all}");
}

/// What both ways make of JSON: the same message, or the same error in the same place.
fn check_read(tables: &Tables, descriptor: &MessageDescriptor, json: &[u8], options: &JsonOptions) -> bool {
    let direct = transcode::read(tables, tables.message(tables.place(descriptor)), json, options);
    let dynamic = read_message(descriptor, json, options);
    let shown = || format!("{} {}", descriptor.full_name(), String::from_utf8_lossy(json));
    match (direct, dynamic) {
        (Ok(direct), Ok(dynamic)) => {
            let direct = DynamicMessage::decode(descriptor.clone(), direct.as_slice())
                .unwrap_or_else(|error| panic!("{}: {error}: {direct:?}", shown()));
            // What is no number does not equal itself, but in JSON.
            let options = JsonOptions::new();
            let (direct, dynamic) = (dynamic_json(&direct, &options), dynamic_json(&dynamic, &options));
            assert_eq!(direct, dynamic, "{}", shown());
            true
        }
        (Err(direct), Err(dynamic)) => {
            assert_eq!(direct, dynamic, "{}", shown());
            false
        }
        (direct, dynamic) => panic!("{}: {direct:?}, and dynamic {dynamic:?}", shown()),
    }
}

#[test]
fn messages_are_written_alike() {
    with_messages(|random, tables, message| {
        let options = some_options(random);
        assert!(!check_write(tables, &message.descriptor(), &message.encode_to_vec(), &options), "{message:?}");
    });
}

#[test]
fn messages_are_written_alike_however_their_bytes_are_cut_and_ordered() {
    check_writes(|random, bytes| shuffled(random, &bytes, 0));
}

#[test]
fn damaged_messages_are_refused_alike() {
    check_writes(|random, mut bytes| {
        for _ in 0..random.usize(1..3) {
            damage(random, &mut bytes);
        }
        bytes
    });
}

#[test]
fn messages_are_read_alike() {
    let read = std::cell::Cell::new(0_usize);
    with_messages(|random, tables, message| {
        let options = some_options(random);
        let Ok(mut json) = dynamic_json(message, &options) else { return };
        if random.bool() {
            vary(random, &mut json);
        }
        let is_read = check_read(tables, &message.descriptor(), json.to_string().as_bytes(), &options);
        read.set(read.get() + usize::from(is_read));
    });
    assert!(read.get() > 10 * ROUNDS, "{} were read", read.get());
}

#[test]
fn what_is_wrong_is_said_alike() {
    with_messages(|random, tables, message| {
        let options = some_options(random);
        let Ok(json) = dynamic_json(message, &options) else { return };
        let mut json = json.to_string().into_bytes();
        damage(random, &mut json);
        check_read(tables, &message.descriptor(), &json, &options);
    });
}

use prost_reflect::ReflectMessage as _;

/// The same fields in another order, some of them twice, and messages in pieces.
fn shuffled(random: &mut fastrand::Rng, bytes: &[u8], depth: usize) -> Vec<u8> {
    let mut fields = Vec::new();
    let mut reader = WireReader::new(bytes);
    while !reader.is_empty() {
        let Ok(field) = reader.field() else { return bytes.to_vec() };
        fields.push(field);
        if random.u8(..8) == 0 {
            fields.push(field);
        }
    }
    random.shuffle(&mut fields);
    let mut writer = WireWriter::default();
    for (number, wire_type, content) in fields {
        match (wire_type, content) {
            (DELIMITED, Content::Bytes(bytes)) => {
                // It may be a message, and is none the worse for it if it is a text.
                let inner =
                    if depth < 3 && random.bool() { shuffled(random, bytes, depth + 1) } else { bytes.to_vec() };
                writer.key(number, wire_type);
                writer.delimited(&inner);
            }
            (GROUP, Content::Bytes(bytes)) => {
                writer.key(number, wire_type);
                writer.bytes_mut().extend_from_slice(bytes);
                writer.group_end(number);
            }
            (_, Content::Bits(bits)) => {
                writer.key(number, wire_type);
                match wire_type {
                    0 => writer.varint(bits),
                    1 => writer.bytes_mut().extend_from_slice(&bits.to_le_bytes()),
                    _ => writer.bytes_mut().extend_from_slice(&(bits as u32).to_le_bytes()),
                }
            }
            _ => {}
        }
    }
    writer.finish()
}

fn damage(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return bytes.push(random.u8(..));
    }
    let at = random.usize(..bytes.len());
    match random.u8(..4) {
        0 => bytes[at] ^= 1 << random.u8(..8),
        1 => bytes.truncate(at),
        2 => drop(bytes.remove(at)),
        _ => bytes.insert(at, random.u8(..)),
    }
}

/// Says some things in another way, or in a wrong one.
fn vary(random: &mut fastrand::Rng, json: &mut serde_json::Value) {
    match json {
        serde_json::Value::Object(fields) => {
            for value in fields.values_mut() {
                vary(random, value);
            }
            if random.u8(..16) == 0 {
                fields.insert("nothing".to_owned(), serde_json::Value::Null);
            }
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| vary(random, value)),
        serde_json::Value::Number(number) if random.u8(..4) == 0 => *json = number.to_string().into(),
        serde_json::Value::String(text) if random.u8(..16) == 0 => {
            *json = text.parse::<i64>().map_or(serde_json::Value::Bool(true), serde_json::Value::from);
        }
        _ if random.u8(..32) == 0 => *json = serde_json::Value::Null,
        _ => {}
    }
}
