//! What was generated from `proto/`.

#![allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all, reason = "generated")]

/// `proto/bench.proto`, by Seltzer's generator.
pub mod bench {
    seltzer::include_proto!("bench");
}

/// `proto/probe.proto`, by Seltzer's generator.
pub mod probe {
    seltzer::include_proto!("probe");
}

/// `proto/shop.proto`, with JSON by serde.
#[cfg(feature = "rest")]
pub mod shop {
    seltzer::include_proto!("shop");
}

/// The services of both as tonic's generator makes them, on the same messages.
pub mod tonic {
    pub mod bench {
        include!(concat!(env!("OUT_DIR"), "/tonic/bench.rs"));
    }
    pub mod probe {
        include!(concat!(env!("OUT_DIR"), "/tonic/probe.rs"));
    }
}
