//! The demo services: everything in `proto/`, answered.
//!
//! The command line serves them, the benches and tests call them, and each is an example of a handler:
//!
//! | service | what it shows |
//! |---|---|
//! | `Greeter`, `hello.Greeter`, `helloworld.Greeter` | the smallest handler; a stream made from an iterator |
//! | `Calculator` | all four kinds of call; a room that many callers share |
//! | `user.User` | errors of one's own, turned into statuses in one place |
//! | `compute.Compute`, `Cal` | pure functions as services |
//! | `RouteGuide`, `routeguide.RouteGuide` | logic shared by two schemas |
//! | `Contact` | a server that pushes, until the client leaves |
//! | `grpc.testing.*` | gRPC's interoperability tests and benchmarks |
//!
//! [`add_to`] serves them all; [`schemas`] holds their messages and clients.
//!
//! ```no_run
//! use seltzer::Server;
//! use seltzer::services::{self, Settings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = services::add_to(Server::builder(), &Settings::default());
//! server.serve("127.0.0.1:50051".parse()?).await?;
//! # Ok(())
//! # }
//! ```

pub mod calculator;
pub mod compute;
pub mod contact;
pub mod greeter;
pub mod hello;
pub mod helloworld;
pub mod route_guide;
pub mod routeguide;
pub mod schemas;
pub mod simple_cal;
pub mod testing;
pub mod user;

mod catalogue;
mod chat_room;
mod geography;
mod route_notes;

pub use self::catalogue::{Settings, add_to};
