//! What the operator wants, wherever it was written: [`Settings`] is all that one link needs. Past here nobody sees the command line
//! or a file's format.

mod settings;

pub use settings::{LoopbackSettings, Settings, SourceSettings, Until, security};
