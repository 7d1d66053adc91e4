//! Servers: what they are told, how they accept connections, and how a request becomes a call.

#[cfg(feature = "server")]
mod accept;
#[cfg(feature = "server")]
mod at_once;
#[cfg(feature = "server")]
mod bound;
#[cfg(feature = "server")]
mod builder;
#[cfg(feature = "server")]
mod connection;
mod dispatch;
mod guard;
#[cfg(feature = "server")]
mod hooks;
#[cfg(feature = "server")]
mod lifetime;
mod native;
#[cfg(feature = "server")]
mod page;
#[cfg(feature = "server")]
mod settings;
mod shared_body;
mod tower;
#[cfg(feature = "server")]
mod unary;
#[cfg(feature = "server")]
mod workers;

#[cfg(feature = "server")]
pub use self::bound::BoundServer;
#[cfg(feature = "server")]
pub use self::builder::Server;
pub use self::tower::TowerService;
