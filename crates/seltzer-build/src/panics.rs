//! A belt for the compilers underneath: a panic of theirs becomes an error of ours.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// Runs `work`; if it panics, answers with what the panic said, and prints nothing.
///
/// Panics of other threads, and of this one outside of `work`, are reported as ever.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    let outer = CAUGHT.replace(Some(String::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    let said = CAUGHT.replace(outer);
    result.map_err(|_| said.unwrap_or_default())
}

thread_local! {
    /// Is `Some` while this thread runs inside `caught`; then the hook leaves its text here.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Puts a hook in front of the one in place, once. It stays: removing it could remove the hook of
/// somebody else who came later. Outside of `caught` it only passes panics on.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = text_of(info.payload());
            let quiet = CAUGHT.with_borrow_mut(|caught| match caught {
                Some(said) => {
                    text.clone_into(said);
                    true
                }
                None => false,
            });
            if !quiet {
                previous(info);
            }
        }));
    });
}

/// A panic carries a `&str` if its message is a constant, or else a `String`.
fn text_of(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_text() {
        assert_eq!(caught(|| 1), Ok(1));
        assert_eq!(caught(|| panic!("no {}", "way")), Err::<(), _>("no way".to_owned()));
        let nested = caught(|| caught(|| panic!("inner")));
        assert_eq!(nested, Ok(Err::<(), _>("inner".to_owned())));
    }

    #[test]
    fn other_threads_are_not_touched() {
        let other = caught(|| std::thread::spawn(|| CAUGHT.with_borrow(Option::is_none)).join());
        assert!(other.expect("no panic").expect("the thread ends"));
    }
}
