//! What a single call says about how it is made: of every kind, and whichever way it goes.

use std::time::Duration;

use seltzer::client::{CallOptions, GrpcService};
use seltzer::codec::CompressionEncoding;
use seltzer::{CallOptionsExt as _, Channel, Code, Deadline, Request, Server};
use tokio::net::TcpListener;

use crate::support::kinds::{KINDS, Kind, call, general};
use crate::support::mirror::Mirror;
use crate::support::probe::{Client, Probe};
use crate::support::{Running, endpoint};

/// Far longer than any call here takes.
const SHORT: Duration = Duration::from_millis(100);

/// Makes calls of all kinds by both ways; `check` gets a client and a kind.
macro_rules! by_all_ways {
    ($channel:expr, $check:ident) => {
        let channel = $channel;
        for kind in KINDS {
            $check(Client::new(channel.clone()), kind).await;
            $check(general(channel.clone()), kind).await;
        }
    };
}

fn with(options: CallOptions) -> impl FnOnce(Request<()>) -> Request<()> {
    |mut request| {
        request.extensions_mut().insert(options);
        request
    }
}

#[tokio::test]
async fn limits_hold_for_one_call_both_ways() {
    async fn check<C: GrpcService>(client: Client<C>, kind: Kind) {
        let long = "x".repeat(1000);
        let table = [
            (CallOptions::new().max_encoding_message_size(100), "the limit for sending"),
            (CallOptions::new().max_decoding_message_size(100), "the limit for receiving"),
        ];
        for (options, words) in table {
            let status = call(&client, kind, &long, with(options)).await.unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted, "{kind:?} {words}: {status:?}");
            assert!(status.message().contains(words), "{kind:?}: {}", status.message());
        }
        // The next call has the client's own limits, which a call can widen, too.
        assert_eq!(call(&client, kind, &long, |request| request).await.unwrap(), long, "{kind:?}");
        let client = client.max_decoding_message_size(100).max_encoding_message_size(100);
        assert_eq!(
            call(&client, kind, &long, |request| request).await.unwrap_err().code(),
            Code::ResourceExhausted,
            "{kind:?}"
        );
        let wide = CallOptions::new().max_decoding_message_size(2000).max_encoding_message_size(2000);
        assert_eq!(call(&client, kind, &long, with(wide)).await.unwrap(), long, "{kind:?}");
    }
    let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    by_all_ways!(server.channel().await, check);
}

#[tokio::test]
async fn a_call_chooses_its_compression() {
    async fn check<C: GrpcService>(client: Client<C>, kind: Kind) {
        let plain = call(&client, kind, "hi", |request| request).await.unwrap();
        assert!(plain.ends_with("flag: 0") && !plain.contains("grpc-encoding"), "{kind:?} {plain}");
        let set = |encoding: Option<CompressionEncoding>| {
            move |mut request: Request<()>| {
                request.set_compression(encoding);
                request
            }
        };
        let deflated = call(&client, kind, "hi", set(Some(CompressionEncoding::Deflate))).await.unwrap();
        assert!(deflated.ends_with("flag: 1") && deflated.contains("grpc-encoding: deflate"), "{kind:?} {deflated}");
        let client = client.send_compressed(CompressionEncoding::Gzip);
        let gzipped = call(&client, kind, "hi", |request| request).await.unwrap();
        assert!(gzipped.ends_with("flag: 1") && gzipped.contains("grpc-encoding: gzip"), "{kind:?} {gzipped}");
        let plain = call(&client, kind, "hi", set(None)).await.unwrap();
        assert!(plain.ends_with("flag: 0") && !plain.contains("grpc-encoding"), "{kind:?} {plain}");
    }
    let mirror = Mirror::start().await;
    by_all_ways!(endpoint(mirror.uri()).connect().await.unwrap(), check);
}

