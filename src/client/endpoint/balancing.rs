//! Which servers calls go to.

use crate::client::Endpoint;
use crate::client::balance::{Balance, OutlierDetection};

impl Endpoint {
    /// How calls are spread over the servers behind the target's name. All go to one of them unless set; what the service
    /// config says goes before this.
    #[must_use]
    pub fn balance(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    /// Keeps calls away from servers that fail many more of them than others do. Off unless set; what the service
    /// config says about it goes before this.
    #[must_use]
    pub fn outlier_detection(mut self, detection: OutlierDetection) -> Self {
        self.outlier_detection = Some(detection);
        self
    }

    /// Asks each server whether this service serves (`grpc.health.v1.Health/Watch`, gRFC A17), and sends calls only to
    /// those that say so; an empty name stands for the server as a whole. A server without the health service counts as
    /// well. Off unless set here or in the service config, which goes before this, and without effect on
    /// [`Balance::PickFirst`].
    ///
    /// ```
    /// use seltzer::{Channel, client::balance::Balance};
    ///
    /// let channel = Channel::builder("dns:///greeter:50051")
    ///     .balance(Balance::RoundRobin)
    ///     .health_check("helloworld.Greeter");
    /// # drop(channel);
    /// ```
    #[must_use]
    pub fn health_check(mut self, service: impl Into<String>) -> Self {
        self.health_check = Some(service.into());
        self
    }
}
