//! How much memory a message asks for beyond its own bytes, found out before it is decoded.
//!
//! An element of a repeated field may be two bytes on the wire and hundreds in memory: an empty message is as large as a
//! full one. Generated code knows the sizes; here the bytes are gone through with them, without decoding anything.

use std::any::TypeId;

use crate::codec::DECODING_BYTES_MAX_DEFAULT;
use crate::status::Status;

/// Messages below this size are decoded as they are: even elements of a kilobyte for two bytes each stay within
/// what a message of the usual limit may hold.
const CHECKED_BYTES_MIN: usize = 256 * 1024;

/// What a message may hold in memory, times its bytes (or times the usual limit, if it has fewer). Packed numbers
/// need eight, empty strings twelve, and messages with a handful of fields about as much. Vectors and maps that have grown
/// may have room for as many elements again.
const HELD_FACTOR: usize = 32;

/// Vectors and maps begin with room for so many elements.
const ELEMENTS_AT_FIRST: usize = 4;

/// The deepest nesting that is looked at; prost goes down to 100.
const DEPTH_MAX: u32 = 128;

/// The fields of a generated message, as far as they can hold more than their bytes.
pub trait Shape: 'static {
    /// Their numbers.
    const FIELDS: &'static [u32];

    /// The field of one of these numbers.
    fn field(number: u32) -> FieldShape;
}

/// The shape of one type.
#[derive(Debug, Clone, Copy)]
pub struct ShapeOf {
    id: fn() -> TypeId,
    numbers: &'static [u32],
    field: fn(u32) -> FieldShape,
}

impl ShapeOf {
    /// Of this type.
    #[must_use]
    pub const fn of<T: Shape>() -> Self {
        ShapeOf { id: TypeId::of::<T>, numbers: T::FIELDS, field: T::field }
    }

    /// One of its fields.
    #[must_use]
    pub fn field(self, number: u32) -> FieldShape {
        (self.field)(number)
    }
}

/// What one field of a message holds.
#[derive(Debug, Clone, Copy)]
pub struct FieldShape {
    /// Memory of each occurrence, or of each number where they are packed.
    each: usize,
    packed: Packed,
    inside: Inside,
}

/// What there is in a length: one thing, or how many numbers.
#[derive(Debug, Clone, Copy)]
enum Packed {
    No,
    /// Entries of a map, which prost takes for what they are whatever their wire type says.
    Entry,
    Varints,
    /// Of so many bytes each.
    Fixed(usize),
}

#[derive(Debug, Clone, Copy)]
enum Inside {
    Nothing,
    Message(ShapeOf),
    /// A map's entry, whose field 2 is a message.
    Entry(ShapeOf),
}

impl FieldShape {
    /// A field that holds no more than its bytes, or one that is not known.
    pub const PLAIN: FieldShape = FieldShape { each: 0, packed: Packed::No, inside: Inside::Nothing };

    /// Numbers of type `T`, each a varint.
    #[must_use]
    pub const fn varints<T>() -> Self {
        FieldShape { each: size_of::<T>(), packed: Packed::Varints, inside: Inside::Nothing }
    }

    /// Numbers of type `T`, which are as long on the wire.
    #[must_use]
    pub const fn fixed<T>() -> Self {
        FieldShape { each: size_of::<T>(), packed: Packed::Fixed(size_of::<T>()), inside: Inside::Nothing }
    }

    /// Elements of type `T`, each with a length: strings, bytes, messages in a vector or a box.
    #[must_use]
    pub const fn elements<T>(inside: Option<ShapeOf>) -> Self {
        FieldShape { each: size_of::<T>(), ..Self::message(inside) }
    }

    /// A message that lies within the one around it.
    #[must_use]
    pub const fn message(inside: Option<ShapeOf>) -> Self {
        let inside = match inside {
            Some(shape) => Inside::Message(shape),
            None => Inside::Nothing,
        };
        FieldShape { each: 0, packed: Packed::No, inside }
    }

