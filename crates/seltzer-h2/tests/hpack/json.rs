//! As much of JSON as the recorded stories use.

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
    List(Vec<Value>),
    /// In their order.
    Members(Vec<(String, Value)>),
    Nothing,
}

impl Value {
    pub(crate) fn parse(text: &str) -> Value {
        let mut reader = Reader { bytes: text.as_bytes(), position: 0 };
        let value = reader.value();
        reader.skip_space();
        assert_eq!(reader.position, text.len(), "something follows the value");
        value
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let Value::Members(members) = self else { return None };
        members.iter().find(|member| member.0 == name).map(|member| &member.1)
    }

    pub(crate) fn list(&self) -> &[Value] {
        if let Value::List(values) = self { values } else { panic!("{self:?} is no list") }
    }

    pub(crate) fn text(&self) -> &str {
        if let Value::Text(text) = self { text } else { panic!("{self:?} is no text") }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        while self.bytes.get(self.position).is_some_and(u8::is_ascii_whitespace) {
            self.position += 1;
        }
    }

    fn next(&mut self) -> u8 {
        let byte = self.bytes[self.position];
        self.position += 1;
        byte
    }

    /// The next byte that is no space, which stays.
    fn peek(&mut self) -> u8 {
        self.skip_space();
        self.bytes[self.position]
    }

    fn value(&mut self) -> Value {
        match self.peek() {
            b'"' => Value::Text(self.string()),
            b'[' => {
                let mut values = Vec::new();
                self.members(b']', |reader| values.push(reader.value()));
                Value::List(values)
            }
            b'{' => {
                let mut members = Vec::new();
                self.members(b'}', |reader| {
                    reader.skip_space();
                    let name = reader.string();
                    assert_eq!(reader.peek(), b':');
                    reader.position += 1;
                    members.push((name, reader.value()));
                });
                Value::Members(members)
            }
            _ => self.word(),
        }
    }

    fn members(&mut self, end: u8, mut each: impl FnMut(&mut Self)) {
        self.position += 1;
        while self.peek() != end {
            each(self);
            if self.peek() == b',' {
                self.position += 1;
            }
        }
        self.position += 1;
    }

    fn word(&mut self) -> Value {
        let rest = &self.bytes[self.position..];
        let length = rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-').unwrap_or(rest.len());
        self.position += length;
        match std::str::from_utf8(&rest[..length]).unwrap() {
            "null" => Value::Nothing,
            number => Value::Number(number.parse().unwrap()),
        }
    }

    fn string(&mut self) -> String {
        assert_eq!(self.next(), b'"');
        let mut text = Vec::new();
        loop {
            match self.next() {
                b'"' => return String::from_utf8(text).unwrap(),
                b'\\' => {
                    let character = self.escape();
                    text.extend(character.to_string().bytes());
                }
                byte => text.push(byte),
            }
        }
    }

    fn escape(&mut self) -> char {
        match self.next() {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let digits = std::str::from_utf8(&self.bytes[self.position..self.position + 4]).unwrap();
                self.position += 4;
                char::from_u32(u32::from_str_radix(digits, 16).unwrap()).expect("no story has surrogates")
            }
            byte => char::from(byte),
        }
    }
}

#[test]
fn a_story_is_understood() {
    let story = Value::parse(r#" {"a": [1, -20 , null], "b":"x\"\u00e9\n", "c": {}, "d": []} "#);
    assert_eq!(story.get("a").unwrap().list(), [Value::Number(1), Value::Number(-20), Value::Nothing]);
    assert_eq!(story.get("b").unwrap().text(), "x\"\u{e9}\n");
    assert_eq!((story.get("c"), story.get("d")), (Some(&Value::Members(vec![])), Some(&Value::List(vec![]))));
}
