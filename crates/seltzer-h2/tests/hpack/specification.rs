//! Appendix C of RFC 7541, both ways.

use seltzer_h2::hpack::{Decoder, Encoder, Indexing, Limits};

use crate::{Fields, bytes, decode, fields, header};

/// Appendix C.2: one field each way that a field can be written.
#[test]
fn the_fields_of_the_specification() {
    let table = [
        ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key", "custom-header", false),
        ("040c 2f73 616d 706c 652f 7061 7468", ":path", "/sample/path", false),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password", "secret", true),
        ("82", ":method", "GET", false),
    ];
    for (block, name, value, is_sensitive) in table {
        let mut decoder = Decoder::default();
        decoder.decode(&bytes(block), &Limits::default()).unwrap();
        let field = decoder.fields().iter().next().unwrap();
        assert_eq!((field.name, field.value), (name.as_bytes(), value.as_bytes()));
        assert_eq!(field.is_sensitive, is_sensitive);
        assert_eq!(decoder.fields().len(), 1);
    }
}

fn requests() -> [Fields; 3] {
    [
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
    ]
}

/// Appendix C.3 and C.4: three requests on one connection, without and with Huffman.
#[test]
fn the_requests_of_the_specification() {
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
    check(4096, &requests(), &plain, &huffman);
}

/// Appendix C.5 and C.6: three responses with a table of 256 bytes, which overflows.
#[test]
fn the_responses_of_the_specification() {
    let cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
    let common = [("cache-control", "private"), ("location", "https://www.example.com")];
    let [early, late] = ["Mon, 21 Oct 2013 20:13:21 GMT", "Mon, 21 Oct 2013 20:13:22 GMT"];
    let responses = [
        fields(&[(":status", "302"), common[0], ("date", early), common[1]]),
        fields(&[(":status", "307"), common[0], ("date", early), common[1]]),
        fields(&[
            (":status", "200"),
            common[0],
            ("date", late),
            common[1],
            ("content-encoding", "gzip"),
            ("set-cookie", cookie),
        ]),
    ];
    let plain = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120
         474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738
         666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33
         3630 303b 2076 6572 7369 6f6e 3d31",
    ];
    let huffman = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718
         63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7
         b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ];
    check(256, &responses, &plain, &huffman);
}

/// Both spellings mean the fields, and our encoder writes the one with Huffman.
fn check(table_bytes: usize, lists: &[Fields], plain: &[&str], huffman: &[&str]) {
    for blocks in [plain, huffman] {
        let mut decoder = Decoder::new(table_bytes);
        for (block, expected) in blocks.iter().zip(lists) {
            assert_eq!(&decode(&mut decoder, &bytes(block)).unwrap(), expected);
        }
    }
    let mut encoder = Encoder::default();
    encoder.set_table_bytes_max(table_bytes);
    for (position, (block, list)) in huffman.iter().zip(lists).enumerate() {
        let mut output = Vec::new();
        for (name, value) in list {
            encoder.encode(&header(name, value), Indexing::Always, &mut output);
        }
        // The examples begin with a table that has its size already; ours says it first.
        let announced = if position == 0 && table_bytes == 256 { bytes("3f e1 01") } else { Vec::new() };
        assert_eq!(output, [announced, bytes(block)].concat());
    }
}
