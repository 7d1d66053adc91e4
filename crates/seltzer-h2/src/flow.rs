//! Flow control, RFC 9113 section 5.2 and 6.9.

/// The largest window, section 6.9.1.
pub(crate) const WINDOW_MAX: u32 = 0x7fff_ffff;
/// Every window before anybody says otherwise, section 6.9.2.
pub(crate) const WINDOW_DEFAULT: u32 = 65_535;

/// WINDOW_UPDATE frames that each DATA frame and each new stream gives reason for: one or two are usual.
const UPDATES_PER_FRAME: u32 = 10;
/// Beyond, one for so many bytes: smaller steps are no client's that wants to receive.
const DATA_BYTES_PER_UPDATE: usize = 1024;
/// What is remembered: peers may read late what they were sent, but windows end.
const UPDATES_KEPT: u32 = 100_000;

/// How much may still be sent. A change of SETTINGS_INITIAL_WINDOW_SIZE may make it negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SendWindow(i32);

/// A window would have grown beyond 2^31 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overflow;

impl SendWindow {
    pub(crate) fn new(bytes: u32) -> Self {
        SendWindow(i32::try_from(bytes).unwrap_or(i32::MAX))
    }

    /// What may be sent now.
    #[inline]
    pub(crate) fn available(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// So much was sent; never more than [`available`](Self::available).
    #[inline]
    pub(crate) fn take(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.available(), "no more is sent than the window allows");
        self.0 = self.0.saturating_sub(i32::try_from(bytes).unwrap_or(i32::MAX));
    }

    /// The peer gives more, or with a negative number less.
    pub(crate) fn change(&mut self, delta: i64) -> Result<(), Overflow> {
        let window = i64::from(self.0) + delta;
        if window > i64::from(WINDOW_MAX) {
            return Err(Overflow);
        }
        self.0 = i32::try_from(window).unwrap_or(i32::MIN);
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn get(self) -> i32 {
        self.0
    }
}

/// WINDOW_UPDATE frames that the peer has reason to send: for data that it was sent and for streams that began. More
/// of them achieve nothing.
#[derive(Debug, Default)]
pub(crate) struct Updates(u32);

impl Updates {
    /// So much data was sent, or a stream began.
    #[inline]
    pub(crate) fn earn(&mut self, bytes: usize) {
        let by_bytes = u32::try_from(bytes / DATA_BYTES_PER_UPDATE).unwrap_or(UPDATES_KEPT);
        self.0 = self.0.saturating_add(UPDATES_PER_FRAME).saturating_add(by_bytes).min(UPDATES_KEPT);
    }

    /// One has come. `false`: without reason.
    #[inline]
    pub(crate) fn spend(&mut self) -> bool {
        let is_earned = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        is_earned
    }
}

/// How much the peer may still send, and how much of what it sent was taken but not announced yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReceiveWindow {
    /// May be negative while a smaller SETTINGS_INITIAL_WINDOW_SIZE is on its way.
    window: i32,
    unannounced: u32,
}

impl ReceiveWindow {
    pub(crate) fn new(bytes: u32) -> Self {
        ReceiveWindow { window: i32::try_from(bytes).unwrap_or(i32::MAX), unannounced: 0 }
    }

    /// Whether so much may come.
    #[inline]
    pub(crate) fn can_receive(self, bytes: usize) -> bool {
        i32::try_from(bytes).is_ok_and(|bytes| bytes <= self.window)
    }

    /// So much came; `false`: more than was allowed.
    #[inline]
    pub(crate) fn receive(&mut self, bytes: usize) -> bool {
        let Some(bytes) = i32::try_from(bytes).ok().filter(|bytes| *bytes <= self.window) else {
            return false;
        };
        self.window -= bytes;
        true
    }

    /// So much of what came was taken. Returns the increment that is due: updates are sent at half a window, because
    /// one a message would cost more than the message. `target` is the window at rest.
    #[inline]
    pub(crate) fn release(&mut self, bytes: usize, target: u32) -> Option<u32> {
        let outstanding = i64::from(target) - i64::from(self.window) - i64::from(self.unannounced);
        let bytes = u32::try_from(outstanding.max(0)).unwrap_or(0).min(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.unannounced = self.unannounced.saturating_add(bytes);
        (self.unannounced >= (target / 2).max(1)).then(|| self.announce())
    }

    fn announce(&mut self) -> u32 {
        let increment = std::mem::take(&mut self.unannounced);
        self.window = self.window.saturating_add(i32::try_from(increment).unwrap_or(i32::MAX));
        increment
    }

    /// The window at rest changes, because the peer has acknowledged a new initial one.
    pub(crate) fn change(&mut self, delta: i64) {
        let window = i64::from(self.window) + delta;
        self.window = i32::try_from(window).unwrap_or(if delta < 0 { i32::MIN } else { i32::MAX });
    }

    /// What the window is once all that was taken is announced.
    pub(crate) fn at_rest(self) -> i64 {
        i64::from(self.window) + i64::from(self.unannounced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_window_may_become_negative_and_never_overflows() {
        let mut window = SendWindow::new(100);
        window.take(60);
        assert_eq!(window.change(-90), Ok(()));
        assert_eq!((window.get(), window.available()), (-50, 0));
        assert_eq!(window.change(i64::from(WINDOW_MAX) + 50), Ok(()));
        assert_eq!(window.change(1), Err(Overflow));
        assert_eq!(window.available(), WINDOW_MAX as usize);
    }

    #[test]
    fn credit_is_announced_at_half_a_window() {
        let mut window = ReceiveWindow::new(100);
        assert!(window.receive(100));
        assert!(!window.receive(1));
        assert_eq!(window.release(49, 100), None);
        assert_eq!(window.release(1, 100), Some(50));
        assert_eq!(window.release(1000, 100), Some(50), "no more than what came");
        assert_eq!(window.release(1, 100), None);
        assert_eq!(window, ReceiveWindow::new(100));
    }

    #[test]
    fn a_window_of_nothing_gives_nothing() {
        let mut window = ReceiveWindow::new(0);
        assert!(window.receive(0));
        assert!(!window.receive(1));
        assert_eq!(window.release(5, 0), None);
        assert_eq!(window.at_rest(), 0);
    }
}
