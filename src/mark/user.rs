//! Finds the links that use a channel: by its rows, by the links' own rows, and whether they run.

use anyhow::Result;

use super::INFO_CHARS;
use crate::checkpoint::{Who, survey};
use crate::mysql::session::Session;

/// A link as a mark row names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct User<'a> {
    pub cluster_id: u64,
    /// Cut at the size of the column.
    pub link: &'a str,
    cut: bool,
}

impl<'a> User<'a> {
    pub fn read(info: &'a str) -> Option<Self> {
        let (cluster, link) = info.strip_prefix("tisync ")?.split_once(' ')?;
        let cluster_id = cluster.parse().ok()?;
        Some(Self { cluster_id, link, cut: info.chars().count() >= INFO_CHARS })
    }

    fn is(&self, cluster_id: u64, link: &str) -> bool {
        self.cluster_id == cluster_id && if self.cut { link.starts_with(self.link) } else { link == self.link }
    }
}

/// The links that run and that `infos` name, or whose process `uses` accepts, as ``link `a` of
/// cluster 7``.
pub(super) fn alive(session: &mut Session, infos: &[String], uses: impl Fn(&Who) -> bool) -> Result<Vec<String>> {
    let users: Vec<User<'_>> = infos.iter().filter_map(|i| User::read(i)).collect();
    let running = survey(session)?.into_iter().filter(|l| l.running == Some(true));
    let ours =
        running.filter(|l| users.iter().any(|u| u.is(l.cluster_id, &l.link)) || l.who.as_ref().is_some_and(&uses));
    Ok(ours.map(|l| format!("link `{}` of cluster {}", l.link, l.cluster_id)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_its_link() {
        let user = User::read("tisync 7123456789012345678 a link").unwrap();
        assert!(user.is(7_123_456_789_012_345_678, "a link") && !user.is(7, "a link"));
        assert!(!user.is(7_123_456_789_012_345_678, "a link of another"));
        assert_eq!(User::read(""), None);
        assert_eq!(User::read("tisync mark setup"), None);
        let long = "x".repeat(60);
        let info = crate::mark::cut(&format!("tisync 5 {long}"));
        let user = User::read(&info).unwrap();
        assert!(user.is(5, &long) && !user.is(5, &"x".repeat(40)));
    }
}
