//! The allocator of the servers that are compared: mimalloc where the feature of that name is on.

/// The name of the allocator, for reports.
pub const NAME: &str = if cfg!(feature = "mimalloc") { "mimalloc" } else { "system" };

#[cfg(feature = "mimalloc")]
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;
