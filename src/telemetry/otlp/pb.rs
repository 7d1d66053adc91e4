//! The messages of OpenTelemetry's protocol as far as they are sent here, and its services: to export by hand, or to
//! stand in for a collector in a test. Their modules are those of the schemas.

// Generated code answers to its schema.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all)]

pub mod collector {
    pub mod metrics {
        pub mod v1 {
            include!("../../generated/opentelemetry.proto.collector.metrics.v1.rs");
        }
    }
    pub mod trace {
        pub mod v1 {
            include!("../../generated/opentelemetry.proto.collector.trace.v1.rs");
        }
    }
}
pub mod common {
    pub mod v1 {
        include!("../../generated/opentelemetry.proto.common.v1.rs");
    }
}
pub mod metrics {
    pub mod v1 {
        include!("../../generated/opentelemetry.proto.metrics.v1.rs");
    }
}
pub mod resource {
    pub mod v1 {
        include!("../../generated/opentelemetry.proto.resource.v1.rs");
    }
}
pub mod trace {
    pub mod v1 {
        include!("../../generated/opentelemetry.proto.trace.v1.rs");
    }
}
