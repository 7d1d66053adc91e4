//! The quick decoder against the slow one, over random connections: blocks that are sound, broken and repeated.
//!
//! `SELTZER_HPACK_SEEDS` says how many seeds, `SELTZER_HPACK_SEED` which single one.

use seltzer_h2::hpack::{Decoder, Encoder, Indexing, Limits};
use seltzer_h2::{FieldList, HeaderField, Prepared};

use crate::reference;

const SEEDS_DEFAULT: u64 = 300;

const LIMITS: Limits = Limits::new(usize::MAX, usize::MAX);

/// Numbers that look random and are the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seeds = match number("SELTZER_HPACK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SELTZER_HPACK_SEEDS").unwrap_or(SEEDS_DEFAULT),
    };
    println!("seeds {seeds:?}");
    seeds
}

#[test]
fn random_connections_mean_the_same_to_both_decoders() {
    let (mut blocks, mut broken, mut known) = (0, 0, 0);
    for seed in seeds() {
        let mut random = Random(seed);
        let allowed = [0, 60, 300, 4096, 10_000][random.below(5)];
        let mut quick = Decoder::new(allowed);
        let mut slow = reference::Decoder::new(allowed);
        let mut earlier: Vec<Vec<u8>> = Vec::new();
        for number in 0..40 {
            let block = match random.below(5) {
                0..2 if !earlier.is_empty() => earlier[random.below(earlier.len())].clone(),
                _ => random_block(&mut random, allowed, slow.table_len()),
            };
            let expected = slow.decode(&block);
            let found = quick.decode(&block, &LIMITS);
            let place = || format!("SELTZER_HPACK_SEED={seed}, block {number}: {block:02x?}");
            blocks += 1;
            match (expected, found) {
                (Ok(expected), Ok(decoded)) => {
                    assert_eq!(fields(quick.fields()), expected, "{}", place());
                    assert_eq!(decoded.field_count, expected.len(), "{}", place());
                    check_summary(quick.fields(), &place());
                    known += usize::from(decoded.is_known);
                }
                (Err(expected), Err(found)) => {
                    assert_eq!(found, expected, "{}", place());
                    broken += 1;
                    break;
                }
                (expected, found) => panic!("{}: {expected:?} became {found:?}", place()),
            }
            if random.one_in(50) {
                quick.shrink();
            }
            earlier.push(block);
        }
    }
    println!("{blocks} blocks, {broken} of them broken, {known} known from before");
}

/// What a list says about itself is what its fields say.
fn check_summary(list: &FieldList, place: &str) {
    let again: FieldList =
        list.iter().map(|field| HeaderField { is_sensitive: field.is_sensitive, ..plain(&field) }).collect();
    assert_eq!(again.tokens(), list.tokens(), "{place}");
    assert_eq!(again.repeated(), list.repeated(), "{place}");
    assert_eq!(again.has_malformed(), list.has_malformed(), "{place}");
    assert_eq!(again.has_outer_whitespace(), list.has_outer_whitespace(), "{place}");
    assert_eq!(again.has_pseudo_after_regular(), list.has_pseudo_after_regular(), "{place}");
    for (field, other) in list.iter().zip(again.iter()) {
        assert_eq!(field, other, "{place}");
    }
}

fn plain<'a>(field: &seltzer_h2::Field<'a>) -> HeaderField<'a> {
    HeaderField::new(field.name, field.value)
}

fn fields(list: &FieldList) -> Vec<reference::Field> {
    list.iter().map(|field| (field.name.to_vec(), field.value.to_vec(), field.is_sensitive)).collect()
}

fn random_block(random: &mut Random, allowed: usize, table_len: usize) -> Vec<u8> {
    let mut block = Vec::new();
    while random.one_in(30) {
        let size = random.below(allowed + 1);
        number(size, 5, 0x20, &mut block);
    }
    for _ in 0..random.below(8) {
        random_field(random, table_len, &mut block);
    }
    // A few are broken: a bit turned, or the end missing.
    if random.one_in(60) && !block.is_empty() {
        let position = random.below(block.len());
        block[position] ^= 1 << random.below(8);
    }
    if random.one_in(100) {
        block.truncate(random.below(block.len() + 1));
    }
    block
}

