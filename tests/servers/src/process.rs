//! Processes and folders that end with the test process, even when it is killed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// A new folder, removed when it is dropped or the test process ends.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a folder that everybody may enter: a server may run as somebody else.
    pub fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mfa-{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        tell_the_sweeper("folder", &path.display().to_string());
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A running program, killed when it is dropped or the test process ends.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        tell_the_sweeper("started", &child.id().to_string());
        Self(child)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it runs still.
    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// `kill -9`: it gets no chance to write anything more.
    pub fn kill(&mut self) {
        self.0.kill().ok();
        self.0.wait().unwrap();
        tell_the_sweeper("ended", &self.0.id().to_string());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A shell that waits for the end of this process, which it sees as the end of its input, and then kills and removes
/// what is left.
fn tell_the_sweeper(what: &str, which: &str) {
    static SWEEPER: OnceLock<Mutex<Child>> = OnceLock::new();
    let start = || {
        let mut command = Command::new("sh");
        command.args(["-c", SWEEP]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Mutex::new(command.spawn().unwrap())
    };
    let mut sweeper = SWEEPER.get_or_init(start).lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(sweeper.stdin.as_mut().unwrap(), "{what} {which}").unwrap();
}

/// An interrupt from the keyboard reaches the whole group; the sweeper has its work still to do.
const SWEEP: &str = r#"
trap '' INT TERM HUP
running= folders=
while read -r what which; do
    case $what in
        started) running="$running $which" ;;
        ended) running=$(printf ' %s' $running | sed "s/ $which\b//") ;;
        folder) folders="$folders $which" ;;
    esac
done
[ -z "$running" ] || kill -9 $running
for folder in $folders; do # PostgreSQL notes its segment of System V memory, which outlives it
    segment=$(sed -n 's/^ *[0-9][0-9]*  *\([0-9][0-9]*\)$/\1/p' "$folder/data/postmaster.pid" 2>/dev/null)
    [ -z "$segment" ] || ipcrm -m "$segment" 2>/dev/null
done
for try in 1 2 3 4 5; do
    rm -rf $folders && exit
    sleep 1 # a server's children may still write
done
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait_for;

    /// The test binary starts this test again as a child that dies while it has a folder and a process.
    #[test]
    fn nothing_outlives_a_test_process_that_is_killed() {
        const CHILD: &str = "MFA_TEST_SERVERS_CHILD";
        if let Some(report) = std::env::var_os(CHILD) {
            let folder = Folder::new("swept");
            let gone = Process::start(Command::new("sleep").arg("600"));
            let process = Process::start(Command::new("sleep").arg("600"));
            drop(gone);
            fs::write(folder.path().join("file"), "").unwrap();
            fs::write(report, format!("{} {}", process.id(), folder.path().display())).unwrap();
            loop {
                std::thread::park();
            }
        }
        let reports = Folder::new("report");
        let report = reports.path().join("report");
        let mut child = Command::new(std::env::current_exe().unwrap());
        let mut child = child
            .env(CHILD, &report)
            .arg("nothing_outlives_a_test_process_that_is_killed")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let said = wait_for("the child starts", || {
            fs::read_to_string(&report).ok().filter(|said| said.contains(' '))
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let (pid, folder) = said.split_once(' ').unwrap();
        let process = PathBuf::from(format!("/proc/{pid}"));
        wait_for("everything goes", || (!process.exists() && !Path::new(folder).exists()).then_some(()));
    }
}
