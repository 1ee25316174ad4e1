//! `tisync config convert`: the tisync.toml of a drainer.toml.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::cli::ConvertArgs;
use crate::config::{Converted, FileKind, Passwords, Remark, convert, environment, open};
use crate::error::Fault;
use crate::output;

/// Prints or writes it.
pub fn run(args: &ConvertArgs) -> Result<()> {
    let (kind, loaded) = open(&args.file, &environment)?;
    if kind == FileKind::Tisync {
        return Err(Fault::usage(format!("{} is a tisync.toml already", args.file.display())).into());
    }
    for remark in &loaded.remarks {
        if let Remark::Warning(text) = remark {
            output::warn(text);
        }
    }
    // The file may be used from another folder.
    let stem = std::path::absolute(args.out.as_deref().unwrap_or(Path::new("tisync.toml")))?;
    let passwords = match (&args.out, args.with_passwords) {
        (_, true) => Passwords::InFile,
        (Some(_), false) => Passwords::Beside(&stem),
        (None, false) => Passwords::Out,
    };
    let Converted { text, has_secret, passwords } = convert(&args.file, &loaded, passwords);
    let Some(out) = &args.out else { return output::answer(text.trim_end()) };
    for (path, secret) in &passwords {
        write(Path::new(path), &format!("{}\n", secret.reveal()), true)?;
        output::note(&format!("a password is in {path}, which only its owner can read"));
    }
    write(out, &text, has_secret)?;
    output::note(&format!("wrote {}; `tisync config check {0}` checks it", out.display()));
    Ok(())
}

/// Writes a new file; one with a secret can only be read by its owner, from its first byte on.
fn write(path: &Path, text: &str, secret: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| {
        Fault::usage(format!("cannot write {}: {e}", path.display())).hint("name a file that does not exist yet").into()
    })
}
