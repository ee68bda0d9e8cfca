//! Ways to answer a challenge, and sets of them.

use std::fmt;

use crate::word::Word;

/// A way to prove a second factor that policy can allow or refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Method {
    /// An authenticator app (TOTP). Every class allows it, so an intersection of classes is never empty.
    App,
    /// A one-time code sent by text message: NIST's *restricted* authenticator (SP 800-63B-4 3.2.9).
    Sms,
}

impl Method {
    /// Every method, the app first.
    pub const ALL: [Self; 2] = [Self::App, Self::Sms];

    /// The name that policy files use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Sms => "sms",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::App => 1,
            Self::Sms => 2,
        }
    }
}

impl Word for Method {
    const WHAT: &'static str = "a method";
    const WORDS: &'static [(&'static str, Self)] = &[("app", Self::App), ("sms", Self::Sms)];
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of [`Method`]s.
///
/// # Examples
/// ```
/// # use mfa_policy::{Method, Methods};
/// let both = Methods::ALL;
/// assert_eq!(both.intersection(Methods::APP).iter().collect::<Vec<_>>(), [Method::App]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Methods(u8);

impl Methods {
    /// No method.
    pub const NONE: Self = Self(0);
    /// The authenticator app alone.
    pub const APP: Self = Self(Method::App.bit());
    /// Text messages alone; no policy decides this, it is for building sets.
    pub const SMS: Self = Self(Method::Sms.bit());
    /// Every method.
    pub const ALL: Self = Self(Self::APP.0 | Self::SMS.0);

    /// Whether `method` is in the set.
    pub const fn contains(self, method: Method) -> bool {
        self.0 & method.bit() != 0
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The methods, the app first.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL.into_iter().filter(move |method| self.contains(*method))
    }
}

impl FromIterator<Method> for Methods {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> Self {
        methods.into_iter().fold(Self::NONE, |set, method| Self(set.0 | method.bit()))
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::word::list(f, self.iter(), " or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_intersect_and_list_the_app_first() {
        let both: Methods = [Method::Sms, Method::App].into_iter().collect();
        assert_eq!(both, Methods::ALL);
        assert_eq!(both.to_string(), "app or sms");
        assert_eq!(both.intersection(Methods::APP), Methods::APP);
        assert!(Methods::APP.intersection(Methods::SMS).is_empty());
    }
}
