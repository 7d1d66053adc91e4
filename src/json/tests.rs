//! What is read of JSON and what is not, and what comes out again.

use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use seltzer_fixtures::nested::rest;

use crate::json::transcode::{self, Tables};
use crate::json::{
    JsonError, JsonOptions, Messages, read_field, read_message, scalar_from_text, write_field, write_message,
};

fn everything() -> MessageDescriptor {
    let mut messages = Messages::new(JsonOptions::new());
    messages.add("rest.Library", rest::FILE_DESCRIPTOR_SET).unwrap();
    messages.method("/rest.Library/Echo").unwrap().input().clone()
}

/// A way between JSON and bytes. What is said of one holds for the other.
struct Way {
    name: &'static str,
    read: Turn,
    write: Turn,
}

/// Makes bytes of JSON, or JSON of bytes.
type Turn = fn(&MessageDescriptor, &[u8], &JsonOptions) -> Result<Vec<u8>, JsonError>;

const WAYS: [Way; 2] = [
    Way {
        name: "by DynamicMessage",
        read: |message, json, options| read_message(message, json, options).map(|message| message.encode_to_vec()),
        write: |message, bytes, options| {
            let mut out = Vec::new();
            let message = DynamicMessage::decode(message.clone(), bytes).unwrap();
            write_message(&message, options, &mut out).map(|()| out)
        },
    },
    Way {
        name: "direct",
        read: |message, json, options| {
            let tables = Tables::of(message.parent_pool());
            transcode::read(&tables, tables.message(tables.place(message)), json, options)
        },
        write: |message, bytes, options| {
            let tables = Tables::of(message.parent_pool());
            let mut out = Vec::new();
            transcode::write(&tables, tables.message(tables.place(message)), bytes, options, &mut out).map(|()| out)
        },
    },
];

impl Way {
    fn written(&self, message: &MessageDescriptor, bytes: &[u8], options: &JsonOptions) -> String {
        String::from_utf8((self.write)(message, bytes, options).unwrap()).unwrap()
    }
}

