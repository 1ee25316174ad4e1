//! Lays the places where settings can stand over each other.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::document::{Document, Problem};
use super::draft::Draft;
use super::origin::Given;
use super::{Environment, Remark, Settings, drainer, tisync};
use crate::cli::SyncArgs;
use crate::error::Fault;
use crate::near::nearest;
use crate::pd::Security;

/// What all places together give for a link, and what should be known about it.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What was given.
    pub draft: Draft,
    /// What should be known.
    pub remarks: Vec<Remark>,
    /// Keys of a drainer.toml that do nothing here.
    pub idle: Vec<Idle>,
}

/// A key that was given and does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idle {
    /// Its full name, or that of a variable.
    pub key: String,
    /// Its line, or 0.
    pub line: usize,
    /// Why it does nothing.
    pub why: &'static str,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// tisync.toml.
    Tisync,
    /// drainer.toml.
    Drainer,
}

impl FileKind {
    /// Tells by the keys.
    ///
    /// # Errors
    /// A usage fault if it is neither, or seems to be both.
    pub fn of(document: &Document) -> Result<Self> {
        let keys = || document.root.0.iter().map(|(key, _)| key.as_str());
        let tisync = keys().find(|k| ["cluster", "link"].contains(k));
        let drainer = keys().find(|k| drainer::TOP.contains(k));
        let path = document.path.display();
        match (tisync, drainer) {
            (Some(_), None) => Ok(Self::Tisync),
            (None, Some(_)) => Ok(Self::Drainer),
            (Some(ours), Some(theirs)) => Err(Fault::usage(format!(
                "{path} has both `{ours}`, which is tisync.toml's, and `{theirs}`, which is drainer.toml's"
            ))
            .hint("`tisync config convert drainer.toml` writes the tisync.toml of the same meaning")
            .into()),
            (None, None) => {
                let near = keys()
                    .find_map(|k| nearest(k, ["cluster", "link"].into_iter().chain(drainer::TOP)).map(|n| (k, n)));
                let hint = near.map_or(String::new(), |(key, near)| format!("did you mean `{near}` by `{key}`? "));
                Err(Fault::usage(format!("{path} is neither a tisync.toml nor a drainer.toml"))
                    .hint(format!(
                        "{hint}A tisync.toml has [cluster.NAME] and [[link]], a drainer.toml has pd-urls and [syncer]"
                    ))
                    .into())
            }
        }
    }
}

/// What a file gives for the link that the flags name, or for its only one.
fn file(path: &Path, flags: &mut Draft, environment: Environment<'_>) -> Result<Loaded> {
    let document = Document::open(path)?;
    match FileKind::of(&document)? {
        FileKind::Tisync => {
            let file = tisync::File::read(&document, environment);
            document.done()?;
            let name = flags.link.as_ref().map(|n| n.value.as_str());
            let draft = file.choose(&document, name)?;
            file.name(flags);
            Ok(Loaded { draft, remarks: file.remarks, idle: Vec::new() })
        }
        FileKind::Drainer => {
            let loaded = drainer::read(&document, environment);
            document.done()?;
            Ok(loaded)
        }
    }
}

