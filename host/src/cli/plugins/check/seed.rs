//! The seed of a check: a number, or one that is drawn.

use std::{fmt, num::ParseIntError, str::FromStr};

use rand::{TryRng, rngs::SysRng};

use crate::cli::exit::{Exit, Failure};

/// What `--seed` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeedChoice {
    /// This seed: the same cases each time.
    Number(u64),
    /// Another one each time.
    Random,
}

impl SeedChoice {
    /// The number, drawn if need be.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(super) fn number(self) -> Result<u64, Failure> {
        match self {
            Self::Number(number) => Ok(number),
            // 32 bits, so that it is short enough to be typed again.
            Self::Random => SysRng.try_next_u32().map(u64::from).map_err(|error| {
                Failure::new(Exit::Failed, "draw a random seed from the system")
                    .caused_by(&error)
                    .with_hint("name one with `--seed`")
            }),
        }
    }
}

impl FromStr for SeedChoice {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        if text == "random" { Ok(Self::Random) } else { text.parse().map(Self::Number) }
    }
}

impl fmt::Display for SeedChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Random => f.write_str("random"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_number_or_drawn() {
        assert_eq!("42".parse::<SeedChoice>(), Ok(SeedChoice::Number(42)));
        assert_eq!("random".parse::<SeedChoice>(), Ok(SeedChoice::Random));
        assert!("-1".parse::<SeedChoice>().is_err() && "".parse::<SeedChoice>().is_err());
        assert!(u32::try_from(SeedChoice::Random.number().unwrap()).is_ok());
    }
}
