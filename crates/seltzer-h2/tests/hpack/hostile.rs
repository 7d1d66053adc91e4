//! Peers that break the rules, or keep them to do harm.

use seltzer_h2::hpack::{Decoder, Encoder, Error, Indexing, Limits};
use seltzer_h2::{FieldList, Token};

use crate::{bytes, decode, fields, header};

#[test]
fn broken_blocks_are_refused() {
    let table = [
        ("index zero", "80", Error::InvalidIndex),
        ("an index past both tables", "be", Error::InvalidIndex),
        ("a huge index", "ff 80 80 80 08", Error::InvalidIndex),
        ("the largest index", "ff 80 ff ff ff 0f", Error::InvalidIndex),
        ("a name past both tables", "7f 00 00", Error::InvalidIndex),
        ("a name past both tables, not indexed", "0f 2f 00", Error::InvalidIndex),
        ("no value", "40 01 61", Error::Truncated),
        ("no name", "40", Error::Truncated),
        ("half a value", "40 01 61 05 62", Error::Truncated),
        ("a value of four gigabytes", "40 01 61 7f 80 ff ff ff 0f", Error::Truncated),
        ("half a number", "ff", Error::Truncated),
        ("half a longer number", "ff 80", Error::Truncated),
        ("a table larger than allowed", "3f e2 1f", Error::InvalidTableSize),
        ("a second size that is larger than allowed", "20 3f e2 1f", Error::InvalidTableSize),
        ("a table size after a field", "82 20", Error::InvalidTableSize),
        ("a table size in the end", "82 3f e1 1f", Error::InvalidTableSize),
        ("a number without end", "ff ff ff ff ff ff ff ff", Error::IntegerOverflow),
        ("a number of 33 bits", "ff 80 ff ff ff 1f", Error::IntegerOverflow),
        ("zeros without end", "ff 80 80 80 80 80 80 80 00", Error::IntegerOverflow),
        ("a table size that overflows", "3f ff ff ff ff ff 0f", Error::IntegerOverflow),
        ("a string length that overflows", "40 01 61 7f ff ff ff ff ff 0f", Error::IntegerOverflow),
        ("a broken Huffman name", "40 81 ff 01 61", Error::InvalidHuffman),
        ("a whole byte of padding", "04 86 ae c3 77 1a 4b ff", Error::InvalidHuffman),
        ("padding of zeros", "04 81 18", Error::InvalidHuffman),
        ("the end symbol", "04 84 ff ff ff ff", Error::InvalidHuffman),
        ("the end symbol after text", "04 89 ae c3 77 1a 4b ff ff ff ff", Error::InvalidHuffman),
        ("the end symbol far into a string", "04 8c 18 c6 31 8c 63 18 c6 31 ff ff ff ff", Error::InvalidHuffman),
    ];
    for (what, block, error) in table {
        assert_eq!(decode(&mut Decoder::default(), &bytes(block)), Err(error), "{what}");
        let list = Decoder::default().decode_into(&bytes(block), &Limits::default(), &mut FieldList::new());
        assert_eq!(list, Err(error), "{what}");
    }
}

/// Every beginning of a block either ends between two fields or is refused; none is taken for more than it is.
#[test]
fn every_truncation_is_noticed() {
    let mut encoder = Encoder::default();
    let mut block = Vec::new();
    let mut ends = vec![0];
    for (name, value) in [(":method", "POST"), ("x-name", "a value"), ("te", "trailers"), ("x-name", "another")] {
        encoder.encode(&header(name, value), Indexing::Always, &mut block);
        ends.push(block.len());
    }
    for length in 0..block.len() {
        let result = decode(&mut Decoder::default(), &block[..length]);
        match ends.iter().position(|end| *end == length) {
            Some(count) => assert_eq!(result.unwrap().len(), count),
            None => assert_eq!(result, Err(Error::Truncated), "{length} bytes"),
        }
    }
}

