//! The cases by their names.

use std::future::Future;
use std::pin::Pin;

use crate::check::Result;
use crate::flags::Flags;
use crate::{cancellation, compression, http2, load, many, metadata, refusals, soak, streaming, unary};

/// A case that runs.
type Running = Pin<Box<dyn Future<Output = Result> + Send>>;

/// One of gRPC's interoperability tests.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(Flags) -> Running,
}

macro_rules! cases {
    ($($name:literal $run:path, $about:literal;)*) => {
        /// All cases.
        pub(crate) const CASES: &[Case] =
            &[$(Case { name: $name, about: $about, run: |flags| Box::pin($run(flags)) }),*];
    };
}

cases! {
    "empty_unary" unary::empty, "an empty request, an empty response";
    "large_unary" unary::one_large, "a large request, a large response";
    "client_compressed_unary" compression::client_unary, "requests compressed and not";
    "server_compressed_unary" compression::server_unary, "responses compressed and not";
    "client_streaming" streaming::up, "an upload of four messages";
    "client_compressed_streaming" compression::client_streaming, "the same, compressed and not";
    "server_streaming" streaming::down, "a download of four messages";
    "server_compressed_streaming" compression::server_streaming, "the same, compressed and not";
    "ping_pong" streaming::ping_pong, "requests and responses by turns";
    "empty_stream" streaming::empty, "a stream without a message";
    "custom_metadata" metadata::custom, "metadata that comes back, before and after";
    "status_code_and_message" refusals::code_and_message, "a status that the request asks for";
    "special_status_message" refusals::special_message, "the same with white space and Unicode";
    "unimplemented_method" refusals::unimplemented_method, "a method that is missing";
    "unimplemented_service" refusals::unimplemented_service, "a service that is missing";
    "cancel_after_begin" cancellation::after_begin, "a call given up before its first message";
    "cancel_after_first_response" cancellation::after_first_response, "a call given up after its first response";
    "timeout_on_sleeping_server" refusals::timeout, "a deadline of a millisecond";
    "concurrent_large_unary" many::large_unary, "1,000 large calls at once";
    "pick_first_unary" unary::pick_first, "20 calls that reach one server";
    "rpc_soak" soak::rpc, "calls over and over, on one channel";
    "channel_soak" soak::channel, "calls over and over, each on a channel of its own";
    "orca_per_rpc" load::per_call, "a call's own load report";
    "orca_oob" load::out_of_band, "load reports apart from calls";
    "goaway" http2::goaway, "HTTP/2: GOAWAY during a call";
    "rst_after_header" http2::reset, "HTTP/2: a stream reset after its headers";
    "rst_during_data" http2::reset, "HTTP/2: a stream reset amid its data";
    "rst_after_data" http2::reset, "HTTP/2: a stream reset in place of its trailers";
    "ping" http2::answer, "HTTP/2: PINGs around headers and data";
    "max_streams" http2::max_streams, "HTTP/2: one stream at a time";
    "data_frame_padding" http2::answer, "HTTP/2: DATA frames of five bytes with padding";
    "no_df_padding_sanity_test" http2::answer, "HTTP/2: DATA frames of five bytes";
}

/// The case of a name.
pub(crate) fn find(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}

/// Says that a case does not exist, and names those that look like it.
pub(crate) fn unknown(name: &str) -> String {
    let words: Vec<_> = name.split(['_', '-', ' ']).filter(|word| word.len() > 2).collect();
    let near = CASES.iter().filter(|case| words.iter().any(|word| case.name.contains(word)));
    let near: Vec<_> = near.map(|case| case.name).collect();
    let near = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
    format!("there is no case {name:?}{near} --help lists all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own() {
        for case in CASES {
            assert_eq!(CASES.iter().filter(|other| other.name == case.name).count(), 1, "{}", case.name);
            assert!(find(case.name).is_some());
        }
        assert_eq!(CASES.len(), 32);
    }

    #[test]
    fn near_names_are_suggested() {
        assert!(find("pingpong").is_none());
        assert!(unknown("ping").contains("ping_pong"));
        assert!(!unknown("xyz").contains("did you mean"));
    }
}
