//! What a server says of its load, call by call.

use std::collections::HashMap;

#[cfg(any(feature = "client", test))]
use http::{HeaderMap, HeaderName};

use crate::metadata::MetadataMap;

/// The trailer in which servers report.
pub(crate) const LOAD_REPORT: &str = "endpoint-load-metrics-bin";

/// How loaded a server says it is: ORCA's `xds.data.orca.v3.OrcaLoadReport`.
///
/// Servers put it into the trailers of calls, where [`WeightedRoundRobin`] looks for it. Anybody else can, too:
///
/// [`WeightedRoundRobin`]: crate::client::balance::WeightedRoundRobin
///
/// ```
/// use seltzer::Response;
/// use seltzer::client::balance::OrcaLoadReport;
///
/// fn tell<T>(response: &Response<T>) {
///     if let Some(report) = OrcaLoadReport::of(response.metadata()) {
///         println!("the server computes at {} of what it can", report.cpu_utilization);
///     }
/// }
/// # tell(&Response::new(()));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct OrcaLoadReport {
    /// How much of its processors it uses: 1.0 is all; may be more where it is promised less than it gets.
    #[prost(double, tag = "1")]
    pub cpu_utilization: f64,
    /// How much of its memory it uses, from 0 to 1.
    #[prost(double, tag = "2")]
    pub mem_utilization: f64,
    /// What this call cost, in measures of the service's own.
    #[prost(map = "string, double", tag = "4")]
    pub request_cost: HashMap<String, f64>,
    /// How much it uses of resources of its own, each from 0 to 1.
    #[prost(map = "string, double", tag = "5")]
    pub utilization: HashMap<String, f64>,
    /// Calls a second.
    #[prost(double, tag = "6")]
    pub rps_fractional: f64,
    /// Failed calls a second.
    #[prost(double, tag = "7")]
    pub eps: f64,
    /// Whatever else the service measures.
    #[prost(map = "string, double", tag = "8")]
    pub named_metrics: HashMap<String, f64>,
    /// How much of what it can do it does, in its own opinion. Counts instead of the processors, where it is set.
    #[prost(double, tag = "9")]
    pub application_utilization: f64,
}

impl OrcaLoadReport {
    /// The report among a response's metadata, or a status's. `None`: there is none that can be read.
    #[must_use]
    pub fn of(metadata: &MetadataMap) -> Option<Self> {
        let bytes = metadata.get_bin(LOAD_REPORT)?.to_bytes().ok()?;
        prost::Message::decode(bytes).ok()
    }

    /// The same in a block of trailers.
    #[cfg(any(feature = "client", test))]
    pub(crate) fn of_trailers(trailers: &HeaderMap) -> Option<Self> {
        let value = trailers.get(LOAD_REPORT)?.clone();
        let mut single = HeaderMap::with_capacity(1);
        single.insert(HeaderName::from_static(LOAD_REPORT), value);
        Self::of(&MetadataMap::from_headers(single))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use prost::Message as _;

    use super::*;
    use crate::metadata::MetadataValue;

    #[test]
    fn reports_are_read_and_garbage_is_none() {
        let report = OrcaLoadReport {
            cpu_utilization: 0.5,
            named_metrics: HashMap::from([("queue".to_owned(), 3.0)]),
            application_utilization: 0.25,
            ..OrcaLoadReport::default()
        };
        let mut metadata = MetadataMap::new();
        metadata.insert_bin(LOAD_REPORT, MetadataValue::from_bytes(&report.encode_to_vec()));
        assert_eq!(OrcaLoadReport::of(&metadata), Some(report.clone()));
        let mut trailers = metadata.into_headers();
        assert_eq!(OrcaLoadReport::of_trailers(&trailers), Some(report));
        for garbage in ["!", "CQ", "////", ""] {
            trailers.insert(LOAD_REPORT, HeaderValue::from_static(garbage));
            let read = OrcaLoadReport::of_trailers(&trailers);
            assert_eq!(read, garbage.is_empty().then(OrcaLoadReport::default), "{garbage:?}");
        }
        assert_eq!(OrcaLoadReport::of_trailers(&HeaderMap::new()), None);
    }

    #[test]
    fn the_fields_have_the_numbers_of_the_schema() {
        let report = OrcaLoadReport {
            cpu_utilization: 1.0,
            mem_utilization: 1.0,
            request_cost: HashMap::from([(String::new(), 0.0)]),
            utilization: HashMap::from([(String::new(), 0.0)]),
            rps_fractional: 1.0,
            eps: 1.0,
            named_metrics: HashMap::from([(String::new(), 0.0)]),
            application_utilization: 1.0,
        };
        let one = 1.0_f64.to_le_bytes();
        let double = |tag: u8| [&[tag << 3 | 1][..], &one].concat();
        let map = |tag: u8| vec![tag << 3 | 2, 0];
        let expected = [double(1), double(2), map(4), map(5), double(6), double(7), map(8), double(9)].concat();
        assert_eq!(report.encode_to_vec(), expected);
    }
}