#[test]
fn what_is_read_comes_out_in_canonical_form() {
    let message = everything();
    let max = i64::MAX;
    for (json, expected) in [
        ("{}", "{}"),
        (" \t\r\n{ } \n", "{}"),
        (r#"{"aDouble":1}"#, r#"{"aDouble":1.0}"#),
        (r#"{"a_double":"1.5e3"}"#, r#"{"aDouble":1500.0}"#),
        (r#"{"aDouble":"NaN"}"#, r#"{"aDouble":"NaN"}"#),
        (r#"{"aDouble":"-Infinity","aFloat":"Infinity"}"#, r#"{"aDouble":"-Infinity","aFloat":"Infinity"}"#),
        (r#"{"aFloat":0.1}"#, r#"{"aFloat":0.1}"#),
        (r#"{"anInt32":"-5","aUint32":1e3,"aSint32":2.0}"#, r#"{"anInt32":-5,"aUint32":1000,"aSint32":2}"#),
        (r#"{"anInt64":9223372036854775807}"#, &format!(r#"{{"anInt64":"{max}"}}"#)),
        (r#"{"anInt64":"9223372036854775807"}"#, &format!(r#"{{"anInt64":"{max}"}}"#)),
        (r#"{"aUint64":18446744073709551615}"#, r#"{"aUint64":"18446744073709551615"}"#),
        (r#"{"aBool":true,"text":"a\u00e9\ud83d\ude00\n"}"#, "{\"aBool\":true,\"text\":\"aé😀\\n\"}"),
        (r#"{"data":"-_8"}"#, r#"{"data":"+/8="}"#),
        (r#"{"genre":"NOVEL"}"#, r#"{"genre":"NOVEL"}"#),
        (r#"{"genre":2}"#, r#"{"genre":"POEM"}"#),
        (r#"{"genre":99}"#, r#"{"genre":99}"#),
        (r#"{"text":null,"numbers":null,"labels":null,"inner":null}"#, "{}"),
        (
            r#"{"numbers":[1,"2",3.0],"genres":["NOVEL",0]}"#,
            r#"{"numbers":[1,2,3],"genres":["NOVEL","GENRE_UNSPECIFIED"]}"#,
        ),
        (r#"{"inner":{"inner":{"text":"deep"}}}"#, r#"{"inner":{"inner":{"text":"deep"}}}"#),
        (r#"{"labels":{"a":"1"},"counts":{"-7":"8"}}"#, r#"{"labels":{"a":"1"},"counts":{"-7":"8"}}"#),
        (r#"{"chosen":{"true":"POEM"}}"#, r#"{"chosen":{"true":"POEM"}}"#),
        (r#"{"maybe":""}"#, r#"{"maybe":""}"#),
        (r#"{"chosenText":""}"#, r#"{"chosenText":""}"#),
        (r#"{"chosenText":null,"chosenNumber":1}"#, r#"{"chosenNumber":1}"#),
        (r#"{"chosenNull":null}"#, r#"{"chosenNull":null}"#),
        (r#"{"chosenNull":"NULL_VALUE"}"#, r#"{"chosenNull":null}"#),
        (r#"{"time":"2024-02-29T12:00:00.5+01:00"}"#, r#"{"time":"2024-02-29T11:00:00.500Z"}"#),
        (r#"{"duration":"-1.5s"}"#, r#"{"duration":"-1.500s"}"#),
        (r#"{"mask":"aB,c.dE"}"#, r#"{"mask":"aB,c.dE"}"#),
        (r#"{"struct":{"a":[1,null,{"b":true}]}}"#, r#"{"struct":{"a":[1.0,null,{"b":true}]}}"#),
        (r#"{"value":null}"#, r#"{"value":null}"#),
        (r#"{"list":["x"]}"#, r#"{"list":["x"]}"#),
        (
            r#"{"any":{"@type":"type.googleapis.com/rest.Author","name":"A"}}"#,
            r#"{"any":{"@type":"type.googleapis.com/rest.Author","name":"A"}}"#,
        ),
        (r#"{"empty":{}}"#, r#"{"empty":{}}"#),
        (
            r#"{"int64Value":"0","boolValue":false,"stringValue":""}"#,
            r#"{"int64Value":"0","boolValue":false,"stringValue":""}"#,
        ),
        (r#"{"bytesValue":"aGk=","uint32Value":"7"}"#, r#"{"uint32Value":7,"bytesValue":"aGk="}"#),
    ] {
        for way in WAYS {
            let read = (way.read)(&message, json.as_bytes(), &JsonOptions::new());
            let read = read.unwrap_or_else(|error| panic!("{json} {}: {error}", way.name));
            assert_eq!(way.written(&message, &read, &JsonOptions::new()), expected, "{json} {}", way.name);
        }
    }
}

type Wrong<'a> = (&'a [u8], &'a str, (usize, usize), &'a str);

/// (text, field, (line, column), what is wrong there)
const WRONG: &[Wrong<'_>] = &[
    (b"", "", (1, 0), "the text is empty"),
    (b"  ", "", (1, 2), "the text is empty"),
    (b"[]", "", (1, 0), "expected an object, the message rest.Everything"),
    (b"null", "", (1, 4), "expected an object"),
    (b"\"x\"", "", (1, 3), "expected an object"),
    (b"{\n \"text\": 1\n}", "text", (2, 10), "1: a text was expected"),
    (b"{\"anInt32\": \"x\"}", "anInt32", (1, 15), "a whole number of 32 bits was expected"),
    (b"{\"an_int32\": 2147483648}", "anInt32", (1, 23), "out of range"),
    (b"{\"aUint32\": -1}", "aUint32", (1, 14), "not negative"),
    (b"{\"anInt32\": 1.5}", "anInt32", (1, 15), "a whole number was expected"),
    (b"{\"anInt32\": true}", "anInt32", (1, 16), "a whole number of 32 bits was expected"),
    (b"{\"anInt32\": \"\"}", "anInt32", (1, 14), "was expected"),
    (b"{\"aFloat\": 1e39}", "aFloat", (1, 15), "out of range"),
    (b"{\"aDouble\": 1e999}", "aDouble", (1, 17), "number out of range"),
    (b"{\"aDouble\": NaN}", "aDouble", (1, 13), "write it as a text, \"NaN\""),
    (b"{\"aDouble\": -Infinity}", "aDouble", (1, 14), "-Infinity\""),
    (b"{\"aDouble\": \"inf\"}", "aDouble", (1, 17), "no number"),
    (b"{\"aBool\": \"true\"}", "aBool", (1, 16), "true or false was expected"),
    (b"{\"aBool\": 1}", "aBool", (1, 11), "true or false was expected"),
    (b"{\"data\": \"*\"}", "data", (1, 12), "not base64"),
    (b"{\"genre\": \"PROSE\"}", "genre", (1, 17), "it has GENRE_UNSPECIFIED, NOVEL, POEM"),
    (b"{\"genre\": 2147483648}", "genre", (1, 20), "out of range"),
    (b"{\"genre\": \"1\"}", "genre", (1, 13), "no such value"),
    (b"{\"numbers\": [1, \"x\"]}", "numbers[1]", (1, 19), "was expected"),
    (b"{\"numbers\": [null]}", "numbers[0]", (1, 17), "null"),
    (b"{\"numbers\": 1}", "numbers", (1, 13), "expected an array"),
    (b"{\"inners\": [{}, {\"inner\": {\"text\": []}}]}", "inners[1].inner.text", (1, 37), "expected a text"),
    (b"{\"labels\": {\"a\": 1}}", "labels[\"a\"]", (1, 18), "a text was expected"),
    (b"{\"counts\": {\"x\": 1}}", "counts[\"x\"]", (1, 15), "was expected"),
    (b"{\"chosen\": {\"1\": 1}}", "chosen[\"1\"]", (1, 15), "true or false"),
    (b"{\"labels\": {\"a\": null}}", "labels[\"a\"]", (1, 21), "null"),
    (b"{\"labels\": {\"a\": \"\", \"a\": \"\"}}", "labels[\"a\"]", (1, 24), "twice"),
    (b"{\"text\": \"\", \"text\": \"\"}", "text", (1, 19), "twice"),
    (b"{\"aBool\": true, \"a_bool\": true}", "aBool", (1, 24), "twice"),
    (b"{\"struct\": {\"a\": 1, \"a\": 2}}", "struct", (1, 23), "twice"),
    (b"{\"chosenText\": \"\", \"chosenNumber\": 1}", "chosenNumber", (1, 37), "only one of choice"),
    (b"{\"nothing\": 1}", "", (1, 10), "has no field \"nothing\": it has aDouble"),
    (b"{\"inner\": {\"nothing\": 1}}", "inner", (1, 20), "has no field \"nothing\""),
    (b"{\"time\": \"yesterday\"}", "time", (1, 20), ""),
    (b"{\"time\": \"0000-01-01T00:00:00Z\"}", "time", (1, 31), ""),
    (b"{\"duration\": \"1\"}", "duration", (1, 16), ""),
    (b"{\"duration\": \"315576000001s\"}", "duration", (1, 28), ""),
    (b"{\"mask\": \"a_b\"}", "mask", (1, 14), ""),
    (b"{\"any\": {\"@type\": \"type.googleapis.com/no.Such\"}}", "any", (1, 48), "no.Such"),
    (b"{\"int32Value\": \"x\"}", "int32Value", (1, 18), "was expected"),
    (b"{\"text\": \"a\"} x", "", (1, 15), "something follows"),
    (b"{}{}", "", (1, 3), "something follows"),
    (b"{\"text\": \"a\",}", "", (1, 14), "trailing comma"),
    (b"{\"numbers\": [1,]}", "numbers[1]", (1, 16), "trailing comma"),
    (b"{\"text\": 'a'}", "text", (1, 10), "double quotes"),
    (b"{text: 1}", "", (1, 2), "key must be a string"),
    (b"{\"text\": \"\\ud800\"}", "text", (1, 17), "hex escape"),
    (b"{\"text\": \"a\nb\"}", "text", (2, 0), "control character"),
    (b"{\"text\": \"a", "text", (1, 11), "EOF"),
    (b"{\"text\": // no\n1}", "text", (1, 10), "expected value"),
    (b"{\"text\": \"\xff\"}", "", (1, 11), "not UTF-8"),
    (b"{\n\"\xc3\x28\": 1}", "", (2, 2), "not UTF-8"),
    (b"\xef\xbb\xbf{}", "", (1, 1), "expected value"),
];

#[test]
fn what_is_wrong_is_said_with_line_column_and_field() {
    let message = everything();
    let deep = r#"{"inner":"#.repeat(101) + "{}" + &"}".repeat(101);
    let mut wrong = Vec::new();
    let very_deep = r#"{"value":"#.to_owned() + &"[".repeat(500);
    let deep_ones: [Wrong<'_>; 2] =
        [(deep.as_bytes(), "", (1, 900), "100 deep"), (very_deep.as_bytes(), "value", (1, 136), "recursion limit")];
    let cases = WAYS.iter().flat_map(|way| WRONG.iter().chain(&deep_ones).copied().map(move |case| (way, case)));
    for (way, (json, field, (line, column), said)) in cases {
        let shown = format!("{} {}", way.name, String::from_utf8_lossy(json));
        let Err(error) = (way.read)(&message, json, &JsonOptions::new()) else {
            wrong.push(format!("{shown}: it was read"));
            continue;
        };
        // Where it is too deep, the path is a hundred names.
        let is_there = error.field() == field || error.field().ends_with(".inner.inner");
        if !is_there || (error.line(), error.column()) != (line, column) || !error.to_string().contains(said) {
            wrong.push(format!("{shown}: {error} [{}] ({}, {})", error.field(), error.line(), error.column()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn options_change_what_is_written_and_what_is_accepted() {
    for way in WAYS {
        options_change(&way);
    }
}

fn options_change(way: &Way) {
    let message = everything();
    let options = JsonOptions::new().ignore_unknown(true);
    for json in [r#"{"nothing":{"a":[1]}}"#, r#"{"genre":"PROSE"}"#, r#"{"genres":["PROSE"]}"#, r#"{"inner":{"x":1}}"#]
    {
        let read = (way.read)(&message, json.as_bytes(), &options);
        read.unwrap_or_else(|error| panic!("{json} {}: {error}", way.name));
    }
    let read = (way.read)(&message, br#"{"anInt32":1,"genre":"POEM"}"#, &JsonOptions::new()).unwrap();
    let shown = |options: JsonOptions| way.written(&message, &read, &options);
    assert_eq!(shown(JsonOptions::new().proto_names(true)), r#"{"an_int32":1,"genre":"POEM"}"#);
    assert_eq!(shown(JsonOptions::new().enum_numbers(true)), r#"{"anInt32":1,"genre":2}"#);
    let all = shown(JsonOptions::new().default_values(true));
    for part in [r#""text":"""#, r#""numbers":[]"#, r#""labels":{}"#, r#""anInt64":"0""#, r#""aBool":false"#] {
        assert!(all.contains(part), "{part} in {all}");
    }
    assert!(!all.contains("maybe") && !all.contains("chosenText"), "absent fields stay absent: {all}");
    let shallow = JsonOptions::new().depth_max(2);
    assert!((way.read)(&message, br#"{"inner":{}}"#, &shallow).is_ok());
    assert!((way.read)(&message, br#"{"inner":{"inner":{}}}"#, &shallow).is_err());
}

#[test]
fn one_field_is_read_and_written_by_itself() {
    let descriptor = everything();
    for (name, json, expected) in [
        ("text", r#""a""#, r#""a""#),
        ("numbers", "[1,2]", "[1,2]"),
        ("numbers", "null", "[]"),
        ("labels", r#"{"a":"b"}"#, r#"{"a":"b"}"#),
        ("labels", "{}", "{}"),
        ("inner", r#"{"text":"x"}"#, r#"{"text":"x"}"#),
        ("inner", "null", "{}"),
        ("time", "null", "null"),
        ("inners", r#"[{"text":"x","aBool":true},{}]"#, r#"[{"aBool":true,"text":"x"},{}]"#),
        ("maybe", "null", "null"),
        ("maybe", r#""""#, r#""""#),
        ("an_int64", "5", r#""5""#),
        ("an_int64", "null", r#""0""#),
        ("time", r#""1970-01-01T00:00:01Z""#, r#""1970-01-01T00:00:01Z""#),
        ("genre", "1", r#""NOVEL""#),
    ] {
        let field = descriptor.get_field_by_name(name).unwrap();
        let mut message = DynamicMessage::new(descriptor.clone());
        read_field(&mut message, &field, json.as_bytes(), &JsonOptions::new()).unwrap();
        let mut out = Vec::new();
        write_field(&message, &field, &JsonOptions::new(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{name} {json}");
        let (tables, bytes) = (Tables::of(descriptor.parent_pool()), message.encode_to_vec());
        let (table, number) = (tables.message(tables.place(&descriptor)), field.number());
        let mut out = Vec::new();
        transcode::write_field(&tables, table, number, &bytes, &JsonOptions::new(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{name} {json}, direct");
    }
    let field = descriptor.get_field_by_name("text").unwrap();
    let mut message = DynamicMessage::new(descriptor);
    let error = read_field(&mut message, &field, br#""a", "genre": 1"#, &JsonOptions::new()).unwrap_err();
    assert!(error.to_string().contains("something follows"), "{error}");
}

#[test]
fn scalars_stand_in_urls_as_plain_text() {
    let descriptor = everything();
    for (name, text, is_fine) in [
        ("a_bool", "true", true),
        ("a_bool", "TRUE", false),
        ("a_bool", "1", false),
        ("an_int32", "-5", true),
        ("an_int32", "5.5", false),
        ("a_uint64", "18446744073709551615", true),
        ("a_uint64", "18446744073709551616", false),
        ("genre", "NOVEL", true),
        ("genre", "2", true),
        ("genre", "PROSE", false),
        ("text", "", true),
        ("data", "aGk=", true),
        ("a_double", "1e3", true),
        ("a_double", "x", false),
    ] {
        let kind = descriptor.get_field_by_name(name).unwrap().kind();
        assert_eq!(scalar_from_text(&kind, text).is_ok(), is_fine, "{name} {text}");
    }
}

#[test]
fn a_set_without_the_service_is_refused() {
    let mut messages = Messages::new(JsonOptions::new());
    let error = messages.add("rest.Missing", rest::FILE_DESCRIPTOR_SET).unwrap_err();
    assert!(error.to_string().contains("rest.Missing"), "{error}");
    assert!(messages.add("rest.Broken", b"\xff").is_err());
    messages.add("tonic.Service", b"").unwrap();
    assert!(messages.service("tonic.Service").is_none());
}

/// A few bytes of JSON may stand for a message of some hundred.
#[test]
fn what_would_be_large_in_memory_is_refused() {
    let message = everything();
    let table = [
        (format!(r#"{{"value":[{}0]}}"#, "0,".repeat(200_000)), true),
        (format!(r#"{{"value":[{}0]}}"#, "0,".repeat(20_000)), false),
        (format!(r#"{{"value":[{}{{}}]}}"#, "{\"a\":1},".repeat(200_000)), true),
    ];
    for (way, (json, is_refused)) in WAYS.iter().flat_map(|way| table.iter().map(move |case| (way, case))) {
        let read = (way.read)(&message, json.as_bytes(), &JsonOptions::new());
        let said = read.err().map(|error| error.to_string()).unwrap_or_default();
        let (name, bytes) = (way.name, json.len());
        assert_eq!(said.contains("send fewer values at a time"), *is_refused, "{name}, {bytes} bytes: {said}");
    }
}

#[test]
fn what_is_wrong_is_said_without_repeating_all_of_it() {
    let json = format!(r#"{{"inner":"{}"}}"#, "x".repeat(100_000));
    for way in WAYS {
        let error = (way.read)(&everything(), json.as_bytes(), &JsonOptions::new()).unwrap_err();
        assert!(error.to_string().len() < 500, "{}: {} bytes", way.name, error.to_string().len());
    }
}

/// Parsers of bytes see an `Any` as bytes, however deep what they stand for is.
#[test]
fn messages_in_messages_are_not_written_deeper_than_the_stack_bears() {
    let nested = |depth: usize| {
        (0..depth).fold(prost_types::Any::default(), |inner, _| prost_types::Any {
            type_url: "/google.protobuf.Any".to_owned(),
            value: inner.encode_to_vec(),
        })
    };
    let pool = everything().parent_pool().clone();
    let descriptor = pool.get_message_by_name("google.protobuf.Any").unwrap();
    for (depth, is_refused) in [(5_000, true), (120, true), (119, false), (2, false)] {
        for way in WAYS {
            let written = (way.write)(&descriptor, &nested(depth).encode_to_vec(), &JsonOptions::new());
            let said = written.err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(said.contains("deep within each other"), is_refused, "{}, {depth}: {said}", way.name);
        }
    }
}
