//! Which cluster a link comes from and which it goes to, as far as the addresses tell: enough to see that two links go opposite
//! ways, or the same way.

use std::collections::BTreeSet;

use crate::event::silent;
use crate::pd::endpoints;
use crate::sink::mysql::connect::Target;
use crate::source;

/// Everything that an end is known by: `cluster id`, `pd host:port`, `sql host:port`, `folder path`. Two that share one of them are the same cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(BTreeSet<String>);

impl Places {
    /// Of a source's address.
    #[must_use]
    pub(super) fn of_source(address: &str) -> Self {
        if !source::is_cluster(address) {
            return Self(BTreeSet::from([format!("folder {address}")]));
        }
        // An address that cannot be read is refused where it is opened.
        let found = endpoints(&[address.to_owned()]).unwrap_or_default();
        Self(found.into_iter().map(|e| format!("pd {}", e.address.to_lowercase())).collect())
    }

    /// Of a target's address.
    #[must_use]
    pub(super) fn of_target(address: &str) -> Self {
        let place = Target::parse(address, &silent()).map(|target| match target.socket {
            Some(socket) => format!("socket {socket}"),
            None => format!("sql {}:{}", target.host.to_lowercase(), target.port),
        });
        Self(place.into_iter().collect())
    }

    /// Of SQL servers, each `host:port`.
    #[must_use]
    pub fn of_servers(addresses: impl IntoIterator<Item = String>) -> Self {
        Self(addresses.into_iter().map(|address| format!("sql {}", address.to_lowercase())).collect())
    }

    /// Of the cluster with this id, which PD gave it.
    #[must_use]
    pub fn of_cluster(id: u64) -> Self {
        Self(BTreeSet::from([format!("cluster {id}")]))
    }

    /// Whether it is known where its SQL servers are.
    #[must_use]
    pub fn has_sql(&self) -> bool {
        self.0.iter().any(|place| place.starts_with("sql ") || place.starts_with("socket "))
    }

    /// The same with what `other` is known by.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether both are the same cluster: by their ids, where both are known; two sites may use the same addresses.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let id = |places: &Self| places.0.iter().any(|place| place.starts_with("cluster "));
        let ids = id(self) && id(other);
        self.0.iter().any(|place| (!ids || place.starts_with("cluster ")) && other.0.contains(place))
    }

    /// What a cluster of a file that is the same adds.
    fn learn(&mut self, clusters: &[Self]) {
        let known: Vec<&Self> = clusters.iter().filter(|cluster| self.is(cluster)).collect();
        let more: BTreeSet<String> = known.into_iter().flat_map(|cluster| cluster.0.iter().cloned()).collect();
        self.0.extend(more);
    }
}

/// Both ends of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Where it comes from.
    pub from: Places,
    /// Where it goes.
    pub to: Places,
    /// By what it is known that both are one cluster, where the clusters were asked.
    pub one_by: Option<String>,
    /// They were asked, and are two: addresses that both have mean nothing.
    pub two: bool,
}

impl Ends {
    /// Of a link with these addresses, and what `clusters`, those of a file, say about them: each is what one cluster is known by.
    #[must_use]
    pub(super) fn new(from: &str, to: &str, clusters: &[Places]) -> Self {
        let mut ends = Self { from: Places::of_source(from), to: Places::of_target(to), ..Self::default() };
        ends.from.learn(clusters);
        ends.to.learn(clusters);
        ends
    }

    /// Whether it leads from a cluster to itself.
    #[must_use]
    pub fn is_round(&self) -> bool {
        self.one_by.is_some() || (!self.two && self.from.is(&self.to))
    }

    /// Whether `other` goes back where this one comes from; of two within one cluster neither does.
    #[must_use]
    pub fn opposite(&self, other: &Self) -> bool {
        self.from.is(&other.to) && self.to.is(&other.from) && !self.same(other)
    }

    /// Whether `other` goes the same way.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.from.is(&other.from) && self.to.is(&other.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(pd: &str, sql: &str) -> Places {
        Places::of_source(pd).and(Places::of_target(sql))
    }

    #[test]
    fn a_file_says_which_pd_and_which_sql_are_one_cluster() {
        let clusters = [cluster("pd://a1:2379,a2:2379", "mysql://r@a:4000"), cluster("pd://b:2379", "tidb://b")];
        let ends = |from, to| Ends::new(from, to, &clusters);
        let there = ends("pd://a1:2379,a2:2379", "mysql://root@B:4000/?ssl-mode=disabled");
        assert!(there.opposite(&ends("http://b:2379", "mysql://other@a:4000")));
        // One of PD's members is enough.
        assert!(
            there.opposite(&ends("pd://b:2379", "mysql://a:4000"))
                && there.same(&ends("pd://a2:2379", "tidb://b:4000"))
        );
        assert!(!there.opposite(&there) && !there.same(&ends("pd://b:2379", "mysql://a:4000")));
        assert!(!there.opposite(&ends("pd://b:2379", "mysql://a:4001")));
        let within = ends("pd://b:2379", "mysql://b:4000");
        assert!(within.same(&within) && !within.opposite(&within));
    }

    #[test]
    fn ids_tell_more_than_addresses() {
        let known = |id, port: &str| Places::of_cluster(id).and(Places::of_servers([format!("10.0.0.1:{port}")]));
        assert!(!known(1, "4000").is(&known(2, "4000")) && known(1, "4000").is(&known(1, "4001")));
        assert!(known(1, "4000").is(&Places::of_target("mysql://10.0.0.1:4000")));
    }

    #[test]
    fn without_a_file_only_equal_addresses_are_the_same() {
        let ends = |from, to| Ends::new(from, to, &[]);
        assert!(!ends("pd://a:2379", "mysql://b").opposite(&ends("pd://b:2379", "mysql://a")));
        assert!(ends("./recording", "mysql://b").same(&ends("./recording", "mysql://x@b:3306")));
        let socket = "mysql://root@localhost/?socket=/run/b.sock";
        assert!(ends("./r", socket).same(&ends("./r", socket)) && !ends("./r", socket).same(&ends("./s", socket)));
    }
}
