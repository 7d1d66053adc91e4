//! Messages by chance, along their schemas.

use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// How deep messages are made within each other.
const DEPTH_MAX: usize = 4;

/// A message of which some fields are set.
pub(crate) fn message(random: &mut fastrand::Rng, descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    if let Some(known) = descriptor.full_name().strip_prefix("google.protobuf.") {
        fill_known(random, &mut message, known);
        if matches!(known, "Any" | "Timestamp" | "Duration" | "FieldMask" | "Empty") {
            return message;
        }
    }
    let fields: Vec<_> = descriptor.fields().collect();
    let is_value = descriptor.full_name() == "google.protobuf.Value";
    for field in &fields {
        let is_deep = depth >= DEPTH_MAX && matches!(field.kind(), Kind::Message(_));
        if !is_deep && random.usize(..fields.len().min(8) + 1) < 2 || (is_value && field.number() == 1) {
            let value = value_of_field(random, field, depth);
            message.set_field(field, value);
        }
    }
    for extension in descriptor.extensions() {
        if random.bool() {
            message.set_extension(&extension, one(random, &extension.kind(), depth, false));
        }
    }
    message
}

fn value_of_field(random: &mut fastrand::Rng, field: &FieldDescriptor, depth: usize) -> Value {
    // JSON within JSON has finite numbers alone, and what is in a wrapper has no name for others.
    let is_finite = field.parent_message().full_name().starts_with("google.protobuf.");
    if field.is_list() {
        let count = random.usize(..4);
        return Value::List((0..count).map(|_| one(random, &field.kind(), depth, is_finite)).collect());
    }
    match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            let (keys, values) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
            let count = random.usize(..4);
            Value::Map((0..count).map(|_| (key(random, &keys), one(random, &values, depth, is_finite))).collect())
        }
        kind => one(random, &kind, depth, is_finite),
    }
}

fn key(random: &mut fastrand::Rng, kind: &Kind) -> MapKey {
    one(random, kind, 0, true).into_map_key().expect("the kind is that of keys")
}

fn one(random: &mut fastrand::Rng, kind: &Kind, depth: usize, is_finite: bool) -> Value {
    match kind {
        Kind::Double => Value::F64(double(random, is_finite)),
        Kind::Float => Value::F32(double(random, is_finite) as f32),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(bits(random) as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(bits(random) as i64),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(bits(random) as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(bits(random)),
        Kind::Bool => Value::Bool(random.bool()),
        Kind::String => Value::String(text(random)),
        Kind::Bytes => Value::Bytes((0..random.usize(..9)).map(|_| random.u8(..)).collect()),
        Kind::Enum(values) => {
            let known: Vec<_> = values.values().map(|value| value.number()).collect();
            let is_known = values.full_name() == "google.protobuf.NullValue" || random.u8(..8) > 0;
            Value::EnumNumber(if is_known { known[random.usize(..known.len())] } else { random.i32(..) })
        }
        Kind::Message(inner) => Value::Message(message(random, inner, depth + 1)),
    }
}

/// Numbers of every length, both ends of each.
fn bits(random: &mut fastrand::Rng) -> u64 {
    match random.u8(..6) {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << random.u8(..64),
        _ => random.u64(..) >> random.u8(..64),
    }
}

fn double(random: &mut fastrand::Rng, is_finite: bool) -> f64 {
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    match random.usize(..10) {
        0 => 0.0,
        1 => -0.0,
        2 if !is_finite => special[random.usize(..special.len())],
        3 => f64::from(random.i32(..)),
        _ => f64::from(random.i16(..)) / 8.0,
    }
}

fn text(random: &mut fastrand::Rng) -> String {
    const CHARACTERS: &[char] = &['a', 'B', '_', ' ', '"', '\\', '/', '\n', '\0', '\u{7f}', 'é', '\u{2028}', '😀'];
    (0..random.usize(..12)).map(|_| CHARACTERS[random.usize(..CHARACTERS.len())]).collect()
}

/// Sets what has a meaning of its own.
fn fill_known(random: &mut fastrand::Rng, message: &mut DynamicMessage, known: &str) {
    let encoded = match known {
        "Timestamp" => {
            let seconds = random.i64(-62_135_596_800..=253_402_300_799);
            prost_types::Timestamp { seconds, nanos: random.i32(..1_000_000_000).max(0) }.encode_to_vec()
        }
        "Duration" => {
            let sign = if random.bool() { 1 } else { -1 };
            let (seconds, nanos) = (random.i64(..=315_576_000_000).max(0), random.i32(..1_000_000_000).max(0));
            prost_types::Duration { seconds: sign * seconds, nanos: sign as i32 * nanos }.encode_to_vec()
        }
        "FieldMask" => {
            let paths = ["a", "a_b", "a_b.c_d", "e.f"].into_iter().filter(|_| random.bool()).map(str::to_owned);
            prost_types::FieldMask { paths: paths.collect() }.encode_to_vec()
        }
        "Any" => {
            let pool = message.descriptor().parent_pool().clone();
            let all: Vec<_> = pool.all_messages().filter(|message| !message.is_map_entry()).collect();
            let held = &all[random.usize(..all.len())];
            let value = self::message(random, held, DEPTH_MAX).encode_to_vec();
            prost_types::Any { type_url: format!("type.googleapis.com/{}", held.full_name()), value }.encode_to_vec()
        }
        _ => return,
    };
    message.merge(encoded.as_slice()).expect("it is such a message");
}

use prost_reflect::ReflectMessage as _;
