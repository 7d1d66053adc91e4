//! A client with manners that makes one call after another.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use prost::Message;
use seltzer_peers::load::Error;
use seltzer_peers::load::paced::wait;
use seltzer_peers::schemas::probe::{HandlersReply, HandlersRequest};
use seltzer_peers::wire::tls::Secured;
use seltzer_peers::wire::{Event, Outcome, Session, socket};

use crate::Target;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection for one call at a time.
#[derive(Debug)]
pub(crate) struct Plain {
    stream: Secured<TcpStream>,
    session: Session,
    unread: Vec<u8>,
    is_up: bool,
}

impl Plain {
    pub(crate) fn connect(target: &Target) -> Result<Self, Error> {
        let stream = socket::connect(target.port, None)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut stream = target.security.around(stream)?;
        stream.shake_hands()?;
        let mut plain = Plain { stream, session: Session::default(), unread: Vec::new(), is_up: false };
        while !plain.is_up {
            plain.turn(&mut Vec::new())?;
        }
        Ok(plain)
    }

    /// Sends a request's bytes, as far as the server lets them through, and waits for how the call ends. `ends` is
    /// whether the request is complete with these bytes.
    pub(crate) fn call(
        &mut self,
        path: &str,
        fields: &[(String, String)],
        mut body: &[u8],
        ends: bool,
    ) -> Result<(Outcome, Vec<u8>), Error> {
        let stream = self.session.open(0, path, fields);
        let mut answer = Vec::new();
        loop {
            while !body.is_empty() && self.session.room(stream) > 0 {
                let (piece, rest) = body.split_at(self.session.room(stream).min(body.len()));
                self.session.send(stream, piece, ends && rest.is_empty());
                body = rest;
            }
            if let Some(outcome) = self.turn(&mut answer)? {
                return Ok((outcome, answer));
            }
        }
    }

    fn turn(&mut self, answer: &mut Vec<u8>) -> Result<Option<Outcome>, Error> {
        self.stream.write_all(&self.session.output)?;
        self.session.output.clear();
        let mut scratch = vec![0; 64 * 1024];
        let count = self.stream.read(&mut scratch)?;
        if count == 0 {
            return Err("the server closed the connection".into());
        }
        self.unread.extend_from_slice(&scratch[..count]);
        let mut input = &*self.unread;
        let mut ended = None;
        while let Some(event) = self.session.next_event(&mut input) {
            match event {
                Event::Settings => self.is_up = true,
                Event::Data { bytes, .. } => answer.extend_from_slice(bytes),
                Event::Ended { outcome, .. } => ended = Some(outcome),
                Event::GoAway { reason } => return Err(format!("GOAWAY with code {reason}").into()),
                Event::Broken(what) => return Err(what.into()),
                Event::Pong(_) => {}
            }
        }
        let read = self.unread.len() - input.len();
        self.unread.drain(..read);
        if ended.is_some() {
            self.stream.write_all(&self.session.output)?;
            self.session.output.clear();
        }
        Ok(ended)
    }

    /// What the server says about its handlers.
    pub(crate) fn handlers(&mut self, reset_peak: bool) -> Result<HandlersReply, Error> {
        let request = framed(&HandlersRequest { reset_peak }.encode_to_vec());
        let (outcome, answer) = self.call("/probe.Probe/Handlers", &[], &request, true)?;
        match answer.get(5..) {
            Some(message) if outcome.is_ok() => Ok(HandlersReply::decode(message)?),
            _ => Err(format!("Probe/Handlers answered {outcome:?}").into()),
        }
    }

    /// Waits until no handler is alive; says whether that came to be.
    pub(crate) fn wait_for_no_handlers(&mut self, patience: Duration) -> Result<bool, Error> {
        let deadline = Instant::now() + patience;
        while self.handlers(false)?.alive > 0 {
            if Instant::now() > deadline {
                return Ok(false);
            }
            wait(Duration::from_millis(1));
        }
        Ok(true)
    }
}

/// A message behind gRPC's prefix.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut framed = vec![0];
    framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend_from_slice(message);
    framed
}
