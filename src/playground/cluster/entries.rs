//! What a test does with the cluster's entries in etcd.

use anyhow::Result;
use bytes::Bytes;

use super::pump::Site;
use super::state::lock;
use super::{Cluster, join};

impl Cluster {
    /// Starts a Pump as one that is new or was offline: it registers as `online` and tells every drainer that says so, too. Takes up
    /// to 10 s if one does not answer.
    ///
    /// # Errors
    /// If one of them does not answer: then the Pump is offline again, as a real one that does not start.
    pub fn join_pump(&self, index: usize) -> Result<()> {
        let site = Site { shared: self.shared.clone(), index };
        if !lock(self.node(index)?).running() {
            self.restart_pump(index)?;
        }
        join::register(&site)
    }

    /// The value of a key that somebody wrote into etcd.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<String> {
        lock(&self.shared.keys).get(key).map(|pair| String::from_utf8_lossy(&pair.value).into_owned())
    }

    /// The keys that somebody wrote into etcd.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        lock(&self.shared.keys).all().map(|(key, _)| key.clone()).collect()
    }

    /// Writes a key of etcd; `None` takes it away.
    pub fn set_key(&self, key: &str, value: Option<&str>) {
        // Not between a client's condition and what it does if that holds.
        let _alone = lock(&self.shared.writing);
        let mut keys = lock(&self.shared.keys);
        match value {
            Some(value) => keys.put(key, Bytes::copy_from_slice(value.as_bytes())),
            None => keys.remove(key),
        }
    }

    /// Whether clients may write into etcd.
    pub fn set_etcd_writable(&self, writable: bool) {
        lock(&self.shared.keys).locked = !writable;
    }

    /// A Pump's state in etcd.
    ///
    /// # Errors
    /// If there is no such Pump.
    pub fn pump_state(&self, index: usize) -> Result<String> {
        Ok(lock(&self.pump(index)?.entry).state.clone())
    }

    /// The Pumps that say `online`; all of them, if none does.
    #[must_use]
    pub fn online_pumps(&self) -> Vec<usize> {
        let pumps = self.shared.pumps.iter().enumerate();
        let online = |p: &super::state::Pump| {
            let entry = lock(&p.entry);
            entry.listed && entry.state == "online"
        };
        let found: Vec<usize> = pumps.filter(|(_, p)| online(p)).map(|(index, _)| index).collect();
        if found.is_empty() { (0..self.pump_count()).collect() } else { found }
    }
}
