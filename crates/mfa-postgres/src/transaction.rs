//! A transaction that may be given up at any moment.
//!
//! sqlx undoes one whose `BEGIN` was answered. A future that is dropped before that leaves a connection on which the
//! server has begun what the client knows nothing of: back in the pool, it would carry somebody else's commit, which is
//! acknowledged and never happens. So a connection that was not seen to the end of its transaction is closed.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};

use crate::fault::Fault;

pub(crate) struct Transaction {
    connection: PoolConnection<Postgres>,
    is_over: bool,
}

impl Transaction {
    /// Begins one. Whatever the session's default is: what runs after a lock must see what was committed before it was
    /// had.
    pub(crate) async fn begin(pool: &PgPool) -> Result<Self, Fault> {
        let mut transaction = Self { connection: pool.acquire().await?, is_over: false };
        transaction.run("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        Ok(transaction)
    }

    pub(crate) async fn commit(self) -> Result<(), Fault> {
        self.end("COMMIT").await
    }

    pub(crate) async fn rollback(self) -> Result<(), Fault> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, statement: &'static str) -> Result<(), Fault> {
        self.run(statement).await?;
        self.is_over = true;
        Ok(())
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), Fault> {
        sqlx::raw_sql(statement).execute(&mut *self.connection).await?;
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.is_over {
            self.connection.close_on_drop();
        }
    }
}
