//! All questions together: the [`Verdict`].

use serde_json::{Value, json};

use super::{
    super::model::Report,
    agents, cache, client, complete, connections, errors,
    finding::{Finding, Severity},
    load, objectives, samples, server, steady, tokens,
};

/// What the numbers of a run are worth.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// The gravest questions first.
    pub(crate) findings: Vec<Finding>,
}

impl Verdict {
    /// Asks everything.
    pub(crate) fn of(report: &Report) -> Self {
        let findings = complete::findings(report)
            .chain(agents::findings(report))
            .chain(load::findings(report))
            .chain(client::findings(report))
            .chain(errors::findings(report))
            .chain(samples::findings(report))
            .chain(steady::findings(report))
            .chain(server::findings(report))
            .chain(cache::findings(report))
            .chain(connections::findings(report))
            .chain(objectives::findings(report))
            .chain(tokens::findings(report));
        Self { findings: findings.collect() }
    }

    /// What the worst finding does to the numbers; nothing where there is none.
    fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Whether nothing makes the numbers doubtful.
    pub(crate) fn is_sound(&self) -> bool {
        matches!(self.worst(), None | Some(Severity::Note))
    }

    /// The verdict in one word.
    pub(crate) fn word(&self) -> &'static str {
        match self.worst() {
            None | Some(Severity::Note) => "sound",
            Some(Severity::Doubtful) => "doubtful",
            Some(Severity::Invalid) => "invalid",
        }
    }

    /// The verdict and what it rests on, in one line.
    pub(crate) fn line(&self) -> String {
        let all_of = |severity: Severity| {
            let found = self.findings.iter().filter(move |finding| finding.severity == severity);
            found.map(|finding| finding.short.as_str())
        };
        let reasons: Vec<&str> = all_of(Severity::Invalid).chain(all_of(Severity::Doubtful)).collect();
        if !reasons.is_empty() {
            return format!("{}: {}", self.word(), reasons.join("; "));
        }
        match all_of(Severity::Note).collect::<Vec<_>>().join("; ") {
            notes if notes.is_empty() => self.word().to_owned(),
            notes => format!("{} (note: {notes})", self.word()),
        }
    }

    pub(crate) fn summary(&self, report: &Report) -> Value {
        json!({
            "verdict": self.word(),
            "line": self.line(),
            "findings": self.findings.iter().map(|finding| json!(finding)).collect::<Value>(),
            "steadiness": steady::summary(report),
        })
    }
}
