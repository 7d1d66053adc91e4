//! One JSON value after another, out of bytes that come in pieces: the elements of an array, or values one after
//! another, with or without line breaks between them.

use bytes::{Buf as _, Bytes, BytesMut};

/// Cuts a stream of JSON into values. What is in them is for others to read: here only their ends are found.
#[derive(Debug)]
pub(crate) struct Splitter {
    buffer: BytesMut,
    /// How much of the buffer was looked at.
    scanned: usize,
    state: State,
    within: Within,
    bytes_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Nothing came yet that says what it is.
    Begin,
    /// Between values one after another.
    Between,
    /// In an array, before its first element or its end.
    First,
    /// In an array, behind a comma.
    Next,
    /// In an array, behind an element.
    Behind,
    /// Behind the array.
    End,
    /// In a value.
    Value,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Within {
    is_array: bool,
    depth: usize,
    is_text: bool,
    is_escaped: bool,
}

impl Splitter {
    /// Elements of an array, unless `is_lines` or the first byte says that values follow one another.
    pub(crate) fn new(is_lines: bool, bytes_max: usize) -> Self {
        let state = if is_lines { State::Between } else { State::Begin };
        let within = Within { is_array: false, depth: 0, is_text: false, is_escaped: false };
        Splitter { buffer: BytesMut::new(), scanned: 0, state, within, bytes_max }
    }

    /// Takes bytes that came.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// How much is kept of what came.
    pub(crate) fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The next value that is there as a whole.
    ///
    /// # Errors
    /// What stands between values is wrong, or a value is too long.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, String> {
        while let Some(byte) = self.buffer.get(self.scanned).copied() {
            if self.state == State::Value {
                if let Some(value) = self.within(byte)? {
                    return Ok(Some(value));
                }
                continue;
            }
            if byte.is_ascii_whitespace() {
                self.skip();
                continue;
            }
            match (self.state, byte) {
                (State::Begin, b'[') => self.enter(State::First),
                (State::First | State::Behind, b']') => self.enter(State::End),
                (State::Behind, b',') => self.enter(State::Next),
                (State::Begin | State::Between, b'}' | b']' | b',') => {
                    return Err(format!("a value was expected instead of `{}`", char::from(byte)));
                }
                (State::Begin | State::Between, _) => self.begin(false),
                (State::First | State::Next, b'}' | b']' | b',') => {
                    return Err(format!("an element of the array was expected instead of `{}`", char::from(byte)));
                }
                (State::First | State::Next, _) => self.begin(true),
                (State::Behind, _) => return Err("a comma, or the end of the array, was expected".to_owned()),
                (State::End | State::Value, _) => return Err("something follows the array".to_owned()),
            }
        }
        match self.state == State::Value && self.scanned > self.bytes_max {
            true => Err(self.too_long()),
            false => Ok(None),
        }
    }

    /// The last value, when all has come.
    ///
    /// # Errors
    /// Something was not finished.
    pub(crate) fn finish(&mut self) -> Result<Option<Bytes>, String> {
        match self.state {
            State::Begin | State::Between | State::End => Ok(None),
            State::Value if !self.within.is_array && self.within.depth == 0 && !self.within.is_text => {
                self.state = State::Between;
                Ok(Some(self.take()))
            }
            State::Value => Err("the body ended within a value".to_owned()),
            State::First | State::Next | State::Behind => Err("the array was not closed".to_owned()),
        }
    }

    /// Looks at one byte of a value; gives the value if it has ended.
    fn within(&mut self, byte: u8) -> Result<Option<Bytes>, String> {
        let within = &mut self.within;
        let is_end = if within.is_text {
            match byte {
                _ if within.is_escaped => within.is_escaped = false,
                b'\\' => within.is_escaped = true,
                b'"' => within.is_text = false,
                _ => {}
            }
            !within.is_text && within.depth == 0
        } else {
            match byte {
                b'"' => within.is_text = true,
                b'{' | b'[' => within.depth += 1,
                // A bracket that closes nothing here closes the array around.
                b'}' | b']' | b',' if within.depth == 0 => return Ok(Some(self.close())),
                b'}' | b']' => within.depth -= 1,
                _ if byte.is_ascii_whitespace() && within.depth == 0 => return Ok(Some(self.close())),
                _ => {}
            }
            matches!(byte, b'}' | b']') && within.depth == 0
        };
        self.scanned += 1;
        if self.scanned > self.bytes_max {
            return Err(self.too_long());
        }
        Ok(is_end.then(|| self.close()))
    }

