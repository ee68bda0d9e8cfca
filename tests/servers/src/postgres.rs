//! PostgreSQL from Debian's programs: a cluster of its own, in a folder, on a port.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::{Folder, Process, free_port, skip, wait_for};

/// A running server. Anybody on this machine may connect as `postgres`.
///
/// Names sort by a language's rules, as in many databases out there, so that a statement that counts on bytes and does
/// not say so is found out.
#[derive(Debug)]
pub struct PostgresServer {
    programs: PathBuf,
    folder: Folder,
    port: u16,
    process: Mutex<Process>,
}

impl PostgresServer {
    /// A new cluster; `None`, after [`skip`], where PostgreSQL 15 or later is not installed.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            skip("postgresql");
            return None;
        };
        let folder = Folder::new("postgres");
        let data = furnish(&folder);
        let mut initdb = as_server(&programs.join("initdb"));
        initdb.arg("-D").arg(&data).args(INITDB);
        run(&mut initdb);
        Some(Self::launch(programs, folder))
    }

    /// One for all tests of this process, ended with it.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<PostgresServer>> = OnceLock::new();
        let shared = SHARED.get_or_init(Self::start).as_ref();
        if shared.is_none() {
            skip("postgresql");
        }
        shared
    }

    /// Starts what is in the folder. The port may be taken by the time the server wants it: then on another.
    fn launch(programs: PathBuf, folder: Folder) -> Self {
        for _ in 0..5 {
            let port = free_port();
            let mut server = Self::spawn(&programs, &folder, port);
            if is_up(&mut server, &programs, port) {
                return Self { programs, folder, port, process: Mutex::new(server) };
            }
        }
        panic!("PostgreSQL does not start: {}", read_log(&folder));
    }

    fn spawn(programs: &Path, folder: &Folder, port: u16) -> Process {
        let data = folder.path().join("data");
        let log = fs::File::options().append(true).open(folder.path().join("log")).unwrap();
        let mut command = as_server(&programs.join("postgres"));
        command.arg("-D").arg(&data).arg("-p").arg(port.to_string());
        command.arg("-k").arg(&data);
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Process::start(&mut command)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the database `postgres` is.
    pub fn url(&self) -> String {
        url(self.port, "postgres")
    }

    /// Makes an empty database; where it is.
    pub fn new_database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        url(self.port, &name)
    }

    /// Runs `sql` in `database`; what it prints, without headings.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let mut psql = psql(&self.programs, self.port, database);
        String::from_utf8(run(psql.arg("-c").arg(sql)).stdout).unwrap().trim().to_owned()
    }

    /// Copies what is in the database `from` into the empty database `to`, by a dump as an operator would make it.
    pub fn copy_database(&self, from: &str, to: &str) {
        let dump = self.folder.path().join(format!("{from}.dump"));
        let mut pg_dump = Command::new(self.programs.join("pg_dump"));
        let place = ["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()];
        run(pg_dump.args(place).args(["-d", from, "-f"]).arg(&dump));
        run(psql(&self.programs, self.port, to).arg("-f").arg(&dump));
    }

    /// Everything the server has written to its log.
    pub fn log(&self) -> String {
        read_log(&self.folder)
    }

    /// `kill -9`, and then every process that is left of it.
    pub fn kill(&self) {
        self.process().kill();
        let data = self.folder.path().join("data");
        wait_for("PostgreSQL is gone", || {
            let left = processes_in(&data);
            left.iter().for_each(|id| end(*id));
            left.is_empty().then_some(())
        });
    }

    /// Starts it again after [`PostgresServer::kill`], on its port, and waits until it is up.
    pub fn restart(&self) {
        let mut process = self.process();
        for _ in 0..5 {
            *process = Self::spawn(&self.programs, &self.folder, self.port);
            if is_up(&mut process, &self.programs, self.port) {
                return;
            }
        }
        panic!("PostgreSQL does not start again: {}", self.log());
    }

    /// A standby that follows this server, which from now on acknowledges a commit only once a standby has it.
    pub fn synchronous_standby(&self) -> Standby {
        let folder = Folder::new("standby");
        let data = furnish(&folder);
        let mut backup = as_server(&self.programs.join("pg_basebackup"));
        backup.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]);
        backup.args(["--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "-D"]).arg(&data);
        run(&mut backup);
        let standby = Self::launch(self.programs.clone(), folder);
        self.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'");
        self.psql("postgres", "SELECT pg_reload_conf()");
        wait_for("the standby is synchronous", || {
            let state = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'";
            (self.psql("postgres", state) == "1").then_some(())
        });
        Standby(standby)
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.kill();
        // The segment of System V memory that outlives a killed server.
        let notes = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap_or_default();
        if let Some(segment) = notes.lines().nth(6).and_then(|line| line.split_whitespace().nth(1)) {
            Command::new("ipcrm").arg("-m").arg(segment).output().ok();
        }
    }
}

