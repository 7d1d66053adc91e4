//! HPACK against the specification's own examples, against itself, and against recorded traffic.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use seltzer_h2::hpack::{Decoder, Encoder, Error, Limits};

type Fields = Vec<(String, String)>;

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, Error> {
    let limits = Limits::default();
    let mut fields = Vec::new();
    let decoded = decoder.decode(block, &limits, |field| {
        fields.push((String::from_utf8_lossy(field.name).into(), String::from_utf8_lossy(field.value).into()));
    })?;
    assert!(!decoded.is_too_large);
    assert_eq!(decoded.field_count, fields.len());
    Ok(fields)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn fields(list: &[(&str, &str)]) -> Fields {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Appendix C.3 and C.4: three requests on one connection, without and with Huffman.
#[test]
fn the_requests_of_the_specification() {
    let expected = [
        fields(&[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")]),
        fields(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "www.example.com"),
            ("cache-control", "no-cache"),
        ]),
        fields(&[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ]),
    ];
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let huffman = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    for blocks in [plain, huffman] {
        let mut decoder = Decoder::default();
        for (block, expected) in blocks.iter().zip(&expected) {
            assert_eq!(&decode(&mut decoder, &bytes(block)).unwrap(), expected);
        }
    }
    // Our encoder writes the same bytes as the specification's.
    let mut encoder = Encoder::default();
    for (block, expected) in huffman.iter().zip(&expected) {
        let mut output = Vec::new();
        for (name, value) in expected {
            encoder.encode(name.as_bytes(), value.as_bytes(), &mut output);
        }
        assert_eq!(output, bytes(block));
    }
}

#[test]
fn broken_blocks_are_refused() {
    let table = [
        ("index zero", "80", Error::InvalidIndex),
        ("an index past both tables", "be", Error::InvalidIndex),
        ("a name past both tables", "7f 00 00", Error::InvalidIndex),
        ("no value", "40 01 61", Error::Truncated),
        ("half a value", "40 01 61 05 62", Error::Truncated),
        ("a table larger than allowed", "3f e2 1f", Error::InvalidTableSize),
        ("a table size after a field", "82 20", Error::InvalidTableSize),
        ("a number without end", "ff ff ff ff ff ff ff ff", Error::IntegerOverflow),
        ("a broken Huffman name", "40 81 ff 01 61", Error::InvalidHuffman),
    ];
    for (what, block, error) in table {
        assert_eq!(decode(&mut Decoder::default(), &bytes(block)), Err(error), "{what}");
    }
}

#[test]
fn limits_stop_the_fields_but_not_the_table() {
    let mut encoder = Encoder::default();
    let mut block = Vec::new();
    encoder.encode(b"x-first", b"1", &mut block);
    // One byte each on the wire.
    for _ in 0..1000 {
        encoder.encode(b"x-first", b"1", &mut block);
    }
    encoder.encode(b"x-last", b"2", &mut block);
    let mut decoder = Decoder::default();
    let mut handed_over = 0;
    let decoded = decoder.decode(&block, &Limits::default(), |_| handed_over += 1).unwrap();
    assert!(decoded.is_too_large);
    assert_eq!((decoded.field_count, handed_over), (1002, 128));
    let mut next = Vec::new();
    encoder.encode(b"x-last", b"2", &mut next);
    assert_eq!(next.len(), 1, "the encoder has it in its table");
    assert_eq!(decode(&mut decoder, &next).unwrap(), fields(&[("x-last", "2")]));
}

#[test]
fn sensitive_fields_stay_out_of_the_table() {
    let mut encoder = Encoder::default();
    let mut sizes = Vec::new();
    let mut decoder = Decoder::default();
    for _ in 0..2 {
        let mut block = Vec::new();
        encoder.encode_sensitive(b"authorization", b"Bearer token123", &mut block);
        sizes.push(block.len());
        decoder.decode(&block, &Limits::default(), |field| assert!(field.is_sensitive)).unwrap();
    }
    assert_eq!(sizes[0], sizes[1]);
}

#[test]
fn a_peer_may_shrink_and_close_the_table() {
    let mut encoder = Encoder::default();
    let mut decoder = Decoder::default();
    for size in [4096, 100, 0, 50, 4096, 1 << 20] {
        encoder.set_table_bytes_max(size);
        for round in 0..5 {
            let mut block = Vec::new();
            let list = [("x-name", "value".to_owned()), ("x-round", round.to_string()), (":path", "/".repeat(30))];
            for (name, value) in &list {
                encoder.encode(name.as_bytes(), value.as_bytes(), &mut block);
            }
            let expected: Fields = list.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            assert_eq!(decode(&mut decoder, &block).unwrap(), expected, "table of {size}, round {round}");
        }
    }
}
