//! `grpc.channelz.v1.Channelz`: the servers and connections of a process, and what they do. Feature `channelz`.
//!
//! [`Channelz`] holds what callers see; [`Server::channelz`] puts a server and its connections into it, and serves it.
//! Tools such as `grpcdebug` read it: servers with their calls, connections with their addresses, streams and messages.
//!
//! ```
//! use seltzer::Server;
//! use seltzer::channelz::Channelz;
//!
//! let server = Server::builder().channelz(&Channelz::new());
//! # drop(server);
//! ```
//!
//! [`Endpoint::shown_in`](crate::transport::Endpoint::shown_in) puts a channel into it.
//!
//! Counting costs a few additions and a look at the clock a call and a message. Servers without it count nothing. Calls
//! of services that tonic generated are counted, their messages are not.

#[cfg(feature = "client")]
mod channels;
mod handler;
mod message;
mod registry;

pub use self::handler::{ChannelzHandler, RESULTS_MAX};
pub use self::registry::Channelz;

use crate::server::Server;

/// The messages, the service and its client, generated from `grpc/channelz/v1/channelz.proto`.
pub mod pb {
    // Generated code answers to its schema.
    #![allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all)]

    include!("../generated/grpc.channelz.v1.rs");
}

impl Server {
    /// Shows this server and its connections to callers, with everything else that is in `channelz`.
    ///
    /// One `channelz` may be given to several servers: each shows all of them. Whoever may call it sees addresses of
    /// peers and certificates; where that is not for everybody, serve it on a port of its own with
    /// `add_service(channelz.service())`, and use [`shown_in`](Self::shown_in) for the others.
    ///
    /// ```
    /// let channelz = seltzer::channelz::Channelz::new();
    /// let server = seltzer::Server::builder().channelz(&channelz);
    /// # drop(server);
    /// ```
    pub fn channelz(self, channelz: &Channelz) -> Self {
        self.shown_in(channelz).add_service(channelz.service())
    }

    /// Counts what this server does for `channelz`, without serving that here.
    ///
    /// ```
    /// use seltzer::{Server, channelz::Channelz};
    ///
    /// let channelz = Channelz::new();
    /// let public = Server::builder().shown_in(&channelz);
    /// let internal = Server::builder().add_service(channelz.service());
    /// # drop((public, internal));
    /// ```
    pub fn shown_in(mut self, channelz: &Channelz) -> Self {
        let channelz = channelz.clone();
        self.hooks.when_listening(|addresses| channelz.listening(addresses));
        self
    }
}
