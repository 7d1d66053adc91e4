//! Where a call stands in a trace, as W3C Trace Context has it.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that names a trace and the span that the caller is in.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header in which tracing systems keep what is theirs alone.
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The flag of a trace that is recorded.
const SAMPLED: u8 = 0b01;

/// The flag of a trace whose id is random; it stays with the id.
const RANDOM: u8 = 0b10;

/// `00-` and 32, `-` and 16, `-` and 2 hexadecimal digits.
const TRACEPARENT_BYTES: usize = 55;

/// The version that is never to be.
const VERSION_INVALID: u8 = 0xff;

/// How many entries a `tracestate` may have.
const STATE_ENTRIES_MAX: usize = 32;

/// How much of a `tracestate` is passed on: what everybody must be able to pass on.
const STATE_BYTES_MAX: usize = 512;

/// Entries longer than this go first, where there is too much.
const STATE_ENTRY_LONG: usize = 128;

const KEY_BYTES_MAX: usize = 256;
const VALUE_BYTES_MAX: usize = 256;

/// The name of a trace: 16 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// The name of a span in its trace: 8 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

/// Where a call stands in a trace.
///
/// Inside a handler of a server with telemetry, [`Context::trace`](crate::Context::trace) has the one of the server's
/// span: what a log line needs to be found from a trace. Its text is that of the header `traceparent`.
///
/// ```
/// use seltzer::context::TraceContext;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace = TraceContext::from_traceparent(text).expect("it is well-formed");
/// assert_eq!(trace.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(trace.span_id().to_string(), "00f067aa0ba902b7");
/// assert!(trace.is_sampled());
/// assert_eq!(trace.to_string(), text);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: u8,
    state: Option<Arc<str>>,
}

impl TraceId {
    /// `None` for zeros, which name nothing.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(TraceId(bytes))
    }

    /// Its bytes, the first one first.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl SpanId {
    /// `None` for zeros, which name nothing.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(SpanId(bytes))
    }

    /// Its bytes, the first one first.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0
    }
}

impl TraceContext {
    /// The context of a span.
    #[must_use]
    pub fn new(trace_id: TraceId, span_id: SpanId, is_sampled: bool) -> Self {
        TraceContext { trace_id, span_id, flags: if is_sampled { SAMPLED } else { 0 }, state: None }
    }

    /// Reads a `traceparent`; `None` if it is not exactly one.
    ///
    /// Of versions that are not known yet the first four fields are read, as the specification asks.
    #[must_use]
    pub fn from_traceparent(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let fields = bytes.get(..TRACEPARENT_BYTES)?;
        if fields[2] != b'-' || fields[35] != b'-' || fields[52] != b'-' {
            return None;
        }
        let [version] = hexadecimal(&fields[..2])?;
        let is_whole = bytes.len() == TRACEPARENT_BYTES || (version > 0 && bytes[TRACEPARENT_BYTES] == b'-');
        if version == VERSION_INVALID || !is_whole {
            return None;
        }
        let trace_id = TraceId::from_bytes(hexadecimal(&fields[3..35])?)?;
        let span_id = SpanId::from_bytes(hexadecimal(&fields[36..52])?)?;
        let [flags] = hexadecimal(&fields[53..55])?;
        // What other flags mean is not known, and they are not passed on.
        let known = if version == 0 { SAMPLED | RANDOM } else { SAMPLED };
        Some(TraceContext { trace_id, span_id, flags: flags & known, state: None })
    }

    /// The trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span within it.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Whether the span is recorded.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The flags as in the header: 1 is sampled, 2 says that the trace's id is random.
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// What other tracing systems keep beside it: the header `tracestate`, entries with commas in between.
    #[must_use]
    pub fn trace_state(&self) -> &str {
        self.state.as_deref().unwrap_or_default()
    }

    /// Another span of this trace.
    #[must_use]
    pub fn with_span(&self, span_id: SpanId, is_sampled: bool) -> Self {
        let flags = (self.flags & !SAMPLED) | u8::from(is_sampled);
        TraceContext { span_id, flags, ..self.clone() }
    }

