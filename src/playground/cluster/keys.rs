//! The part of etcd that others write: drainers' entries, and whatever a test puts there. Pumps and TiDB servers have theirs made
//! for them.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::pd::etcd::{Compare, EQUAL, GREATER, Operand};
use crate::pd::message::KeyValue;

/// `Compare.result`: less.
const LESS: i32 = 2;

/// Keys with their histories, as etcd counts them.
#[derive(Default)]
pub(super) struct Keys {
    all: BTreeMap<String, KeyValue>,
    revision: i64,
    /// Whether somebody may write.
    pub(super) locked: bool,
}

impl Keys {
    pub(super) fn get(&self, key: &str) -> Option<&KeyValue> {
        self.all.get(key)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &KeyValue)> {
        self.all.iter()
    }

    pub(super) fn revision(&self) -> i64 {
        self.revision
    }

    pub(super) fn put(&mut self, key: &str, value: Bytes) {
        self.revision += 1;
        let before = self.all.get(key);
        let pair = KeyValue {
            key: key.to_owned().into(),
            create_revision: before.map_or(self.revision, |b| b.create_revision),
            mod_revision: self.revision,
            version: before.map_or(1, |b| b.version + 1),
            value,
            lease: 0,
        };
        self.all.insert(key.to_owned(), pair);
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.revision += 1;
        self.all.remove(key);
    }
}

/// Whether a condition holds for what its key holds.
pub(super) fn holds(found: Option<&KeyValue>, compare: &Compare) -> bool {
    let number = |of: fn(&KeyValue) -> i64, with: i64| found.map_or(0, of).cmp(&with);
    let order = match &compare.operand {
        Some(Operand::Version(n)) => number(|kv| kv.version, *n),
        Some(Operand::CreateRevision(n)) => number(|kv| kv.create_revision, *n),
        Some(Operand::ModRevision(n)) => number(|kv| kv.mod_revision, *n),
        Some(Operand::Value(value)) => match found {
            Some(kv) => kv.value.cmp(value),
            None => return false,
        },
        None => return false,
    };
    match compare.result {
        EQUAL => order.is_eq(),
        GREATER => order.is_gt(),
        LESS => order.is_lt(),
        _ => order.is_ne(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pd::etcd::MOD;

    #[test]
    fn conditions_and_revisions() {
        let mut keys = Keys::default();
        let condition = |result, n| Compare {
            result,
            target: MOD,
            key: Bytes::from_static(b"k"),
            operand: Some(Operand::ModRevision(n)),
        };
        assert!(holds(keys.get("k"), &condition(EQUAL, 0)) && !holds(keys.get("k"), &condition(GREATER, 0)));
        keys.put("k", Bytes::from_static(b"1"));
        keys.put("other", Bytes::new());
        keys.put("k", Bytes::from_static(b"2"));
        let found = keys.get("k").cloned().unwrap();
        assert_eq!((found.create_revision, found.mod_revision, found.version), (1, 3, 2));
        assert!(holds(Some(&found), &condition(EQUAL, 3)) && holds(Some(&found), &condition(GREATER, 0)));
        assert!(!holds(Some(&found), &condition(EQUAL, 0)));
        keys.remove("k");
        assert!(holds(keys.get("k"), &condition(EQUAL, 0)) && keys.all().count() == 1);
    }
}
