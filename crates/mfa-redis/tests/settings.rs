//! A server that would forget is refused, and the refusal names what is wrong with it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests: they fail by panicking"
)]

use std::error::Error as _;

use mfa_redis::RedisOptions;
use mfa_storage::{Durability, Storage as _, StorageError};
use mfa_test_servers::RedisServer;

use common::{connect, fresh, open};

#[expect(dead_code, reason = "shared by several test binaries")]
mod common;

fn why(refused: &StorageError) -> String {
    assert!(!refused.is_transient(), "a setting does not mend itself: {refused}");
    refused.source().unwrap().to_string()
}

#[tokio::test]
async fn each_unsafe_setting_is_refused_by_name() {
    let Some(server) = RedisServer::start() else { return };
    assert_eq!(open(&server.url(), fresh()).await.unwrap().durability(), Durability::Durable);
    for (setting, wrong, right) in [
        ("appendonly", "no", "yes"),
        ("appendfsync", "everysec", "always"),
        ("no-appendfsync-on-rewrite", "yes", "no"),
    ] {
        server.ask(&["CONFIG", "SET", setting, wrong]);
        let refused = why(&open(&server.url(), fresh()).await.unwrap_err());
        assert!(refused.starts_with(&format!("{setting} is \"{wrong}\" and has to be {right}")), "{refused}");
        let accepted = open(&server.url(), fresh().danger_may_forget()).await.unwrap();
        assert_eq!(accepted.durability(), Durability::MayLoseLatest, "{setting}");
        server.ask(&["CONFIG", "SET", setting, right]);
    }
}

#[tokio::test]
async fn eviction_is_refused_even_where_forgetting_is_accepted() {
    let Some(server) = RedisServer::start_with(&[("maxmemory-policy", "allkeys-lru")]) else { return };
    for options in [fresh(), fresh().danger_may_forget()] {
        let refused = why(&open(&server.url(), options).await.unwrap_err());
        assert!(refused.starts_with("maxmemory-policy is \"allkeys-lru\""), "{refused}");
    }
}

#[tokio::test]
async fn a_replica_is_refused() {
    let Some(master) = RedisServer::start() else { return };
    let Some(replica) = RedisServer::start() else { return };
    replica.ask(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    let refused = why(&open(&replica.url(), fresh()).await.unwrap_err());
    assert!(refused.starts_with("role is \"slave\" and has to be master"), "{refused}");
}

#[tokio::test]
async fn a_server_of_a_cluster_is_refused_on_its_own() {
    let Some(server) = RedisServer::start_with(&[("cluster-enabled", "yes")]) else { return };
    let refused = why(&open(&server.url(), fresh()).await.unwrap_err());
    assert!(refused.starts_with("cluster_enabled is \"1\" and has to be 0"), "{refused}");
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_refused_unless_the_host_vouches() {
    let Some(server) = RedisServer::start() else { return };
    server.ask(&["ACL", "SETUSER", "host", "on", ">secret", "~*", "+@all", "-config"]);
    let url = format!("redis://host:secret@127.0.0.1:{}/", server.port());
    let refused = why(&open(&url, fresh()).await.unwrap_err());
    assert!(refused.starts_with("the server does not permit CONFIG GET"), "{refused}");
    let vouched = open(&url, fresh().danger_settings_unchecked()).await.unwrap();
    assert_eq!(vouched.durability(), Durability::Durable);
}

#[tokio::test]
async fn a_layout_of_another_version_is_refused() {
    let Some(server) = RedisServer::shared() else { return };
    let options = RedisOptions::new().prefix("newer").unwrap();
    server.ask(&["SET", "{newer}:layout", "2 one"]);
    let refused = why(&options.open(connect(&server.url()).await).await.unwrap_err());
    assert!(refused.contains("laid out otherwise"), "{refused}");
}

#[tokio::test]
async fn a_server_that_is_gone_is_a_passing_failure() {
    let Some(server) = RedisServer::start() else { return };
    let storage = open(&server.url(), fresh()).await.unwrap();
    server.kill();
    let failed = storage.load(&common::subject("anybody")).await.unwrap_err();
    assert!(failed.is_transient(), "{failed:?}");
}
