//! What a service config says about calls that fail.

use std::time::Duration;

use crate::client::service_config::ServiceConfigError;
use crate::status::Code;

/// More attempts than this are never made, whatever the config says (gRFC A6): it may come from far away.
const ATTEMPTS_MAX: u32 = 5;

/// A call that is made again is one that is made twice.
pub(super) const ATTEMPTS_MIN: u32 = 2;

/// The most tokens that a throttle may have (gRFC A6).
pub(super) const TOKENS_MAX: u32 = 1000;

/// How a call that failed is made again (gRFC A6).
///
/// ```
/// use std::time::Duration;
///
/// use seltzer::Code;
/// use seltzer::client::RetryPolicy;
///
/// // Up to three attempts, after pauses of about 50 ms and 150 ms.
/// let policy = RetryPolicy::new(3, [Code::Unavailable]).backoff(
///     Duration::from_millis(50),
///     Duration::from_secs(1),
///     3.0,
/// );
/// # drop(policy);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// The first one included.
    pub(crate) attempts_max: u32,
    pub(crate) initial_backoff: Duration,
    pub(crate) backoff_max: Duration,
    pub(crate) backoff_multiplier: f64,
    pub(crate) retryable: Codes,
}

/// How a call is made several times at once, so that the quickest answer wins (gRFC A6).
///
/// ```
/// use std::time::Duration;
///
/// use seltzer::client::HedgingPolicy;
///
/// // A second attempt when the first has taken 20 ms.
/// let policy = HedgingPolicy::new(2).delay(Duration::from_millis(20));
/// # drop(policy);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct HedgingPolicy {
    /// The first one included.
    pub(crate) attempts_max: u32,
    /// From one attempt to the next.
    pub(crate) delay: Duration,
    /// What ends an attempt, but not its call.
    pub(crate) non_fatal: Codes,
}

/// When failures are so many that nothing is made again (gRFC A6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Throttling {
    /// In thousandths, as the ratio has three decimals.
    pub(crate) millitokens_max: u32,
    /// What a call that succeeds gives back, in thousandths of what one that fails costs.
    pub(crate) millitokens_per_success: u32,
}

/// A set of status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Codes(u32);

impl Codes {
    pub(crate) fn contains(self, code: Code) -> bool {
        self.0 & (1 << code as u32) != 0
    }
}

impl FromIterator<Code> for Codes {
    fn from_iter<I: IntoIterator<Item = Code>>(codes: I) -> Self {
        Codes(codes.into_iter().fold(0, |bits, code| bits | 1 << code as u32))
    }
}

impl RetryPolicy {
    /// Up to so many attempts, the first one included, while they end with one of these codes. gRPC makes at most five.
    ///
    /// The first pause lasts 100 ms, each further one twice as long, and none longer than a second; each is up to a
    /// fifth longer or shorter, so that clients do not come back in step.
    #[must_use]
    pub fn new(attempts_max: u32, retryable: impl IntoIterator<Item = Code>) -> Self {
        RetryPolicy {
            attempts_max: attempts_max.min(ATTEMPTS_MAX),
            initial_backoff: Duration::from_millis(100),
            backoff_max: Duration::from_secs(1),
            backoff_multiplier: 2.0,
            retryable: retryable.into_iter().collect(),
        }
    }

    /// The pauses between attempts: the first, the longest, and how much longer each is than the one before.
    #[must_use]
    pub fn backoff(mut self, initial: Duration, max: Duration, multiplier: f64) -> Self {
        (self.initial_backoff, self.backoff_max, self.backoff_multiplier) = (initial, max, multiplier);
        self
    }

    pub(super) fn check(&self, at: &str) -> Result<(), ServiceConfigError> {
        check_attempts(at, self.attempts_max)?;
        let wrong = |what: &str, problem: String| Err(ServiceConfigError::new(format!("{at}.{what}"), problem));
        for (what, backoff) in [("initial_backoff", self.initial_backoff), ("max_backoff", self.backoff_max)] {
            if backoff.is_zero() {
                return wrong(what, "must be more than 0, and is 0s".to_owned());
            }
        }
        let multiplier = self.backoff_multiplier;
        if !(multiplier.is_finite() && multiplier > 0.0) {
            return wrong("backoff_multiplier", format!("must be more than 0, and is {multiplier}"));
        }
        if self.retryable == Codes::default() {
            return wrong("retryable", "must name at least one status code, and names none".to_owned());
        }
        check_codes(at, "retryable", self.retryable)
    }
}

impl HedgingPolicy {
    /// Up to so many attempts, the first one included, all at once. gRPC makes at most five.
    ///
    /// The first of them that is answered decides; one that fails with a code that is not
    /// [named](Self::non_fatal) does, too.
    #[must_use]
    pub fn new(attempts_max: u32) -> Self {
        HedgingPolicy {
            attempts_max: attempts_max.min(ATTEMPTS_MAX),
            delay: Duration::ZERO,
            non_fatal: Codes::default(),
        }
    }

    /// How long an attempt has for itself before the next one begins. None unless set.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// What an attempt may fail with while the others go on.
    #[must_use]
    pub fn non_fatal(mut self, codes: impl IntoIterator<Item = Code>) -> Self {
        self.non_fatal = codes.into_iter().collect();
        self
    }

    pub(super) fn check(&self, at: &str) -> Result<(), ServiceConfigError> {
        check_attempts(at, self.attempts_max)?;
        check_codes(at, "non_fatal", self.non_fatal)
    }
}

fn check_attempts(at: &str, attempts: u32) -> Result<(), ServiceConfigError> {
    if attempts >= ATTEMPTS_MIN {
        return Ok(());
    }
    let problem = format!("must be at least {ATTEMPTS_MIN}, and is {attempts}");
    Err(ServiceConfigError::new(format!("{at}.attempts_max"), problem))
}

fn check_codes(at: &str, what: &str, codes: Codes) -> Result<(), ServiceConfigError> {
    if !codes.contains(Code::Ok) {
        return Ok(());
    }
    Err(ServiceConfigError::new(format!("{at}.{what}"), "names OK, which is no failure"))
}

impl Throttling {
    /// `None`: so little comes back with a success that it does not count.
    pub(super) fn new(tokens_max: u32, tokens_per_success: f64) -> Option<Self> {
        // Further decimals are cut off, as the specification says; 0.57 is no 0.569, whatever binary fractions make of it.
        let millitokens_per_success = (tokens_per_success * 1000.0 + 1e-6) as u32;
        (millitokens_per_success > 0)
            .then_some(Throttling { millitokens_max: tokens_max * 1000, millitokens_per_success })
    }
}
