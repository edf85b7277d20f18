//! How a check ended.

/// What is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) why: String,
    /// Empty where `why` says it.
    pub(super) fix: String,
}

impl Fault {
    pub(super) fn new(why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { why: why.into(), fix: fix.into() }
    }
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// With what was found.
    Passed(String),
    /// It works, and something is to be known about this machine.
    Doubtful(Fault),
    /// It could not be made, for this reason, and need not be.
    Skipped(String),
    Failed(Fault),
}

impl Outcome {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Passed(_) => "ok",
            Self::Doubtful(_) => "warn",
            Self::Skipped(_) => "skip",
            Self::Failed(_) => "fail",
        }
    }

    /// The line about a check of this name, and a second one with what to do.
    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        let line = |text: &str| format!("{:<4}  {name}: {text}", self.word());
        match self {
            Self::Passed(text) | Self::Skipped(text) => vec![line(text)],
            Self::Doubtful(Fault { why, fix }) | Self::Failed(Fault { why, fix }) if fix.is_empty() => {
                vec![line(why)]
            }
            Self::Doubtful(Fault { why, fix }) | Self::Failed(Fault { why, fix }) => {
                vec![line(why), format!("      fix: {fix}")]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_a_line_and_a_fault_has_a_second_one() {
        assert_eq!(Outcome::Passed("5 of 5".to_owned()).lines("plugins"), ["ok    plugins: 5 of 5"]);
        assert_eq!(Outcome::Skipped("none".to_owned()).lines("an agent"), ["skip  an agent: none"]);
        let doubtful = Outcome::Doubtful(Fault::new("it was busy", "wait"));
        assert_eq!(doubtful.lines("chat"), ["warn  chat: it was busy", "      fix: wait"]);
        let failed = Outcome::Failed(Fault::new("it is late", "hurry"));
        assert_eq!(failed.lines("chat"), ["fail  chat: it is late", "      fix: hurry"]);
    }
}
