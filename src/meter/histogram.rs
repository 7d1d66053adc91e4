//! How values are distributed, with the bounds that gRPC has agreed on (gRFC A66, A96).

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::meter::shards::Writer;

/// Bounds of durations, in seconds.
pub(crate) static DURATION_BOUNDS: [f64; 41] = [
    0.0, 0.000_01, 0.000_05, 0.000_1, 0.000_3, 0.000_6, 0.000_8, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01,
    0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8,
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
];

/// The same in nanoseconds.
static DURATION_BOUNDS_NS: [u64; 41] = [
    0,
    10_000,
    50_000,
    100_000,
    300_000,
    600_000,
    800_000,
    1_000_000,
    2_000_000,
    3_000_000,
    4_000_000,
    5_000_000,
    6_000_000,
    8_000_000,
    10_000_000,
    13_000_000,
    16_000_000,
    20_000_000,
    25_000_000,
    30_000_000,
    40_000_000,
    50_000_000,
    65_000_000,
    80_000_000,
    100_000_000,
    130_000_000,
    160_000_000,
    200_000_000,
    250_000_000,
    300_000_000,
    400_000_000,
    500_000_000,
    650_000_000,
    800_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    20_000_000_000,
    50_000_000_000,
    100_000_000_000,
];

/// Bounds of sizes, in bytes.
pub(crate) static SIZE_BOUNDS: [f64; 14] = [
    0.0,
    1024.0,
    2048.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
    4_294_967_296.0,
];

/// Bounds of how often a call was made again.
pub(crate) static RETRY_BOUNDS: [f64; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];

/// The same where the server has surely done nothing for it.
pub(crate) static TRANSPARENT_BOUNDS: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 10.0];

/// Counts values by the buckets that they fall into: one more than there are bounds.
#[derive(Debug)]
pub(super) struct Histogram<const BUCKETS: usize> {
    counts: [AtomicU64; BUCKETS],
    /// In whole numbers: of durations, nanoseconds.
    sum: AtomicU64,
}

pub(super) type Durations = Histogram<42>;
pub(super) type Sizes = Histogram<15>;

impl<const BUCKETS: usize> Default for Histogram<BUCKETS> {
    fn default() -> Self {
        Histogram { counts: std::array::from_fn(|_| AtomicU64::new(0)), sum: AtomicU64::new(0) }
    }
}

impl<const BUCKETS: usize> Histogram<BUCKETS> {
    #[inline]
    fn add(&self, bucket: usize, value: u64, writer: Writer) {
        writer.add(&self.counts[bucket.min(BUCKETS - 1)], 1);
        writer.add(&self.sum, value);
    }

    /// Counts a small number, by bounds of which `DURATION_BOUNDS` and `SIZE_BOUNDS` are none.
    pub(super) fn record(&self, value: u32, bounds: &[f64], writer: Writer) {
        let bucket = bounds.partition_point(|bound| *bound < f64::from(value));
        self.add(bucket, u64::from(value), writer);
    }

    /// Adds what was counted here to what was counted elsewhere.
    pub(super) fn read(&self, into: &mut Distribution) {
        self.read_as(1.0, into);
    }

    /// The same where so many make one of what exporters show.
    fn read_as(&self, unit: f64, into: &mut Distribution) {
        into.counts.resize(BUCKETS, 0);
        for (sum, count) in into.counts.iter_mut().zip(&self.counts) {
            *sum += count.load(Relaxed);
        }
        #[allow(clippy::cast_precision_loss, reason = "above 2^53 nobody looks at the last digits")]
        let sum = self.sum.load(Relaxed) as f64;
        into.sum += sum / unit;
    }
}

/// A duration, and the bucket that it falls into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    bucket: usize,
    nanoseconds: u64,
}

impl Took {
    #[inline]
    pub(crate) fn of(duration: Duration) -> Self {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = DURATION_BOUNDS_NS.partition_point(|bound| *bound < nanoseconds);
        Took { bucket, nanoseconds }
    }
}

impl Durations {
    #[inline]
    pub(super) fn record_duration(&self, took: Took, writer: Writer) {
        self.add(took.bucket, took.nanoseconds, writer);
    }

    /// As [`Histogram::read`], in seconds.
    pub(super) fn read_seconds(&self, into: &mut Distribution) {
        self.read_as(1e9, into);
    }
}

impl Sizes {
    #[inline]
    pub(super) fn record_size(&self, bytes: u64, writer: Writer) {
        // Most messages are small.
        let bucket = match bytes {
            0 => 0,
            1..=1024 => 1,
            _ => {
                #[allow(clippy::cast_precision_loss, reason = "near a bound there is none")]
                let bytes = bytes as f64;
                SIZE_BOUNDS.partition_point(|bound| *bound < bytes)
            }
        };
        self.add(bucket, bytes, writer);
    }
}

/// What was counted, all threads together.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Distribution {
    /// By bucket; empty where nothing was counted.
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::shards::Sharded;

    #[test]
    fn both_units_of_durations_have_the_same_bounds() {
        for (seconds, nanoseconds) in DURATION_BOUNDS.iter().zip(DURATION_BOUNDS_NS) {
            assert_eq!(Duration::from_secs_f64(*seconds), Duration::from_nanos(nanoseconds));
        }
    }

    #[test]
    fn a_value_falls_into_the_first_bucket_that_holds_it() {
        let ns = Duration::from_nanos;
        let durations = [(ns(0), 0), (ns(1), 1), (ns(10_000), 1), (ns(10_001), 2), (ns(2_000_000), 8)];
        let far = [(Duration::from_secs(100), 40), (Duration::from_secs(101), 41), (Duration::MAX, 41)];
        for (duration, bucket) in durations.into_iter().chain(far) {
            let counted = Sharded::<Durations>::default();
            let (cells, writer) = counted.here();
            cells.record_duration(Took::of(duration), writer);
            let mut read = Distribution::default();
            counted.each(|cells| cells.read_seconds(&mut read));
            assert_eq!(read.counts.iter().position(|count| *count == 1), Some(bucket), "{duration:?}");
            assert!((read.sum - duration.as_secs_f64()).abs() < 1e-12 || duration == Duration::MAX);
        }
        let sizes = [(0, 0), (1, 1), (1024, 1), (1025, 2), (2048, 2), (4_294_967_296, 13), (4_294_967_297, 14)];
        for (bytes, bucket) in sizes {
            let counted = Sharded::<Sizes>::default();
            let (cells, writer) = counted.here();
            cells.record_size(bytes, writer);
            let mut read = Distribution::default();
            counted.each(|cells| cells.read(&mut read));
            assert_eq!(read.counts.iter().position(|count| *count == 1), Some(bucket), "{bytes} bytes");
        }
    }
}
