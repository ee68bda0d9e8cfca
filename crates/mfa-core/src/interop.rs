//! Conversions to and from `totp-rs`, for services that have its values today. Feature `totp-rs`.

use alloc::boxed::Box;

use totp_rs::{Builder, Secret, Totp};

use crate::algorithm::{Algorithm, Digits, UnknownAlgorithm};
use crate::error::messages;
use crate::key::SharedKey;
use crate::time::Period;
use crate::totp::TotpParameters;

/// A key with its parameters: what a `totp_rs::Totp` holds besides names and skew.
///
/// # Examples
/// ```
/// use mfa_core::interop::KeyWithParameters;
/// use totp_rs::{Builder, Secret, Totp};
///
/// let theirs = Builder::new().with_secret(Secret::new_stack(*b"12345678901234567890")).build()?;
/// let ours = KeyWithParameters::try_from(&theirs)?;
/// let back = Totp::try_from(&ours)?;
/// assert_eq!(back.generate(59).to_string(), "287082");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct KeyWithParameters {
    key: SharedKey,
    parameters: TotpParameters,
}

impl KeyWithParameters {
    /// Puts the two together.
    pub const fn new(key: SharedKey, parameters: TotpParameters) -> Self {
        Self { key, parameters }
    }

    /// The shared key.
    pub const fn key(&self) -> &SharedKey {
        &self.key
    }

    /// What the codes are made with.
    pub const fn parameters(&self) -> &TotpParameters {
        &self.parameters
    }

    /// Takes the two apart.
    pub fn into_parts(self) -> (SharedKey, TotpParameters) {
        (self.key, self.parameters)
    }
}

/// The skew, the issuer and the account name are left behind: the window is ours to choose, the names live elsewhere.
impl TryFrom<&Totp> for KeyWithParameters {
    type Error = NotConvertible;

    fn try_from(theirs: &Totp) -> Result<Self, NotConvertible> {
        let key = SharedKey::from_bytes(theirs.secret().as_bytes()).map_err(|_| NotConvertible::Key)?;
        let algorithm = Algorithm::try_from(theirs.algorithm()).map_err(|_| NotConvertible::Parameters)?;
        let digits = Digits::new(theirs.digits()).map_err(|_| NotConvertible::Parameters)?;
        let period = Period::from_seconds(theirs.step()).map_err(|_| NotConvertible::Parameters)?;
        Ok(Self { key, parameters: TotpParameters::new(algorithm, digits, period) })
    }
}

/// The skew is one step, the names stay empty. `totp-rs` wipes its copy of the key only with its own feature `zeroize`.
impl TryFrom<&KeyWithParameters> for Totp {
    type Error = NotConvertible;

    fn try_from(ours: &KeyWithParameters) -> Result<Self, NotConvertible> {
        Builder::new()
            .with_secret(Secret::new(Box::from(ours.key.expose())))
            .with_algorithm(ours.parameters.algorithm().into())
            .with_digits(ours.parameters.digits().get())
            .with_step_duration(ours.parameters.period().seconds())
            .with_skew(1)
            .build()
            .map_err(|_| NotConvertible::Key) // all else that it refuses, our types refuse as well
    }
}

impl From<Algorithm> for totp_rs::Algorithm {
    fn from(ours: Algorithm) -> Self {
        match ours {
            Algorithm::Sha1 => Self::SHA1,
            Algorithm::Sha256 => Self::SHA256,
            Algorithm::Sha512 => Self::SHA512,
        }
    }
}

impl TryFrom<totp_rs::Algorithm> for Algorithm {
    type Error = UnknownAlgorithm;

    fn try_from(theirs: totp_rs::Algorithm) -> Result<Self, UnknownAlgorithm> {
        match theirs {
            totp_rs::Algorithm::SHA1 => Ok(Self::Sha1),
            totp_rs::Algorithm::SHA256 => Ok(Self::Sha256),
            totp_rs::Algorithm::SHA512 => Ok(Self::Sha512),
            _ => Err(UnknownAlgorithm), // Steam
        }
    }
}

/// A value that the other side cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotConvertible {
    /// The key is shorter than 16 bytes or longer than 64.
    Key,
    /// The algorithm is Steam's, or digits or period are outside our limits.
    Parameters,
}

messages!(NotConvertible {
    Self::Key => "the shared key has a length that cannot be converted",
    Self::Parameters => "algorithm, digits or period cannot be converted",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_identity() {
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            let key = SharedKey::from_bytes(&[9; 32]).unwrap();
            let period = Period::from_seconds(45).unwrap();
            let ours = KeyWithParameters::new(key, TotpParameters::new(algorithm, Digits::SEVEN, period));
            let back = KeyWithParameters::try_from(&Totp::try_from(&ours).unwrap()).unwrap();
            assert_eq!(back.parameters(), ours.parameters());
            assert_eq!(back.key().expose(), ours.key().expose());
        }
    }

    #[test]
    fn what_we_would_refuse_does_not_come_in_by_this_door() {
        let theirs = |bytes: &[u8], digits, step| {
            let secret = Secret::new(Box::from(bytes));
            let builder = Builder::new().with_secret(secret).with_digits(digits).with_step_duration(step);
            KeyWithParameters::try_from(&builder.build_noncompliant()).map(|_| ())
        };
        assert_eq!(theirs(&[1; 10], 6, 30), Err(NotConvertible::Key));
        assert_eq!(theirs(&[1; 20], 9, 30), Err(NotConvertible::Parameters));
        assert_eq!(theirs(&[1; 20], 6, 0), Err(NotConvertible::Parameters));
        assert_eq!(theirs(&[1; 20], 6, u64::MAX), Err(NotConvertible::Parameters));
        assert_eq!(theirs(&[1; 20], 6, 30), Ok(()));
    }
}