fn random_field(random: &mut Random, table_len: usize, block: &mut Vec<u8>) {
    let mut index = 1 + random.below(61);
    if random.one_in(2) && table_len > 0 {
        index = 62 + random.below(table_len);
    }
    if random.one_in(500) {
        index = random.below(200);
    }
    let name_index = if random.one_in(3) { 0 } else { index };
    match random.below(10) {
        0..6 => return number(index, 7, 0x80, block),
        6 => number(name_index, 6, 0x40, block),
        7..9 => number(name_index, 4, 0x00, block),
        _ => number(name_index, 4, 0x10, block),
    }
    let spelled_out = [0x40, 0x00, 0x10].contains(block.last().unwrap());
    if spelled_out {
        let names: [&[u8]; 9] = [
            b":path",
            b"te",
            b"x-name",
            b"grpc-timeout",
            b"X-Upper",
            b"",
            b":odd",
            b"x-very-long-name-of-a-field",
            b"grpc-status",
        ];
        string(names[random.below(names.len())], random, block);
    }
    let values: [&[u8]; 10] = [
        b"",
        b"/hello.Greeter/SayHello",
        b"trailers",
        b"a value, which has {odd} characters \\ ~ and an end ",
        b"\x00\x01\xff\xfe\x80 bytes",
        b"0123456789",
        b"line\nfeed",
        b"/a.much.longer.package.name.v1alpha1.ServiceWithALongName/MethodWithALongNameToo",
        &[b'~'; 300],
        &[0xf7; 20],
    ];
    string(values[random.below(values.len())], random, block);
}

