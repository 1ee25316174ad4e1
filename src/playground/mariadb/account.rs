//! Whom a server runs as where we are root: it does what whoever enters it says, also to files.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;

use anyhow::{Context as _, Result};

/// The accounts that are tried, in this order: that of the system's own server, and the one that owns nothing.
const NAMES: [&str; 2] = ["mysql", "nobody"];
/// Where they are.
const PASSWD: &str = "/etc/passwd";

/// One of the system's accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    name: String,
    user: u32,
    group: u32,
}

impl Account {
    /// The one that a server runs as; `None` where we are not root, as the owner of what we have just made, `ours`, tells.
    ///
    /// # Errors
    /// If we are root and there is no such account.
    pub(super) fn instead_of_root(ours: &Path) -> Result<Option<Self>> {
        if fs::metadata(ours)?.uid() != 0 {
            return Ok(None);
        }
        let text = fs::read_to_string(PASSWD).with_context(|| format!("cannot read {PASSWD}"))?;
        let found = NAMES.iter().find_map(|name| Self::find(&text, name));
        found
            .map(Some)
            .with_context(|| format!("{PASSWD} has neither `mysql` nor `nobody`, and as root no server is run here"))
    }

    fn find(passwd: &str, name: &str) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then_some(())?;
            let (user, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            // Another name of root would change nothing.
            (user != 0).then(|| Self { name: name.to_owned(), user, group })
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Gives `path` to it.
    ///
    /// # Errors
    /// If the system does not let us.
    pub(super) fn owns(&self, path: &Path) -> Result<()> {
        let given = chown(path, Some(self.user), Some(self.group));
        given.with_context(|| format!("cannot give {} to `{}`", path.display(), self.name))
    }

    /// What it needs to be able to run, for people.
    pub(super) fn needs(&self) -> String {
        format!(
            "started by root, the server runs as `{}`, who has to be able to enter the folder of temporary files ($TMPDIR)",
            self.name
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nmysql2:x:7:7::/:/bin/false\n\nmysql:x:102:105:,,,:/x:/bin/false\nnobody:x:0:0::/:/\n";
        let mysql = Account::find(passwd, "mysql").unwrap();
        assert_eq!((mysql.name(), mysql.user, mysql.group), ("mysql", 102, 105));
        for none in ["nobody", "other", "root"] {
            assert_eq!(Account::find(passwd, none), None);
        }
    }
}
