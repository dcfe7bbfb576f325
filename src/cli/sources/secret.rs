//! The secret of an endpoint, which the provider shows once: printed, or written into a file that its owner alone reads.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use crate::secret::Secret;

#[derive(Debug, Args)]
pub(in crate::cli) struct SecretArguments {
    /// Write the secret into this new file, with mode 0600, instead of printing it.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl SecretArguments {
    /// Makes room for a secret, before there is one: a secret that could not be written would be lost.
    pub(super) fn open(&self) -> anyhow::Result<Place> {
        let Some(path) = &self.secret_file else { return Ok(Place(None)) };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                anyhow!("`{}` is there already, and a secret in it would be lost; name a new file", path.display())
            }
            _ => anyhow!("`{}` cannot be written: {error}", path.display()),
        })?;
        Ok(Place(Some((path.clone(), Some(file)))))
    }
}

/// Where a secret goes. A file that none was written into is removed again.
pub(super) struct Place(Option<(PathBuf, Option<File>)>);

impl Place {
    /// For what has no secret to show.
    pub(super) fn nowhere() -> Self {
        Self(None)
    }

    /// The file, where it is one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.0.as_ref().map(|(path, _)| path.as_path())
    }

    /// Writes the secret, on disk when this returns. What is to be printed is given back.
    pub(super) fn put(&mut self, secret: &Secret) -> anyhow::Result<Option<String>> {
        let Some((path, file)) = &mut self.0 else { return Ok(Some(secret.expose().to_owned())) };
        let Some(mut file) = file.take() else { return Ok(None) };
        let written = file.write_all(secret.expose().as_bytes()).and_then(|()| file.sync_all());
        written
            .with_context(|| format!("`{}` could not be written, so the secret is lost; rotate it", path.display()))?;
        Ok(None)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((path, Some(_))) = &self.0 {
            // It is empty; who cannot remove it can do without.
            let _ = std::fs::remove_file(path);
        }
    }
}
