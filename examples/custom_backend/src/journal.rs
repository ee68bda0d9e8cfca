//! A file of lines, each of which is on the disk before it is acknowledged.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Lines that are only ever added. Nobody else has the file meanwhile.
#[derive(Debug)]
pub(crate) struct Journal {
    /// `None` once a write failed: what the file then holds is found out by opening it again.
    file: Mutex<Option<File>>,
}

impl Journal {
    /// Opens the file, a new one if there is none, and hands over its lines in order.
    ///
    /// A last line without an end was cut off before it was acknowledged, and is taken off. Anything else
    /// that does not read back is an error: going on would forget it.
    pub(crate) fn open<L: DeserializeOwned>(
        path: &Path,
        mut replay: impl FnMut(L) -> io::Result<()>,
    ) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        file.try_lock()?;
        let mut lines = BufReader::new(&file);
        let (mut line, mut whole) = (Vec::new(), 0_u64);
        while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            replay(serde_json::from_slice(&line)?)?;
            whole = whole.saturating_add(u64::try_from(line.len()).map_err(io::Error::other)?);
            line.clear();
        }
        file.set_len(whole)?;
        // A line that was read may never have been synced, and the file itself may be new to its folder.
        file.sync_all()?;
        let folder = path.canonicalize()?;
        File::open(folder.parent().unwrap_or(&folder))?.sync_all()?;
        Ok(Self { file: Mutex::new(Some(file)) })
    }

    /// Adds a line, and does what it stands for once it is on the disk and before anybody adds another.
    pub(crate) fn record<L: Serialize, T>(&self, line: &L, then: impl FnOnce() -> T) -> io::Result<T> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut journal = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Put back below, and only there: a panic or an error leaves the journal closed.
        let Some(mut file) = journal.take() else {
            return Err(io::Error::other("the journal is closed, since an earlier write failed"));
        };
        file.write_all(&text)?;
        file.sync_data()?;
        let done = then();
        *journal = Some(file);
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_failed_is_an_error_and_closes_the_journal() {
        let path = std::env::temp_dir().join(format!("mfa-custom-backend-closed-{}", std::process::id()));
        let journal = Journal::open(&path, |_: u8| Ok(())).unwrap();
        assert_eq!(journal.record(&1, || "done").unwrap(), "done");

        // A handle that cannot write stands for a disk that is full.
        *journal.file.lock().unwrap() = Some(File::open(&path).unwrap());
        for _ in 0..2 {
            let refused = journal.record(&2, || panic!("done though it was not written down"));
            assert!(refused.is_err());
        }
        drop(journal);
        let mut kept = Vec::new();
        let keep = |line: u8| {
            kept.push(line);
            Ok(())
        };
        let journal = Journal::open(&path, keep).unwrap();
        assert_eq!(journal.record(&3, || "done").unwrap(), "done");
        assert_eq!(kept, [1]);
        std::fs::remove_file(&path).unwrap();
    }
}
