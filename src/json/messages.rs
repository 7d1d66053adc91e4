//! The schemas of what is served: one pool a set, and methods by their paths.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor, MethodDescriptor, ServiceDescriptor,
};

use crate::json::transcode::{self, Tables};
use crate::json::{JsonError, JsonOptions, pool};

/// The schemas of several services.
///
/// Sets stay apart, because two of them may use one name for different things; look up by service first. Of two
/// services with one name the first that was added is found.
#[derive(Clone, Default)]
pub(crate) struct Messages {
    options: Arc<JsonOptions>,
    pools: Vec<(&'static [u8], DescriptorPool)>,
    /// One for each pool.
    tables: Vec<(DescriptorPool, Arc<Tables>)>,
    services: HashMap<String, ServiceDescriptor>,
    methods: HashMap<String, JsonMethod>,
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("services", &self.services.keys()).finish_non_exhaustive()
    }
}

impl Messages {
    /// No service yet.
    pub(crate) fn new(options: JsonOptions) -> Self {
        Messages { options: Arc::new(options), ..Messages::default() }
    }

    /// Adds a service by the set that generated code carries; a service without a set stays unknown.
    ///
    /// # Errors
    /// The set is damaged, or is not that of the service.
    pub(crate) fn add(&mut self, service: &str, set: &'static [u8]) -> Result<(), JsonError> {
        if set.is_empty() || self.services.contains_key(service) {
            return Ok(());
        }
        let fail = |what: &dyn fmt::Display| {
            JsonError::unplaced(format!("the descriptor set of the service {service} is of no use: {what}"))
        };
        let known = self.pools.iter().find(|(known, _)| std::ptr::eq(*known, set) || *known == set);
        let pool = match known {
            Some((_, pool)) => pool.clone(),
            None => {
                let pool = pool::decode(set).map_err(|error| fail(&error))?;
                self.pools.push((set, pool.clone()));
                pool
            }
        };
        let found = pool.get_service_by_name(service).ok_or_else(|| fail(&"the service is not in it"))?;
        self.insert(service, found);
        Ok(())
    }

    /// Adds a service whose set has been read.
    #[allow(dead_code, reason = "not every protocol asks")]
    pub(crate) fn add_descriptor(&mut self, service: ServiceDescriptor) {
        let name = service.full_name().to_owned();
        if !self.services.contains_key(&name) {
            self.insert(&name, service);
        }
    }

    fn insert(&mut self, name: &str, service: ServiceDescriptor) {
        let tables = self.tables(service.parent_pool());
        for method in service.methods() {
            let path = format!("/{name}/{}", method.name());
            self.methods.insert(path, JsonMethod::new(method, &self.options, &tables));
        }
        self.services.insert(name.to_owned(), service);
    }

    fn tables(&mut self, pool: &DescriptorPool) -> Arc<Tables> {
        if let Some((_, tables)) = self.tables.iter().find(|(known, _)| known == pool) {
            return Arc::clone(tables);
        }
        let tables = Arc::new(Tables::of(pool));
        self.tables.push((pool.clone(), Arc::clone(&tables)));
        tables
    }

    /// A service by its full name.
    #[allow(dead_code, reason = "not every protocol asks")]
    pub(crate) fn service(&self, name: &str) -> Option<&ServiceDescriptor> {
        self.services.get(name)
    }

    /// A method by its path: `/package.Service/Method`.
    #[allow(dead_code, reason = "not every protocol asks")]
    pub(crate) fn method(&self, path: &str) -> Option<&JsonMethod> {
        self.methods.get(path)
    }
}

/// A method whose messages are known.
#[derive(Clone, Debug)]
pub(crate) struct JsonMethod {
    method: MethodDescriptor,
    input: MessageDescriptor,
    output: MessageDescriptor,
    options: Arc<JsonOptions>,
    tables: Arc<Tables>,
    /// Where they stand in the tables.
    input_place: usize,
    output_place: usize,
}

#[allow(dead_code, reason = "not every protocol asks for all of it")]
impl JsonMethod {
    fn new(method: MethodDescriptor, options: &Arc<JsonOptions>, tables: &Arc<Tables>) -> Self {
        let (input, output) = (method.input(), method.output());
        let (input_place, output_place) = (tables.place(&input), tables.place(&output));
        let (options, tables) = (Arc::clone(options), Arc::clone(tables));
        JsonMethod { method, input, output, options, tables, input_place, output_place }
    }

    /// The method.
    pub(crate) fn descriptor(&self) -> &MethodDescriptor {
        &self.method
    }

    /// The message that the method takes.
    pub(crate) fn input(&self) -> &MessageDescriptor {
        &self.input
    }

    /// The message that the method gives.
    pub(crate) fn output(&self) -> &MessageDescriptor {
        &self.output
    }

    /// How its messages look.
    pub(crate) fn options(&self) -> &JsonOptions {
        &self.options
    }

    /// The bytes of a request that is written in JSON.
    ///
    /// # Errors
    /// The text is not JSON of this message.
    pub(crate) fn decode_request(&self, json: &[u8]) -> Result<Bytes, JsonError> {
        transcode::read(&self.tables, self.tables.message(self.input_place), json, &self.options).map(Bytes::from)
    }

    /// The JSON of a reply.
    ///
    /// # Errors
    /// The bytes are not the message, or it has no form in JSON.
    pub(crate) fn encode_reply(&self, bytes: &[u8]) -> Result<Vec<u8>, JsonError> {
        let mut json = Vec::with_capacity(2 * bytes.len() + 16);
        transcode::write(&self.tables, self.tables.message(self.output_place), bytes, &self.options, &mut json)?;
        Ok(json)
    }

    /// The JSON of one field of a reply.
    ///
    /// # Errors
    /// As [`encode_reply`](Self::encode_reply).
    pub(crate) fn encode_reply_field(&self, field: &FieldDescriptor, bytes: &[u8]) -> Result<Vec<u8>, JsonError> {
        let mut json = Vec::with_capacity(2 * bytes.len() + 16);
        let output = self.tables.message(self.output_place);
        transcode::write_field(&self.tables, output, field.number(), bytes, &self.options, &mut json)?;
        Ok(json)
    }

    /// The JSON of a request.
    ///
    /// # Errors
    /// The bytes are not the message, or it has no form in JSON.
    pub(crate) fn encode_request(&self, bytes: &[u8]) -> Result<Vec<u8>, JsonError> {
        let mut json = Vec::with_capacity(2 * bytes.len() + 16);
        transcode::write(&self.tables, self.tables.message(self.input_place), bytes, &self.options, &mut json)?;
        Ok(json)
    }

    /// The bytes of a reply that is written in JSON.
    ///
    /// # Errors
    /// The text is not JSON of this message.
    pub(crate) fn read_reply(&self, json: &[u8]) -> Result<Bytes, JsonError> {
        transcode::read(&self.tables, self.tables.message(self.output_place), json, &self.options).map(Bytes::from)
    }

    /// A reply, to be looked at.
    ///
    /// # Errors
    /// The bytes are not the message.
    pub(crate) fn decode_reply(&self, bytes: &[u8]) -> Result<DynamicMessage, JsonError> {
        DynamicMessage::decode(self.output.clone(), bytes)
            .map_err(|error| JsonError::unplaced(format!("the reply is no {}: {error}", self.output.full_name())))
    }
}
