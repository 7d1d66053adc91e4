//! What criterion measured in this run.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs};

use serde_json::Value;

/// The estimates that criterion saved since this run began.
#[derive(Debug)]
pub(crate) struct Results {
    directory: PathBuf,
    begun: SystemTime,
}

impl Results {
    /// Call it before anything is measured: older estimates are not this run's.
    pub(crate) fn begin() -> Self {
        Results { directory: directory(), begun: SystemTime::now() }
    }

    /// The median time of one iteration in nanoseconds; `None` if this run did not measure it.
    pub(crate) fn median_ns(&self, group: &str, function: &str) -> Option<f64> {
        // Criterion's own way to make a file name of a group's.
        let file = self.directory.join(group.replace('/', "_")).join(function).join("new/estimates.json");
        if fs::metadata(&file).ok()?.modified().ok()? < self.begun {
            return None;
        }
        let estimates: Value = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
        estimates["median"]["point_estimate"].as_f64()
    }
}

/// Whether criterion was told to measure nothing, only to say what there is.
pub(crate) fn is_listing() -> bool {
    env::args().any(|argument| argument == "--list")
}

/// Where criterion saves, by its own rules.
fn directory() -> PathBuf {
    if let Some(home) = env::var_os("CRITERION_HOME") {
        return home.into();
    }
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    // Cargo's directory for the temporary files of benches lies in the target directory.
    let target = target.or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).parent().map(Path::to_owned));
    target.unwrap_or_else(|| "target".into()).join("criterion")
}
