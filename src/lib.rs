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
//! The rooms read in the order of the stages. A stage imports [`model`] and the stages before it,
//! never one after; no two rooms import each other. What the bytes and messages of others mean is
//! in `docs/protocol`; comments cite it by section.
//!
//! | room | what it does | begin with |
//! |---|---|---|
//! | [`pipeline`] | the loop between the stages, plain and sequential: start here | `pipeline.rs` |
//! | [`source`] | streams of [`model::Pulled`]: "a transaction" or "nothing older follows"; Pumps over gRPC, recordings, Drainer's files | `source/mod.rs` (the contract), `source/pump/pull.rs` |
//! | [`pd`] | finds PD's leader, the Pumps and the TiDB servers in etcd | `pd/client.rs` |
//! | [`registration`] | keeps the link's entry in PD true, and serves what a Drainer serves | `registration/heartbeat.rs`, `registration/server.rs` |
//! | [`merge`] | any number of streams in one order, that of their commit ts | `merge.rs` |
//! | [`schema`] | every table as of the position, by TiDB's history of DDL jobs; for a target that has each DDL first, also what becomes of it ([`schema::Ahead`]) | `schema/catalog.rs`, `schema/apply.rs` |
//! | [`decode`] | bytes to typed rows, each with an `Arc` of the definition that reads it | `decode/mod.rs`, `decode/row.rs` |
//! | [`loopback`] | drops transactions that carry our channel's [`mark`]: they came from the other direction | `loopback.rs` |
//! | [`selection`] | what goes on: [`filter`] by the upstream's names, then [`route`] for the target's | `selection.rs` |
//! | [`sink`] | whole transactions to the target: the table below | `sink/mod.rs` (the contract), `sink/mysql/mod.rs` |
//! | [`checkpoint`] | on the target, what is durable there: link, slots, lease, Drainer's own row | `checkpoint/mod.rs` |
//! | [`mysql`] | the ground under sink, checkpoint and mark: addresses, logins, sessions, transactions, errors, literals; knows no link | `mysql/session.rs`, `mysql/error.rs` |
//! | [`sql`] | SQL as text: one tokenizer, one type for what a DDL says | `sql/token.rs`, `sql/statement.rs` |
//! | [`identity`] | refuses a target that is the very cluster the link comes from | `identity.rs` |
//! | [`cli`], [`config`] | raw arguments; [`config::Settings`] of them, the environment and files | `config/settings.rs` |
//! | [`commands`] | one file or folder a subcommand; `commands/sync` runs links, `commands/init` is the wizard | `commands/mod.rs` |
//! | [`output`], [`event`], [`error`] | the only room that prints; what the engine reports; exit code and hint | |
//! | [`backup`], [`moment`] | a ts out of BR's and Dumpling's metadata; times as operators type them | |
//! | [`playground`] | a simulated cluster and a private MariaDB, for trying and testing | `playground/cluster.rs` |
//!
//! Inside `sink/mysql`:
//!
//! | file | what it does |
//! |---|---|
//! | `open`, `check`, `options` | how a sink begins: lease, take-over, what is checked before the first write |
//! | `limits` | what a target cannot have or take, and AUTO_INCREMENT numbers that both sides give out |
//! | `window`, `causality` | whole transactions collected, and cut into batches that share no conflict key |
//! | `scheduler` | which batch waits for which, and the low-water mark |
//! | `worker`, `apply`, `batch`, `statement` | one connection, one slot, one transaction on the target: net effect, then SQL |
//! | `refused_rows`, `watch` | rows that the target refuses; back-off (`Backoff`), and who is in the way |
//! | `shape` | columns that are not the same on both sides |
//! | `ddl` | DDL: alone, made from definitions (`define`), in the target's words (`dialect`), its intent stored first (`run`, `settle`, `judge`) |
//! | `schema_diff` | whether a table on the target is what the upstream's definition says |
//!
//! # Words
//!
//! One word for one thing; a word that the field does not have is explained where it is coined.
//!
//! | word | meaning | where |
//! |---|---|---|
//! | link | one upstream cluster, one target and a name; a process that replicates it is a run | `checkpoint/link.rs` |
//! | commit ts, position | when a transaction took effect upstream; up to where the target has everything | [`model::CommitTs`], [`checkpoint`] |
//! | durable position | that of the run, shared: the sink writes it, the registration reads it | [`model::DurablePosition`] |
//! | slot | the row of one worker, updated first in each of its transactions | `checkpoint/slot.rs` |
//! | lease | the named lock by which a second run of a link is refused | [`checkpoint::lease`] |
//! | mark, channel | the row that says "a link wrote this"; a number that both directions share | [`mark`] |
//! | prelude | what each transaction of a session begins with; the mark is one | [`mysql::transaction`] |
//! | conflict key | a hash of key values: transactions that share one keep their order | `sink/mysql/causality.rs` |
//! | window, batch | transactions that go to the target together; those of them that one worker applies at once | `sink/mysql/window.rs` |
//! | intent, picture | a DDL that is stored before it runs; its objects on the target, before and after | `sink/mysql/ddl/begun.rs`, `picture.rs` |
//! | low-water mark | the end of the last window before which all is durable | `sink/mysql/scheduler.rs` |
//! | outline | where the rows of a transaction are in its bytes, found once | [`decode::TxnOutline`] |
//! | reference | an empty table made of the upstream's definition, to compare with | `sink/mysql/schema_diff/mod.rs` |
//! | early, late | rows that come before the message of their DDL; rows behind a TRUNCATE or EXCHANGE PARTITION that they did not know of | `pipeline/ddl_order.rs` |
//! | pump status | what other parts may know of the Pumps while they are read | `source/pump/mod.rs` |
//!
//! # Invariants
//!
//! 1. Commit ts only rises between merge and apply. Nothing is emitted before the complete list of
//!    Pumps is known.
//! 2. A transaction is never lost, only emptied: a filtered one still carries its ts, so the
//!    checkpoint moves.
//! 3. The schema travels with the row: a transaction is read, and takes effect, by the schema
//!    version that it was written with. Under load that is newer than the DDL messages before it
//!    (the parts of one ALTER show before its message: it runs early, [`schema::EarlyJob`]) or
//!    older (what it wrote into a partition that was emptied or exchanged meanwhile is where the
//!    old one is, [`schema::LateTable`]). While partitions are reorganised each change comes twice
//!    ([`decode::Writes`]).
//! 4. The checkpoint never passes work that is not durable on the target.
//! 5. Exactly once: each worker owns a slot row on the target and updates it first in every
//!    transaction. That row is the fence (it names the run and the claim, so a session that lost
//!    its slot changes no row and stops), the record (which upstream transactions the slot made
//!    durable above the low-water mark), and its own clean-up. A new run locks every slot of the
//!    old ones before it reads them, so it waits for, or ends, a commit that is still on its way; a
//!    worker that lost its connection does the same with its own slot. So the answer to a COMMIT
//!    may be lost, or wrong, never its effect: an error that answers one says nothing, the slot
//!    does. And nothing is forgotten: a server that answers is no server that remembers. What the
//!    target acknowledged in a run is compared after every new connection with what all slots of
//!    the link hold ([`checkpoint::Acknowledged`]). If anything is missing, nothing more of the run
//!    is saved; the sink is opened anew under the same lease, and the stream set back to what the
//!    target really holds.
//! 6. An upstream transaction is never split over two transactions on the target, except above a
//!    number of rows that the operator names. Two that share the value of a primary or unique key,
//!    or a foreign key's, keep their order.
//! 7. DDL runs alone. Before each statement its intent is stored with a picture of its objects
//!    (definitions and the storage engine's ids); after an unclear end the picture is taken again
//!    and says whether it took effect. Where it cannot say, the run stops; nothing runs twice.
//! 8. Bad bytes give an error that names the commit ts, table and column; they never panic, and
//!    never write a guess.
//! 9. Memory is bounded by `--memory-limit`, one raw transaction of the stream not counted: queues
//!    are bounded in bytes, a transaction above a part of the limit travels undecoded
//!    ([`decode::LargeTxn`]), and a large message is read only once all before it is taken.
//! 10. Only [`output`] prints, only `main` exits, but for signals: the second one to a run
//!     ([`stop`]), and any while the wizard asks. Asynchronous are the clients and servers of gRPC
//!     and of buckets, each on a small runtime of its own: `source/pump`, [`pd`], [`registration`],
//!     `backup/storage/remote`, and the simulated cluster.
//!
//! Memory is bounded by one setting: the streams, the rows under way and the definitions each have
//! a share of it, what gives rows waits for room, and a transaction that is too large to be
//! decoded as a whole is read row by row from its raw bytes.
//!
//! # Why the order inside a batch is right
//!
//! A batch removes, table by table, every row that existed before the batch and that it touches,
//! then inserts every row that must exist after it. No other order is needed: all transactions that
//! share the value of a unique key with one of the batch are in it, durable before it, or wait for
//! it; so the key holds at the batch's end as it did upstream, and after all removals no insert can
//! meet a row in its way, whatever collation or number of unique keys a table has. Foreign key
//! checks are off (the stream carries cascaded rows itself).
//!
//! # Adding a source, a sink or a command
//!
//! A source or a sink implements [`source::Source`] or [`sink::Sink`], whose doc comments are their
//! contract. A source says there whether it is a live cluster and whether a run registers for it;
//! what only it wants to know is a field of [`source::Options`]. Add one arm to [`source::open`] or
//! to `commands::sync`, a case to `tests/source_contract.rs`, and a line to the changelog. If
//! `merge`, `filter` or `pipeline` have to change for it, the contract was wrong and is mended
//! first. A command has its arguments in `cli`, its file in `commands` and its arm in
//! `commands/mod.rs`; `make generated` writes its completions and manual page.

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
