//! One connection that makes calls and checks their answers, without ever blocking.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};

use crate::load::pattern::Pattern;
use crate::load::work::Work;
use crate::wire::tls::{Secured, Security};
use crate::wire::{Event, Outcome, Session, socket};

/// What one read may bring. The server's batches fit.
pub const SCRATCH_BYTES: usize = 256 * 1024;

/// No more than this is made ready to be sent at a time.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;

/// How callers connect and what they send with each call.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Where the server is.
    pub port: u16,
    /// TCP's congestion control.
    pub congestion: Option<String>,
    /// Metadata of each call.
    pub fields: Vec<(String, String)>,
    /// One DATA frame a message instead of as many messages as fit.
    pub frame_per_message: bool,
    /// The windows that are offered; without it, large ones.
    pub window_bytes: Option<u32>,
    /// An empty DATA frame before each request's message.
    pub empty_frame_first: bool,
    /// TLS, if there is to be any.
    pub security: Security,
}

/// A call that is over.
#[derive(Debug, Clone, Copy)]
pub struct Finished {
    /// Where the next call can be made.
    pub lane: usize,
    /// Whether every byte was right and the status OK.
    pub is_right: bool,
    /// From the first byte of the request being ready to the last of the answer.
    pub took: Duration,
}

#[derive(Debug)]
struct Lane {
    stream: u32,
    request: Pattern,
    answer: Pattern,
    began: Instant,
    is_wrong: bool,
    is_free: bool,
}

/// A connection and its calls.
#[derive(Debug)]
pub struct Caller {
    /// The protocol's side.
    pub session: Session,
    /// Calls that are over and nobody has looked at.
    pub finished: Vec<Finished>,
    /// Answers to PINGs, with when they came.
    pub pongs: Vec<([u8; 8], Instant)>,
    /// Why the connection is of no more use.
    pub broken: Option<String>,
    /// The first thing that was wrong with an answer.
    pub complaint: Option<String>,
    /// Whether the server's SETTINGS have arrived.
    pub is_up: bool,
    stream: Secured<TcpStream>,
    manner: Manner,
    unread: Vec<u8>,
    written: usize,
    lanes: Vec<Lane>,
    sending: Vec<usize>,
    piece: Vec<u8>,
}

