//! Where each name is declared.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use crate::reflection::file::{File, Kind, Set};
use crate::status::Status;

/// Names, and the files that declare them. Of two sets that declare one name the first counts, but a service goes
/// before anything else that is called like it.
#[derive(Debug, Default)]
pub(super) struct Index {
    sets: Vec<Arc<Set>>,
    services: HashMap<String, Place>,
    symbols: HashMap<String, (Place, Kind)>,
    extensions: HashMap<String, BTreeMap<i32, Place>>,
    /// Files by their names; several where they are not the same.
    files: HashMap<String, Vec<Place>>,
}

/// A file in its set, which has the files that it imports.
#[derive(Debug, Clone, Copy)]
struct Place {
    set: usize,
    file: usize,
}

/// The files that a caller has been sent.
pub(super) type Sent = HashSet<u64>;

impl Index {
    pub(super) fn of(sets: Vec<Arc<Set>>) -> Self {
        let mut index = Index::default();
        for (set, files) in sets.iter().enumerate() {
            for (number, file) in files.files.iter().enumerate() {
                index.add(file, Place { set, file: number }, &sets);
            }
        }
        index.sets = sets;
        index
    }

    fn add(&mut self, file: &File, place: Place, sets: &[Arc<Set>]) {
        let of_this_name = self.files.entry(file.name.clone()).or_default();
        if of_this_name.iter().any(|known| sets[known.set].files[known.file].id == file.id) {
            return;
        }
        of_this_name.push(place);
        for (symbol, kind) in &file.symbols {
            if *kind == Kind::Service {
                self.services.entry(symbol.clone()).or_insert(place);
            }
            self.symbols.entry(symbol.clone()).or_insert((place, *kind));
        }
        for (message, number) in &file.extensions {
            self.extensions.entry(message.clone()).or_default().entry(*number).or_insert(place);
        }
    }

    /// A file by its name, and what it imports.
    ///
    /// # Errors
    /// Nobody has such a file, or several have, which are not the same, and `sent` does not tell which is meant.
    pub(super) fn by_filename(&self, name: &str, sent: &mut Sent) -> Result<Vec<Bytes>, Status> {
        let places = self.files.get(name).map(Vec::as_slice).unwrap_or_default();
        let place = match places {
            [] => return Err(Status::not_found(format!("there is no file {name:?}"))),
            [place] => *place,
            several => {
                let met = several.iter().find(|place| sent.contains(&self.file(**place).id));
                *met.ok_or_else(|| self.ambiguous(name, several))?
            }
        };
        Ok(self.with_imports(place, sent))
    }

    fn ambiguous(&self, name: &str, places: &[Place]) -> Status {
        let landmarks: Vec<_> = places.iter().map(|place| self.file(*place).landmark()).collect();
        Status::failed_precondition(format!(
            "there are {} different files {name:?}, which declare {}: ask for the file that contains a symbol",
            places.len(),
            landmarks.join(" and ")
        ))
    }

    /// The file that declares a service, method, message, field, enum, value or extension, and what it imports.
    pub(super) fn by_symbol(&self, symbol: &str, sent: &mut Sent) -> Result<Vec<Bytes>, Status> {
        let symbol = symbol.trim_start_matches('.');
        let place = self.services.get(symbol).or_else(|| self.symbols.get(symbol).map(|(place, _)| place));
        let place = place.ok_or_else(|| Status::not_found(format!("nothing is called {symbol:?}")))?;
        Ok(self.with_imports(*place, sent))
    }

    /// The file that declares an extension, and what it imports.
    pub(super) fn by_extension(&self, message: &str, number: i32, sent: &mut Sent) -> Result<Vec<Bytes>, Status> {
        let place = self.extensions.get(message.trim_start_matches('.')).and_then(|numbers| numbers.get(&number));
        let place =
            place.ok_or_else(|| Status::not_found(format!("no extension of {message:?} has the number {number}")))?;
        Ok(self.with_imports(*place, sent))
    }

    /// The numbers of all extensions of a message, in order.
    pub(super) fn extension_numbers(&self, message: &str) -> Result<Vec<i32>, Status> {
        let name = message.trim_start_matches('.');
        let numbers = self.extensions.get(name).map(|numbers| numbers.keys().copied().collect());
        match numbers {
            Some(numbers) => Ok(numbers),
            None if matches!(self.symbols.get(name), Some((_, Kind::Message))) => Ok(Vec::new()),
            None => Err(Status::not_found(format!("there is no message {name:?}"))),
        }
    }

    fn file(&self, place: Place) -> &Arc<File> {
        &self.sets[place.set].files[place.file]
    }

    /// A file, and then all that it imports as far as the caller has not been sent it. An import that nobody has is
    /// left out: the caller may know it.
    fn with_imports(&self, place: Place, sent: &mut Sent) -> Vec<Bytes> {
        let set = &self.sets[place.set];
        let first = self.file(place);
        sent.insert(first.id);
        let mut files = vec![first.bytes.clone()];
        let mut imports: VecDeque<&str> = first.dependencies.iter().map(String::as_str).collect();
        while let Some(name) = imports.pop_front() {
            let elsewhere = || Some(self.file(*self.files.get(name)?.first()?));
            let Some(file) = set.file(name).or_else(elsewhere) else { continue };
            if sent.insert(file.id) {
                files.push(file.bytes.clone());
                imports.extend(file.dependencies.iter().map(String::as_str));
            }
        }
        files
    }
}
