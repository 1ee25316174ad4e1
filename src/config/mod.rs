//! Configuration: turns command line, environment and files into the [`Settings`] of each link.
//!
//! [`Settings`] is all that a link needs. Code outside this module does not see the command line or
//! the format of a file.
//!
//! Each origin results in a [`Draft`], key by key with its [`Origin`]: the command line and its
//! environment (`flags`), a tisync.toml (`tisync`), a drainer.toml (`drainer`). The drafts are laid
//! over each other here, and the defaults make [`Settings`] of the result.

mod address;
mod check;
mod document;
mod draft;
pub mod drainer;
mod flags;
mod reader;
mod settings;
pub mod tisync;
mod write;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::SyncArgs;
use crate::error::{Fault, nearest};
use crate::pd::Security;
pub use address::{DrainerCheckpoint, Ends, Places};
pub(crate) use address::{PARTS, append, encode, of_file as password_of_file, variable as password_variable};
pub use check::{Checked, Discord, Round, check, discords, opposites, repeated, repetition, rounds};
pub use document::{Document, Problem};
pub use draft::{Draft, Given, Origin};
pub use flags::agree;
pub use settings::{LoopbackSettings, Replacement, Route, Settings, SourceSettings, security};
pub use write::{Converted, Passwords, convert};
pub(crate) use write::{list as toml_list, text as toml_text};

/// The name of a link without a given name.
pub const DEFAULT_LINK: &str = "default";

/// Reads an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's environment.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A remark for the operator about settings and their origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The operator should check this.
    Warning(String),
    /// Good to know.
    Note(String),
}

/// The settings of a link from all origins, with remarks about them.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The given settings.
    pub draft: Draft,
    /// Remarks for the operator.
    pub remarks: Vec<Remark>,
    /// Keys of a drainer.toml without effect here.
    pub idle: Vec<IneffectiveKey>,
    /// The places of each cluster in the file.
    pub clusters: Vec<Places>,
}

/// A given key without effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IneffectiveKey {
    /// Its full name, or that of a variable.
    pub key: String,
    /// Its line, or 0.
    pub line: usize,
    /// The reason.
    pub why: &'static str,
}

/// Which kind of configuration file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// tisync.toml.
    Tisync,
    /// drainer.toml.
    Drainer,
}

impl FileKind {
    /// Recognises the kind by the keys.
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
            .hint("`tisync config convert drainer.toml` writes an equivalent tisync.toml")
            .into()),
            (None, None) => {
                let near = keys()
                    .find_map(|k| nearest(k, ["cluster", "link"].into_iter().chain(drainer::TOP)).map(|n| (k, n)));
                let hint =
                    near.map_or(String::new(), |(key, near)| format!("did you mean `{near}` instead of `{key}`? "));
                Err(Fault::usage(format!("{path} is neither a tisync.toml nor a drainer.toml"))
                    .hint(format!(
                        "{hint}A tisync.toml has [cluster.NAME] and [[link]], a drainer.toml has pd-urls and [syncer]"
                    ))
                    .into())
            }
        }
    }
}

/// The draft of a file for the link that the flags name, or for its only link.
fn file(path: &Path, flags: &mut Draft, environment: Environment<'_>) -> Result<Loaded> {
    // Never empty: without a link in the file there is one with nothing from it.
    Ok(links(path, flags, environment, false)?.pop().unwrap_or_default())
}