impl Caller {
    /// Connects, and registers with the poll under a token.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn connect(manner: &Manner, poll: &Poll, token: Token) -> io::Result<Self> {
        let stream = socket::connect(manner.port, manner.congestion.as_deref())?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Caller {
            session: manner.window_bytes.map_or_else(Session::default, Session::with_window),
            finished: Vec::new(),
            pongs: Vec::new(),
            broken: None,
            complaint: None,
            is_up: false,
            stream: manner.security.around(stream)?,
            manner: manner.clone(),
            unread: Vec::new(),
            written: 0,
            lanes: Vec::new(),
            sending: Vec::new(),
            piece: Vec::new(),
        })
    }

    /// A lane that is free.
    pub fn free_lane(&self) -> usize {
        self.lanes.iter().position(|lane| lane.is_free).unwrap_or(self.lanes.len())
    }

    /// Begins a call on a lane that is free.
    pub fn begin(&mut self, lane: usize, work: Work, call: u64) {
        while self.lanes.len() <= lane {
            let (request, answer) = (Pattern::default(), Pattern::default());
            self.lanes.push(Lane { stream: 0, request, answer, began: Instant::now(), is_wrong: false, is_free: true });
        }
        let state = &mut self.lanes[lane];
        work.begin(call, &mut state.request, &mut state.answer);
        (state.began, state.is_wrong, state.is_free) = (Instant::now(), false, false);
        state.stream = self.session.open(lane, work.path(), &self.manner.fields);
        if self.manner.empty_frame_first {
            self.session.send(state.stream, &[], false);
        }
        self.sending.push(lane);
    }

    /// Gives a call up after it began.
    pub fn cancel(&mut self, lane: usize, reason: u32) {
        if let Some(state) = self.lanes.get_mut(lane) {
            state.is_free = true;
            self.session.reset(state.stream, reason);
            self.sending.retain(|other| *other != lane);
        }
    }

    /// Reads no more of a call's answer than its first window.
    pub fn stall(&mut self, lane: usize) {
        if let Some(state) = self.lanes.get(lane) {
            self.session.withhold_credit(state.stream);
        }
    }

    /// Whether a lane's answer has begun to come.
    pub fn has_answer_begun(&self, lane: usize) -> bool {
        self.lanes.get(lane).is_some_and(|state| state.answer.has_begun())
    }

    /// Reads what there is.
    pub fn receive(&mut self, scratch: &mut [u8]) {
        while self.broken.is_none() {
            let kept = self.unread.len();
            scratch[..kept].copy_from_slice(&self.unread);
            let count = match self.stream.read(&mut scratch[kept..]) {
                Ok(0) => return self.fail("the server closed the connection".to_owned()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.fail(error.to_string()),
            };
            let filled = kept + count;
            let mut input = &scratch[..filled];
            while let Some(event) = self.session.next_event(&mut input) {
                self.take(event);
            }
            self.unread.clear();
            self.unread.extend_from_slice(input);
            if filled < scratch.len() && !self.stream.is_encrypted() {
                return;
            }
        }
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Settings => self.is_up = true,
            Event::Data { lane, bytes } => {
                let state = &mut self.lanes[lane];
                state.is_wrong |= !state.answer.matches(bytes);
            }
            Event::Ended { lane, outcome } => self.finish(lane, outcome),
            Event::GoAway { reason } => self.fail(format!("GOAWAY with code {reason}")),
            Event::Pong(payload) => self.pongs.push((payload, Instant::now())),
            Event::Broken(what) => self.fail(what.to_owned()),
        }
    }

    fn finish(&mut self, lane: usize, outcome: Outcome) {
        self.sending.retain(|other| *other != lane);
        let state = &mut self.lanes[lane];
        state.is_free = true;
        let is_whole = state.answer.is_over() && !state.is_wrong;
        let is_right = outcome.is_ok() && is_whole;
        if !is_right && self.complaint.is_none() {
            let bytes = if is_whole { "every byte right" } else { "other bytes than expected" };
            self.complaint = Some(format!("{outcome:?}, {bytes}"));
        }
        self.finished.push(Finished { lane, is_right, took: state.began.elapsed() });
    }

    fn fail(&mut self, why: String) {
        self.broken.get_or_insert(why);
    }

    /// Sends what can be sent.
    pub fn send(&mut self) {
        loop {
            let is_all_made = self.make();
            if self.broken.is_some() || !self.flush() {
                return;
            }
            if self.session.output.is_empty() || !self.write() || is_all_made {
                return;
            }
        }
    }

    /// Puts requests into the output as far as there is room; says whether there is no more to put.
    fn make(&mut self) -> bool {
        let mut at = 0;
        while at < self.sending.len() {
            let lane = self.sending[at];
            let state = &mut self.lanes[lane];
            loop {
                if self.session.output.len() >= OUTPUT_BYTES_MAX {
                    return false;
                }
                let room = self.session.room(state.stream);
                if room == 0 && !state.request.is_over() {
                    at += 1;
                    break;
                }
                self.piece.clear();
                state.request.make(room, self.manner.frame_per_message, &mut self.piece);
                let is_over = state.request.is_over();
                self.session.send(state.stream, &self.piece, is_over);
                if is_over {
                    self.sending.swap_remove(at);
                    break;
                }
            }
        }
        true
    }

    /// Writes what TLS keeps; says whether all of that went out.
    fn flush(&mut self) -> bool {
        match self.stream.flush() {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => {
                self.fail(error.to_string());
                false
            }
        }
    }

    /// Writes; says whether all went out.
    fn write(&mut self) -> bool {
        while self.written < self.session.output.len() {
            match self.stream.write(&self.session.output[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fail(error.to_string());
                    return false;
                }
            }
        }
        self.session.output.clear();
        self.written = 0;
        true
    }
}
