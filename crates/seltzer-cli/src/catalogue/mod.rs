//! Which methods there are: those of the user's own schemas, those that the server tells of, or those of the demo
//! services.

mod known;
mod reflection;
mod symbol;

use std::fs;

use prost_reflect::DescriptorPool;
use seltzer::dynamic::MethodDescriptor;
use seltzer::dynamic::Schemas;
use seltzer::services::schemas as demo;

use crate::arguments::{SchemaSource, builder};
use crate::error::Failure;

pub(crate) use self::known::{Known, Unknown};
pub(crate) use self::symbol::Symbol;

/// The descriptor sets of the demo services and of those that every server may have; what `serve` serves, in the order
/// in which it is listed.
const DEMO_SETS: &[&[u8]] = &[
    demo::calculator::FILE_DESCRIPTOR_SET,
    demo::user::FILE_DESCRIPTOR_SET,
    demo::greeter::FILE_DESCRIPTOR_SET,
    demo::hello::FILE_DESCRIPTOR_SET,
    demo::helloworld::FILE_DESCRIPTOR_SET,
    demo::routeguide::FILE_DESCRIPTOR_SET,
    demo::route_guide::FILE_DESCRIPTOR_SET,
    demo::compute::FILE_DESCRIPTOR_SET,
    demo::simple_cal::FILE_DESCRIPTOR_SET,
    demo::contact::FILE_DESCRIPTOR_SET,
    demo::grpc::testing::FILE_DESCRIPTOR_SET,
    seltzer::orca::pb::FILE_DESCRIPTOR_SET,
    seltzer::health::pb::FILE_DESCRIPTOR_SET,
    seltzer::reflection::pb::v1::FILE_DESCRIPTOR_SET,
    seltzer::reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    seltzer::channelz::pb::FILE_DESCRIPTOR_SET,
];

/// gRPC's test schemas define more services than a server has; these are served here.
const TESTING_SERVED: &[&str] =
    &["grpc.testing.TestService", "grpc.testing.BenchmarkService", "grpc.testing.WorkerService"];

/// Services are listed up to this number; more would hide the rest of the line.
const LISTED_SERVICES_MAX: usize = 20;

/// Where methods are looked up unless the user has schemas.
const BUILT_IN: &str = "in the built-in schemas";

/// How many near names are suggested.
const SUGGESTIONS_MAX: usize = 3;

/// The demo services.
///
/// # Errors
/// None, unless this program was built from broken schemas.
pub(crate) fn demo_services() -> Result<Schemas, Failure> {
    let mut schemas = Schemas::default();
    for set in DEMO_SETS {
        schemas.add(set).map_err(|error| Failure::new(format!("the built-in schemas: {error}")))?;
    }
    Ok(schemas)
}

/// Whether `serve` answers a service of [`demo_services`].
pub(crate) fn is_served(service: &str, channelz: bool) -> bool {
    match service {
        "grpc.channelz.v1.Channelz" => channelz,
        _ => !service.starts_with("grpc.testing.") || TESTING_SERVED.contains(&service),
    }
}

/// A method that `serve` answers, by a name such as `package.Service/Method`.
///
/// # Errors
/// There is none; the failure names near ones.
pub(crate) fn find_served(name: &str, channelz: bool) -> Result<MethodDescriptor, Failure> {
    let schemas = demo_services()?;
    let found = schemas.method(name).filter(|method| is_served(method.parent_service().full_name(), channelz));
    found.ok_or_else(|| not_found(name, &schemas, "in what is served"))
}

/// The schemas in files, a pool for each.
///
/// # Errors
/// One cannot be read.
fn load(source: &SchemaSource) -> Result<Vec<DescriptorPool>, Failure> {
    let mut pools = Vec::new();
    let (builder, includes) = builder(&source.include, &source.proto);
    // With comments, which are shown.
    let builder = builder.include_source_info(true);
    for proto in &source.proto {
        // Each by itself: two files without a package may declare the same names.
        pools.push(builder.load(&[proto], &includes)?.descriptor_pool());
    }
    for path in &source.descriptor_set {
        let shown = path.display();
        let set =
            fs::read(path).map_err(|error| Failure::new(format!("cannot read the descriptor set {shown}: {error}")))?;
        let unusable = |error: &dyn std::fmt::Display| {
            Failure::new(format!("{shown} is not a usable FileDescriptorSet: {error}"))
                .with_hint("write it with `seltzer compile ... --descriptor-set-out FILE --include-imports`")
        };
        let set = seltzer_syntax::lower_encoded(&set).map_err(|error| unusable(&error))?;
        pools.push(DescriptorPool::decode(&*set).map_err(|error| unusable(&error))?);
    }
    Ok(pools)
}

