//! `seltzer describe`: services, methods and messages as schemas write them.

mod comments;
mod options;
mod source;
pub(crate) mod template;

use std::collections::HashSet;

use prost_reflect::DescriptorPool;

use crate::arguments::DescribeArguments;
use crate::call::outcome;
use crate::catalogue::{Known, Symbol, Unknown};
use crate::connection;
use crate::describe::source::source_of;
use crate::error::Failure;
use crate::output;

/// Describes; gives the exit status.
///
/// # Errors
/// There is nothing of such a name, or the arguments make no sense.
pub(crate) fn run(arguments: &DescribeArguments) -> Result<u8, Failure> {
    let (address, names) = connection::address_and_names(&arguments.words, arguments.schemas.has_files())?;
    let described = match connection::run(describe(arguments, address, names)) {
        Ok(described) => described,
        Err(Unknown::Failure(failure)) => return Err(failure),
        Err(Unknown::Status(status)) => return Ok(outcome::report(&status, None, None, 0)),
    };
    match &arguments.descriptor_set_out {
        Some(path) => output::write_file(path, &descriptor_set(&described.pools))?,
        None if described.texts.is_empty() => {}
        None => output::print(described.texts.join("\n\n").trim_end())?,
    }
    Ok(0)
}

#[derive(Default)]
struct Described {
    texts: Vec<String>,
    pools: Vec<DescriptorPool>,
}

async fn describe(
    arguments: &DescribeArguments,
    address: Option<&str>,
    names: &[String],
) -> Result<Described, Unknown> {
    let headers = [arguments.schemas.reflection_header.as_slice()];
    let connection = connection::open_if_named(address, &arguments.connection, &headers).await?;
    let asked = connection.as_ref().map(|(connection, address)| (connection, *address));
    let mut known = Known::open(&arguments.schemas, asked, arguments.timeout)?;
    let names = match names {
        [] => known.services().await?,
        // As people write methods in calls, and types in schemas.
        names => names.iter().map(|name| name.trim_start_matches(['.', '/']).replace('/', ".")).collect(),
    };
    let mut described = Described::default();
    for name in names {
        let pool = known.schemas_of(&name).await?;
        let symbol = Symbol::find(&pool, &name).ok_or_else(|| nameless(&name))?;
        let mut text = format!("{name} is {}:\n{}", symbol.noun(), source_of(&symbol));
        if arguments.template
            && let Some(message) = symbol.message()
        {
            text += &format!("\n\n{} in JSON:\n{}", message.full_name(), template::of(&message)?);
        }
        described.texts.push(text);
        described.pools.push(pool);
    }
    Ok(described)
}

/// A server told of a name that its schema then does not have.
fn nameless(name: &str) -> Failure {
    Failure::new(format!("the schema that should have {name} does not have it"))
}

/// A descriptor set of all files of these pools, each once, imports before those that need them.
fn descriptor_set(pools: &[DescriptorPool]) -> Vec<u8> {
    let mut written = HashSet::new();
    let mut set = Vec::new();
    for file in pools.iter().flat_map(DescriptorPool::files) {
        append(&file, &mut written, &mut set);
    }
    set
}

fn append(file: &prost_reflect::FileDescriptor, written: &mut HashSet<String>, set: &mut Vec<u8>) {
    if !written.insert(file.name().to_owned()) {
        return;
    }
    for import in file.dependencies() {
        append(&import, written, set);
    }
    // FileDescriptorSet has one field: `repeated FileDescriptorProto file = 1`. These bytes keep custom options.
    let bytes = file.encode_to_vec();
    prost_reflect::prost::encoding::bytes::encode(1, &bytes, set);
}
