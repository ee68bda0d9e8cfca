//! How this crate's errors get their words.

/// Gives an error its messages: one fixed text per variant.
///
/// Only literals fit, so no error of this crate can carry a code, a key or any part of the input that caused it.
macro_rules! messages {
    ($error:ident { $($variant:pat => $text:literal),+ $(,)? }) => {
        impl core::fmt::Display for $error {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(match self { $($variant => $text),+ })
            }
        }

        impl core::error::Error for $error {}
    };
}

pub(crate) use messages;
