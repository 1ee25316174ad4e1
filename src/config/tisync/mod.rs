//! Reads tisync.toml: clusters that are named once, and the links between them.

pub(crate) mod cluster;
mod link;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use self::cluster::Cluster;
use super::document::Document;
use super::draft::Draft;
use super::draft::Given;
use super::reader::Reader;
use super::{Environment, Places, Remark, address};
use crate::error::Fault;
use crate::error::nearest;
use crate::mysql::address::PASSWORD_VARIABLE;
use crate::mysql::login::{Secret, told_of};

/// The keys of each table, for the manual page too.
pub const KEYS: [(&str, &[&str]); 9] = [
    ("", &ROOT),
    ("cluster.NAME", &cluster::KEYS),
    ("cluster.NAME.tls", &cluster::TLS),
    ("cluster.NAME.sql-tls", &cluster::SQL_TLS),
    ("link", &link::KEYS),
    ("link.events", &link::EVENTS),
    ("link.routes", &link::ROUTES),
    ("link.replace-ddl", &link::REPLACEMENTS),
    ("link.drainer-checkpoint", &link::CHECKPOINT),
];

const ROOT: [&str; 2] = ["cluster", "link"];

/// A parsed tisync.toml.
pub(super) struct File {
    clusters: BTreeMap<String, Cluster>,
    /// The password from the environment, for the cluster that is the target.
    target_password: Option<Given<Secret>>,
    /// The links, in the order of the file.
    pub(super) links: Vec<Draft>,
    /// The line on which each link begins.
    pub(super) lines: Vec<usize>,
    /// Remarks for the operator.
    pub(super) remarks: Vec<Remark>,
}

impl File {
    /// Reads the whole file, and adds its problems to `document`.
    pub(super) fn read(document: &Document, environment: Environment<'_>) -> Self {
        let root = Reader::root(document);
        root.only(&ROOT, &every_key());
        let target_password = address::of_variable(PASSWORD_VARIABLE, environment);
        let mut file = Self {
            clusters: BTreeMap::new(),
            target_password,
            links: Vec::new(),
            lines: Vec::new(),
            remarks: Vec::new(),
        };
        if let Some(clusters) = root.table("cluster") {
            for name in clusters.keys() {
                if let Some(reader) = clusters.table(name) {
                    let cluster = Cluster::read(&reader, name, environment);
                    if let Some(line) = cluster.password_line.filter(|_| document.open_to_others) {
                        file.remarks.push(Remark::Warning(format!(
                            "{}:{line}: the file contains the password of cluster `{name}` and others can read it: \
                             `chmod 600` it, or better use password-file = or the environment",
                            document.path.display()
                        )));
                    }
                    file.remarks.extend(cluster.open_file.as_deref().map(|p| Remark::Warning(told_of(Path::new(p)))));
                    file.clusters.insert(name.to_owned(), cluster);
                }
            }
        }
        let mut names: Vec<String> = Vec::new();
        for reader in root.tables("link") {
            let draft = file.link(&reader);
            let name = draft.link.as_ref().map_or(super::DEFAULT_LINK.to_owned(), |n| n.value.clone());
            if names.contains(&name) {
                reader.wrong(reader.line(), "name", format!("two links are named `{name}`"));
            }
            names.push(name);
            file.links.push(draft);
            file.lines.push(reader.line());
        }
        file
    }

    /// The chosen link.
    ///
    /// # Errors
    /// A usage fault unless there is exactly one link, or one with this name.
    pub(super) fn choose(&self, document: &Document, name: Option<&str>) -> Result<Draft> {
        let name_of = |d: &Draft| d.link.as_ref().map_or(super::DEFAULT_LINK.to_owned(), |n| n.value.clone());
        let names: Vec<String> = self.links.iter().map(name_of).collect();
        let path = document.path.display();
        match (self.links.as_slice(), name) {
            ([], _) => Ok(Draft::default()),
            ([one], None) => Ok(one.clone()),
            (several, None) => Err(Fault::usage(format!("{path} has {} links: {}", several.len(), names.join(", ")))
                .hint("choose one with --link NAME")
                .into()),
            (links, Some(name)) => {
                let found = names.iter().position(|n| n == name).and_then(|at| links.get(at)).cloned();
                found.ok_or_else(|| {
                    let near = nearest(name, names.iter().map(String::as_str));
                    let hint =
                        near.map_or(format!("defined: {}", names.join(", ")), |n| format!("did you mean `{n}`?"));
                    Fault::usage(format!("{path} has no link named `{name}`")).hint(hint).into()
                })
            }
        }
    }

    /// The places of each cluster.
    pub(super) fn places(&self) -> Vec<Places> {
        self.clusters.values().map(Cluster::places).collect()
    }

    /// The names of the clusters that have a PD.
    pub(super) fn upstreams(&self) -> Vec<&str> {
        self.clusters.iter().filter(|(_, c)| c.tried.contains(&"pd")).map(|(name, _)| name.as_str()).collect()
    }

    /// Replaces cluster names in flags by the `from` and `to` of those clusters of the file.
    pub(super) fn name(&self, draft: &mut Draft) {
        let upstream = draft.from.as_ref().and_then(|f| Some((self.clusters.get(&f.value)?, f.origin.clone())));
        if let Some((cluster, origin)) = upstream {
            cluster.upstream(draft, &origin);
        }
        let target = draft.to.as_ref().and_then(|t| Some((self.clusters.get(&t.value)?, t.origin.clone())));
        if let Some((cluster, origin)) = target {
            cluster.target(draft, &origin, self.target_password.as_ref());
        }
    }
}

fn every_key() -> Vec<&'static str> {
    // Full names of the keys of links and clusters, for a hint if one is at the top of the file.
    const FULL: [&str; 10] = [
        "cluster.NAME.pd",
        "cluster.NAME.sql",
        "cluster.NAME.tls",
        "cluster.NAME.password-file",
        "link.from",
        "link.to",
        "link.tables",
        "link.start-ts",
        "link.ddl",
        "link.sync-mode",
    ];
    FULL.to_vec()
}
