//! All that is to be said about a file, without running anything.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::document::{Document, Problem};
use super::draft::Draft;
use super::load::{FileKind, Idle, Loaded};
use super::opposite::{Discord, discords, opposites, repeated, repetition};
use super::rounds::{Round, rounds};
use super::{Ends, Environment, Remark, Settings, drainer, tisync};

/// What is to be said about a file.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: FileKind,
    /// The names of its links.
    pub links: Vec<String>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// What should be known about it.
    pub remarks: Vec<Remark>,
    /// What does nothing.
    pub idle: Vec<Idle>,
    /// Its links, if nothing is wrong with any of them alone: what their clusters say may be added before [`together`](Self::together).
    pub settings: Vec<Settings>,
    drafts: Vec<Draft>,
    /// Where each begins.
    lines: Vec<usize>,
}

/// Looks at all of a file, but for what its links are [together](Checked::together).
///
/// # Errors
/// A usage fault if it cannot be read, is no TOML, or is neither of the files.
pub fn check(path: &Path, environment: Environment<'_>) -> Result<Checked> {
    let document = Document::open(path)?;
    let kind = FileKind::of(&document)?;
    let (drafts, lines, Loaded { mut remarks, idle, clusters, .. }) = match kind {
        FileKind::Tisync => {
            let file = tisync::File::read(&document, environment);
            let clusters = file.places();
            (file.links, file.lines, Loaded { remarks: file.remarks, clusters, ..Loaded::default() })
        }
        FileKind::Drainer => {
            let loaded = drainer::read(&document, environment);
            (vec![loaded.draft.clone()], vec![0], loaded)
        }
    };
    let mut names = Vec::new();
    let mut links = Vec::new();
    for draft in &drafts {
        let name = draft.link.as_ref().map_or(super::DEFAULT_LINK.to_owned(), |n| n.value.clone());
        // What is missing was said where it is missing.
        if document.problems().is_empty() {
            match Settings::settle(draft.clone()) {
                Ok(mut link) => {
                    link.ends = Ends::new(&link.source.address, &link.target, &clusters);
                    links.push(link);
                }
                Err(error) => document.problem(0, format!("link `{name}`"), error.to_string()),
            }
        }
        names.push(name);
    }
    if links.len() == drafts.len() {
        let twice = repeated(&links).into_iter().filter_map(|(i, j)| Some((links.get(i)?, links.get(j)?)));
        remarks.extend(twice.map(|(one, other)| Remark::Warning(repetition(one, other))));
    } else {
        links.clear();
    }
    let problems = document.problems();
    Ok(Checked { path: path.to_owned(), kind, links: names, problems, remarks, idle, settings: links, drafts, lines })
}

impl Checked {
    /// Notes what is wrong with its links beside each other.
    pub fn together(&mut self) {
        let line = |at: usize| self.lines.get(at).copied().unwrap_or_default();
        let mut found: Vec<Problem> = Vec::new();
        for Round { links, message, hint } in rounds(&self.settings) {
            let line = links.last().map_or(0, |at| line(*at));
            found.push(Problem { line, key: "link.to".to_owned(), message: format!("{message}; {hint}") });
        }
        let two = |(i, j): (usize, usize)| Some((self.settings.get(i)?, self.settings.get(j)?));
        for (one, other) in opposites(&self.settings).into_iter().filter_map(two) {
            for Discord { link, key, message, hint } in discords(one, other) {
                let at = self.settings.iter().position(|l| l.link == link).unwrap_or_default();
                let shown = self.drafts.get(at).map_or_else(Vec::new, Draft::shown);
                let written = shown.into_iter().find(|(k, ..)| *k == key).map(|(.., origin)| origin.line());
                let line = written.unwrap_or_else(|| line(at));
                found.push(Problem { line, key: format!("link.{key}"), message: format!("{message}; {hint}") });
            }
        }
        self.problems.extend(found);
        self.problems.sort();
        self.problems.dedup();
    }
}
