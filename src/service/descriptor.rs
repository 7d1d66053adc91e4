//! What a service is called and which methods it has, as generated code states it.

/// The name, methods and schemas of a service.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ServiceDescriptor {
    /// Full name, such as `helloworld.Greeter`.
    pub name: &'static str,
    /// The methods, in the order of the schema.
    pub methods: &'static [MethodDescriptor],
    /// The service's schemas, imports and custom options included, as an encoded
    /// `google.protobuf.FileDescriptorSet`; empty for a service that has none.
    pub file_descriptor_set: &'static [u8],
}

impl ServiceDescriptor {
    /// Describes a service; called by generated code.
    #[must_use]
    pub const fn new(
        name: &'static str,
        methods: &'static [MethodDescriptor],
        file_descriptor_set: &'static [u8],
    ) -> Self {
        ServiceDescriptor { name, methods, file_descriptor_set }
    }
}

/// The path, shape and options of a method.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MethodDescriptor {
    /// As on the wire: `/helloworld.Greeter/SayHello`.
    pub path: &'static str,
    /// Which sides stream.
    pub kind: MethodKind,
    /// Full name of the request message; empty where there is no schema.
    pub input: &'static str,
    /// Full name of the response message; empty where there is no schema.
    pub output: &'static str,
    /// Whether a call may be repeated.
    pub idempotency: Idempotency,
    /// Whether the schema marks it deprecated.
    pub deprecated: bool,
}

impl MethodDescriptor {
    /// Describes a method; called by generated code.
    #[must_use]
    pub const fn new(path: &'static str, kind: MethodKind) -> Self {
        MethodDescriptor { path, kind, input: "", output: "", idempotency: Idempotency::Unknown, deprecated: false }
    }

    /// Names the messages.
    #[must_use]
    pub const fn with_messages(mut self, input: &'static str, output: &'static str) -> Self {
        self.input = input;
        self.output = output;
        self
    }

    /// States whether a call may be repeated.
    #[must_use]
    pub const fn with_idempotency(mut self, idempotency: Idempotency) -> Self {
        self.idempotency = idempotency;
        self
    }

    /// Marks the method deprecated.
    #[must_use]
    pub const fn with_deprecated(mut self, deprecated: bool) -> Self {
        self.deprecated = deprecated;
        self
    }

    /// The method's own name: `SayHello`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// Which sides of a call send a stream of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// One request, one response.
    Unary,
    /// A stream of requests, one response.
    ClientStreaming,
    /// One request, a stream of responses.
    ServerStreaming,
    /// Streams both ways, independent of each other.
    BidiStreaming,
}

/// Whether a call may be repeated: the schema's `idempotency_level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Idempotency {
    /// Nothing is said.
    #[default]
    Unknown,
    /// The call changes nothing, so that it may also be a GET and be cached.
    NoSideEffects,
    /// The call changes something, but twice is the same as once.
    Idempotent,
}
