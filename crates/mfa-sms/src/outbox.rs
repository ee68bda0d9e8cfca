//! A file instead of a provider.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{Answer, Receipt, SendError, SmsSender, TextMessage};

/// Appends each message to a file as one line of JSON, `{"to":"+1…","body":"…"}`, for developing and for tests that
/// drive a browser. Never for production: the file holds codes that work.
///
/// Each line is one write to a file opened for appending, so several senders, threads and processes may share a local
/// file without mixing their lines; a network file system may not keep that promise. Nothing is flushed to the disk.
/// The write blocks the thread for as long as the file system takes.
#[derive(Clone, Debug)]
pub struct Outbox {
    path: PathBuf,
}

impl Outbox {
    /// What its receipts say.
    pub const PROVIDER: &'static str = "outbox";

    /// An outbox at `path`. The file is made if there is none, readable by its owner alone (on Unix).
    ///
    /// # Errors
    /// When the file cannot be opened for appending, and on Unix with [`io::ErrorKind::PermissionDenied`] when it is
    /// there already and somebody other than its owner may read or write it.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let outbox = Self { path: path.as_ref().to_path_buf() };
        outbox.file().map(|_| outbox)
    }

    fn file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        #[cfg(unix)]
        if std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions()) & 0o077 != 0 {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(file)
    }
}

impl SmsSender for Outbox {
    async fn send(&self, text: &TextMessage) -> Result<Receipt, SendError> {
        let answer = Answer::new(Self::PROVIDER);
        let mut line =
            serde_json::json!({ "to": text.to().expose(), "body": text.body().expose() }).to_string();
        line.push('\n');
        let mut file = self.file().map_err(|_| SendError::Transport(answer))?;
        // Not `write_all`: a second write would no longer be the same line.
        match file.write(line.as_bytes()) {
            Ok(written) if written == line.len() => {
                Receipt::new(Self::PROVIDER, &text.idempotency_key().to_string())
                    .map_err(|_| SendError::Ambiguous(answer))
            }
            Ok(_) => Err(SendError::Ambiguous(answer)),
            Err(_) => Err(SendError::Transport(answer)),
        }
    }
}
