//! How criterion measures, in the open and in one place.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;

/// Measurements a case. The median of ten is published.
const SAMPLES: usize = 10;

/// Caches and windows are warm after the first iterations; this is for the processor's clock.
const WARM_UP: Duration = Duration::from_millis(300);

/// Ten samples share this time. Where ten iterations take longer, criterion takes longer.
const MEASUREMENT: Duration = Duration::from_millis(1500);

/// For the confidence intervals. Criterion's 100,000 take half a second a case and say the same.
const RESAMPLES: usize = 10_000;

/// The system's allocator gives large blocks back at once until it has seen one of this size freed; then it keeps
/// them, as it does in a process that has run for a while. Without this the first cases measure page faults.
const LARGEST_BLOCK_BYTES: usize = 16 * 1024 * 1024;

/// Criterion with these settings, unless the command line says otherwise.
pub(crate) fn criterion() -> Criterion {
    drop(black_box(vec![0_u8; LARGEST_BLOCK_BYTES]));
    Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(WARM_UP)
        .measurement_time(MEASUREMENT)
        .nresamples(RESAMPLES)
        .without_plots()
        .configure_from_args()
}
