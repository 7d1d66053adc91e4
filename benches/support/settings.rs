//! How criterion measures, in the open and in one place.

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

/// Criterion with these settings, unless the command line says otherwise.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(WARM_UP)
        .measurement_time(MEASUREMENT)
        .nresamples(RESAMPLES)
        .without_plots()
        .configure_from_args()
}
