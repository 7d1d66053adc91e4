//! As much of DER (X.690) as it takes to look into a certificate or a key.

/// Reads the elements of a DER encoding one after another. Never panics, whatever the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// One element: what it is and what it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Tag and length included.
    pub(super) encoding: &'a [u8],
}

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const IA5_STRING: u8 = 0x16;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag `[number]`, constructed.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// The tag `[number]`, in the place of another tag whose content is not made of elements.
pub(super) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element's tag, without taking the element.
    pub(super) fn tag(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element; `None` at the end and for anything that is not DER.
    pub(super) fn element(&mut self) -> Option<Element<'a>> {
        let bytes = self.rest;
        let (&tag, after_tag) = bytes.split_first()?;
        let (&first, after_first) = after_tag.split_first()?;
        let (length, body) = match first {
            0..=0x7f => (usize::from(first), after_first),
            // Up to four bytes of length: more than four gigabytes is no certificate.
            0x81..=0x84 => {
                let (digits, body) = after_first.split_at_checked(usize::from(first & 0x7f))?;
                let length = digits.iter().fold(0_u64, |length, &digit| length << 8 | u64::from(digit));
                (usize::try_from(length).ok()?, body)
            }
            _ => return None,
        };
        let (content, rest) = body.split_at_checked(length)?;
        self.rest = rest;
        Some(Element { tag, content, encoding: &bytes[..bytes.len() - rest.len()] })
    }

    /// The content of the next element, if that has the tag; nothing is taken otherwise.
    pub(super) fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.tag()? != tag {
            return None;
        }
        self.element().map(|element| element.content)
    }

    /// A reader of the next element's content, if that has the tag.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.content(tag).map(Reader::new)
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, SEQUENCE};

    /// What `element` makes of the bytes: the length of the content, and of what follows.
    fn check(bytes: &[u8], expected: Option<(usize, usize)>) {
        let mut reader = Reader::new(bytes);
        let found = reader.element().map(|element| (element.content.len(), reader.rest.len()));
        assert_eq!(found, expected, "{bytes:02x?}");
    }

    #[test]
    fn lengths_are_read_and_bounded() {
        check(&[], None);
        check(&[SEQUENCE], None);
        check(&[SEQUENCE, 0], Some((0, 0)));
        check(&[SEQUENCE, 2, 1, 2, 3], Some((2, 1)));
        check(&[SEQUENCE, 3, 1, 2], None);
        check(&[SEQUENCE, 0x80, 0, 0], None);
        check(&[SEQUENCE, 0x81], None);
        check(&[SEQUENCE, 0x81, 1, 9, 9], Some((1, 1)));
        check(&[SEQUENCE, 0x82, 0, 1, 9], Some((1, 0)));
        check(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff, 0], None);
        check(&[SEQUENCE, 0x85, 0, 0, 0, 0, 1, 9], None);
        check(&[SEQUENCE, 0xff, 0], None);
    }
}
