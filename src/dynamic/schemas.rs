//! Descriptor sets, one pool each: sets may use the same names for different things.

use std::fmt;

use prost_reflect::{DescriptorPool, MethodDescriptor, ServiceDescriptor};

use crate::json::pool::{self, PoolError};

/// A collection of descriptor sets.
///
/// Sets stay apart, so that two of them may both declare a message `Result`; look up by service first, then within
/// that service's own set. Of two services with one name the first that was added is found.
#[derive(Debug, Clone, Default)]
pub struct Schemas {
    pools: Vec<DescriptorPool>,
}

/// Bytes that are no usable descriptor set.
#[derive(Debug)]
pub struct SchemasError(PoolError);

impl fmt::Display for SchemasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a usable FileDescriptorSet: {}", self.0)
    }
}

impl std::error::Error for SchemasError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl Schemas {
    /// Adds an encoded `google.protobuf.FileDescriptorSet`, such as the `FILE_DESCRIPTOR_SET` of generated code.
    ///
    /// # Errors
    /// The bytes are no such set, or its files are inconsistent.
    pub fn add(&mut self, file_descriptor_set: &[u8]) -> Result<(), SchemasError> {
        self.pools.push(pool::decode(file_descriptor_set).map_err(SchemasError)?);
        Ok(())
    }

    /// Adds a pool that exists already.
    pub fn add_pool(&mut self, pool: DescriptorPool) {
        self.pools.push(pool);
    }

    /// All services, set by set; one that several sets contain comes once.
    pub fn services(&self) -> impl Iterator<Item = ServiceDescriptor> {
        let mut seen = std::collections::HashSet::new();
        self.pools
            .iter()
            .flat_map(DescriptorPool::services)
            .filter(move |service| seen.insert(service.full_name().to_owned()))
    }

    /// A service by its full name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<ServiceDescriptor> {
        self.pools.iter().find_map(|pool| pool.get_service_by_name(name))
    }

    /// A method by its name: `package.Service/Method`, with or without a leading slash, or `package.Service.Method`.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<MethodDescriptor> {
        let name = name.trim_start_matches('/');
        let (service, method) = name.split_once('/').or_else(|| name.rsplit_once('.'))?;
        self.service(service)?.methods().find(|candidate| candidate.name() == method)
    }
}
