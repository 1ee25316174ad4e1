//! What several test binaries share.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it saw"
)]

pub mod binary;
pub mod certificates;
pub mod dropped;
pub mod failover;
pub mod heard;
pub mod made;
pub mod recordings;
pub mod run;
pub mod server;
pub mod target;
