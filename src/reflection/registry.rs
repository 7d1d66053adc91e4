//! What a server tells of itself, and who changes it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use crate::reflection::error::{Error, Reason};
use crate::reflection::file::Set;
use crate::reflection::handler::ReflectionHandler;
use crate::reflection::index::Index;
use crate::reflection::pb;
use crate::service::Router;

/// The services and schemas that callers are told of. Clones tell the same.
///
/// It may change while a server tells of it, for services that come and go:
///
/// ```
/// # fn example() -> Result<(), seltzer::reflection::Error> {
/// # const SHOP: &[u8] = &[];
/// use seltzer::reflection::Reflection;
///
/// let reflection = Reflection::new();
/// reflection.add_service("shop.v1.Orders", SHOP)?; // its generated `FILE_DESCRIPTOR_SET`
/// reflection.remove_service("shop.v1.Orders");
/// # Ok(())
/// # }
/// ```
///
/// Each descriptor set is a world of its own: a schema is told together with what *its* set has under the names that
/// it imports, so that sets may use the same names for different things. Of two sets that declare one name the first
/// that was added answers for it, but a service goes before anything else that is called like it. A file name that
/// stands for different files can only be asked for by the symbols in them.
#[derive(Clone, Default)]
pub struct Reflection {
    told: Arc<RwLock<Arc<Told>>>,
}

/// What is told at one time.
#[derive(Default)]
pub(super) struct Told {
    /// By their names; with their schemas, where they have one.
    services: BTreeMap<String, Option<Arc<Set>>>,
    /// Sets that were added for themselves.
    kept: Vec<Arc<Set>>,
    pub(super) index: Index,
}

impl Reflection {
    /// Knows nothing yet; [`Server::reflection`](crate::Server::reflection) adds the services of a server.
    #[must_use]
    pub fn new() -> Self {
        Reflection::default()
    }

    /// Tells of the schemas in an encoded `google.protobuf.FileDescriptorSet`, without listing their services: for
    /// extensions, and for what travels in a `google.protobuf.Any`.
    ///
    /// # Errors
    /// The bytes are no such set.
    pub fn add_descriptor_set(&self, set: impl Into<Bytes>) -> Result<(), Error> {
        let set = Set::read(set.into())?;
        self.change(|told| {
            let set = told.shared(set);
            told.kept.push(set);
        });
        Ok(())
    }

    /// Lists a service by its full name, with the set of the schema that declares it; an empty set for a service
    /// without a schema. One of the same name is replaced.
    ///
    /// # Errors
    /// The bytes are no descriptor set, or declare no such service.
    pub fn add_service(&self, name: impl Into<String>, set: impl Into<Bytes>) -> Result<(), Error> {
        let (name, bytes) = (name.into(), set.into());
        let set = if bytes.is_empty() { None } else { Some(Set::read(bytes)?) };
        if set.as_ref().is_some_and(|set| !set.declares_service(&name)) {
            return Err(Error(Reason::NoSuchService(name)));
        }
        self.change(|told| {
            let set = set.map(|set| told.shared(set));
            told.services.insert(name, set);
        });
        Ok(())
    }

    /// Lists a service no more, and forgets its schema unless another one needs it. Tells whether it was there.
    pub fn remove_service(&self, name: &str) -> bool {
        self.change(|told| told.services.remove(name).is_some())
    }

    /// The full names of the services that are listed, in alphabetical order.
    #[must_use]
    pub fn services(&self) -> Vec<String> {
        self.told().services().map(str::to_owned).collect()
    }

    /// The service `grpc.reflection.v1.ServerReflection`, for a server that does not tell of itself by
    /// [`Server::reflection`](crate::Server::reflection).
    #[must_use]
    pub fn v1(&self) -> pb::v1::server_reflection_server::ServerReflectionServer<ReflectionHandler> {
        pb::v1::server_reflection_server::ServerReflectionServer::new(ReflectionHandler::new(self.clone()))
    }

    /// The same as `grpc.reflection.v1alpha.ServerReflection`, for clients that do not know v1.
    #[must_use]
    pub fn v1alpha(&self) -> pb::v1alpha::server_reflection_server::ServerReflectionServer<ReflectionHandler> {
        pb::v1alpha::server_reflection_server::ServerReflectionServer::new(ReflectionHandler::new(self.clone()))
    }

    /// Lists the services of a server.
    pub(super) fn know(&self, router: &Router) {
        self.change(|told| {
            for name in router.names() {
                told.services.entry((*name).to_owned()).or_default();
            }
            for service in router.descriptors().filter(|service| !service.file_descriptor_set.is_empty()) {
                match Set::read(Bytes::from_static(service.file_descriptor_set)) {
                    Ok(set) => {
                        let set = told.shared(set);
                        told.services.insert(service.name.to_owned(), Some(set));
                    }
                    Err(error) => tracing::warn!(%error, service = service.name, "a service's schema cannot be told"),
                }
            }
        });
    }

    pub(super) fn told(&self) -> Arc<Told> {
        Arc::clone(&self.told.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what is told, for whoever asks from then on.
    fn change<T>(&self, change: impl FnOnce(&mut Told) -> T) -> T {
        let mut told = self.told.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Told { services: told.services.clone(), kept: told.kept.clone(), index: Index::default() };
        let changed = change(&mut next);
        next.index = Index::of(next.sets());
        *told = Arc::new(next);
        changed
    }
}

impl Told {
    /// The full names of the services, in alphabetical order.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// All sets, each once, in the order in which they were added.
    fn sets(&self) -> Vec<Arc<Set>> {
        let mut sets: Vec<Arc<Set>> = Vec::new();
        for set in self.kept.iter().chain(self.services.values().flatten()) {
            if !sets.iter().any(|known| Arc::ptr_eq(known, set)) {
                sets.push(Arc::clone(set));
            }
        }
        sets.sort_by_key(|set| set.number);
        sets
    }

    /// A set with all of what is the same as before taken from there.
    fn shared(&self, mut set: Set) -> Arc<Set> {
        let sets = self.sets();
        if let Some(known) = sets.iter().find(|known| known.bytes == set.bytes) {
            return Arc::clone(known);
        }
        set.share(|file| sets.iter().filter_map(|set| set.file(&file.name)).find(|known| known.is_same(file)).cloned());
        Arc::new(set)
    }
}

impl fmt::Debug for Reflection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reflection").field("services", &self.services()).finish_non_exhaustive()
    }
}
