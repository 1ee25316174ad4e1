//! One file, or folder, a subcommand: checks its arguments, builds the parts, runs them.

pub mod ts;
