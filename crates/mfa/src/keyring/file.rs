//! The keyring in a file: made once, beside empty storage, readable by its owner alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use mfa_storage::{DynStorage, ScanFilter, StorageError};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Keyring, KeyringError};
use crate::random::{RandomError, RandomSource, SystemRandom};
use crate::setup::canary_key;

/// Why a key file could not be used or made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file could not be read or written.
    #[error("the key file cannot be read or written")]
    Io(#[from] io::Error),
    /// The file is not a keyring.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// There is no key file, but the storage holds records: a new key would lock everybody out. Put the file back.
    #[error("the key file is missing while the storage holds records; put it back, it is never replaced")]
    Lost,
    /// The storage did not say whether it is empty.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// No key could be drawn.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl Keyring {
    /// Reads a ring from `path`.
    ///
    /// # Errors
    /// [`KeyFileError`] when the file cannot be read or is not a keyring.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let mut text = Zeroizing::new(String::with_capacity(LARGEST_FILE));
        let read = File::open(path)?.take(LARGEST_FILE as u64).read_to_string(&mut text)?;
        if read >= LARGEST_FILE {
            return Err(KeyFileError::Io(io::ErrorKind::FileTooLarge.into()));
        }
        Ok(Self::from_text(&text)?)
    }

    /// Writes the ring to a new file at `path` with mode 0600; an existing file is never overwritten, and nobody ever
    /// sees half of it.
    ///
    /// # Errors
    /// [`KeyFileError::Io`], also when the file exists.
    pub fn create(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        let path = path.as_ref();
        let mut suffix = [0; 8];
        SystemRandom.fill(&mut suffix)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".new-{:016x}", u64::from_be_bytes(suffix)));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        let written = file.write_all(self.to_text().as_bytes()).and_then(|()| file.sync_all());
        // A hard link appears whole or not at all, and never over an existing file.
        let linked = written.and_then(|()| std::fs::hard_link(&beside, path));
        // What is left beside it is harmless: nobody reads it, and no name comes twice.
        std::fs::remove_file(&beside).ok();
        linked?;
        // The name must be as durable as what will soon be sealed under it.
        #[cfg(unix)]
        File::open(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
            .sync_all()?;
        Ok(())
    }

    /// Reads the ring at `path`, or makes one there if there is none **and `storage` is empty**. A lost keyring is
    /// never silently replaced.
    ///
    /// # Errors
    /// [`KeyFileError::Lost`] when the file is missing and the storage is not empty; the others as they say.
    pub async fn read_or_create(
        path: impl AsRef<Path>,
        storage: &dyn DynStorage,
    ) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        match Self::read(path) {
            Err(KeyFileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            answer => return answer,
        }
        let canary = storage.load(&canary_key()).await?;
        if canary.is_some() || !storage.scan(None, 1, ScanFilter::default()).await?.is_empty() {
            return Err(KeyFileError::Lost);
        }
        let ring = Self::generate(&SystemRandom)?;
        match ring.create(path) {
            // Another process was faster: its ring is the ring.
            Err(KeyFileError::Io(error)) if error.kind() == io::ErrorKind::AlreadyExists => Self::read(path),
            made => made.map(|()| ring),
        }
    }
}

/// A ring of hundreds of keys fits; a wrong path to something huge does not.
const LARGEST_FILE: usize = 64 * 1024;