    /// Reads the headers of a request. A `traceparent` that is wrong, or one of several, means that there is none; a
    /// `tracestate` that is wrong is left out.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let (parent, None) = (parents.next()?, parents.next()) else { return None };
        let mut context = Self::from_traceparent(parent.to_str().ok()?)?;
        let mut states = headers.get_all(TRACESTATE).iter().peekable();
        if states.peek().is_some() {
            context.state = state_of(states);
        }
        Some(context)
    }

    /// Writes the headers of a request, in place of those that are there.
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hexadecimal(&self.trace_id.0, &mut text[3..35]);
        write_hexadecimal(&self.span_id.0, &mut text[36..52]);
        write_hexadecimal(&[self.flags], &mut text[53..55]);
        if let Ok(value) = HeaderValue::from_bytes(&text) {
            headers.insert(TRACEPARENT, value);
        }
        match self.state.as_deref().map(HeaderValue::from_str) {
            Some(Ok(state)) => drop(headers.insert(TRACESTATE, state)),
            _ => drop(headers.remove(TRACESTATE)),
        }
    }

    /// Reads the binary form of OpenCensus, which travels as `grpc-trace-bin`: a version, then three fields, each
    /// behind its number.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BINARY_BYTES] = bytes.try_into().ok()?;
        if [bytes[0], bytes[1], bytes[18], bytes[27]] != BINARY_MARKS {
            return None;
        }
        let trace_id = TraceId::from_bytes(bytes[2..18].try_into().ok()?)?;
        let span_id = SpanId::from_bytes(bytes[19..27].try_into().ok()?)?;
        Some(TraceContext { trace_id, span_id, flags: bytes[28] & SAMPLED, state: None })
    }

    /// Its binary form; it has no `tracestate`.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; BINARY_BYTES] {
        let mut bytes = [0; BINARY_BYTES];
        [bytes[0], bytes[1], bytes[18], bytes[27]] = BINARY_MARKS;
        bytes[2..18].copy_from_slice(&self.trace_id.0);
        bytes[19..27].copy_from_slice(&self.span_id.0);
        bytes[28] = self.flags & SAMPLED;
        bytes
    }
}

/// The length of the binary form.
const BINARY_BYTES: usize = 29;

/// The version, and the numbers of trace id, span id and flags.
const BINARY_MARKS: [u8; 4] = [0, 0, 1, 2];

/// The entries of all `tracestate` headers; `None` if any is wrong, or there is none.
fn state_of<'a>(headers: impl Iterator<Item = &'a HeaderValue>) -> Option<Arc<str>> {
    let mut entries: Vec<(&str, &str)> = Vec::new();
    for header in headers {
        for entry in header.to_str().ok()?.split(',') {
            let entry = entry.trim_matches([' ', '\t']);
            // Empty ones are permitted.
            if entry.is_empty() {
                continue;
            }
            let (key, value) = entry.split_once('=')?;
            if !is_key(key) || !is_value(value) || entries.iter().any(|(known, _)| *known == key) {
                return None;
            }
            entries.push((key, value));
            if entries.len() > STATE_ENTRIES_MAX {
                return None;
            }
        }
    }
    shorten(&mut entries);
    let entries: Vec<String> = entries.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    (!entries.is_empty()).then(|| entries.join(",").into())
}

/// Leaves out whole entries where there is too much: long ones first, then from the end, where the oldest are.
fn shorten(entries: &mut Vec<(&str, &str)>) {
    let length = |entry: &(&str, &str)| entry.0.len() + 1 + entry.1.len();
    let is_long =
        |entries: &[(&str, &str)]| entries.iter().map(|entry| length(entry) + 1).sum::<usize>() > STATE_BYTES_MAX + 1;
    while is_long(entries) {
        match entries.iter().rposition(|entry| length(entry) > STATE_ENTRY_LONG) {
            Some(at) => drop(entries.remove(at)),
            None => drop(entries.pop()),
        }
    }
}

fn is_key(key: &str) -> bool {
    let begins = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    key.len() <= KEY_BYTES_MAX
        && key.bytes().next().is_some_and(begins)
        && key.bytes().all(|byte| begins(byte) || b"_-*/@".contains(&byte))
}

fn is_value(value: &str) -> bool {
    (1..=VALUE_BYTES_MAX).contains(&value.len())
        && !value.ends_with(' ')
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b',' && byte != b'=')
}