/// The drafts of a file: that of [`file()`], or one for each link if `every` is set and the flags
/// name none.
fn links(path: &Path, flags: &mut Draft, environment: Environment<'_>, every: bool) -> Result<Vec<Loaded>> {
    let document = Document::open(path)?;
    match FileKind::of(&document)? {
        FileKind::Tisync => {
            let file = tisync::File::read(&document, environment);
            document.done()?;
            let name = flags.link.as_ref().map(|n| n.value.as_str());
            let drafts = match name {
                None if every && file.links.len() > 1 => file.links.clone(),
                name => vec![file.choose(&document, name)?],
            };
            file.name(flags);
            let clusters = file.places();
            let loaded = |draft| Loaded { draft, clusters: clusters.clone(), ..Loaded::default() };
            let mut all: Vec<Loaded> = drafts.into_iter().map(loaded).collect();
            // The remarks are about the file: once is enough.
            if let Some(first) = all.first_mut() {
                first.remarks = file.remarks;
            }
            Ok(all)
        }
        FileKind::Drainer => {
            let loaded = drainer::read(&document, environment);
            document.done()?;
            Ok(vec![loaded])
        }
    }
}

/// The upstream cluster in a file: its PD and the TLS files. `name` is a cluster of a tisync.toml,
/// needed if several have a PD; a drainer.toml has one, without a name.
///
/// # Errors
/// A usage fault with all problems of the file, or if the cluster is not clear.
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
                    Fault::usage(format!("{shown} is a drainer.toml, whose cluster has no name, so not `{name}`"));
                return Err(fault.hint("leave out --cluster").into());
            }
            loaded.draft
        }
    };
    let Some(from) = draft.from else {
        return Err(Fault::usage(format!("{shown} does not set PD's address"))
            .hint("set `pd-urls` in the drainer.toml")
            .into());
    };
    let file = |given: Option<Given<PathBuf>>| given.map(|g| g.value);
    Ok((from.value, Security { ca: file(draft.ssl_ca), cert: file(draft.ssl_cert), key: file(draft.ssl_key) }))
}

/// The draft of a file with one link, without flags, and the kind of the file.
///
/// # Errors
/// A usage fault with all problems.
pub fn open(path: &Path, environment: Environment<'_>) -> Result<(FileKind, Loaded)> {
    let kind = FileKind::of(&Document::open(path)?)?;
    Ok((kind, file(path, &mut Draft::default(), environment)?))
}

/// The draft of a file for its link of this name, or for its only link.
///
/// # Errors
/// A usage fault with all problems, or if it is not clear which link is meant.
pub fn link(path: &Path, name: Option<&str>, environment: Environment<'_>) -> Result<Draft> {
    let mut flags = Draft { link: name.map(|n| Given::flag(n.to_owned())), ..Draft::default() };
    Ok(file(path, &mut flags, environment)?.draft)
}

/// The draft from the command line, the environment, and the file that they name.
///
/// # Errors
/// A usage fault with all problems, or if it is not clear which link is meant.
pub fn load(args: &SyncArgs, environment: Environment<'_>) -> Result<Loaded> {
    Ok(lay(args, environment, false)?.pop().unwrap_or_default())
}

/// The drafts from the three origins as in [`load`], for every link of the file, or for the link
/// that the flags name.
fn load_all(args: &SyncArgs, environment: Environment<'_>) -> Result<Vec<Loaded>> {
    lay(args, environment, true)
}

fn lay(args: &SyncArgs, environment: Environment<'_>, every: bool) -> Result<Vec<Loaded>> {
    let mut flags = Draft::of_args(args, environment);
    let Some(path) = &args.config else { return Ok(vec![Loaded { draft: flags, ..Loaded::default() }]) };
    let mut all = links(path, &mut flags, environment, every)?;
    if let [_, _, ..] = all.as_slice() {
        flags::refuse_flags_of_one(args, &flags, path, &all)?;
    }
    for loaded in &mut all {
        tell_idle(loaded, path);
        loaded.draft = flags.clone().over(std::mem::take(&mut loaded.draft));
    }
    Ok(all)
}

fn tell_idle(loaded: &mut Loaded, path: &Path) {
    if !loaded.idle.is_empty() {
        let list: Vec<&str> = loaded.idle.iter().map(|i| i.key.as_str()).collect();
        loaded.remarks.push(Remark::Note(format!(
            "these keys of {} have no effect: {} (`tisync config check {0}` says why)",
            path.display(),
            list.join(", ")
        )));
    }
}