/// A field of one byte on the wire that stands for a large one in the table.
#[test]
fn a_bomb_of_references_stops_at_the_limits() {
    let mut encoder = Encoder::default();
    let mut block = Vec::new();
    let large = "x".repeat(4000);
    encoder.encode(&header("x-large", &large), Indexing::Always, &mut block);
    for _ in 0..16_000 {
        encoder.encode(&header("x-large", &large), Indexing::Always, &mut block);
    }
    assert!(block.len() < 20_000);
    let mut decoder = Decoder::default();
    let decoded = decoder.decode(&block, &Limits::default()).unwrap();
    assert!(decoded.is_too_large);
    assert_eq!(decoded.field_count, 16_001);
    assert_eq!(decoded.list_bytes, 16_001 * (4007 + 32));
    assert_eq!(decoder.fields().len(), 4, "four of them fit 16 KiB");
}

#[test]
fn limits_stop_the_fields_but_not_the_table() {
    let mut encoder = Encoder::default();
    let mut block = Vec::new();
    for _ in 0..=1000 {
        encoder.encode(&header("x-first", "1"), Indexing::Always, &mut block);
    }
    encoder.encode(&header("x-last", "2"), Indexing::Always, &mut block);
    let mut decoder = Decoder::default();
    let decoded = decoder.decode(&block, &Limits::default()).unwrap();
    assert!(decoded.is_too_large);
    assert_eq!((decoded.field_count, decoder.fields().len()), (1002, 128));
    let mut next = Vec::new();
    encoder.encode(&header("x-last", "2"), Indexing::Always, &mut next);
    assert_eq!(next.len(), 1, "the encoder has it in its table");
    assert_eq!(decode(&mut decoder, &next).unwrap(), fields(&[("x-last", "2")]));
}

/// A cached block is held against the limits of the day.
#[test]
fn limits_hold_for_known_blocks() {
    let mut decoder = Decoder::default();
    let block = bytes("82 84 86");
    let wide = Limits::default();
    for round in 0..3 {
        let decoded = decoder.decode(&block, &wide).unwrap();
        assert_eq!(decoded.is_known, round == 2);
    }
    let narrow = Limits::new(16 * 1024, 2);
    let decoded = decoder.decode(&block, &narrow).unwrap();
    assert!(decoded.is_too_large && !decoded.is_known && decoder.fields().len() == 2);
    assert!(decoder.decode(&block, &wide).unwrap().is_known);
    assert_eq!(decoder.fields().len(), 3);
}

/// Changing the size over and over empties the table each time, and costs nothing else.
#[test]
fn table_sizes_may_change_in_every_block() {
    let mut decoder = Decoder::default();
    for _ in 0..1000 {
        // To nothing, to everything, then a field that enters and is referred to.
        let block = bytes("20 3f e1 1f 40 01 61 01 62 be");
        assert_eq!(decode(&mut decoder, &block).unwrap(), fields(&[("a", "b"), ("a", "b")]));
    }
    let mut many = bytes("20").repeat(10_000);
    many.push(0x82);
    assert_eq!(decode(&mut decoder, &many).unwrap(), fields(&[(":method", "GET")]));
    assert_eq!(decode(&mut decoder, &bytes("be")), Err(Error::InvalidIndex), "the table is empty");
}

/// Section 4.2: who was told of a smaller table says so before its next field.
#[test]
fn a_smaller_table_must_be_acknowledged_in_the_block() {
    let mut decoder = Decoder::default();
    decode(&mut decoder, &bytes("40 01 61 01 62")).unwrap();
    for round in 0..3 {
        assert_eq!(decoder.decode(&bytes("be"), &Limits::default()).unwrap().is_known, round == 2);
    }
    decoder.set_table_bytes_max(100);
    assert_eq!(decode(&mut decoder, &bytes("be")), Err(Error::InvalidTableSize), "known from before or not");

    let mut decoder = Decoder::default();
    decode(&mut decoder, &bytes("40 01 61 01 62")).unwrap();
    decoder.set_table_bytes_max(100);
    assert_eq!(decode(&mut decoder, &bytes("3f 45 be")).unwrap(), fields(&[("a", "b")]));
    decoder.set_table_bytes_max(8192);
    assert_eq!(decode(&mut decoder, &bytes("be")).unwrap(), fields(&[("a", "b")]), "it need not grow");
    assert_eq!(decode(&mut decoder, &bytes("3f e1 3f be")).unwrap(), fields(&[("a", "b")]), "8192");
}

