//! An address book in a file: messages without any server.
//!
//! ```text
//! cargo run --features services --example addressbook -- add people.bin
//! cargo run --features services --example addressbook -- add people.bin --id 7 --name Ada --phone work:555-0100
//! cargo run --features services --example addressbook -- list people.bin
//! ```
//!
//! The file is one `tutorial.AddressBook` in protobuf's binary form, so every language's protobuf reads and writes
//! it too. A file that is not an address book is reported and left as it is.

#![allow(clippy::print_stdout)] // It is a program: printing is what it does.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fmt, fs};

use seltzer::prost::Message;
use seltzer::prost::encoding::{DecodeContext, decode_key, skip_field};
use seltzer::services::schemas::tutorial::person::{PhoneNumber, PhoneType};
use seltzer::services::schemas::tutorial::{AddressBook, Person};

const USAGE: &str = "\
usage: addressbook add FILE [--id NUMBER --name NAME [--email ADDRESS] [--phone [mobile:|home:|work:]NUMBER]...]
       addressbook list FILE
Without flags, add asks for everything.";

/// The largest file that is read: far beyond any address book, and short of what would fill the memory.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The number of the field `AddressBook.people`, the only one at the top of the file.
const PEOPLE_FIELD: u32 = 1;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            // 64 is EX_USAGE of sysexits.h.
            if error.is::<Usage>() { ExitCode::from(64) } else { ExitCode::FAILURE }
        }
    }
}

fn run(arguments: &[OsString]) -> Result<(), Box<dyn Error>> {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return Ok(());
    }
    match arguments {
        [command, file, flags @ ..] if command == "add" => {
            // The file may have any name, the flags are text.
            let texts: Option<Vec<&str>> = flags.iter().map(|flag| flag.to_str()).collect();
            add(Path::new(file), &texts.ok_or_else(|| Usage(Some("the flags are not UTF-8".to_owned())))?)
        }
        [command, file] if command == "list" => list(Path::new(file)),
        _ => Err(Usage(None).into()),
    }
}

/// The program was not called as it should be.
#[derive(Debug)]
struct Usage(Option<String>);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(problem) => write!(f, "{problem}\n{USAGE}"),
            None => f.write_str(USAGE),
        }
    }
}

impl Error for Usage {}

fn add(file: &Path, flags: &[&str]) -> Result<(), Box<dyn Error>> {
    let person = if flags.is_empty() {
        // Whoever answers questions should not learn at the end that the file is damaged.
        parse(file, &read(file)?.unwrap_or_default())?;
        ask(&mut io::stdin().lock())?
    } else {
        person_from(flags)?
    };
    let before = read(file)?;
    let book = parse(file, before.as_deref().unwrap_or_default())?;
    if let Some(known) = book.people.iter().find(|known| known.id == person.id) {
        return Err(format!("{} has the id {} already: choose another", known.name, known.id).into());
    }
    let is_new = before.is_none();
    // A message appended to another is merged with it, so the new person is simply put behind what the file holds:
    // fields that this program does not know stay in it.
    let mut after = before.unwrap_or_default();
    AddressBook { people: vec![person] }.encode(&mut after)?;
    write(file, &after).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    if is_new {
        println!("{} did not exist and was created", file.display());
    }
    Ok(())
}

fn list(file: &Path) -> Result<(), Box<dyn Error>> {
    let bytes = read(file)?.ok_or_else(|| format!("{} does not exist: add somebody first", file.display()))?;
    let mut output = io::stdout().lock();
    for person in parse(file, &bytes)?.people {
        writeln!(output, "Person ID: {}", person.id)?;
        writeln!(output, "  Name: {}", person.name)?;
        if !person.email.is_empty() {
            writeln!(output, "  E-mail address: {}", person.email)?;
        }
        for phone in &person.phones {
            let kind = match PhoneType::try_from(phone.r#type) {
                Ok(PhoneType::Mobile) => "Mobile",
                Ok(PhoneType::Home) => "Home",
                Ok(PhoneType::Work) => "Work",
                Err(_) => "Other",
            };
            writeln!(output, "  {kind} phone #: {}", phone.number)?;
        }
    }
    Ok(())
}

/// The file's bytes, `None` if there is no such file.
fn read(file: &Path) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
    let failed = |error: io::Error| format!("cannot read {}: {error}", file.display());
    let source = match fs::File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let mut bytes = Vec::new();
    // One byte more than allowed tells that there are too many, whatever length a device or a pipe claims to have.
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("{} is larger than any address book ({FILE_BYTES_MAX} bytes)", file.display()).into());
    }
    Ok(Some(bytes))
}

