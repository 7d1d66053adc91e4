//! What the peer's SETTINGS say, RFC 9113 section 6.5.

use crate::connection::{Connection, Role};
use crate::error::{Error, Reason};
use crate::event::Event;
use crate::flow::WINDOW_DEFAULT;
use crate::frame::settings::{self, ENTRY_BYTES, Setting};
use crate::frame::{ACK, FRAME_BYTES_MIN, Head};
use crate::hpack::TABLE_BYTES_DEFAULT;
use crate::limits::SENT_FRAME_BYTES_MAX;

/// The peer's settings, as far as they concern this side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerSettings {
    /// Streams that this side may have; before the peer says, a number that no peer means as a limit.
    pub(crate) concurrent_streams_max: u32,
    pub(crate) initial_window: u32,
    /// Payload of one frame that this side sends; SETTINGS_MAX_FRAME_SIZE or our own bound.
    pub(crate) frame_bytes_max: usize,
    pub(crate) header_list_bytes_max: u32,
}

impl Default for PeerSettings {
    fn default() -> Self {
        PeerSettings {
            concurrent_streams_max: CONCURRENT_STREAMS_ASSUMED,
            initial_window: WINDOW_DEFAULT,
            frame_bytes_max: FRAME_BYTES_MIN as usize,
            header_list_bytes_max: u32::MAX,
        }
    }
}

/// Streams that a client opens before the server's SETTINGS came: the least that RFC 9113 section 6.5.2 recommends.
const CONCURRENT_STREAMS_ASSUMED: u32 = 100;

impl Connection {
    pub(crate) fn receive_settings(&mut self, head: &Head, payload: &[u8]) -> Result<Option<Event<'static>>, Error> {
        if head.stream.get() != 0 {
            return Err(Error::peer(Reason::ProtocolError, "a SETTINGS frame on a stream"));
        }
        if head.has(ACK) {
            if !payload.is_empty() {
                return Err(Error::peer(Reason::FrameSizeError, "a SETTINGS acknowledgement with a payload"));
            }
            self.receive_settings_ack();
            return Ok(None);
        }
        let (entries, []) = payload.as_chunks::<ENTRY_BYTES>() else {
            return Err(Error::peer(Reason::FrameSizeError, "a SETTINGS frame whose length is no multiple of 6"));
        };
        let is_first = !self.timers.has_peer_settings();
        if is_first {
            // Without a limit of its own a peer permits any number.
            self.peer.concurrent_streams_max = u32::MAX;
        }
        for entry in entries {
            if let Some(setting) = settings::parse_entry(*entry)? {
                self.apply(setting)?;
            }
        }
        if is_first {
            self.timers.peer_settings_came();
        } else {
            self.idle_frame()?;
        }
        settings::put_ack(self.output.buffer());
        self.output.count_control();
        self.send_ready();
        Ok(Some(Event::SettingsChanged))
    }

    fn apply(&mut self, setting: Setting) -> Result<(), Error> {
        match setting {
            Setting::HeaderTableSize(bytes) => self.encoder.set_table_bytes_max(bytes as usize),
            Setting::EnablePush(is_enabled) => {
                if is_enabled && self.role == Role::Client {
                    return Err(Error::peer(Reason::ProtocolError, "a server that enables push"));
                }
            }
            Setting::MaxConcurrentStreams(count) => self.peer.concurrent_streams_max = count,
            Setting::InitialWindowSize(bytes) => return self.change_initial_window(bytes),
            Setting::MaxFrameSize(bytes) => self.peer.frame_bytes_max = (bytes as usize).min(SENT_FRAME_BYTES_MAX),
            Setting::MaxHeaderListSize(bytes) => self.peer.header_list_bytes_max = bytes,
        }
        Ok(())
    }

    /// Section 6.9.2: the difference applies to every stream, and may make its window negative.
    fn change_initial_window(&mut self, bytes: u32) -> Result<(), Error> {
        let delta = i64::from(bytes) - i64::from(self.peer.initial_window);
        self.peer.initial_window = bytes;
        if delta == 0 {
            return Ok(());
        }
        for (id, stream) in self.streams.iter_mut() {
            if stream.send_window.change(delta).is_err() {
                return Err(Error::peer(
                    Reason::FlowControlError,
                    "SETTINGS_INITIAL_WINDOW_SIZE makes a stream's window larger than 2,147,483,647",
                ));
            }
            if stream.is_queueing() && !stream.is_listed && stream.send_window.available() > 0 {
                stream.is_listed = true;
                self.ready.push_back(id);
            }
        }
        Ok(())
    }

    fn receive_settings_ack(&mut self) {
        if self.is_settled {
            return;
        }
        self.is_settled = true;
        self.timers.settings_acknowledged();
        if self.limits.header_table_bytes < TABLE_BYTES_DEFAULT {
            self.decoder.set_table_bytes_max(self.limits.header_table_bytes);
        }
        // From now on the peer keeps to a window that is smaller than the default.
        let delta = i64::from(self.limits.stream_window_bytes) - i64::from(self.stream_window);
        self.stream_window = self.limits.stream_window_bytes;
        if delta != 0 {
            for (_, stream) in self.streams.iter_mut() {
                stream.receive_window.change(delta);
            }
        }
    }
}