/// The cluster that is meant in a file: its PD and the TLS files. `name` is one of a tisync.toml's clusters, and needed where several
/// have a PD; a drainer.toml has one, without a name.
///
/// # Errors
/// A usage fault with everything that is wrong with the file, or if the cluster is not clear.
pub fn upstream(path: &Path, name: Option<&str>, environment: Environment<'_>) -> Result<(String, Security)> {
    let document = Document::open(path)?;
    let shown = path.display();
    let draft = match FileKind::of(&document)? {
        FileKind::Tisync => {
            let file = tisync::File::read(&document, environment);
            document.done()?;
            let names = file.upstreams();
            let chosen = match (name, names.as_slice()) {
                (Some(name), all) if all.contains(&name) => name,
                (None, [one]) => *one,
                (Some(name), _) => {
                    let fault = Fault::usage(format!("{shown} has no cluster `{name}` with a `pd`"));
                    return Err(fault.hint(format!("it has: {}", names.join(", "))).into());
                }
                (None, _) => {
                    let fault =
                        Fault::usage(format!("{shown} has {} clusters with a `pd`: {}", names.len(), names.join(", ")));
                    return Err(fault.hint("choose one with --cluster NAME").into());
                }
            };
            let mut draft = Draft { from: Some(Given::flag(chosen.to_owned())), ..Draft::default() };
            file.name(&mut draft);
            draft
        }
        FileKind::Drainer => {
            let loaded = drainer::read(&document, environment);
            document.done()?;
            if let Some(name) = name {
                let fault =
                    Fault::usage(format!("{shown} is a drainer.toml, whose cluster has no name such as `{name}`"));
                return Err(fault.hint("leave out --cluster").into());
            }
            loaded.draft
        }
    };
    let Some(from) = draft.from else {
        return Err(Fault::usage(format!("{shown} names no PD")).hint("`pd-urls` in a drainer.toml").into());
    };
    let file = |given: Option<Given<PathBuf>>| given.map(|g| g.value);
    Ok((from.value, Security { ca: file(draft.ssl_ca), cert: file(draft.ssl_cert), key: file(draft.ssl_key) }))
}

/// What a file of one link gives by itself, and what kind of file it is.
///
/// # Errors
/// A usage fault with everything that is wrong.
pub fn open(path: &Path, environment: Environment<'_>) -> Result<(FileKind, Loaded)> {
    let kind = FileKind::of(&Document::open(path)?)?;
    Ok((kind, file(path, &mut Draft::default(), environment)?))
}

/// What a file gives for its link of the name, or for its only one.
///
/// # Errors
/// A usage fault with everything that is wrong, or if it is not clear which link is meant.
pub fn link(path: &Path, name: Option<&str>, environment: Environment<'_>) -> Result<Draft> {
    let mut flags = Draft { link: name.map(|n| Given::flag(n.to_owned())), ..Draft::default() };
    Ok(file(path, &mut flags, environment)?.draft)
}

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
}

/// Looks at all of a file.
///
/// # Errors
/// A usage fault if it cannot be read, is no TOML, or is neither of the files.
pub fn check(path: &Path, environment: Environment<'_>) -> Result<Checked> {
    let document = Document::open(path)?;
    let kind = FileKind::of(&document)?;
    let (links, Loaded { remarks, idle, .. }) = match kind {
        FileKind::Tisync => {
            let file = tisync::File::read(&document, environment);
            (file.links, Loaded { remarks: file.remarks, ..Loaded::default() })
        }
        FileKind::Drainer => {
            let loaded = drainer::read(&document, environment);
            (vec![loaded.draft.clone()], loaded)
        }
    };
    let mut names = Vec::new();
    for draft in links {
        let name = draft.link.as_ref().map_or(super::DEFAULT_LINK.to_owned(), |n| n.value.clone());
        // What is missing was said where it is missing.
        if document.problems().is_empty()
            && let Err(error) = Settings::settle(draft)
        {
            document.problem(0, format!("link `{name}`"), error.to_string());
        }
        names.push(name);
    }
    Ok(Checked { path: path.to_owned(), kind, links: names, problems: document.problems(), remarks, idle })
}

/// What the command line, the environment and the file that they name give together.
///
/// # Errors
/// A usage fault with everything that is wrong.
pub fn load(args: &SyncArgs, environment: Environment<'_>) -> Result<Loaded> {
    let mut flags = Draft::of_args(args, environment);
    let Some(path) = &args.config else { return Ok(Loaded { draft: flags, ..Loaded::default() }) };
    let mut loaded = file(path, &mut flags, environment)?;
    if !loaded.idle.is_empty() {
        let list: Vec<&str> = loaded.idle.iter().map(|i| i.key.as_str()).collect();
        loaded.remarks.push(Remark::Note(format!(
            "of {}, these do nothing here: {} (`tisync config check {0}` says why)",
            path.display(),
            list.join(", ")
        )));
    }
    Ok(Loaded { draft: flags.over(loaded.draft), ..loaded })
}
