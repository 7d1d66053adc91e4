use std::time::Duration;

use super::*;
use crate::client::Backend;
use crate::client::balance::{Balancer, Picker};
use crate::status::Code;

fn retry() -> RetryPolicy {
    RetryPolicy::new(3, [Code::Unavailable])
}

#[test]
fn a_method_is_found_by_its_name_its_service_or_neither() {
    let timeout = |secs| MethodConfig::new().timeout(Duration::from_secs(secs));
    let config = ServiceConfig::new()
        .method("a.B/C", timeout(1))
        .and_then(|config| config.method("a.B", timeout(2)))
        .and_then(|config| config.method("", timeout(3)))
        .expect("all of it is right");
    let table = [("/a.B/C", 1), ("/prefix/a.B/C", 1), ("/a.B/c", 2), ("/a.B/", 2), ("/a/C", 3), ("/B/C", 3), ("/", 3)];
    for (path, secs) in table {
        let timeout = config.of_method(path).and_then(|method| method.timeout);
        assert_eq!(timeout, Some(Duration::from_secs(secs)), "{path}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let ms = Duration::from_millis;
    let method = |config: MethodConfig| ServiceConfig::new().method("a.B/C", config);
    let retried = |policy| method(MethodConfig::new().retry(policy));
    let named = |name| ServiceConfig::new().method(name, MethodConfig::new());
    let throttled = |max, back| ServiceConfig::new().retry_throttling(max, back);
    let table = [
        (
            retried(RetryPolicy::new(1, [Code::Aborted])),
            "method \"a.B/C\".retry.attempts_max: must be at least 2, and is 1",
        ),
        (
            retried(RetryPolicy::new(3, [])),
            "method \"a.B/C\".retry.retryable: must name at least one status code, and names none",
        ),
        (retried(RetryPolicy::new(3, [Code::Ok])), "method \"a.B/C\".retry.retryable: names OK, which is no failure"),
        (
            retried(retry().backoff(ms(0), ms(1), 2.0)),
            "method \"a.B/C\".retry.initial_backoff: must be more than 0, and is 0s",
        ),
        (
            retried(retry().backoff(ms(1), ms(0), 2.0)),
            "method \"a.B/C\".retry.max_backoff: must be more than 0, and is 0s",
        ),
        (
            retried(retry().backoff(ms(1), ms(1), f64::NAN)),
            "method \"a.B/C\".retry.backoff_multiplier: must be more than 0, and is NaN",
        ),
        (
            method(MethodConfig::new().hedging(HedgingPolicy::new(0))),
            "method \"a.B/C\".hedging.attempts_max: must be at least 2, and is 0",
        ),
        (
            method(MethodConfig::new().hedging(HedgingPolicy::new(2).non_fatal([Code::Ok]))),
            "method \"a.B/C\".hedging.non_fatal: names OK, which is no failure",
        ),
        (
            method(MethodConfig::new().retry(retry()).hedging(HedgingPolicy::new(2))),
            "method \"a.B/C\": has both a retryPolicy and a hedgingPolicy, of which a method can have one",
        ),
        (named("/a.B/C"), "method \"/a.B/C\": must be package.Service/Method, package.Service or nothing"),
        (
            named("a.B").and_then(|config| config.method("a.B/", MethodConfig::new())),
            "method \"a.B/\": names \"a.B\" once more, after method \"a.B\"",
        ),
        (throttled(0, 1.0), "retry_throttling.tokens_max: must be 1 to 1000, and is 0"),
        (throttled(1001, 1.0), "retry_throttling.tokens_max: must be 1 to 1000, and is 1001"),
        (throttled(10, 0.0009), "retry_throttling.tokens_per_success: must be at least 0.001, and is 0.0009"),
        (throttled(10, f64::NAN), "retry_throttling.tokens_per_success: must be at least 0.001, and is NaN"),
    ];
    for (result, expected) in table {
        assert_eq!(result.expect_err(expected).to_string(), expected);
    }
}

#[test]
fn attempts_are_at_most_five() {
    assert_eq!(RetryPolicy::new(1000, [Code::Unavailable]).attempts_max, 5);
    assert_eq!(HedgingPolicy::new(1000).attempts_max, 5);
}

struct Nothing;

impl Balancer for Nothing {
    fn update(&mut self, _: &[Backend]) -> Arc<dyn Picker> {
        unreachable!("nobody connects")
    }
}

#[test]
fn the_same_words_mean_the_same_balancer() {
    let own = Balance::custom(|| Nothing);
    let configs = [Balance::RoundRobin, Balance::PickFirst { shuffle: true }, own.clone(), Balance::custom(|| Nothing)]
        .map(|balance| ServiceConfig::new().balance(balance));
    for (at, one) in configs.iter().enumerate() {
        for (other_at, other) in configs.iter().enumerate() {
            assert_eq!(one.balances_like(other), at == other_at, "{at} and {other_at}");
        }
        assert!(!one.balances_like(&ServiceConfig::new()), "{at}");
    }
    assert!(configs[2].balances_like(&ServiceConfig::new().balance(own)));
}
