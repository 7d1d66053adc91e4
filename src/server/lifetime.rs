//! How long connections last.

use std::time::Duration;

use seltzer_h2::{Config, Limits};

use crate::server::Server;

/// Ages differ by up to a tenth, so that clients that came together do not come back together (gRFC A9).
const AGE_JITTER: f64 = 0.1;

/// Settings of how long connections last. With our own engine only.
impl Server {
    /// Closes connections of this age, give or take a tenth, so that clients look again where they should connect to.
    /// Calls that run go on; [`max_connection_age_grace`](Self::max_connection_age_grace) says how long. Unlimited
    /// unless set.
    ///
    /// Nothing is lost: the client is told before its calls are refused, and makes those again elsewhere.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let server = seltzer::Server::builder()
    ///     .max_connection_age(Duration::from_secs(30 * 60))
    ///     .max_connection_age_grace(Duration::from_secs(60))
    ///     .max_connection_idle(Duration::from_secs(5 * 60));
    /// # drop(server);
    /// ```
    pub fn max_connection_age(mut self, age: Duration) -> Self {
        self.settings.limits.age_max = Some(age);
        self
    }

    /// How long calls may go on when their connection is [too old](Self::max_connection_age). As long as they like
    /// unless set.
    pub fn max_connection_age_grace(mut self, grace: Duration) -> Self {
        self.settings.limits.age_grace = Some(grace);
        self
    }

    /// Closes connections that have had no call for so long. None is closed unless set.
    pub fn max_connection_idle(mut self, idle: Duration) -> Self {
        self.settings.limits.idle_timeout = Some(idle);
        self
    }

    /// Closes connections after so many calls, when these are over. Unlimited unless set.
    pub fn max_connection_requests(mut self, requests: u64) -> Self {
        self.settings.limits.requests_max = Some(requests);
        self
    }
}

/// In the engine's words, for one connection: its age is its own.
pub(crate) fn config(mut limits: Limits) -> Config {
    limits.age_max = limits.age_max.map(|age| jittered(age, fastrand::f64()));
    Config::with_limits(limits)
}

/// An age between nine and eleven tenths of what was asked for; `lot` is from 0 to 1.
fn jittered(age: Duration, lot: f64) -> Duration {
    let factor = 1.0 - AGE_JITTER + 2.0 * AGE_JITTER * lot;
    Duration::try_from_secs_f64(age.as_secs_f64() * factor).unwrap_or(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_differ_by_a_tenth() {
        let table = [(0.0, 90), (0.5, 100), (1.0, 110)];
        for (lot, secs) in table {
            let age = jittered(Duration::from_secs(100), lot).as_secs_f64();
            assert!((age - f64::from(secs)).abs() < 1e-6, "{lot}: {age}");
        }
        assert_eq!(jittered(Duration::MAX, 1.0), Duration::MAX);
    }
}
