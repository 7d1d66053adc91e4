//! Latencies in buckets that grow by a constant factor, as gRPC's benchmark drivers read them.

use crate::services::schemas::grpc::testing::{HistogramData, HistogramParams};
use crate::status::Status;

/// The factor less 1 from one bucket to the next, where a driver does not say: latencies to a hundredth.
const RESOLUTION_DEFAULT: f64 = 0.01;

/// The largest latency with a bucket of its own, where a driver does not say: a minute in nanoseconds.
const LATENCY_NANOS_MAX_DEFAULT: f64 = 60e9;

/// How many buckets a driver may ask for; the default has 2,500.
const BUCKETS_MAX: f64 = 100_000.0;

/// How often which latencies occurred, in nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    buckets: Vec<u32>,
    buckets_per_e: f64,
    latency_max: f64,
    data: Moments,
}

#[derive(Debug, Clone)]
struct Moments {
    min_seen: f64,
    max_seen: f64,
    sum: f64,
    sum_of_squares: f64,
    count: f64,
}

/// Nothing seen.
const NOTHING: Moments = Moments { min_seen: f64::INFINITY, max_seen: 0.0, sum: 0.0, sum_of_squares: 0.0, count: 0.0 };

impl Histogram {
    /// An empty histogram of the shape that a driver asks for.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a shape that is none, or one with more than [`BUCKETS_MAX`] buckets.
    pub(crate) fn new(params: Option<HistogramParams>) -> Result<Self, Status> {
        let default = HistogramParams { resolution: RESOLUTION_DEFAULT, max_possible: LATENCY_NANOS_MAX_DEFAULT };
        let HistogramParams { resolution, max_possible } = params.unwrap_or(default);
        let buckets_per_e = (1.0 + resolution).ln().recip();
        let count = (max_possible.ln() * buckets_per_e).floor() + 1.0;
        if resolution > 0.0 && max_possible > 1.0 && (1.0..=BUCKETS_MAX).contains(&count) {
            let buckets = vec![0; count as usize];
            return Ok(Histogram { buckets, buckets_per_e, latency_max: max_possible, data: NOTHING });
        }
        Err(Status::invalid_argument(format!(
            "there is no histogram with the resolution {resolution} up to {max_possible} and at most {BUCKETS_MAX} buckets"
        )))
    }

    /// Counts one latency. Those above the greatest share the last bucket.
    pub(crate) fn add(&mut self, nanos: f64) {
        let bucket = (nanos.clamp(1.0, self.latency_max).ln() * self.buckets_per_e) as usize;
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
        let data = &mut self.data;
        data.min_seen = data.min_seen.min(nanos);
        data.max_seen = data.max_seen.max(nanos);
        data.sum += nanos;
        data.sum_of_squares += nanos * nanos;
        data.count += 1.0;
    }

    /// Adds what another histogram of the same shape holds.
    pub(crate) fn merge(&mut self, other: &Histogram) {
        for (count, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *count = count.saturating_add(*more);
        }
        let (data, more) = (&mut self.data, &other.data);
        data.min_seen = data.min_seen.min(more.min_seen);
        data.max_seen = data.max_seen.max(more.max_seen);
        data.sum += more.sum;
        data.sum_of_squares += more.sum_of_squares;
        data.count += more.count;
    }

    pub(crate) fn clear(&mut self) {
        self.buckets.fill(0);
        self.data = NOTHING;
    }

    /// The histogram as a driver reads it.
    pub(crate) fn into_data(self) -> HistogramData {
        let Moments { min_seen, max_seen, sum, sum_of_squares, count } = self.data;
        let min_seen = if count > 0.0 { min_seen } else { 0.0 };
        HistogramData { bucket: self.buckets, min_seen, max_seen, sum, sum_of_squares, count }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Whatever fails here fails the test.

    use super::*;
    use crate::status::Code;

    fn histogram(resolution: f64, max_possible: f64) -> Result<Histogram, Status> {
        Histogram::new(Some(HistogramParams { resolution, max_possible }))
    }

    #[test]
    fn buckets_double_with_a_resolution_of_one() {
        let mut histogram = histogram(1.0, 100.0).unwrap();
        for nanos in [0.5, 1.0, 3.0, 5.0, 7.0, 1_000.0] {
            histogram.add(nanos);
        }
        let data = histogram.into_data();
        // From 1, 2, 4, 8, 16, 32 and 64 on.
        assert_eq!(data.bucket, [2, 1, 2, 0, 0, 0, 1]);
        assert_eq!((data.min_seen, data.max_seen, data.count), (0.5, 1_000.0, 6.0));
    }

    #[test]
    fn halves_make_a_whole() {
        let mut whole = histogram(0.5, 1e6).unwrap();
        let mut halves = [whole.clone(), whole.clone()];
        for number in 0..1_000_u32 {
            let nanos = f64::from(number * number);
            whole.add(nanos);
            halves[number as usize % 2].add(nanos);
        }
        let [mut first, second] = halves;
        first.merge(&second);
        assert_eq!(first.into_data(), whole.clone().into_data());
        whole.clear();
        assert_eq!(whole.into_data(), histogram(0.5, 1e6).unwrap().into_data());
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let table = [
            (0.0, 60e9),
            (-0.5, 60e9),
            (-2.0, 60e9),
            (f64::NAN, 60e9),
            (1e-12, 60e9),
            (0.01, 0.0),
            (0.01, f64::INFINITY),
        ];
        for (resolution, max_possible) in table {
            let error = histogram(resolution, max_possible).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{resolution} up to {max_possible}");
        }
        assert!(Histogram::new(None).is_ok());
    }
}