/// Lower-case hexadecimal digits, two a byte.
fn hexadecimal<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn write_hexadecimal(bytes: &[u8], digits: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(digits.chunks_exact_mut(2)) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

fn show_hexadecimal<const N: usize>(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut digits = [0; N];
    write_hexadecimal(bytes, &mut digits);
    f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_hexadecimal::<32>(&self.0, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_hexadecimal::<16>(&self.0, f)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

/// As in the header `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    /// What the headers mean, as they would be passed on.
    fn read(headers: &[(&str, &str)]) -> Option<(String, String)> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            map.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        let context = TraceContext::from_headers(&map)?;
        let mut written = HeaderMap::new();
        context.write_headers(&mut written);
        let text = |name| written.get(name).map_or("", |value| value.to_str().expect("ASCII")).to_owned();
        assert_eq!(text(TRACEPARENT), context.to_string());
        assert_eq!(text(TRACESTATE), context.trace_state());
        Some((text(TRACEPARENT), text(TRACESTATE)))
    }

    #[test]
    fn a_traceparent_is_read_strictly() {
        let good = format!("00-{TRACE}-{SPAN}");
        let is = |flags: &str| Some(format!("{good}-{flags}"));
        let table: &[(&str, String, Option<String>)] = &[
            ("sampled", format!("{good}-01"), is("01")),
            ("not sampled", format!("{good}-00"), is("00")),
            ("a random id", format!("{good}-03"), is("03")),
            ("flags that mean nothing yet", format!("{good}-ff"), is("03")),
            ("a later version", format!("cc-{TRACE}-{SPAN}-01"), is("01")),
            ("a later version with more", format!("cc-{TRACE}-{SPAN}-01-what-the-future-brings"), is("01")),
            ("a later version with an empty field", format!("cc-{TRACE}-{SPAN}-01-"), is("01")),
            ("a later version, its flags unknown", format!("01-{TRACE}-{SPAN}-0a"), is("00")),
            ("a later version with more and no dash", format!("cc-{TRACE}-{SPAN}-01.what"), None),
            ("version 0 with more", format!("{good}-01-what"), None),
            ("version 0 with a dash", format!("{good}-01-"), None),
            ("version 255", format!("ff-{TRACE}-{SPAN}-01"), None),
            ("no version", format!("-{TRACE}-{SPAN}-01"), None),
            ("a short version", format!("0-{TRACE}-{SPAN}-01"), None),
            ("a long version", format!("000-{TRACE}-{SPAN}-01"), None),
            ("a version of no digits", format!(".0-{TRACE}-{SPAN}-01"), None),
            ("an upper-case version", format!("CC-{TRACE}-{SPAN}-01"), None),
            ("no trace", format!("00-{}-{SPAN}-01", "0".repeat(32)), None),
            ("an upper-case trace", format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None),
            ("a short trace", format!("00-{}-{SPAN}-01", &TRACE[1..]), None),
            ("a long trace", format!("00-{TRACE}0-{SPAN}-01"), None),
            ("a trace of no digits", format!("00-.{}-{SPAN}-01", &TRACE[1..]), None),
            ("no span", format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
            ("a short span", format!("00-{TRACE}-{}-01", &SPAN[1..]), None),
            ("a long span", format!("00-{TRACE}-{SPAN}0-01"), None),
            ("a span of no digits", format!("00-{TRACE}-.{}-01", &SPAN[1..]), None),
            ("an upper-case span", format!("00-{TRACE}-{}-01", SPAN.to_uppercase()), None),
            ("short flags", format!("{good}-1"), None),
            ("long flags", format!("{good}-001"), None),
            ("flags of no digits", format!("{good}-.0"), None),
            ("upper-case flags", format!("{good}-0A"), None),
            ("no flags", good.clone(), None),
            ("another separator", format!("00_{TRACE}_{SPAN}_01"), None),
            ("a space before", format!(" {good}-01"), None),
            ("a space after", format!("{good}-01 "), None),
            ("nothing", String::new(), None),
        ];
        for (name, text, expected) in table {
            let read = read(&[("traceparent", text)]).map(|(parent, _)| parent);
            assert_eq!(read, *expected, "{name}: {text}");
        }
        let one = format!("{good}-01");
        assert_eq!(read(&[("traceparent", &one), ("traceparent", &one)]), None, "two of them");
        assert_eq!(read(&[("tracestate", "a=1")]), None, "nothing but a state");
    }

    #[test]
    fn a_tracestate_is_passed_on_whole_or_not_at_all() {
        let key = |length| "k".repeat(length);
        let many = |count: usize| (0..count).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join(",");
        let long = |value: &str, length: usize| format!("{value}={}", "v".repeat(length));
        let table: &[(&str, &[&str], String)] = &[
            ("one", &["foo=1"], "foo=1".into()),
            ("several", &["foo=1,bar=2"], "foo=1,bar=2".into()),
            ("several headers", &["foo=1,bar=2", "baz=3"], "foo=1,bar=2,baz=3".into()),
            ("spaces and tabs around", &["foo=1 \t , \t bar=2, \t baz=3 "], "foo=1,bar=2,baz=3".into()),
            ("empty entries", &["foo=1,,bar=2,", "", " "], "foo=1,bar=2".into()),
            ("nothing", &[""], String::new()),
            ("a space within", &["foo=a b"], "foo=a b".into()),
            ("a space before a value", &["foo= a"], "foo= a".into()),
            ("all of a key's letters", &["a0_-*/=1"], "a0_-*/=1".into()),
            ("tenants", &["fw529a3039@dt=1,0a@b@c=2"], "fw529a3039@dt=1,0a@b@c=2".into()),
            ("a key that begins with a digit", &["1a=1"], "1a=1".into()),
            ("the same key twice", &["foo=1,foo=2"], String::new()),
            ("the same key in two headers", &["foo=1", "foo=2"], String::new()),
            ("an upper-case key", &["Foo=1"], String::new()),
            ("a key with a dot", &["foo.bar=1"], String::new()),
            ("a key that begins with @", &["@foo=1"], String::new()),
            ("a key that begins with _", &["_foo=1"], String::new()),
            ("a space in a key", &["foo =1"], String::new()),
            ("no key", &["=1"], String::new()),
            ("no value", &["foo="], String::new()),
            ("no =", &["foo"], String::new()),
            ("a value with =", &["foo=bar=baz"], String::new()),
            ("one wrong entry among good ones", &["foo=1,Bar=2"], String::new()),
            ("the longest key", &[&format!("{}=1", key(256))], format!("{}=1", key(256))),
            ("a key too long", &[&format!("{}=1", key(257))], String::new()),
            ("the longest value", &[&long("a", 256)], long("a", 256)),
            ("a value too long", &[&long("a", 257)], String::new()),
            ("as many as may be", &[&many(32)], many(32)),
            ("too many", &[&many(33)], String::new()),
            (
                "512 bytes",
                &[&format!("{},{}", long("a", 255), long("b", 252))],
                format!("{},{}", long("a", 255), long("b", 252)),
            ),
            ("long entries go first", &[&format!("{},{},c=1", long("a", 256), long("b", 256))], {
                format!("{},c=1", long("a", 256))
            }),
            (
                "then the last ones",
                &[&format!(
                    "{},{},{},{},{}",
                    long("a", 100),
                    long("b", 100),
                    long("c", 100),
                    long("d", 100),
                    long("e", 110)
                )],
                format!("{},{},{},{}", long("a", 100), long("b", 100), long("c", 100), long("d", 100)),
            ),
        ];
        let parent = format!("00-{TRACE}-{SPAN}-01");
        for (name, states, expected) in table {
            let mut headers = vec![("traceparent", &*parent)];
            headers.extend(states.iter().map(|state| ("tracestate", *state)));
            let read = read(&headers);
            assert_eq!(read, Some((parent.clone(), expected.clone())), "{name}");
        }
        assert_eq!(read(&[("traceparent", "nonsense"), ("tracestate", "foo=1")]), None);
    }

    #[test]
    fn the_binary_form_is_read_as_it_is_written() {
        let context = TraceContext::from_traceparent(&format!("00-{TRACE}-{SPAN}-01")).expect("well-formed");
        let bytes = context.to_bytes();
        assert_eq!(TraceContext::from_bytes(&bytes).as_ref(), Some(&context));
        for at in [0, 1, 18, 27] {
            let mut wrong = bytes;
            wrong[at] = 7;
            assert_eq!(TraceContext::from_bytes(&wrong), None, "byte {at}");
        }
        let cleared = |range: std::ops::Range<usize>| {
            let mut wrong = bytes;
            wrong[range].fill(0);
            TraceContext::from_bytes(&wrong)
        };
        assert_eq!((cleared(2..18), cleared(19..27)), (None, None));
        assert!(cleared(28..29).is_some_and(|context| !context.is_sampled()));
        assert_eq!(TraceContext::from_bytes(&bytes[..28]), None);
        assert_eq!(TraceContext::from_bytes(&[&bytes[..], &[0]].concat()), None);
    }

    #[test]
    fn another_span_keeps_what_belongs_to_the_trace() {
        let mut context = TraceContext::from_traceparent(&format!("00-{TRACE}-{SPAN}-02")).expect("well-formed");
        context.state = Some("foo=1".into());
        let other = context.with_span(SpanId([1; 8]), true);
        assert_eq!((other.to_string(), other.trace_state()), (format!("00-{TRACE}-0101010101010101-03"), "foo=1"));
    }
}