/// Reads the bytes as an address book, and as nothing else: almost any bytes are some protobuf message, so a field
/// that does not belong at the top of an address book counts as damage.
fn parse(file: &Path, bytes: &[u8]) -> Result<AddressBook, Box<dyn Error>> {
    let damaged = |reason: String| {
        format!("{} is damaged or not an address book ({reason}); it was left as it is", file.display())
    };
    let book = AddressBook::decode(bytes).map_err(|error| damaged(error.to_string()))?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (field, wire_type) = decode_key(&mut rest).map_err(|error| damaged(error.to_string()))?;
        if field != PEOPLE_FIELD {
            return Err(damaged(format!("it has a field {field}")).into());
        }
        skip_field(wire_type, field, &mut rest, DecodeContext::default())
            .map_err(|error| damaged(error.to_string()))?;
    }
    Ok(book)
}

/// Puts the bytes into the file in one step: whoever reads it sees the old bytes or the new ones, and a crash in
/// the middle leaves the old ones.
fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link is followed, so that its target is replaced and not the link.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let temporary = beside(&file)?;
    let replaced = write_new(&temporary, bytes)
        .and_then(|()| match fs::metadata(&file) {
            Ok(metadata) => fs::set_permissions(&temporary, metadata.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&temporary, &file));
    if replaced.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    replaced
}

