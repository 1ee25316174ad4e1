//! `tisync init` as somebody uses it: at a pseudo-terminal, and in a script; and what it wrote is used.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod both;
mod one_way;
mod rights;
mod terminal;
mod unattended;