/// For schemas that are built in.
pub(crate) const NO_INCLUDES: &[&str] = &[];

fn not_found(name: &str, schemas: &Schemas, place: &str) -> Failure {
    let mut hints = Vec::new();
    let near = near(name, &names(schemas), forms);
    if !near.is_empty() {
        hints.push(format!("did you mean {}?", near.join(" or ")));
    }
    let service = name.trim_start_matches('/').split('/').next().unwrap_or_default();
    if let Some(service) = schemas.service(service) {
        let methods: Vec<_> = service.methods().map(|method| method.name().to_owned()).collect();
        hints.push(format!("{} has the methods {}", service.full_name(), or_none(&methods)));
    } else {
        if near.is_empty() {
            let services = schemas.services().take(LISTED_SERVICES_MAX);
            let services: Vec<_> = services.map(|service| service.full_name().to_owned()).collect();
            hints.push(format!("write SERVICE/METHOD; the services are {}", or_none(&services)));
        }
        if place.starts_with(BUILT_IN) {
            hints.push("`--proto FILE` takes a schema of your own".to_owned());
        }
    }
    Failure::usage(format!("there is no method {name:?} {place}")).with_hint(hints.join("; ").replace("?; ", "? "))
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// All methods as `package.Service/Method`.
fn names(schemas: &Schemas) -> Vec<String> {
    let of_service = |service: seltzer::dynamic::ServiceDescriptor| {
        let name = service.full_name().to_owned();
        service.methods().map(|method| format!("{name}/{}", method.name())).collect::<Vec<_>>()
    };
    schemas.services().flat_map(of_service).collect()
}

/// The names that were perhaps meant, the nearest first. `forms` are the ways in which people write a name.
fn near(name: &str, known: &[String], forms: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let wanted = name.trim_start_matches('/').to_lowercase();
    // A quarter of the letters may be wrong, but not more than the shortest names have.
    let distance_max = (wanted.chars().count() / 4).clamp(1, 5);
    let mut scored: Vec<(usize, &String)> = known
        .iter()
        .filter_map(|candidate| {
            let distance = forms(candidate).iter().map(|form| strsim::damerau_levenshtein(&wanted, form)).min()?;
            (distance <= distance_max).then_some((distance, candidate))
        })
        .collect();
    scored.sort();
    if let Some(&(best, _)) = scored.first() {
        scored.retain(|(distance, _)| *distance <= best + 1);
    }
    scored.into_iter().take(SUGGESTIONS_MAX).map(|(_, candidate)| format!("`{candidate}`")).collect()
}

/// A method's name in the ways in which people shorten it: as it is, without the package, and the method alone.
fn forms(name: &str) -> Vec<String> {
    let full = name.to_lowercase();
    let (service, method) = full.split_once('/').unwrap_or(("", &full));
    let short = format!("{}/{method}", service.rsplit('.').next().unwrap_or_default());
    vec![short, method.to_owned(), full.replace('/', "."), full.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let known = names(&demo_services().expect("they are built in"));
        let table: &[(&str, &[&str])] = &[
            ("Calculator/Divid", &["`Calculator/Divide`"]),
            ("calculator/divide", &["`Calculator/Divide`"]),
            ("TestService/EmptyCall", &["`grpc.testing.TestService/EmptyCall`"]),
            ("Divide", &["`Calculator/Divide`"]),
            ("calculator.divide", &["`Calculator/Divide`"]),
            ("Nothing/LikeThis", &[]),
        ];
        for (wanted, expected) in table {
            assert_eq!(near(wanted, &known, forms), *expected, "{wanted}");
        }
    }

    #[test]
    fn what_is_missing_is_said_with_what_there_is() {
        let schemas = demo_services().expect("they are built in");
        let table = [
            ("Calculator/Modulo", "hint: Calculator has the methods Add, Subtract, Multiply, Divide"),
            ("Calculator/Divid", "hint: did you mean `Calculator/Divide`? Calculator has the methods Add, "),
            ("Calculatr/Divide", "hint: did you mean `Calculator/Divide`? `--proto FILE` takes"),
            ("Nothing/LikeThis", "hint: write SERVICE/METHOD; the services are Calculator, user.User"),
            ("whatever", "write SERVICE/METHOD"),
        ];
        for (name, hint) in table {
            let text = not_found(name, &schemas, BUILT_IN).to_string();
            assert!(text.contains(&format!("no method {name:?} in the built-in schemas")), "{text}");
            assert!(text.contains(hint), "{name}: {text}");
        }
    }
}
