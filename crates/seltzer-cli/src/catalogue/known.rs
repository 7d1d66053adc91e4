//! All schemas that a command may use, in the order in which they are looked through.

use std::time::Duration;

use prost_reflect::DescriptorPool;
use seltzer::Deadline;
use seltzer::dynamic::{MethodDescriptor, Schemas, ServiceDescriptor};
use seltzer::{Code, Status, StatusOrigin};

use crate::arguments::SchemaSource;
use crate::catalogue::reflection::{Reflection, Untold};
use crate::catalogue::{BUILT_IN, Symbol, demo_services, load, near, not_found};
use crate::connection::Connection;
use crate::error::Failure;
use crate::text::one_line;

/// Schemas in files, then the server's own. Where there are neither, those that are built in.
pub(crate) struct Known<'a> {
    files: Vec<DescriptorPool>,
    server: Option<Reflection<'a>>,
    address: &'a str,
}

/// Why there is nothing to go on with.
pub(crate) enum Unknown {
    /// The server cannot be asked.
    Status(Status),
    /// Nobody has such a name.
    Failure(Failure),
}

impl From<Failure> for Unknown {
    fn from(failure: Failure) -> Self {
        Unknown::Failure(failure)
    }
}

impl<'a> Known<'a> {
    /// What a command line names; without a connection there are files alone.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn open(
        source: &'a SchemaSource,
        connection: Option<(&'a Connection<'a>, &'a str)>,
        timeout: Option<Duration>,
    ) -> Result<Self, Failure> {
        let files = load(source).map_err(Failure::into_usage)?;
        let asked = connection.filter(|_| source.asks_server());
        let deadline = timeout.map(Deadline::after);
        let server = asked.map(|(it, _)| Reflection::new(it, &source.reflection_header, deadline));
        Ok(Known { files, server, address: connection.map_or("", |(_, address)| address) })
    }

    /// The method of a name such as `package.Service/Method`.
    ///
    /// # Errors
    /// There is none, and the failure names near ones; or the server cannot be asked.
    pub(crate) async fn method(&mut self, name: &str) -> Result<MethodDescriptor, Unknown> {
        let files = schemas(&self.files);
        if let Some(method) = files.method(name) {
            return Ok(method);
        }
        let Some(server) = &mut self.server else {
            let (schemas, place) =
                if self.files.is_empty() { (demo_services()?, BUILT_IN) } else { (files, "in these schemas") };
            return schemas.method(name).ok_or_else(|| not_found(name, &schemas, place).into());
        };
        let trimmed = name.trim_start_matches('/');
        let service = trimmed.split_once('/').or_else(|| trimmed.rsplit_once('.')).map_or(trimmed, |(it, _)| it);
        match server.schemas_of(service).await {
            Ok(pool) => {
                let told = schemas(&[pool]);
                told.method(name).ok_or_else(|| not_found(name, &told, &format!("at {}", self.address)).into())
            }
            Err(untold) => self.without_schema(name, untold).await,
        }
    }

    /// A method for which the server gave no schema.
    async fn without_schema(&mut self, name: &str, untold: Untold) -> Result<MethodDescriptor, Unknown> {
        let why = match untold {
            Untold::Call(status) if !status.is_from_peer() => return Err(Unknown::Status(status)),
            Untold::Broken(failure) => return Err(failure.into()),
            Untold::Call(status) | Untold::Refused(status) => one_line(status.message()),
            Untold::NoReflection => "it has no reflection".to_owned(),
        };
        // A server may hide what it serves; then what is built in is as good as any guess.
        let built_in = demo_services()?;
        if let Some(method) = built_in.method(name) {
            return Ok(method);
        }
        let listed = match &mut self.server {
            Some(server) => server.services().await.unwrap_or_default(),
            None => Vec::new(),
        };
        if listed.is_empty() {
            let place = format!("{BUILT_IN}, and {} tells of none ({why})", self.address);
            return Err(not_found(name, &built_in, &place).into());
        }
        let service = name.trim_start_matches('/').split('/').next().unwrap_or_default();
        Err(missing("no service", service, &listed, &format!("at {}", self.address)).into())
    }

    /// The names of all services, in the order of the alphabet.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub(crate) async fn services(&mut self) -> Result<Vec<String>, Unknown> {
        let mut names: Vec<String> = self.in_files().map(|service| service.full_name().to_owned()).collect();
        if let Some(server) = &mut self.server {
            names.extend(server.services().await.map_err(|untold| silent(untold, self.address))?);
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The schemas that declare a symbol, those that they import included.
    ///
    /// # Errors
    /// There is none of this name, or the server cannot be asked.
    pub(crate) async fn schemas_of(&mut self, symbol: &str) -> Result<DescriptorPool, Unknown> {
        if let Some(pool) = self.files.iter().find(|pool| Symbol::find(pool, symbol).is_some()) {
            return Ok(pool.clone());
        }
        let Some(server) = &mut self.server else {
            let known: Vec<String> = self.in_files().map(|service| service.full_name().to_owned()).collect();
            return Err(missing("nothing", symbol, &known, "in these schemas").into());
        };
        match server.schemas_of(symbol).await {
            Ok(pool) => Ok(pool),
            Err(Untold::Refused(status)) if status.code() == Code::NotFound => {
                let listed = server.services().await.unwrap_or_default();
                Err(missing("nothing", symbol, &listed, &format!("at {}", self.address)).into())
            }
            Err(untold) => Err(silent(untold, self.address)),
        }
    }

    fn in_files(&self) -> impl Iterator<Item = ServiceDescriptor> + '_ {
        self.files.iter().flat_map(DescriptorPool::services)
    }
}

/// A server that does not tell.
fn silent(untold: Untold, address: &str) -> Unknown {
    match untold {
        Untold::Call(status) | Untold::Refused(status) => Unknown::Status(status),
        Untold::Broken(failure) => failure.into(),
        Untold::NoReflection => Unknown::Failure(
            Failure::of_code(
                Code::Unimplemented,
                format!("{address} does not tell what it serves: it has no reflection"),
            )
            .with_hint("`--proto FILE` or `--descriptor-set FILE` takes schemas from files"),
        ),
    }
}

fn schemas(pools: &[DescriptorPool]) -> Schemas {
    let mut schemas = Schemas::default();
    for pool in pools {
        schemas.add_pool(pool.clone());
    }
    schemas
}

/// The failure of a name that nobody has; it names near ones.
fn missing(what: &str, name: &str, services: &[String], place: &str) -> Failure {
    let forms = |known: &str| {
        let full = known.to_lowercase();
        let short = full.rsplit('.').next().unwrap_or_default().to_owned();
        vec![full, short]
    };
    let near = near(name, services, forms);
    let hint = match near.as_slice() {
        [] if services.is_empty() => "there is no service at all".to_owned(),
        [] => format!("the services are {}", services.join(", ")),
        near => format!("did you mean {}?", near.join(" or ")),
    };
    Failure::usage(format!("there is {what} called {name:?} {place}")).with_hint(hint)
}
