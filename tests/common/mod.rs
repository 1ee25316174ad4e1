//! What several test binaries share.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::expect_used, clippy::print_stderr, reason = "a test: it fails loudly")]

pub mod binary;
pub mod certificates;
pub mod recordings;
