//! Which servers calls go to.

use crate::client::Endpoint;
use crate::client::balance::{Balance, OutlierDetection};

impl Endpoint {
    /// How calls are spread over the servers behind the target's name. All go to one of them unless set.
    #[must_use]
    pub fn balance(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    /// Keeps calls away from servers that fail many more of them than others do. Off unless set.
    #[must_use]
    pub fn outlier_detection(mut self, detection: OutlierDetection) -> Self {
        self.outlier_detection = Some(detection);
        self
    }
}