/// A field larger than the table empties it; referring to its own predecessor by name is allowed (section 4.4).
#[test]
fn an_entry_may_push_out_the_one_that_names_it() {
    let mut decoder = Decoder::new(100);
    let mut block = bytes("40 06 78 2d 6e 61 6d 65 01 61");
    // With the name of the entry above, and a value that leaves no room for it.
    block.extend([0x7e, 60]);
    block.extend([b'v'; 60]);
    block.push(0xbe);
    let value = "v".repeat(60);
    assert_eq!(
        decode(&mut decoder, &block).unwrap(),
        fields(&[("x-name", "a"), ("x-name", &value), ("x-name", &value)])
    );
    assert_eq!(decode(&mut decoder, &bytes("bf")), Err(Error::InvalidIndex));
}

/// The same bytes after the table changed are other fields.
#[test]
fn a_known_block_does_not_outlive_its_table() {
    let mut decoder = Decoder::default();
    decode(&mut decoder, &bytes("40 01 61 01 31")).unwrap();
    for round in 0..4 {
        let decoded = decoder.decode(&bytes("be 82"), &Limits::default()).unwrap();
        assert_eq!(decoded.is_known, round > 1);
        if round == 1 {
            decoder.set_memo_tag(decoded.memo, 5);
            decoder.set_memo_checked(decoded.memo, 6);
        }
        if round > 1 {
            assert_eq!((decoder.memo_tag(decoded.memo), decoded.checked), (5, 6));
        }
    }
    decode(&mut decoder, &bytes("40 01 61 01 32")).unwrap();
    assert_eq!(decode(&mut decoder, &bytes("be 82")).unwrap(), fields(&[("a", "2"), (":method", "GET")]));
    let decoded = decoder.decode(&bytes("be 82"), &Limits::default()).unwrap();
    assert_eq!((decoder.memo_tag(decoded.memo), decoded.checked), (0, 0));
    decode(&mut decoder, &bytes("20")).unwrap();
    assert_eq!(decode(&mut decoder, &bytes("be 82")), Err(Error::InvalidIndex));
}

/// What is wrong with a field is known wherever it comes from: spelled out, from the table, from a cache.
#[test]
fn flaws_are_remembered() {
    // A name in upper case; a value with a line feed.
    for literal in ["40 01 41 01 61", "40 01 61 01 0a"] {
        let mut decoder = Decoder::default();
        for block in [literal, "be", "be", "be"] {
            decoder.decode(&bytes(block), &Limits::default()).unwrap();
            assert!(decoder.fields().has_malformed(), "{literal}, {block}");
        }
        decode(&mut decoder, &bytes("82")).unwrap();
        assert!(!decoder.fields().has_malformed());
    }
    // The name of a broken entry is used again, with a sound value and with a sound name.
    let mut decoder = Decoder::default();
    decoder.decode(&bytes("40 01 41 01 61"), &Limits::default()).unwrap();
    decoder.decode(&bytes("7e 01 62"), &Limits::default()).unwrap();
    assert!(decoder.fields().has_malformed());
    let mut decoder = Decoder::default();
    decoder.decode(&bytes("40 01 61 01 0a"), &Limits::default()).unwrap();
    decoder.decode(&bytes("7e 01 62"), &Limits::default()).unwrap();
    assert!(!decoder.fields().has_malformed());
    // A path in Huffman code with a line feed, often enough to be kept.
    let mut decoder = Decoder::default();
    // Its code has 30 bits, so four of them end at a byte.
    let block = [bytes("04 9e"), bytes("ff ff ff f3 ff ff ff cf ff ff ff 3f ff ff fc").repeat(2)].concat();
    for _ in 0..4 {
        let mut with_noise = block.clone();
        with_noise.insert(0, 0x82);
        for block in [&block, &with_noise] {
            decoder.decode(block, &Limits::default()).unwrap();
            assert!(decoder.fields().has_malformed());
            assert!(decoder.fields().get(Token::Path).unwrap().contains(&b'\n'));
        }
    }
}