/// A server that follows another one.
#[derive(Debug)]
pub struct Standby(PostgresServer);

impl Standby {
    /// The server itself; it takes no writes before [`Standby::promote`].
    pub fn server(&self) -> &PostgresServer {
        &self.0
    }

    /// Makes it a primary, and waits until it is.
    pub fn promote(&self) {
        let promoted = self.0.psql("postgres", "SELECT pg_promote()");
        assert_eq!(promoted, "t", "{}", self.0.log());
    }
}

/// The newest PostgreSQL that is installed and new enough.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let newest = versions.filter_map(|entry| number(entry.ok()?)).filter(|version| *version >= 15).max()?;
    let programs = PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"));
    programs.join("initdb").is_file().then_some(programs)
}

/// PostgreSQL refuses to run as root: then it runs as the `postgres` that its package made.
fn as_server(program: &Path) -> Command {
    let Some((user, group)) = postgres_user() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups").arg(program);
    // Some of its programs look at their working folder, which that user may not enter.
    command.current_dir("/");
    command
}

/// What a server's folder holds: its log, and a data folder that is the server's alone.
fn furnish(folder: &Folder) -> PathBuf {
    fs::write(folder.path().join("log"), "").unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    if let Some((user, group)) = postgres_user() {
        chown(&data, Some(user), Some(group)).unwrap();
    }
    data
}

fn postgres_user() -> Option<(u32, u32)> {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let number = |which: &str| {
        let output = run(Command::new("id").args([which, "postgres"])).stdout;
        String::from_utf8(output).unwrap().trim().parse().unwrap()
    };
    is_root.then(|| (number("-u"), number("-g")))
}

/// Whether it answers; not if it ends instead, as it does where another one has the port.
fn is_up(server: &mut Process, programs: &Path, port: u16) -> bool {
    wait_for("PostgreSQL is up", || {
        if !server.is_running() {
            return Some(false);
        }
        let answer = psql(programs, port, "postgres").args(["-c", "SELECT 1"]).output().unwrap();
        answer.status.success().then_some(true)
    }) && server.is_running()
}

fn psql(programs: &Path, port: u16, database: &str) -> Command {
    let mut command = Command::new(programs.join("psql"));
    command.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres"]);
    command.args(["-p", &port.to_string(), "-d", database]);
    command
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}")
}

fn read_log(folder: &Folder) -> String {
    String::from_utf8_lossy(&fs::read(folder.path().join("log")).unwrap()).into_owned()
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

/// A server's processes all work in its data folder.
fn processes_in(data: &Path) -> Vec<u32> {
    let works_here = |id: &u32| fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|folder| folder == data);
    let id = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    fs::read_dir("/proc").unwrap().filter_map(|entry| id(entry.ok()?)).filter(works_here).collect()
}

fn end(id: u32) {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("kill -9 {id}")]).output().ok();
}

const INITDB: [&str; 8] = [
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--locale-provider=icu",
    "--icu-locale=en-US",
    "--no-sync",
    "--no-instructions",
];

const SETTINGS: [&str; 9] = [
    "listen_addresses=127.0.0.1",
    "fsync=on",
    "synchronous_commit=on",
    "max_connections=200",
    "shared_buffers=64MB",
    "dynamic_shared_memory_type=mmap",
    "log_line_prefix=%m [%p] %d ",
    "wal_receiver_timeout=10s",
    "wal_retrieve_retry_interval=200ms",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_outlives_a_kill_and_a_promotion() {
        let Some(server) = PostgresServer::start() else { return };
        server.psql("postgres", "CREATE TABLE kept (number integer); INSERT INTO kept VALUES (1)");
        server.kill();
        server.restart();
        let standby = server.synchronous_standby();
        server.psql("postgres", "INSERT INTO kept VALUES (2)");
        server.kill();
        standby.promote();
        assert_eq!(standby.server().psql("postgres", "SELECT sum(number) FROM kept"), "3");
        let data = server.folder.path().join("data");
        assert_eq!(processes_in(&data), Vec::<u32>::new());
    }
}
