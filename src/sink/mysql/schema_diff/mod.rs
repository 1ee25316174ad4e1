//! Whether a table on the target is what the upstream's definition says: compared as the same server shows both.
//!
//! No server shows a definition as it was given: types get widths, expressions other brackets, keys another order. So the expected definition is
//! given to the target itself, as an empty table beside its checkpoints (the *reference*, [`Reference`]), and what SHOW CREATE TABLE says of the two is
//! compared part by part. What the target's dialect cannot have is missing in both, and so is no difference.
//!
//! ```text
//! reference   the empty table       shown   SHOW CREATE TABLE in parts (column, foreign, tail: one kind of part each)
//! difference  what differs          mend    the statements that make both alike
//! ```

mod column;
mod difference;
mod foreign;
mod mend;
mod quotes;
mod reference;
mod shown;
mod tail;
#[cfg(test)]
mod tests;

pub use difference::{Difference, Part, differences};
pub use mend::statements;
pub use quotes::well_quoted;
pub use reference::{Collations, PARTITIONS, Reference, show};
pub use shown::{Shown, without_foreign_keys};
