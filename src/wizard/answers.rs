//! What was answered.

use std::path::PathBuf;

use crate::config::Start;
use crate::pd::Security;
use crate::sink::mysql::secret::Secret;

/// All that the file is made of.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The clusters; the first one is the source, both ways the second is one too.
    pub sides: [Side; 2],
    /// Where the link from the first to the second begins.
    pub start: Begin,
    /// Where the link back begins; `None`: one way.
    pub back: Option<Begin>,
    /// Which tables; none: all.
    pub tables: Vec<String>,
    /// 1: columns have to be the same. 2: those that both have are replicated.
    pub sync_mode: u8,
    /// How links leave out what came from the other side; `None`: one way.
    pub marks: Option<Marks>,
}

impl Answers {
    /// The links: source, target and beginning. Both ways they have names.
    #[must_use]
    pub fn links(&self) -> Vec<Link<'_>> {
        let [a, b] = &self.sides;
        let name = |from: &Side, to: &Side| self.back.is_some().then(|| format!("{}-to-{}", from.name, to.name));
        let there = Link { name: name(a, b), from: a, to: b, begin: &self.start, ddl: self.ddl_from(0) };
        let back =
            self.back.as_ref().map(|begin| Link { name: name(b, a), from: b, to: a, begin, ddl: self.ddl_from(1) });
        std::iter::once(there).chain(back).collect()
    }

    fn ddl_from(&self, side: usize) -> bool {
        self.marks.as_ref().is_none_or(|m| m.ddl_from == side)
    }
}

/// A link of the answers.
#[derive(Clone, Debug)]
pub struct Link<'a> {
    /// Its name, unless it is the only one.
    pub name: Option<String>,
    /// The source.
    pub from: &'a Side,
    /// The target.
    pub to: &'a Side,
    /// Where it begins.
    pub begin: &'a Begin,
    /// Whether DDL goes along.
    pub ddl: bool,
}

/// A cluster.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// What the file calls it.
    pub name: String,
    /// PD's addresses, `host:port` or `https://host:port`; none for a target alone.
    pub pd: Vec<String>,
    /// TLS to PD, Pumps and status ports.
    pub security: Security,
    /// What PD said it is; `None` if it was not asked.
    pub cluster_id: Option<u64>,
    /// SQL address without a password; `None` for a source alone.
    pub sql: Option<String>,
    /// Where the account's password is kept.
    pub password: Kept,
}

/// Where a password is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// There is none, or the address or MySQL's option file lead to it.
    #[default]
    Nowhere,
    /// In a variable of the environment.
    Variable(String),
    /// In a file that is there.
    File(PathBuf),
    /// In a file that is to be written beside the tisync.toml.
    Beside(Secret),
    /// In the tisync.toml.
    Inside(Secret),
}

/// Where a link begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// As the file has it.
    pub start: Start,
    /// Where it came from, for a comment.
    pub said: String,
    /// The flags of `tisync init` that say so.
    pub flags: Vec<String>,
}

/// How links leave out what came from the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The channel.
    pub channel: i64,
    /// The mark table.
    pub table: String,
    /// Which side's DDL goes to the other: 0 or 1.
    pub ddl_from: usize,
}
