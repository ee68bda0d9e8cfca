//! Redis: one server, or a cluster of them.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::{Folder, Process, free_port, program, skip, wait_for};

/// A Redis server of its own, on 127.0.0.1, that writes every commit to disk before it answers.
#[derive(Debug)]
pub struct RedisServer {
    folder: Folder,
    port: u16,
    settings: Vec<(String, String)>,
    process: Mutex<Process>,
}

impl RedisServer {
    /// Starts one; nothing, after a loud word, where Redis is not installed.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts one with these settings in place of, or beside, the usual ones.
    pub fn start_with(settings: &[(&str, &str)]) -> Option<Self> {
        if program("redis-server", &[]).is_none() {
            skip("redis-server");
            return None;
        }
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let folder = Folder::new("redis");
        // Somebody else may take a free port before the server does.
        for _ in 0..10 {
            let port = free_port();
            let mut process = launch(&folder, port, &settings);
            if answers(&mut process, port) {
                return Some(Self { folder, port, settings, process: Mutex::new(process) });
            }
        }
        panic!("redis-server does not start in {}", folder.path().display());
    }

    /// The one server that the tests of this process share; each takes a prefix of its own.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<RedisServer>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `kill -9`, in the middle of whatever it does.
    pub fn kill(&self) {
        self.process().kill();
    }

    /// Starts it again, after [`RedisServer::kill`], on the same port with what it had written.
    pub fn restart(&self) {
        let mut process = self.process();
        *process = launch(&self.folder, self.port, &self.settings);
        assert!(answers(&mut process, self.port), "redis-server does not start again");
    }

    /// What `redis-cli` says to this command.
    pub fn ask(&self, command: &[&str]) -> String {
        ask(self.port, command).unwrap_or_default()
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A Redis cluster on 127.0.0.1: masters, each with as many replicas.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    followers: usize,
}

impl RedisCluster {
    /// Starts one and waits until every slot is served and every replica follows.
    pub fn start(masters: usize, replicas: usize) -> Option<Self> {
        let settings = [
            ("cluster-enabled", "yes"),
            ("cluster-node-timeout", "1000"),
            ("cluster-replica-validity-factor", "0"),
            ("repl-diskless-sync-delay", "0"),
            ("repl-ping-replica-period", "1"),
        ];
        let count = masters * (replicas + 1);
        let nodes = (0..count).map(|_| RedisServer::start_with(&settings)).collect::<Option<Vec<_>>>()?;
        let mut create = Command::new(program("redis-cli", &[])?);
        create.args(["--cluster", "create"]);
        create.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)));
        create.args(["--cluster-replicas", &replicas.to_string(), "--cluster-yes"]);
        let created = create.stdin(Stdio::null()).output().unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        let cluster = Self { nodes, followers: masters * replicas };
        cluster.wait_until_it_stands();
        Some(cluster)
    }

    /// Where its nodes are.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// The master that serves `key` now.
    pub fn master_of(&self, key: &str) -> &RedisServer {
        let slot =
            self.nodes.iter().find_map(|node| node.ask(&["CLUSTER", "KEYSLOT", key]).trim().parse().ok());
        let slot: u16 = slot.unwrap();
        let serves =
            |node: &&RedisServer| node.ask(&["CLUSTER", "NODES"]).lines().any(|line| is_own(line, slot));
        wait_for("a master serves the slot", || self.nodes.iter().find(serves))
    }

    /// Ends what binds the replicas of `master` to it, until [`RedisCluster::wait_until_it_stands`].
    pub fn cut_off_replicas_of(&self, master: &RedisServer) {
        let followed = format!("master_port:{}\r\n", master.port);
        for node in &self.nodes {
            if node.ask(&["INFO", "replication"]).contains(&followed) {
                node.ask(&["CONFIG", "SET", "masterauth", "wrong"]); // the master lets nobody in with that
            }
        }
        master.ask(&["CLIENT", "KILL", "TYPE", "replica"]);
    }

    /// `kill -9` for the master that serves `key`. Its replica takes over after the node timeout; started again, it
    /// follows that one.
    pub fn kill_master_of(&self, key: &str) -> &RedisServer {
        let master = self.master_of(key);
        master.kill();
        master
    }

    /// Waits until every slot is served and every node that is no master follows one.
    pub fn wait_until_it_stands(&self) {
        for node in &self.nodes {
            node.ask(&["CONFIG", "SET", "masterauth", ""]);
        }
        wait_for("the cluster stands", || self.stands().then_some(()));
    }

    fn stands(&self) -> bool {
        let ok = |node: &RedisServer| {
            let info = node.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok")
                && info.contains(&format!("cluster_known_nodes:{}", self.nodes.len()))
        };
        let follows =
            |node: &&RedisServer| node.ask(&["INFO", "replication"]).contains("master_link_status:up");
        self.nodes.iter().all(ok) && self.nodes.iter().filter(follows).count() == self.followers
    }
}

/// Whether a line of `CLUSTER NODES` is of the node that said it, as a master that serves `slot`.
fn is_own(line: &str, slot: u16) -> bool {
    let mut words = line.split(' ');
    let is_master = words.nth(2).is_some_and(|flags| flags.contains("myself,master"));
    let covers = |range: &str| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        matches!((from.parse::<u16>(), to.parse::<u16>()), (Ok(from), Ok(to)) if (from..=to).contains(&slot))
    };
    is_master && words.skip(5).any(covers)
}

fn launch(folder: &Folder, port: u16, settings: &[(String, String)]) -> Process {
    let mut command = Command::new(program("redis-server", &[]).unwrap());
    let port = port.to_string();
    let folder = folder.path().to_path_buf();
    let usual = [
        ("port", port.as_str()),
        ("bind", "127.0.0.1"),
        ("daemonize", "no"),
        ("dir", folder.to_str().unwrap()),
        ("save", ""),
        ("appendonly", "yes"),
        ("appendfsync", "always"),
        ("maxmemory-policy", "noeviction"),
    ];
    // The last of several wins.
    for (name, value) in usual.into_iter().chain(settings.iter().map(|(name, value)| (&**name, &**value))) {
        command.arg(format!("--{name}")).arg(value);
    }
    let log = |name: PathBuf| File::options().create(true).append(true).open(name).unwrap();
    command.stdout(log(folder.join("out"))).stderr(log(folder.join("err")));
    Process::start(&mut command)
}

/// Whether it comes to answer; not when it ends instead.
fn answers(process: &mut Process, port: u16) -> bool {
    wait_for("redis-server answers", || match ask(port, &["PING"]) {
        Some(answer) if answer.contains("PONG") || answer.contains("NOAUTH") => Some(process.is_running()),
        _ if !process.is_running() => Some(false),
        _ => None,
    })
}

fn ask(port: u16, command: &[&str]) -> Option<String> {
    let mut cli = Command::new(program("redis-cli", &[])?);
    cli.args(["-p", &port.to_string()]).args(command).stdin(Stdio::null());
    let said = cli.output().ok()?;
    String::from_utf8(said.stdout).ok()
}
