//! Opens SQLite through both in one process: the host's own tables by sqlx, MFA's records by mfa.
#![forbid(unsafe_code)]

use mfa::sqlite::SqliteStorage;
use mfa::{Keyring, Mfa, SystemRandom};
use sqlx::sqlite::SqlitePoolOptions;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("mfa-beside-sqlx-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let pool = SqlitePoolOptions::new().connect("sqlite::memory:").await?;
    let (version,): (String,) = sqlx::query_as("SELECT sqlite_version()").fetch_one(&pool).await?;

    let storage = SqliteStorage::open(folder.join("mfa.db"))?;
    let mfa = Mfa::builder().storage(storage).keyring(Keyring::generate(&SystemRandom)?).build()?;
    mfa.verify_setup().await?;
    drop(mfa);
    std::fs::remove_dir_all(&folder)?;
    println!("beside sqlx: both opened SQLite {version}");
    Ok(())
}