    /// Entries of a map from `K` to `V`.
    #[must_use]
    pub const fn entries<K, V>(value: Option<ShapeOf>) -> Self {
        let inside = match value {
            Some(shape) => Inside::Entry(shape),
            None => Inside::Nothing,
        };
        FieldShape { each: size_of::<(K, V)>() + 1, packed: Packed::Entry, inside }
    }
}

/// Refuses a message that would hold far more than its bytes say. One that is not protobuf passes: decoding says what
/// is wrong with it, and holds no more until then.
///
/// # Errors
/// RESOURCE_EXHAUSTED.
pub(super) fn check(shape: ShapeOf, message: &[u8]) -> Result<(), Status> {
    if message.len() < CHECKED_BYTES_MIN {
        return Ok(());
    }
    let held_max = HELD_FACTOR * message.len().max(DECODING_BYTES_MAX_DEFAULT);
    let plan = Plan::new(shape);
    // Each occurrence has a key and a length, or is a byte among others.
    let most = message.len().saturating_mul(plan.largest).saturating_mul(ELEMENTS_AT_FIRST) / 2;
    if most > held_max && plan.held(message, held_max).is_none() {
        return Err(Status::resource_exhausted(format!(
            "a message of {} bytes would take more than {held_max} bytes of memory: it has too many elements for its size",
            message.len()
        )));
    }
    Ok(())
}

/// What decoding would hold beyond the message's own bytes, at most.
#[cfg(fuzzing)]
pub(crate) fn held(shape: ShapeOf, message: &[u8]) -> usize {
    Plan::new(shape).held(message, usize::MAX).unwrap_or(usize::MAX)
}

/// Everything that a message can lead to, in one place.
struct Plan {
    kinds: Vec<Kind>,
    /// The most that one element of anything takes.
    largest: usize,
}

/// The fields of one kind of message.
#[derive(Default)]
struct Kind {
    /// By their numbers, as far as these are low.
    low: Vec<Planned>,
    high: Vec<(u32, Planned)>,
}

/// Numbers below are found at once; schemas that go beyond have few such fields.
const LOW_NUMBERS: u32 = 64;

#[derive(Clone, Copy)]
struct Planned {
    each: usize,
    packed: Packed,
    /// The kind of the messages inside, if there can be something in them.
    inside: Option<usize>,
}

static PLAIN: Planned = Planned { each: 0, packed: Packed::No, inside: None };

impl Plan {
    fn new(root: ShapeOf) -> Self {
        let mut plan = Plan { kinds: vec![Kind::default()], largest: 0 };
        let mut shapes = vec![(root, 0)];
        let mut next = 0;
        while let Some((shape, kind)) = shapes.get(next).copied() {
            next += 1;
            for number in shape.numbers {
                let field = shape.field(*number);
                let (inside, is_entry) = match field.inside {
                    Inside::Nothing => (None, false),
                    Inside::Message(inside) => (Some(inside), false),
                    Inside::Entry(inside) => (Some(inside), true),
                };
                let inside = inside.map(|inside| {
                    let known = shapes.iter().find(|(shape, _)| (shape.id)() == (inside.id)()).map(|(_, kind)| *kind);
                    let value = known.unwrap_or_else(|| {
                        shapes.push((inside, plan.add(Kind::default())));
                        plan.kinds.len() - 1
                    });
                    if is_entry { plan.add(Kind::entry(value)) } else { value }
                });
                plan.largest = plan.largest.max(field.each);
                plan.kinds[kind].set(*number, Planned { each: field.each, packed: field.packed, inside });
            }
        }
        plan.forget_what_holds_nothing();
        plan
    }

    /// What decoding would hold beyond the message's own bytes, at most; `None`: more than the limit.
    fn held(&self, message: &[u8], held_max: usize) -> Option<usize> {
        let mut reader = Reader { kinds: &self.kinds, held: 0, held_max };
        match reader.message(0, message, DEPTH_MAX, None) {
            Err(Stop::TooMuch) => None,
            Err(Stop::NotProtobuf) | Ok(_) => Some(reader.held),
        }
    }

    fn add(&mut self, kind: Kind) -> usize {
        self.kinds.push(kind);
        self.kinds.len() - 1
    }

