//! What of REST takes bytes from strangers: paths, queries, JSON.

use std::sync::OnceLock;

use bytes::Bytes;
use prost::Message;
use prost_reflect::DynamicMessage;

use crate::gateway::query::Parameters;
use crate::gateway::rule::{Binding, bindings};
use crate::gateway::stream::Splitter;
use crate::gateway::template::{Found, Path, Reserved, Routes, Template};
use crate::json::{JsonOptions, Messages, read_message, write_message};

/// Reads a template, which must mean the same when it is read again, and matches a path with it.
pub fn template(text: &str, path: &str) {
    let parsed = Template::parse(text);
    if let Ok(template) = &parsed {
        assert_eq!(Template::parse(&template.to_string()).as_ref(), Ok(template));
    }
    let mut routes = Routes::default();
    let standing = ["/v1/{name=shelves/*/books/*}", "/v1/{name=**}:verb", "/{a}/{b}", "/v1/books"];
    for template in standing.into_iter().filter_map(|text| Template::parse(text).ok()).chain(parsed.ok()) {
        // One that is there already is a conflict, and no more.
        let _ = routes.add("GET", &template, template.clone());
    }
    let Some(path) = Path::new(path) else { return };
    if let Found::Match(template) = routes.find("GET", &path) {
        let _ = path.has_dot_segment(template);
        let kept = path.variables(template, Reserved::SlashKept);
        let decoded = path.variables(template, Reserved::Decoded);
        assert_eq!(kept.is_ok(), decoded.is_ok());
        assert!(kept.is_err() || kept.is_ok_and(|values| values.len() == template.variables().len()));
    }
}

/// Fills the message of `Echo` in a set with a query; what was filled has a form in bytes and in JSON.
pub fn query(set: &'static [u8], text: &str) {
    static BINDING: OnceLock<Binding> = OnceLock::new();
    let binding = BINDING.get_or_init(|| {
        let mut messages = Messages::default();
        messages.add("rest.Library", set).expect("the set is good");
        let all = bindings(&messages, ["rest.Library"], &[], true).expect("the rules are good");
        all.into_iter().find(|binding| binding.template.to_string() == "/v1/echo/{text}").expect("it is there")
    });
    let mut message = DynamicMessage::new(binding.call.input().clone());
    let filled = Parameters::read(text, binding, false).and_then(|parameters| parameters.fill(&mut message));
    if filled.is_ok() {
        let again = DynamicMessage::decode(binding.call.input().clone(), message.encode_to_vec().as_slice());
        assert!(again.is_ok());
    }
}

/// Reads JSON; what is written of it must mean the same.
pub fn json(set: &'static [u8], text: &[u8]) {
    static MESSAGES: OnceLock<Messages> = OnceLock::new();
    let messages = MESSAGES.get_or_init(|| {
        let mut messages = Messages::default();
        messages.add("rest.Library", set).expect("the set is good");
        messages
    });
    let method = messages.method("/rest.Library/Echo").expect("it is there");
    split(text);
    let direct = method.decode_request(text);
    let message = match read_message(method.input(), text, &JsonOptions::new()) {
        Ok(message) => message,
        Err(error) => return assert_eq!(direct, Err(error), "both ways find the same wrong"),
    };
    let direct = direct.expect("both ways read it");
    let mut written = Vec::new();
    if write_message(&message, &JsonOptions::new(), &mut written).is_err() {
        return;
    }
    let again = read_message(method.input(), &written, &JsonOptions::new()).expect("what we wrote can be read");
    let written_directly = method.encode_reply(&direct).expect("both ways write it");
    // What is no number does not equal itself, and has a name in wrappers where it is written directly.
    if !written_directly.windows(5).any(|bytes| bytes == b"\"NaN\"") {
        assert_eq!(again, message);
        assert_eq!(value_of(&written_directly), value_of(&written));
    }
}

/// JSON without the order of its names: maps have none.
fn value_of(json: &[u8]) -> serde_json::Value {
    serde_json::from_slice(json).expect("what we wrote is JSON")
}

/// The values of a stream are the same in whatever pieces they come.
fn split(text: &[u8]) {
    let run = |size: usize| {
        let mut splitter = Splitter::new(false, 512);
        let mut values: Vec<Bytes> = Vec::new();
        for piece in text.chunks(size) {
            splitter.push(piece);
            while let Some(value) = splitter.next()? {
                values.push(value);
            }
        }
        values.extend(splitter.finish()?);
        Ok::<_, String>(values)
    };
    assert_eq!(run(1), run(text.len().max(1)));
}
