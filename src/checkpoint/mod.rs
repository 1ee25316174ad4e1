//! Where a link stands, kept on the target itself: in the transaction whose data it covers.
//!
//! A *link* is one upstream cluster and a name; each process that replicates it is a *run* with a number of its own. In
//! `tidb_binlog`:
//!
//! - `tisync_checkpoint` has one row a link: its position, its run, and a DDL under way ([`Link`]).
//! - `tisync_slot` has one row a worker. Each transaction with data updates its worker's row first ([`Slot`]); that row then
//!   names the upstream transactions in it ([`Record`]) as far as the low-water mark has not passed them.
//!
//! A new run locks all of these rows before it reads them ([`take`]): so it waits for a commit that is still on its way, or has
//! it rolled back, and then knows exactly what is durable ([`Applied`]). It gives the rows its own number, without which
//! an older run's next transaction changes no row and stops. Within a run the same is done for one slot after a
//! lost connection ([`Slot::claim`]). What the target once said is durable is compared with what it holds after each new connection
//! ([`Acknowledged`]).
//!
//! Before any of this a run takes the link's [`lease`], by which a second one knows that the first lives, and is refused. Nothing relies on it for
//! being right.
//!
//! [`drainer`] keeps Drainer's own checkpoint in step, apart from the data.

mod acknowledged;
mod applied;
pub mod drainer;
mod early;
mod failed;
pub mod lease;
mod link;
pub mod locks;
mod look;
mod moved;
mod record;
mod slot;
mod survey;
mod tables;
mod take;
mod wait;
mod who;

pub use acknowledged::{Acknowledged, Forgotten, is_known};
pub use applied::Applied;
pub use drainer::{DrainerPlace, DrainerTable};
pub use early::DdlAt;
pub use failed::Failed;
pub use link::{Intent, Link, State};
pub use look::{look, of_link};
pub use record::Record;
pub use slot::{OtherBatch, Slot};
pub use survey::{LinkSurvey, SkippedDdl, survey};
pub use tables::SCHEMA;
pub use take::{Taken, take, take_unless};
pub use who::Who;
