//! Directories that go away with the test, and what tests write.
#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use mfa_core::id::{Pseudonym, SubjectId, SubjectKey, TenantId};
use mfa_core::time::UnixSeconds;
use mfa_storage::{EventBody, MethodSet, Summary, Write};

/// A directory of its own, removed when dropped.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mfa-sqlite-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("mfa.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _left_behind = fs::remove_dir_all(&self.0);
    }
}

pub(crate) const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

pub(crate) fn subject(name: &str) -> SubjectKey {
    SubjectKey::new(TenantId::new("tenant").unwrap(), SubjectId::new(name).unwrap())
}

/// A write of the usual size with one event.
pub(crate) fn write(stream: u64, content: &str) -> Write {
    let mut sealed = content.as_bytes().to_vec();
    sealed.resize(250, b'.');
    Write {
        sealed,
        summary: Summary {
            enrolled: true,
            methods: MethodSet::APP,
            throttled_until: None,
            key_id: 1,
            updated_at: NOW,
        },
        stream: Pseudonym::from_bytes(u128::from(stream).to_be_bytes()),
        events: vec![EventBody { at: NOW, payload: content.as_bytes().to_vec() }],
    }
}