#[tokio::test]
async fn a_call_names_an_authority_of_its_own() {
    async fn check<C: GrpcService>(client: Client<C>, kind: Kind) {
        let usual = call(&client, kind, "hi", |request| request).await.unwrap();
        assert!(usual.starts_with("POST http://127.0.0.1:"), "{kind:?} {usual}");
        for name in ["shop.example.com", "shop.example.com:8443", "[::1]:1"] {
            let own = |mut request: Request<()>| {
                request.set_authority(name.parse().unwrap());
                request
            };
            let named = call(&client, kind, "hi", own).await.unwrap();
            let expected = format!("POST http://{name}/grpc.testing.BenchmarkService/");
            assert!(named.starts_with(&expected), "{kind:?} {named}");
        }
    }
    let mirror = Mirror::start().await;
    let channel = endpoint(mirror.uri()).connect().await.unwrap();
    by_all_ways!(channel.clone(), check);

    // It goes before the authority of an origin, whose path stays.
    let origin: http::Uri = "https://origin.example.com/prefix/".parse().unwrap();
    let client = Client::with_origin(channel, origin);
    for kind in KINDS {
        let options = CallOptions::new().authority("shop.example.com".parse().unwrap());
        let seen = call(&client, kind, "hi", with(options)).await.unwrap();
        let expected = "POST https://shop.example.com/prefix/grpc.testing.BenchmarkService/";
        assert!(seen.starts_with(expected), "{kind:?} {seen}");
    }
}

#[tokio::test]
async fn timeouts_and_deadlines_travel_and_are_kept() {
    async fn left<C: GrpcService>(client: &Client<C>, kind: Kind, options: CallOptions) -> Option<Duration> {
        let seen = call(client, kind, "hi", with(options)).await.unwrap();
        let text = seen.lines().find_map(|line| line.strip_prefix("grpc-timeout: "))?;
        let (amount, unit) = text.split_at(text.len() - 1);
        let amount: u64 = amount.parse().unwrap();
        Some(match unit {
            "S" => Duration::from_secs(amount),
            "m" => Duration::from_millis(amount),
            "u" => Duration::from_micros(amount),
            other => panic!("{other:?} is not a unit that these timeouts have"),
        })
    }
    async fn check<C: GrpcService>(client: Client<C>, kind: Kind) {
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        assert_eq!(left(&client, kind, CallOptions::new()).await, None, "{kind:?}");
        let table = [
            CallOptions::new().timeout(minute),
            CallOptions::new().deadline(Deadline::after(minute)),
            CallOptions::new().deadline(Deadline::after(minute)).timeout(hour),
            CallOptions::new().deadline(Deadline::after(hour)).timeout(minute),
        ];
        for options in table {
            let left = left(&client, kind, options.clone()).await.unwrap();
            assert!(left <= minute && left > minute / 2, "{kind:?} {options:?}: {left:?}");
        }
    }
    let mirror = Mirror::start().await;
    by_all_ways!(endpoint(mirror.uri()).connect().await.unwrap(), check);

    async fn hang<C: GrpcService>(client: Client<C>, kind: Kind) {
        if kind == Kind::ClientStreaming {
            // The probe's method of this kind takes no commands.
            return;
        }
        for options in [CallOptions::new().timeout(SHORT), CallOptions::new().deadline(Deadline::after(SHORT))] {
            let status = call(&client, kind, "hang", with(options)).await.unwrap_err();
            assert_eq!(status.code(), Code::DeadlineExceeded, "{kind:?} {status:?}");
        }
    }
    let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    by_all_ways!(server.channel().await, hang);
}

#[tokio::test]
async fn a_call_that_waits_for_ready_waits() {
    async fn check<C: GrpcService>(client: Client<C>, kind: Kind) {
        let status = call(&client, kind, "hi", |request| request).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{kind:?} {status:?}");
        let waits = |mut request: Request<()>| {
            request.set_wait_for_ready(true);
            request.set_timeout(SHORT);
            request
        };
        let status = call(&client, kind, "hi", waits).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{kind:?} {status:?}");
    }
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    by_all_ways!(endpoint(&target).connect_lazy(), check);
}

#[tokio::test]
async fn the_user_agent_is_as_the_protocol_asks() {
    let mirror = Mirror::start().await;
    let ours = concat!("grpc-rust-seltzer/", env!("CARGO_PKG_VERSION"));
    let plain = endpoint(mirror.uri());
    let named = plain.clone().user_agent("shop/1.2 (linux)").unwrap();
    for (endpoint, expected) in [(plain, ours.to_owned()), (named, format!("shop/1.2 (linux) {ours}"))] {
        let channel: Channel = endpoint.connect().await.unwrap();
        for kind in KINDS {
            let seen = call(&general(channel.clone()), kind, "hi", |request| request).await.unwrap();
            assert!(seen.contains(&format!("user-agent: {expected}\n")), "{kind:?} {seen}");
            let seen = call(&Client::new(channel.clone()), kind, "hi", |request| request).await.unwrap();
            assert!(seen.contains(&format!("user-agent: {expected}\n")), "{kind:?} {seen}");
        }
    }
}
