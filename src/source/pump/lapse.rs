//! TiDB servers that do not write Binlog: reason enough not to start, and told with a count when it happens during a run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::Timestamp;

use crate::error::Fault;
use crate::model::span_text;
use crate::pd::TidbServer;

/// The one status with which nothing is lost.
const ON: &str = "On";

/// Checks that each TiDB server writes Binlog.
///
/// # Errors
/// A refusal that says which one does not, and what that means.
pub fn binlog_is_on(servers: &[TidbServer]) -> Result<()> {
    let Some(server) = servers.iter().find(|s| s.binlog_status != ON) else { return Ok(()) };
    let (means, hint) = meaning(&server.binlog_status);
    let text = format!("TiDB {} ({}) {means}", server.sql_address(), server.version);
    Err(Fault::refused(text).hint(hint).into())
}

/// What a status other than `On` means, and what to do about it.
fn meaning(status: &str) -> (&'static str, &'static str) {
    match status {
        "Off" => (
            "has Binlog switched off (binlog_status Off): what is written through it never reaches a Pump",
            "set `binlog.enable = true` in its configuration and restart it; what was written meanwhile needs a new backup",
        ),
        "Skipping" => (
            "skips Binlog after an error (binlog_status Skipping, `ignore-error = true`): data is being lost for every target",
            "mend its Pumps, then `curl http://<status address>/binlog/recover`, and begin again from a new backup",
        ),
        "" => (
            "tells no binlog_status: TiDB 8.4 and later have no TiDB Binlog, so what is written through it is lost to every Pump",
            "Binlog replicates clusters up to TiDB 8.3",
        ),
        _ => (
            "does not know whether it writes Binlog (binlog_status Unknown): data may be lost",
            "look at its log and at `/info/all` of its status port; start again when it says On",
        ),
    }
}

/// A TiDB server that did not write Binlog at some time of a run. As seen in the cluster's list, every few seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// `host:port` of its SQL port.
    pub server: String,
    /// Its last status other than `On`.
    pub status: String,
    /// How often it stopped writing Binlog.
    pub times: u64,
    /// For how long in all, up to its last return.
    pub lost: Duration,
    /// Since when it has not been writing; `None`: it does again.
    pub since: Option<(Instant, Timestamp)>,
}

impl Lapse {
    /// Takes note of how `server` is `now`; gives a sentence if that is another state than before.
    pub(super) fn update(lapses: &mut BTreeMap<String, Self>, server: &TidbServer, now: Instant) -> Option<String> {
        let (address, status) = (server.sql_address(), server.binlog_status.as_str());
        if status == ON {
            let lapse = lapses.get_mut(&address)?;
            let (begin, _) = lapse.since.take()?;
            let lost = now.saturating_duration_since(begin);
            lapse.lost += lost;
            return Some(format!(
                "TiDB {address} writes Binlog again, after {} of {}: what was written through it meanwhile is missing on every \
                 target; compare the tables, or begin again from a new backup",
                span(lost),
                word(&lapse.status)
            ));
        }
        let lapse = lapses.entry(address.clone()).or_insert_with(|| Self {
            server: address.clone(),
            status: String::new(),
            times: 0,
            lost: Duration::ZERO,
            since: None,
        });
        if lapse.since.is_some() && lapse.status == status {
            return None;
        }
        let (_, when) = *lapse.since.get_or_insert_with(|| {
            lapse.times += 1;
            (now, Timestamp::now())
        });
        status.clone_into(&mut lapse.status);
        let (means, hint) = meaning(status);
        Some(format!("since about {} TiDB {address} ({}) {means}; {hint}", time(when), server.version))
    }

    /// One sentence for the end of a run.
    #[must_use]
    pub fn explain(&self) -> String {
        let open = self.since.map_or(Duration::ZERO, |(begin, _)| begin.elapsed());
        let still = if self.since.is_some() { ", and still does not write it" } else { "" };
        format!(
            "TiDB {} stopped writing Binlog {} time(s) during this run (binlog_status {}), for {} in all{still}: what was written \
             through it then is missing on the target",
            self.server,
            self.times,
            word(&self.status),
            span(self.lost + open)
        )
    }
}

fn word(status: &str) -> &str {
    if status.is_empty() { "no binlog_status" } else { status }
}

fn span(time: Duration) -> String {
    span_text(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

fn time(when: Timestamp) -> String {
    when.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(status: &str) -> TidbServer {
        TidbServer {
            id: "x".into(),
            ip: "10.0.0.9".into(),
            port: 4000,
            status_port: 10080,
            binlog_status: status.into(),
            version: "v8.1".into(),
        }
    }

    #[test]
    fn each_binlog_status() {
        assert!(binlog_is_on(&[server("On"), server("On")]).is_ok());
        for (status, word) in
            [("Off", "switched off"), ("Skipping", "being lost"), ("Unknown", "may be lost"), ("", "8.4")]
        {
            let error = binlog_is_on(&[server("On"), server(status)]).unwrap_err();
            assert!(error.to_string().contains(word) && error.to_string().contains("10.0.0.9:4000"), "{error}");
            assert_eq!(crate::error::fault(&error).unwrap().kind, crate::error::Kind::Refused);
        }
    }

    #[test]
    fn each_change_is_told_once_and_counted() {
        let (mut lapses, begin) = (BTreeMap::new(), Instant::now());
        let mut look = |status: &str, s: u64| {
            Lapse::update(&mut lapses, &server(status), begin + Duration::from_secs(s)).unwrap_or_default()
        };
        assert_eq!(look("On", 0), "");
        let text = look("Skipping", 5);
        assert!(text.starts_with("since about 2") && text.contains("10.0.0.9:4000") && text.contains("lost"), "{text}");
        assert_eq!(look("Skipping", 10), "");
        assert!(look("Unknown", 15).contains("Unknown"));
        let text = look("On", 20);
        assert!(text.contains("again, after 15.0s of Unknown"), "{text}");
        assert_eq!(look("On", 25), "");
        assert!(look("Skipping", 30).contains("Skipping"));
        let lapse = &lapses["10.0.0.9:4000"];
        assert_eq!((lapse.times, lapse.lost, lapse.since.is_some()), (2, Duration::from_secs(15), true));
        assert!(lapse.explain().contains("2 time(s)") && lapse.explain().contains("still"), "{}", lapse.explain());
    }
}
