//! The scripts: each is one step that checks everything before it writes anything.

use std::sync::LazyLock;

use redis::{Cmd, Script};

/// A script's text and the digest that it is called by.
pub(crate) struct Code {
    text: &'static str,
    digest: LazyLock<String>,
}

/// A call of a script, ready to be sent, and sent again if the server does not know the script yet.
pub(crate) struct Call {
    code: &'static Code,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl Code {
    pub(crate) fn call(
        &'static self,
        keys: impl IntoIterator<Item = Vec<u8>>,
        arguments: impl IntoIterator<Item = Vec<u8>>,
    ) -> Call {
        Call { code: self, keys: keys.into_iter().collect(), arguments: arguments.into_iter().collect() }
    }
}

impl Call {
    /// The call by digest.
    pub(crate) fn short(&self) -> Cmd {
        self.command("EVALSHA", self.code.digest.as_str())
    }

    /// The call with the script's text, which the server then keeps.
    pub(crate) fn long(&self) -> Cmd {
        self.command("EVAL", self.code.text)
    }

    fn command(&self, command: &str, code: &str) -> Cmd {
        let mut command = redis::cmd(command);
        command.arg(code).arg(self.keys.len());
        for part in self.keys.iter().chain(&self.arguments) {
            command.arg(part.as_slice());
        }
        command
    }
}

macro_rules! scripts {
    ($($(#[$meta:meta])* $name:ident = $($file:literal),+;)*) => {
        $(
            $(#[$meta])*
            pub(crate) static $name: Code = {
                const TEXT: &str = concat!($(include_str!(concat!("scripts/", $file))),+);
                Code { text: TEXT, digest: LazyLock::new(|| Script::new(TEXT).get_hash().to_owned()) }
            };
        )*
    };
}

scripts! {
    COMMIT = "less.lua", "commit.lua";
    PRUNE_EVENTS = "less.lua", "prune_events.lua";
    PRUNE_TOMBSTONE = "prune_tombstone.lua";
    READ_BUDGETS = "read_budgets.lua";
    SWAP_BUDGETS = "swap_budgets.lua";
    SWEEP = "sweep.lua";
    #[cfg(feature = "danger-async-replication")]
    PUMP = "pump.lua";
}
