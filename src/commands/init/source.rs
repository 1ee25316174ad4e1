//! Where PD is, and what it says.

use std::path::PathBuf;

use anyhow::Result;

use super::{Found, reached};
use crate::cli::init::InitArgs;
use crate::error::Fault;
use crate::pd::Security;
use crate::wizard::{Cluster, Interview, Question, Side, addresses};

/// Which cluster is asked for.
pub(super) struct Asked<'a> {
    pub flag: &'static str,
    /// Of CA, certificate and key.
    pub tls: [&'static str; 3],
    pub given: Option<&'a str>,
    pub security: Security,
    /// The id of the other cluster.
    pub other: Option<u64>,
}

pub(super) fn ask(
    interview: &mut Interview<'_>,
    args: &InitArgs,
    side: &mut Side,
    found: &mut Found,
    asked: &Asked<'_>,
) -> Result<()> {
    let text = format!("PD of cluster {} (host:port, several with commas)", side.name);
    let mut last: Option<String> = None;
    interview.until_good(|interview| {
        let question = Question { flag: asked.flag, text: &text, default: last.as_deref() };
        let typed = interview.text(question, asked.given)?;
        last = Some(typed.clone());
        let (pd, https) = addresses(&typed)?;
        let mut security = asked.security.clone();
        if https && security.ca.is_none() {
            security = files(interview, asked.tls)?;
        }
        let answered = Cluster::look(&pd, &security);
        let cluster = reached(interview, args, answered)?;
        if let Some(cluster) = &cluster {
            interview.found(&cluster.shown());
            cluster.doubts().iter().for_each(|doubt| interview.warn(doubt));
            if asked.other == Some(cluster.id) {
                return Err(Fault::usage(format!("{typed} is the first cluster again: both have id {}", cluster.id))
                    .hint("each side has a PD of its own")
                    .into());
            }
        }
        (side.pd, side.security) = (pd, security);
        side.cluster_id = cluster.as_ref().map(|c| c.id);
        found.cluster = cluster;
        Ok(())
    })
}

/// The files for TLS. `pem` without a certificate of our own.
fn files(interview: &mut Interview<'_>, [ca, cert, key]: [&'static str; 3]) -> Result<Security> {
    let mut file = |flag, text, optional: bool| -> Result<Option<PathBuf>> {
        let default = optional.then_some("");
        let typed = interview.text(Question { flag, text, default }, None)?;
        Ok(Some(typed).filter(|t| !t.is_empty()).map(PathBuf::from))
    };
    let ca = file(ca, "CA certificate of the cluster (a PEM file)", false)?;
    let cert = file(cert, "Client certificate (a PEM file, empty for none)", true)?;
    let key = if cert.is_some() { file(key, "Its private key (a PEM file)", false)? } else { None };
    Ok(Security { ca, cert, key })
}
