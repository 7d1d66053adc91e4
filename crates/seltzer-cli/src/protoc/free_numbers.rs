//! `--print_free_field_numbers`: the numbers that new fields may have.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

/// The largest number that a field may have.
const NUMBER_MAX: u32 = 536_870_911;

/// A line for each message of some files.
pub(crate) fn of(pool: &DescriptorPool, files: &[String]) -> String {
    let mut lines = String::new();
    for file in files.iter().filter_map(|name| pool.get_file_by_name(name)) {
        for message in file.messages() {
            append(&message, &mut lines);
        }
    }
    lines
}

/// Those inside of a message come before it.
fn append(message: &MessageDescriptor, lines: &mut String) {
    let mut occupied = BTreeSet::new();
    let mut nested = Vec::new();
    gather(message, &mut occupied, &mut nested);
    for nested in nested {
        append(&nested, lines);
    }
    let _ = write!(lines, "{:<35} free:", message.full_name());
    let mut next = 1;
    for (start, end) in occupied {
        if next >= end {
            continue;
        }
        if next + 1 == start {
            let _ = write!(lines, " {next}");
        } else if next < start {
            let _ = write!(lines, " {next}-{}", start - 1);
        }
        next = end;
    }
    if next <= NUMBER_MAX {
        let _ = write!(lines, " {next}-INF");
    }
    lines.push('\n');
}

/// The ranges that are taken, ends excluded. A group counts as part of the message that it is in.
fn gather(message: &MessageDescriptor, occupied: &mut BTreeSet<(u32, u32)>, nested: &mut Vec<MessageDescriptor>) {
    let mut groups = Vec::new();
    for field in message.fields() {
        occupied.insert((field.number(), field.number() + 1));
        if let Kind::Message(group) = field.kind()
            && field.is_group()
        {
            groups.push(group);
        }
    }
    occupied.extend(message.extension_ranges().map(|range| (range.start, range.end)));
    occupied.extend(message.reserved_ranges().map(|range| (range.start, range.end)));
    for child in message.child_messages() {
        if groups.contains(&child) {
            gather(&child, occupied, nested);
        } else {
            nested.push(child);
        }
    }
}
