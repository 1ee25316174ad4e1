//! The driver's own panics as errors. It takes some packets for granted that a damaged connection, or an odd server, does not send.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use mysql::DriverError;

use super::connect::Target;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, which is nothing but calls of the driver; a panic in it is an answer that cannot be read. The connection is lost with it.
///
/// # Errors
/// Those of `work`, and [`DriverError::UnexpectedPacket`].
pub(super) fn guarded<T>(work: impl FnOnce() -> mysql::Result<T>) -> mysql::Result<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = take_hook();
        // What becomes an error is told as one.
        set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                loud(info);
            }
        }));
    });
    let before = GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    done.unwrap_or(Err(mysql::Error::DriverError(DriverError::UnexpectedPacket)))
}

/// Whether there is a password that is not empty.
pub(super) fn has_password(target: &Target) -> bool {
    target.password.as_ref().is_some_and(|password| !password.reveal().is_empty())
}

/// What a login ended with that the driver panicked in, as the server would say it: MariaDB's `parsec` has no way without a password.
pub(super) fn no_password(target: &Target) -> mysql::Error {
    mysql::Error::MySqlError(mysql::MySqlError {
        state: "28000".to_owned(),
        code: 1045,
        message: format!(
            "Access denied for {}: the way that the account logs in needs a password, and there is none",
            target.name()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let empty: Vec<u8> = Vec::new();
        let indexed = guarded(|| Ok(empty.as_slice()[empty.len()]));
        assert!(matches!(indexed, Err(mysql::Error::DriverError(DriverError::UnexpectedPacket))));
        assert!(matches!(guarded(|| Ok(5)), Ok(5)));
        assert!(!GUARDED.get());
    }
}