fn number(value: usize, prefix_bits: u32, pattern: u8, block: &mut Vec<u8>) {
    let mask = (1 << prefix_bits) - 1;
    if value < mask {
        return block.push(pattern | value as u8);
    }
    block.push(pattern | mask as u8);
    let mut rest = value - mask;
    while rest >= 0x80 {
        block.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

fn string(text: &[u8], random: &mut Random, block: &mut Vec<u8>) {
    if random.one_in(3) {
        number(text.len(), 7, 0, block);
        return block.extend_from_slice(text);
    }
    let mut bits = String::new();
    for byte in text {
        let (code, length) = reference::CODES[usize::from(*byte)];
        bits.push_str(&format!("{code:0width$b}", width = usize::from(length)));
    }
    while !bits.len().is_multiple_of(8) {
        bits.push('1');
    }
    number(bits.len() / 8, 7, 0x80, block);
    block.extend(bits.as_bytes().chunks(8).map(|bits| {
        u8::from_str_radix(std::str::from_utf8(bits).expect("they are digits"), 2).expect("they are digits")
    }));
}

/// Random Huffman strings, every length and every padding.
#[test]
fn random_huffman_strings_mean_the_same_to_both_decoders() {
    let (mut sound, mut broken) = (0, 0);
    for seed in seeds() {
        let mut random = Random(seed);
        for _ in 0..20 {
            let raw: Vec<u8> =
                (0..random.below(40)).map(|_| random.next() as u8 | [0, 0xf0, 0xff][random.below(3)]).collect();
            let mut block = vec![0x04];
            number(raw.len(), 7, 0x80, &mut block);
            block.extend(&raw);
            let expected = reference::Decoder::new(4096).decode(&block);
            let mut list = FieldList::new();
            let found = Decoder::default().decode_into(&block, &LIMITS, &mut list).map(|_| fields(&list));
            assert_eq!(found, expected, "SELTZER_HPACK_SEED={seed}: {block:02x?}");
            if found.is_ok() { sound += 1 } else { broken += 1 }
        }
    }
    println!("{sound} sound strings, {broken} broken ones");
}

/// Whatever is sent, in whatever way, over tables that change their size, arrives.
#[test]
fn random_headers_survive_both_decoders() {
    let mut blocks = 0;
    for seed in seeds() {
        let mut random = Random(seed);
        let prepared: Vec<_> = (0..40).map(|_| random_prepared(&mut random)).collect();
        let mut encoder = Encoder::default();
        let mut quick = Decoder::default();
        let mut slow = reference::Decoder::new(4096);
        for number in 0..60 {
            let mut expected: Vec<reference::Field> = Vec::new();
            let mut block = Vec::new();
            if random.one_in(20) {
                encoder.set_table_bytes_max([0, 40, 100, 500, 4096, 1 << 20][random.below(6)]);
            }
            if random.one_in(30) {
                encoder.shrink();
            }
            if random.one_in(2) {
                let prepared = &prepared[random.below(prepared.len())];
                let is_settled = encoder.is_settled(prepared);
                encoder.encode_prepared(prepared, &mut block);
                assert!(!is_settled || encoder.is_settled(prepared));
                expected.extend(prepared.fields().map(|field| owned(&field)));
            }
            for _ in 0..random.below(6) {
                let field = random_header(&mut random);
                let indexing = [Indexing::Automatic, Indexing::Always, Indexing::Without, Indexing::Never]
                    [random.below(8).saturating_sub(4)];
                let field = HeaderField { name: &field.0, value: &field.1, is_sensitive: field.2 };
                encoder.encode(&field, indexing, &mut block);
                expected.push((
                    field.name.to_vec(),
                    field.value.to_vec(),
                    field.is_sensitive || indexing == Indexing::Never,
                ));
            }
            let place = || format!("SELTZER_HPACK_SEED={seed}, block {number}: {block:02x?}");
            let slowly = slow.decode(&block).unwrap_or_else(|error| panic!("{}: {error}", place()));
            quick.decode(&block, &LIMITS).unwrap_or_else(|error| panic!("{}: {error}", place()));
            assert_eq!(fields(quick.fields()), slowly, "{}", place());
            let names = |list: &[reference::Field]| {
                list.iter().map(|field| (field.0.clone(), field.1.clone())).collect::<Vec<_>>()
            };
            assert_eq!(names(&slowly), names(&expected), "{}", place());
            for (field, expected) in slowly.iter().zip(&expected) {
                let is_credential = field.0 == b"authorization" || field.0 == b"cookie" && field.1.len() < 20;
                assert!(field.2 >= expected.2, "{}", place());
                assert!(field.2 == expected.2 || is_credential, "{}", place());
            }
            blocks += 1;
        }
    }
    println!("{blocks} blocks");
}

fn owned(field: &HeaderField<'_>) -> reference::Field {
    (field.name.to_vec(), field.value.to_vec(), field.is_sensitive)
}

fn random_prepared(random: &mut Random) -> Prepared {
    let fields: Vec<_> = (0..random.below(5)).map(|_| random_header(random)).collect();
    Prepared::new(fields.iter().map(|(name, value, is_sensitive)| HeaderField {
        name,
        value,
        is_sensitive: *is_sensitive,
    }))
}

fn random_header(random: &mut Random) -> reference::Field {
    let names = [
        ":status",
        ":path",
        "content-type",
        "grpc-status",
        "x-id",
        "authorization",
        "cookie",
        "accept",
        "x-other-name",
    ];
    let values = ["200", "/", "application/grpc", "0", "", "a-cookie-of-more-than-twenty-bytes", "x", "7"];
    let name = names[random.below(names.len())];
    let value = match random.below(4) {
        0 => format!("{}-{}", random.below(50), "v".repeat(random.below(100))),
        _ => values[random.below(values.len())].to_owned(),
    };
    (name.into(), value.into(), random.one_in(20))
}
