//! Load, every byte of whose answers is checked.

pub mod caller;
pub mod crowd;
pub mod figures;
pub mod paced;
pub mod pattern;
pub mod pings;
pub mod raw;
pub mod run;
pub mod work;

/// What went wrong before anything could be measured, in words.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
