//! What the operator wants, wherever it was written: [`Settings`] is all that one link needs. Past here nobody sees the command line
//! or a file's format.

mod checkpoint;
mod settings;

pub use checkpoint::DrainerCheckpoint;
pub use settings::{Settings, SourceSettings, Until, security};
