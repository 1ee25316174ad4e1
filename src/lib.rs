//! tisync replicates a TiDB cluster to another TiDB, MySQL or MariaDB. This page is its architecture.
//!
//! # One transaction's journey
//!
//! ```text
//! source ──► merge ──► decode ──► selection ──► window ──► apply ──► progress
//! Pumps,     by commit  bytes +    filter,       whole      workers,  low-water
//! folders    ts, waits  schema of  names on      txns, cut  each one  mark
//!            for the    their      the target    where keys txn, net  → checkpoint
//!            slowest    time                     allow      effect
//! ```
//!
//! The files read in the order of the stages. A stage imports [`model`] and the stages before it, never one after.
//!
//! - [`pipeline`] is the loop between the stages: start there. It is plain and sequential; only sources and the sink's workers have
//!   threads of their own, with bounded channels between.
//! - [`source`] gives streams of [`model::Pulled`]: "here is a transaction" or "nothing older will follow". `source/pump` reads a cluster's
//!   Pumps over gRPC, and brings the stream of one that joins; `source/recording` reads a folder, `source/pb` what a Drainer wrote as files. [`pd`] finds PD's leader, the
//!   Pumps and the TiDB servers, and writes the entry of the link, which [`place`] keeps true: a Drainer's to all who look.
//! - [`merge`] puts any number of streams into one order: that of their commit ts.
//! - [`sql`] is how text of SQL is read, by every stage: one tokenizer, one type for what a DDL statement says, and the form in which a source's DDL goes on.
//! - [`schema`] knows every table as of the position, by following TiDB's history of DDL jobs; for a target that has each DDL first, also what becomes
//!   of it ([`schema::Ahead`]).
//! - [`decode`] turns bytes into typed rows, each with an `Arc` of the definition that reads it. Rows of Drainer's files name their columns; the sink says what
//!   definition they have on the target.
//! - [`loopback`] drops transactions that carry our channel's [`mark`]: they came from the other direction. The sink puts one into each of its transactions, where its
//!   target is a source too, and in front of each DDL a comment that says the same.
//! - [`filter`] leaves out what the operator does not want, and always system databases; [`route`] gives databases and tables their names on
//!   the target; [`selection`] keeps what both said about each definition.
//! - [`sink`] takes whole transactions to the target. `sink/mysql` collects them into windows, cuts a window into batches that share no key
//!   (`causality`, `window`), makes a batch wait for those before it that it shares a key with (`lineage`, `board`), and applies each in one transaction on a
//!   connection of its own (`worker`, `apply`), with the columns that the target has (`shape`), in sessions that rely on nothing that the server might say otherwise (`settings`), on a server whose kind it tells itself (`server`), with back-off and without doubt about what is durable (`retry`, and the slots of [`checkpoint`]). What the target
//!   keeps somebody waiting for is in `waits`, and `watch` says so after 5 s, with who is in the way (`blocker`). A
//!   second run of a link is refused at its start, by the lease of [`checkpoint::lease`], on which nothing else relies.
//! - [`identity`] sees to it that a target is not the very cluster that the link comes from, before anything is written there.
//! - [`progress`] knows the low-water mark; [`checkpoint`] keeps on the target what is durable above it.
//!
//! Around them: [`cli`] holds raw arguments, [`config`] makes [`config::Settings`] of them, of the environment, of a tisync.toml or a drainer.toml,
//! [`commands`] makes parts of these and runs them, several links beside each other (`commands::sync`), [`event`] is how the engine reports,
//! [`output`] is the only module that prints, [`error`] carries the exit code and the hint. [`backup`] reads BR's and Dumpling's metadata.
//! [`wizard`] has the questions of `tisync init` and writes a tisync.toml of the answers.
//! [`playground`] is a simulated cluster with a private MariaDB, for trying and testing; [`playground::mirror`] is a MariaDB that passes for a cluster.
//!
//! # Invariants
//!
//! 1. Commit ts only rises between merge and apply. Nothing is emitted before the complete list of Pumps is known.
//! 2. A transaction is never lost, only emptied: a filtered one still carries its ts, so the checkpoint moves.
//! 3. The schema travels with the row: a transaction is read, and takes effect, by the schema version that it was written with. Under load that is newer than the DDL
//!    messages before it (the parts of one ALTER show before its message: it runs early, [`schema::EarlyJob`]) or older (what it wrote into a partition that was
//!    emptied or exchanged meanwhile is where the old one is, [`schema::LateTable`]). While partitions are reorganised each change comes twice ([`decode::Writes`]).
//! 4. The checkpoint never passes work that is not durable on the target.
//! 5. Exactly once: each worker owns a slot row on the target and updates it first in every transaction. That row is the fence (it names the
//!    run and the claim, so a session that lost its slot changes no row and stops), the record (which upstream transactions the slot made durable above
//!    the low-water mark), and its own clean-up. A new run locks every slot of the old ones before it reads them, so it waits for, or ends, a commit that is still on its way;
//!    a worker that lost its connection does the same with its own slot. So the answer to a COMMIT may be lost, or wrong, never its effect: an error
//!    that answers one says nothing, the slot does.
//!    And nothing is forgotten: a server that answers is no server that remembers. What the target acknowledged in a run is compared after every new connection
//!    with what all slots of the link hold ([`checkpoint::Acknowledged`]). If anything is missing, nothing more of the run is saved; the sink is opened anew under
//!    the same lease, and the stream set back to what the target really holds.
//! 6. An upstream transaction is never split over two transactions on the target, except above a number of rows that the operator names. Two that share the value of a
//!    primary or unique key, or a foreign key's, keep their order.
//! 7. DDL runs alone. Before each statement its intent is stored with a picture of its objects (definitions and the storage engine's ids); after an unclear end the
//!    picture is taken again and says whether it took effect. Where it cannot say, the run stops; nothing runs twice.
//! 8. Bad bytes give an error that names the commit ts, table and column; they never panic, and never write a guess.
//! 9. Memory is bounded by `--memory-limit`, one raw transaction of the stream not counted: queues are bounded in bytes, a transaction above a
//!    part of the limit travels undecoded ([`decode::LargeTxn`]), and a large message is read only once all before it is taken.
//! 10. Only [`output`] prints, only `main` exits, but for signals: the second one to a run ([`stop`]), and any while the wizard asks. Asynchronous are the clients and servers of gRPC and of buckets, each on a small runtime of its own: `source/pump`, [`pd`],
//!     [`place`], `backup/storage/remote`, and the simulated cluster.
//!
//! Memory is bounded by one setting: the streams, the rows under way and the definitions each have a share of it, whoever gives rows waits for room, and a
//! transaction that is too large to be decoded as a whole is read row by row from its raw bytes.
//!
//! # Why the order inside a batch is right
//!
//! A batch removes, table by table, every row that existed before the batch and that it touches, then inserts every row that must exist
//! after it. No other order is needed: all transactions that share the value of a unique key with one of the batch are in it, durable before it, or wait for it; so the
//! key holds at the batch's end as it did upstream, and after all removals no insert can meet a row in its way, whatever collation or number of unique keys a
//! table has. Foreign key checks are off (the stream carries cascaded rows itself).
//!
//! # Adding a source or a sink
//!
//! Implement [`source::Source`] or [`sink::Sink`], whose doc comments are their contract; add one arm to [`source::open`] or to
//! `commands::sync`, a case to `tests/source_contract.rs`, and a line to the changelog. If `merge`, `filter` or `pipeline` have to change for it, the contract
//! was wrong and is mended first.

pub mod backup;
pub mod checkpoint;
pub mod cli;
pub mod commands;
pub mod config;
pub mod decode;
pub mod error;
pub mod event;
pub mod filter;
pub mod identity;
pub mod loopback;
pub mod mark;
pub mod merge;
pub mod model;
pub mod moment;
pub mod mysql;
pub mod output;
pub mod pd;
pub mod pipeline;
pub mod playground;
pub mod registration;
pub mod route;
pub mod schema;
pub mod selection;
pub mod sink;
pub mod source;
pub mod sql;
pub mod stop;