    /// What is inside of a field is not looked at where it holds no more than its bytes.
    fn forget_what_holds_nothing(&mut self) {
        let mut holds = vec![false; self.kinds.len()];
        loop {
            let holds_now: Vec<bool> = self.kinds.iter().map(|kind| kind.holds(&holds)).collect();
            if holds_now == holds {
                break;
            }
            holds = holds_now;
        }
        for kind in &mut self.kinds {
            for field in kind.low.iter_mut().chain(kind.high.iter_mut().map(|(_, field)| field)) {
                field.inside = field.inside.filter(|inside| holds[*inside]);
            }
        }
    }
}

impl Kind {
    /// A map's entry whose values are of this kind.
    fn entry(value: usize) -> Self {
        let mut kind = Kind::default();
        kind.set(2, Planned { inside: Some(value), each: 0, packed: Packed::No });
        kind
    }

    fn set(&mut self, number: u32, field: Planned) {
        if number < LOW_NUMBERS {
            let index = number as usize;
            self.low.resize(self.low.len().max(index + 1), PLAIN);
            self.low[index] = field;
        } else {
            self.high.push((number, field));
        }
    }

    #[inline]
    fn field(&self, number: u32) -> &Planned {
        if number < LOW_NUMBERS {
            return self.low.get(number as usize).unwrap_or(&PLAIN);
        }
        self.high.iter().find(|(high, _)| *high == number).map_or(&PLAIN, |(_, field)| field)
    }

    /// Whether messages of this kind can hold more than their bytes, as far as that is known of those inside.
    fn holds(&self, holds: &[bool]) -> bool {
        let mut fields = self.low.iter().chain(self.high.iter().map(|(_, field)| field));
        fields.any(|field| field.each > 0 || field.inside.is_some_and(|inside| holds[inside]))
    }
}

struct Reader<'a> {
    kinds: &'a [Kind],
    held: usize,
    held_max: usize,
}

enum Stop {
    TooMuch,
    NotProtobuf,
}

impl Reader<'_> {
    /// Goes through the fields of a message: to the end of the bytes, or to the end of this group. Returns what comes
    /// after it.
    fn message<'m>(
        &mut self,
        kind: usize,
        mut rest: &'m [u8],
        depth: u32,
        group: Option<u32>,
    ) -> Result<&'m [u8], Stop> {
        let kind = &self.kinds[kind];
        // Fields that came before, by the lowest bits of their numbers.
        let mut seen = 0_u64;
        while !rest.is_empty() {
            let key = take_key(&mut rest)?;
            let number = key >> 3;
            let field = kind.field(number);
            let mut count = 1;
            let mut inside = None;
            let wire_type = match (field.packed, key & 7) {
                (Packed::Entry, 0..=5) => 2,
                (_, wire_type) => wire_type,
            };
            match wire_type {
                0 => drop(take_varint(&mut rest)?),
                1 => rest = rest.get(8..).ok_or(Stop::NotProtobuf)?,
                2 => {
                    let content = take_content(&mut rest)?;
                    match field.packed {
                        Packed::No | Packed::Entry if content.is_empty() => {}
                        Packed::No | Packed::Entry => inside = field.inside.map(|kind| (kind, content)),
                        Packed::Varints => count = varints(content),
                        Packed::Fixed(bytes) => count = content.len() / bytes,
                    }
                }
                3 => {
                    let depth = depth.checked_sub(1).ok_or(Stop::NotProtobuf)?;
                    rest = match field.inside {
                        Some(kind) => self.message(kind, rest, depth, Some(number))?,
                        None => skip_group(rest, number, depth)?,
                    };
                }
                4 if group == Some(number) => return Ok(rest),
                5 => rest = rest.get(4..).ok_or(Stop::NotProtobuf)?,
                _ => return Err(Stop::NotProtobuf),
            }
            if field.each > 0 {
                let bit = 1 << (number % u64::BITS);
                if seen & bit == 0 {
                    seen |= bit;
                    count += ELEMENTS_AT_FIRST - 1;
                }
                self.held = self.held.saturating_add(field.each.saturating_mul(count));
                if self.held > self.held_max {
                    return Err(Stop::TooMuch);
                }
            }
            if let Some((kind, content)) = inside {
                let depth = depth.checked_sub(1).ok_or(Stop::NotProtobuf)?;
                self.message(kind, content, depth, None)?;
            }
        }
        if group.is_some() { Err(Stop::NotProtobuf) } else { Ok(rest) }
    }
}

