//! Streams of messages in the bodies of HTTP requests and answers.

mod format;
mod replies;
mod requests;
mod split;

pub(crate) use self::format::StreamFormat;
pub(crate) use self::replies::{Replies, ReplyWriter};
pub(crate) use self::requests::Requests;
#[cfg(fuzzing)]
pub(crate) use self::split::Splitter;
