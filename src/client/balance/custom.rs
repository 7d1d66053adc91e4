//! Balancers of users.

use std::fmt;
use std::sync::Arc;

use crate::client::balance::Balancer;

/// Makes a [`Balancer`] whenever a channel needs one. See [`Balance::custom`](crate::client::balance::Balance::custom).
#[derive(Clone)]
pub struct BalancerFactory(Arc<dyn Fn() -> Box<dyn Balancer> + Send + Sync>);

impl BalancerFactory {
    pub(super) fn new<B: Balancer>(make: impl Fn() -> B + Send + Sync + 'static) -> Self {
        BalancerFactory(Arc::new(move || Box::new(make())))
    }

    pub(super) fn make(&self) -> Box<dyn Balancer> {
        (self.0)()
    }
}

/// Two are the same if they are clones of one.
impl PartialEq for BalancerFactory {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for BalancerFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BalancerFactory")
    }
}
