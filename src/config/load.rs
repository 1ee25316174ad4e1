//! Lays the places where settings can stand over each other.

use std::path::Path;

use anyhow::Result;

use super::document::Document;
use super::draft::Draft;
use super::{Environment, Remark, drainer, tisync};
use crate::cli::SyncArgs;
use crate::error::Fault;
use crate::near::nearest;

/// What all places together give for a link, and what should be known about it.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What was given.
    pub draft: Draft,
    /// What should be known.
    pub remarks: Vec<Remark>,
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

/// What a file gives for the link of the name, or for its only one.
///
/// # Errors
/// A usage fault with everything that is wrong.
pub fn file(path: &Path, args: &mut Draft, environment: Environment<'_>) -> Result<Loaded> {
    let document = Document::open(path)?;
    match FileKind::of(&document)? {
        FileKind::Tisync => {
            let file = tisync::File::read(&document, environment);
            document.done()?;
            let name = args.link.as_ref().map(|n| n.value.as_str());
            let draft = file.choose(&document, name)?;
            file.name(args);
            Ok(Loaded { draft, remarks: file.remarks })
        }
        FileKind::Drainer => {
            let loaded = drainer::read(&document, environment);
            document.done()?;
            Ok(loaded)
        }
    }
}

/// What the command line, the environment and the file that they name give together.
///
/// # Errors
/// A usage fault with everything that is wrong.
pub fn load(args: &SyncArgs, environment: Environment<'_>) -> Result<Loaded> {
    let mut flags = Draft::of_args(args, environment);
    let Some(path) = &args.config else { return Ok(Loaded { draft: flags, remarks: Vec::new() }) };
    let Loaded { draft, remarks } = file(path, &mut flags, environment)?;
    Ok(Loaded { draft: flags.over(draft), remarks })
}