/// Skips a group of which nothing is known, and those in it.
fn skip_group(mut rest: &[u8], number: u32, depth: u32) -> Result<&[u8], Stop> {
    loop {
        let key = take_key(&mut rest)?;
        match key & 7 {
            0 => drop(take_varint(&mut rest)?),
            1 => rest = rest.get(8..).ok_or(Stop::NotProtobuf)?,
            2 => drop(take_content(&mut rest)?),
            3 => rest = skip_group(rest, key >> 3, depth.checked_sub(1).ok_or(Stop::NotProtobuf)?)?,
            4 if key >> 3 == number => return Ok(rest),
            5 => rest = rest.get(4..).ok_or(Stop::NotProtobuf)?,
            _ => return Err(Stop::NotProtobuf),
        }
    }
}

#[inline]
fn take_key(rest: &mut &[u8]) -> Result<u32, Stop> {
    u32::try_from(take_varint(rest)?).map_err(|_| Stop::NotProtobuf)
}

/// What is behind a length.
#[inline]
fn take_content<'m>(rest: &mut &'m [u8]) -> Result<&'m [u8], Stop> {
    let length = usize::try_from(take_varint(rest)?).map_err(|_| Stop::NotProtobuf)?;
    let (content, behind) = rest.split_at_checked(length).ok_or(Stop::NotProtobuf)?;
    *rest = behind;
    Ok(content)
}

#[inline]
fn take_varint(rest: &mut &[u8]) -> Result<u64, Stop> {
    match *rest {
        [byte @ ..0x80, behind @ ..] => {
            *rest = behind;
            Ok(u64::from(*byte))
        }
        _ => take_long_varint(rest),
    }
}

#[cold]
fn take_long_varint(rest: &mut &[u8]) -> Result<u64, Stop> {
    let mut value = 0;
    for (index, byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            *rest = &rest[index + 1..];
            return Ok(value);
        }
    }
    Err(Stop::NotProtobuf)
}

/// How many varints end in these bytes. Counted in bytes, of which a processor adds many at once.
fn varints(bytes: &[u8]) -> usize {
    let ends = |chunk: &[u8]| usize::from(chunk.iter().map(|byte| u8::from(*byte < 0x80)).sum::<u8>());
    bytes.chunks(usize::from(u8::MAX)).map(ends).sum()
}

/// Well-known types that hold others of their kind.
mod well_known {
    use prost_types::{FieldMask, ListValue, Struct, Value};

    use crate::codec::shape::{FieldShape, Shape, ShapeOf};

    impl Shape for Struct {
        const FIELDS: &'static [u32] = &[1];

        fn field(number: u32) -> FieldShape {
            match number {
                1 => FieldShape::entries::<String, Value>(Some(ShapeOf::of::<Value>())),
                _ => FieldShape::PLAIN,
            }
        }
    }

    impl Shape for Value {
        const FIELDS: &'static [u32] = &[5, 6];

        fn field(number: u32) -> FieldShape {
            match number {
                5 => FieldShape::message(Some(ShapeOf::of::<Struct>())),
                6 => FieldShape::message(Some(ShapeOf::of::<ListValue>())),
                _ => FieldShape::PLAIN,
            }
        }
    }

    impl Shape for ListValue {
        const FIELDS: &'static [u32] = &[1];

        fn field(number: u32) -> FieldShape {
            match number {
                1 => FieldShape::elements::<Value>(Some(ShapeOf::of::<Value>())),
                _ => FieldShape::PLAIN,
            }
        }
    }

    impl Shape for FieldMask {
        const FIELDS: &'static [u32] = &[1];

        fn field(number: u32) -> FieldShape {
            match number {
                1 => FieldShape::elements::<String>(None),
                _ => FieldShape::PLAIN,
            }
        }
    }
}
