//! What came out.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::cases::CaseName;

/// Everything that was checked of one plugin type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the type.
    pub subject: String,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The name of the case: [`CaseName::id`].
    pub case: String,
    /// What was checked, as a statement that holds when it is [`Verdict::Ok`].
    pub name: String,
    /// The worst of its findings.
    pub verdict: Verdict,
    /// How many calls or answers it looked at.
    pub cases: u64,
    /// What was found, at most a few of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// How many more findings there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlisted: u64,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub verdict: Verdict,
    /// What happened, with the values.
    pub text: String,
}

/// How good or bad something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As the contract wants it.
    #[default]
    Ok,
    /// Allowed, and probably not meant.
    Warn,
    /// Not known: it could not be tried.
    Unchecked,
    /// Against the contract.
    Fail,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Verdict {
    /// What it means for a plugin, for a text that begins with the plugin's name.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Ok => "conforms",
            Self::Warn => "conforms, with warnings",
            Self::Unchecked => "could not be checked",
            Self::Fail => "does not conform",
        }
    }
}

impl Report {
    /// The worst of its checks.
    pub fn verdict(&self) -> Verdict {
        self.checks.iter().map(|check| check.verdict).max().unwrap_or_default()
    }

    /// It was checked, and nothing in it is against the contract.
    pub fn conforms(&self) -> bool {
        !self.checks.is_empty() && self.verdict() <= Verdict::Warn
    }
}

impl Check {
    /// A check that has not looked at anything yet.
    pub fn of(case: CaseName) -> Self {
        Self { case: case.id.to_owned(), name: case.statement.to_owned(), ..Self::default() }
    }

    /// A check with one finding.
    pub fn found(case: CaseName, verdict: Verdict, text: String) -> Self {
        Self { verdict, cases: 1, findings: vec![Finding { verdict, text }], ..Self::of(case) }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Unchecked => "none",
            Self::Fail => "FAIL",
        })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.cases == 1 { "" } else { "s" };
        write!(f, "  {:<5} {}: {} ({} case{plural})", self.verdict, self.case, self.name, self.cases)?;
        for finding in &self.findings {
            write!(f, "\n          {}: {}", finding.verdict, finding.text)?;
        }
        if self.unlisted > 0 {
            write!(f, "\n          and {} more", self.unlisted)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subject, self.verdict().phrase())?;
        for check in &self.checks {
            write!(f, "\n{check}")?;
        }
        Ok(())
    }
}
