//! What the schema compiler says, in our words and with our places.

use std::fmt::Debug;
use std::ops::Range;
use std::path::Path;

use miette::{Diagnostic, LabeledSpan};
use prost_reflect::DescriptorError;

use crate::error::Error;
use crate::hints;
use crate::input;
use crate::resolver::{Root, Seen};
use crate::scan;

/// Turns an error of the compiler into one of ours.
pub(crate) fn translate(error: &protox::Error, seen: &mut Seen, roots: &[Root]) -> Error {
    if let Some(failure) = seen.failure.take() {
        return failure;
    }
    if error.is_file_not_found() {
        return import_not_found(error, seen, roots);
    }
    let message = error.to_string();
    if let Some(cycle) = message.strip_prefix("import cycle detected: ") {
        return import_cycle(cycle, seen);
    }
    let Some((shown, text)) = error.file().and_then(|name| shown(name, seen)) else {
        return Error::new(message);
    };
    let mended = seen.mended.take();
    let original = |offset| mended.as_ref().map_or(offset, |mended| mended.original(offset));
    let read = mended.as_ref().map_or(text.as_str(), |mended| &mended.text);
    let main = main_offset(error.file(), error, read).map(original);
    with_related(error, &shown, &text, main, &original)
}

/// Turns an error about a descriptor into one of ours.
pub(crate) fn translate_complaint(error: &DescriptorError, seen: &Seen) -> Error {
    match error.file().and_then(|name| shown(name, seen)) {
        Some((shown, text)) => {
            with_related(error, &shown, &text, main_offset(error.file(), error, &text), &|offset| offset)
        }
        None => Error::new(error.to_string()),
    }
}

fn with_related(
    error: &dyn Diagnostic,
    shown: &str,
    text: &str,
    main: Option<usize>,
    original: &dyn Fn(usize) -> usize,
) -> Error {
    let related = error.related().into_iter().flatten();
    let related = related.map(|related| explain(related, shown, text, None, original));
    explain(error, shown, text, main, original).with_related(related)
}

/// One complaint of the compiler about a file, with words, marks and hint.
fn explain(
    complaint: &dyn Diagnostic,
    shown: &str,
    text: &str,
    main: Option<usize>,
    original: &dyn Fn(usize) -> usize,
) -> Error {
    let help = complaint.help().map(|help| help.to_string());
    let said = match complaint.diagnostic_source() {
        Some(reason) => format!("{complaint}: {reason}"),
        None => complaint.to_string(),
    };
    let message = hints::reword(&said, help.as_deref()).unwrap_or(said);
    let labels: Vec<LabeledSpan> = complaint
        .labels()
        .into_iter()
        .flatten()
        .map(|label| {
            let (start, end) = (original(label.offset()), original(label.offset() + label.len()));
            LabeledSpan::new(label.label().map(str::to_owned), start, end - start)
        })
        .collect();
    let offset = main.or_else(|| labels.last().map(LabeledSpan::offset));
    let hint = hints::hint(&message, text, offset).or(help);
    let error = mark(Error::new(message).in_file(shown, text), text, labels, main);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Gives an error its marks. The mark at `main` comes first, or else the last one, because the
/// compiler ends with the place where it noticed.
fn mark(mut error: Error, text: &str, mut labels: Vec<LabeledSpan>, main: Option<usize>) -> Error {
    match main.map(|offset| (offset, labels.iter().position(|label| label.offset() == offset))) {
        Some((_, Some(index))) => labels.swap(0, index),
        // The compiler counts bytes where its marks count characters: trust its line and column.
        Some((offset, None)) => {
            error = error.mark(word_at(text, offset), label_text(labels.pop().as_ref()));
        }
        None => {
            let last = labels.len().saturating_sub(1);
            labels.rotate_left(last);
        }
    }
    if labels.is_empty() && main.is_none() {
        // Without a place the text just ended too early.
        let end = text.trim_end().len();
        error = error.mark(end..end, "the file ends here");
    }
    for label in &labels {
        let range = label.offset()..label.offset() + label.len();
        error = error.mark(range, label_text(Some(label)));
    }
    error
}

fn label_text(label: Option<&LabeledSpan>) -> String {
    label.and_then(LabeledSpan::label).unwrap_or("found here").to_owned()
}

/// The place that the compiler itself names, which only its debug output tells: `file:line:column`.
fn main_offset(file: Option<&str>, error: &dyn Debug, text: &str) -> Option<usize> {
    let debug = format!("{error:?}");
    let place = debug.strip_prefix(file?)?.strip_prefix(':')?;
    let mut numbers = place.splitn(3, ':');
    let line: usize = numbers.next()?.parse().ok()?;
    let column: usize = numbers.next()?.parse().ok()?;
    let line_start = match line.checked_sub(2) {
        None => 0,
        Some(index) => text.match_indices('\n').nth(index)?.0 + 1,
    };
    Some(line_start + column.checked_sub(1)?).filter(|offset| text.is_char_boundary(*offset))
}

/// The word or sign at an offset.
fn word_at(text: &str, offset: usize) -> Range<usize> {
    let length = scan::tokens(&text[offset..]).next().map_or(0, |token| token.range.end);
    offset..offset + length
}

fn import_not_found(error: &protox::Error, seen: &Seen, roots: &[Root]) -> Error {
    let missing = seen.missing.as_deref().unwrap_or_default();
    let plain = Error::new(format!("import `{missing}` is not found"))
        .with_hint(input::not_found_hint(Path::new(missing), roots));
    match error.file().and_then(|name| shown(name, seen)) {
        Some((shown, text)) => {
            let range = scan::import(&text, missing);
            let error = plain.in_file(shown, &text);
            range.into_iter().fold(error, |error, range| error.mark(range, "imported here"))
        }
        None => plain,
    }
}

/// `cycle` is `a.proto -> b.proto -> a.proto`.
fn import_cycle(cycle: &str, seen: &Seen) -> Error {
    let error = Error::new(format!("files import each other in a circle: {cycle}"))
        .with_hint("move what both need into a file of its own, and import that one");
    let names: Vec<&str> = cycle.split(" -> ").collect();
    let [.., importer, imported] = names[..] else {
        return error;
    };
    match shown(importer, seen) {
        Some((shown, text)) => {
            let range = scan::import(&text, imported);
            let error = error.in_file(shown, &text);
            range.into_iter().fold(error, |error, range| error.mark(range, "closes the circle"))
        }
        None => error,
    }
}

fn shown(name: &str, seen: &Seen) -> Option<(String, String)> {
    let source = seen.sources.get(name)?;
    Some((source.display_name(name), source.text.clone()))
}
