//! What a retry policy says about one call.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use crate::client::retry::pushback::Pushback;
use crate::client::retry::throttle::RetryThrottle;
use crate::client::service_config::{MethodConfig, RetryPolicy};
use crate::status::Code;

/// How far the pauses between attempts are spread, so that clients do not come back in step.
const JITTER: f64 = 0.2;

/// A call under a retry policy.
#[derive(Debug)]
pub(in crate::client) struct Retries {
    method: Arc<MethodConfig>,
    throttle: Option<Arc<RetryThrottle>>,
    /// How many attempts have begun, those apart for which nothing was done.
    attempts: u32,
    /// How many pauses there were since the server last said how long.
    pauses: u32,
}

impl Retries {
    /// `None`: the method has no policy.
    pub(in crate::client) fn new(method: &Arc<MethodConfig>, throttle: Option<&Arc<RetryThrottle>>) -> Option<Self> {
        method.retry.as_ref()?;
        Some(Retries { method: Arc::clone(method), throttle: throttle.cloned(), attempts: 1, pauses: 0 })
    }

    /// How many attempts went before the one that runs.
    pub(in crate::client) fn before(&self) -> u32 {
        self.attempts - 1
    }

    /// The server has answered.
    pub(in crate::client) fn succeeded(&self) {
        if let Some(throttle) = &self.throttle {
            throttle.succeeded();
        }
    }

    /// An attempt has ended before an answer began, with these trailers if any. Says after which pause the next one
    /// begins, if there is one.
    pub(in crate::client) fn after(&mut self, code: Code, trailers: Option<&HeaderMap>) -> Option<Duration> {
        let method = Arc::clone(&self.method);
        let policy = method.retry.as_ref()?;
        let pushback = Pushback::of(trailers);
        if pushback != Pushback::Stop && !policy.retryable.contains(code) {
            return None;
        }
        let is_permitted = self.throttle.as_ref().is_none_or(|throttle| throttle.failed());
        if pushback == Pushback::Stop || !is_permitted || self.attempts >= policy.attempts_max {
            return None;
        }
        self.attempts += 1;
        Some(match pushback {
            Pushback::After(pause) => {
                self.pauses = 0;
                pause
            }
            _ => {
                self.pauses += 1;
                backoff(policy, self.pauses)
            }
        })
    }
}

/// The pause before a retry, counted from one.
fn backoff(policy: &RetryPolicy, number: u32) -> Duration {
    let RetryPolicy { initial_backoff, backoff_max, backoff_multiplier, .. } = policy;
    let exponent = i32::try_from(number - 1).unwrap_or(i32::MAX);
    let middle = (initial_backoff.as_secs_f64() * backoff_multiplier.powi(exponent)).min(backoff_max.as_secs_f64());
    Duration::try_from_secs_f64(middle * (1.0 - JITTER + 2.0 * JITTER * fastrand::f64())).unwrap_or(*backoff_max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::service_config::Throttling;

    fn policy() -> RetryPolicy {
        let ms = Duration::from_millis;
        RetryPolicy::new(5, [Code::Unavailable]).backoff(ms(100), ms(300), 2.0)
    }

    fn retries(policy: RetryPolicy, throttle: Option<&Arc<RetryThrottle>>) -> Retries {
        let method = MethodConfig::new().retry(policy);
        Retries::new(&Arc::new(method), throttle).expect("there is a policy")
    }

    fn pushback(text: &str) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-retry-pushback-ms", text.parse().expect("it is a header's value"));
        trailers
    }

    #[test]
    fn pauses_grow_to_their_bound_and_are_spread_by_a_fifth() {
        let (mut least, mut most) = (f64::MAX, 0.0_f64);
        for _ in 0..1000 {
            let mut retries = retries(policy(), None);
            for middle in [0.1, 0.2, 0.3, 0.3] {
                let pause = retries.after(Code::Unavailable, None).expect("there is one more").as_secs_f64();
                (least, most) = (least.min(pause / middle), most.max(pause / middle));
            }
            assert_eq!(retries.after(Code::Unavailable, None), None, "five attempts were made");
            assert_eq!(retries.before(), 4);
        }
        assert!((0.799..0.83).contains(&least) && (1.17..1.201).contains(&most), "{least} to {most}");
    }

    #[test]
    fn huge_policies_end_at_their_bound() {
        let huge = policy().backoff(Duration::from_secs(315_576_000_000), Duration::from_secs(1), 1e300);
        let mut retries = retries(huge, None);
        while let Some(pause) = retries.after(Code::Unavailable, None) {
            assert!(pause <= Duration::from_millis(1200), "{pause:?}");
        }
    }

    #[test]
    fn only_what_the_policy_names_is_tried_again() {
        assert_eq!(retries(policy(), None).after(Code::Internal, None), None);
        assert_eq!(retries(policy(), None).after(Code::Internal, Some(&pushback("5"))), None);
        assert_eq!(retries(policy(), None).after(Code::Ok, None), None);
    }

    #[test]
    fn a_server_says_when_and_whether() {
        let mut retries = retries(policy(), None);
        let pause = retries.after(Code::Unavailable, None).expect("there is one more");
        assert!(pause < Duration::from_millis(121));
        let pause = retries.after(Code::Unavailable, Some(&pushback("7000")));
        assert_eq!(pause, Some(Duration::from_secs(7)));
        let pause = retries.after(Code::Unavailable, None).expect("there is one more");
        assert!(pause < Duration::from_millis(121), "it begins anew");
        for text in ["-1", "later"] {
            assert_eq!(retries.after(Code::Unavailable, Some(&pushback(text))), None);
        }
    }

    #[test]
    fn failures_that_count_empty_the_throttle() {
        let throttling = Throttling { millitokens_max: 4_000, millitokens_per_success: 1_000 };
        let throttle = Arc::new(RetryThrottle::new(throttling, None));
        let new = || retries(policy(), Some(&throttle));
        // Those that nobody would try again do not count.
        assert_eq!(new().after(Code::Internal, None), None);
        assert!(new().after(Code::Unavailable, None).is_some());
        // What the server does not want again does.
        assert_eq!(new().after(Code::Internal, Some(&pushback("-1"))), None);
        assert_eq!(new().after(Code::Unavailable, None), None, "one token is left");
        for _ in 0..3 {
            new().succeeded();
        }
        assert!(new().after(Code::Unavailable, None).is_some(), "three are left of four");
    }
}