    fn too_long(&self) -> String {
        format!("a message is longer than {} bytes", self.bytes_max)
    }

    fn begin(&mut self, is_array: bool) {
        self.within = Within { is_array, depth: 0, is_text: false, is_escaped: false };
        self.state = State::Value;
    }

    fn close(&mut self) -> Bytes {
        self.state = if self.within.is_array { State::Behind } else { State::Between };
        self.take()
    }

    fn take(&mut self) -> Bytes {
        let value = self.buffer.split_to(self.scanned).freeze();
        self.scanned = 0;
        value
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.skip();
    }

    /// Lets go of a byte between values.
    fn skip(&mut self) {
        self.buffer.advance(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a text, whole and byte by byte.
    fn split(text: &str, is_lines: bool) -> Result<Vec<String>, String> {
        let run = |pieces: &[&[u8]]| {
            let mut splitter = Splitter::new(is_lines, 64);
            let mut values = Vec::new();
            for piece in pieces {
                splitter.push(piece);
                while let Some(value) = splitter.next()? {
                    values.push(String::from_utf8_lossy(&value).into_owned());
                }
            }
            values.extend(splitter.finish()?.map(|value| String::from_utf8_lossy(&value).into_owned()));
            Ok(values)
        };
        let whole = run(&[text.as_bytes()]);
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(run(&bytes), whole, "{text}");
        whole
    }

    #[test]
    fn arrays_and_lines_become_values() {
        for (text, expected) in [
            ("", &[][..]),
            (" \n ", &[]),
            ("[]", &[]),
            (" [ ] ", &[]),
            ("[{}]", &["{}"]),
            ("[{\"a\":[1,{\"b\":2}]},{}]", &["{\"a\":[1,{\"b\":2}]}", "{}"]),
            ("[1, \"a,]\" ,true]", &["1", "\"a,]\"", "true"]),
            ("[\"\\\"]\", \"\\\\\"]", &["\"\\\"]\"", "\"\\\\\""]),
            ("{}\n{}\n", &["{}", "{}"]),
            ("{}{}", &["{}", "{}"]),
            ("{\"a\":\"}\"} \r\n {\"b\":1}", &["{\"a\":\"}\"}", "{\"b\":1}"]),
            ("1 2\n\"x\"", &["1", "2", "\"x\""]),
            ("[[1],[2]]", &["[1]", "[2]"]),
        ] {
            assert_eq!(
                split(text, false).as_deref(),
                Ok(expected.iter().map(ToString::to_string).collect::<Vec<_>>()).as_deref(),
                "{text}"
            );
        }
        assert_eq!(split("[1]\n[2]", true), Ok(vec!["[1]".to_owned(), "[2]".to_owned()]));
    }

    #[test]
    fn what_is_not_finished_or_too_long_is_said() {
        for (text, said) in [
            ("[", "not closed"),
            ("[{}", "not closed"),
            ("[{},", "not closed"),
            ("[,{}]", "an element"),
            ("[{},]", "an element"),
            ("[{},,{}]", "an element"),
            ("[{}{}]", "a comma"),
            ("[{}] x", "follows"),
            ("[{}][]", "follows"),
            ("}", "a value was expected"),
            ("{},{}", "a value was expected"),
            ("1]", "a value was expected"),
            ("[}]", "an element"),
            ("{", "within a value"),
            ("{\"a\":\"", "within a value"),
            ("[1", "within a value"),
        ] {
            let error = split(text, false).expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
        let long = format!("[\"{}\"]", "x".repeat(100));
        assert!(split(&long, false).expect_err("it is too long").contains("longer than 64 bytes"));
    }
}