fn write_new(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create_new(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name in the same folder, because a rename is atomic only within one file system.
fn beside(file: &Path) -> io::Result<PathBuf> {
    let name = file.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this names no file"))?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    Ok(file.with_file_name(temporary))
}

/// Asks for a person, question by question.
fn ask(input: &mut impl BufRead) -> Result<Person, Box<dyn Error>> {
    let mut answer_to = |question: &str| -> Result<String, Box<dyn Error>> {
        print!("{question}: ");
        io::stdout().flush()?;
        let mut answer = String::new();
        if input.read_line(&mut answer)? == 0 {
            return Err("the input ended before all questions were answered; nothing was changed".into());
        }
        Ok(answer.trim().to_owned())
    };
    let mut person = Person { id: id_from(&answer_to("Enter person ID number")?)?, ..Person::default() };
    person.name = answer_to("Enter name")?;
    person.email = answer_to("Enter email address (blank for none)")?;
    loop {
        let number = answer_to("Enter a phone number (or leave blank to finish)")?;
        if number.is_empty() {
            return Ok(person);
        }
        let kind = answer_to("Is this a mobile, home, or work phone?")?;
        let kind = phone_type(&kind).unwrap_or_else(|| {
            println!("That is none of the three; it is kept as mobile.");
            PhoneType::Mobile
        });
        person.phones.push(PhoneNumber { number, r#type: kind.into() });
    }
}

fn person_from(flags: &[&str]) -> Result<Person, Box<dyn Error>> {
    let usage = |problem: String| Usage(Some(problem));
    let (mut id, mut name) = (None, None);
    let mut person = Person::default();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        let value = flags.next().ok_or_else(|| usage(format!("{flag} needs a value")))?;
        match *flag {
            "--id" => id = Some(id_from(value)?),
            "--name" => name = Some((*value).to_owned()),
            "--email" => person.email = (*value).to_owned(),
            "--phone" => person.phones.push(phone_from(value)),
            _ => return Err(usage(format!("{flag} is not a flag")).into()),
        }
    }
    person.id = id.ok_or_else(|| usage("--id is missing".to_owned()))?;
    person.name = name.ok_or_else(|| usage("--name is missing".to_owned()))?;
    Ok(person)
}

fn id_from(text: &str) -> Result<i32, Box<dyn Error>> {
    text.parse().map_err(|_| format!("the id {text:?} is not a whole number that fits 32 bits").into())
}

/// A number with what it reaches in front, as in `work:555-0100`; mobile where nothing is in front.
fn phone_from(text: &str) -> PhoneNumber {
    let (kind, number) = text
        .split_once(':')
        .and_then(|(kind, number)| Some((phone_type(kind)?, number)))
        .unwrap_or((PhoneType::Mobile, text));
    PhoneNumber { number: number.to_owned(), r#type: kind.into() }
}

fn phone_type(text: &str) -> Option<PhoneType> {
    match text.to_ascii_lowercase().as_str() {
        "mobile" => Some(PhoneType::Mobile),
        "home" => Some(PhoneType::Home),
        "work" => Some(PhoneType::Work),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Whatever fails here fails the test.

    use super::*;

    /// A file of its own for each test, removed with its folder when the test ends.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(test: &str) -> Self {
            let folder = env::temp_dir().join(format!("addressbook-{test}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Scratch(folder)
        }

        fn file(&self) -> PathBuf {
            self.0.join("people.bin")
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const ADA: [&str; 8] = ["--id", "7", "--name", "Ada", "--phone", "work:555-0100", "--phone", "555-0101"];

    #[test]
    fn people_are_added_one_after_another() {
        let scratch = Scratch::new("added");
        add(&scratch.file(), &ADA).unwrap();
        add(&scratch.file(), &["--id", "8", "--name", "Bo", "--email", "bo@example.org"]).unwrap();
        let book = AddressBook::decode(fs::read(scratch.file()).unwrap().as_slice()).unwrap();
        let names: Vec<_> = book.people.iter().map(|person| (person.id, person.name.as_str())).collect();
        assert_eq!(names, [(7, "Ada"), (8, "Bo")]);
        let phones = &book.people[0].phones;
        assert_eq!((phones[0].number.as_str(), phones[0].r#type()), ("555-0100", PhoneType::Work));
        assert_eq!((phones[1].number.as_str(), phones[1].r#type()), ("555-0101", PhoneType::Mobile));
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1, "a temporary file is left over");
    }

    #[test]
    fn a_damaged_file_is_reported_and_left_as_it_is() {
        let whole = AddressBook { people: vec![person_from(&ADA).unwrap()] }.encode_to_vec();
        let table: [(&str, &[u8]); 4] = [
            ("cut", &whole[..whole.len() - 3]),
            ("text", b"Ada, 555-0100\n"),
            ("other message", b"\x10\x07"),
            ("not UTF-8", b"\x0a\x04\x0a\x02\xff\xfe"),
        ];
        for (name, bytes) in table {
            let scratch = Scratch::new("damaged");
            fs::write(scratch.file(), bytes).unwrap();
            for error in [add(&scratch.file(), &ADA).unwrap_err(), list(&scratch.file()).unwrap_err()] {
                assert!(error.to_string().contains("damaged or not an address book"), "{name}: {error}");
            }
            assert_eq!(fs::read(scratch.file()).unwrap(), bytes, "{name}");
        }
    }

    #[test]
    fn what_the_schema_does_not_know_stays_in_the_file() {
        let scratch = Scratch::new("unknown");
        // A person with the id 1 and a field 5 that holds an empty message.
        let before = b"\x0a\x04\x10\x01\x2a\x00";
        fs::write(scratch.file(), before).unwrap();
        add(&scratch.file(), &ADA).unwrap();
        assert!(fs::read(scratch.file()).unwrap().starts_with(before));
    }

    #[cfg(unix)]
    #[test]
    fn what_never_ends_is_not_read_to_its_end() {
        let error = list(Path::new("/dev/zero")).unwrap_err();
        assert!(error.to_string().starts_with("/dev/zero is larger than any address book"), "{error}");
    }

    #[test]
    fn help_is_no_error_and_the_rest_is() {
        let run = |arguments: &[&str]| run(&arguments.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(run(&["--help"]).is_ok() && run(&["add", "people.bin", "-h"]).is_ok());
        for arguments in [&[][..], &["list"], &["add"], &["list", "a", "b"], &["sort", "a"]] {
            assert!(run(arguments).unwrap_err().is::<Usage>(), "{arguments:?}");
        }
    }

    #[test]
    fn an_id_belongs_to_one_person() {
        let scratch = Scratch::new("taken");
        add(&scratch.file(), &ADA).unwrap();
        let error = add(&scratch.file(), &["--id", "7", "--name", "Bo"]).unwrap_err();
        assert_eq!(error.to_string(), "Ada has the id 7 already: choose another");
    }

    #[test]
    fn questions_are_answered_line_by_line() {
        let mut input = "9\nCy\n\n555-0102\nhome\n555-0103\nboat\n\n".as_bytes();
        let person = ask(&mut input).unwrap();
        assert_eq!((person.id, person.name.as_str(), person.email.as_str()), (9, "Cy", ""));
        let kinds: Vec<_> = person.phones.iter().map(PhoneNumber::r#type).collect();
        assert_eq!(kinds, [PhoneType::Home, PhoneType::Mobile]);
        assert!(ask(&mut "9\nCy\n".as_bytes()).is_err());
    }

    #[test]
    fn wrong_flags_are_usage_errors() {
        let table: [&[&str]; 4] = [&["--id"], &["--id", "7"], &["--name", "Ada"], &["--age", "36"]];
        for flags in table {
            assert!(person_from(flags).unwrap_err().is::<Usage>(), "{flags:?}");
        }
    }
}
