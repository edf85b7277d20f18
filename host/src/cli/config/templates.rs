//! What `prony config init` prints. Each template runs as it is with `--mock`; a test tries all of them.

/// A configuration file to begin with. Its first line says what it is.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        pub(super) const TEMPLATES: &[Template] =
            &[$(Template { name: $name, text: include_str!(concat!("templates/", $name, ".yaml")) }),*];
    };
}

templates![
    "quick",
    "closed",
    "open",
    "phases",
    "conversation",
    "agents",
    "goodput",
    "classes",
    "sweep",
    "slo-search",
    "ci-gate",
];

impl Template {
    /// What it is: its first line.
    pub(super) fn about(&self) -> &str {
        let line = self.text.lines().next().unwrap_or_default();
        line.trim_start_matches(['#', ' ']).trim_end_matches('.')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_says_what_it_is_and_fits_on_a_screen() {
        for template in TEMPLATES {
            assert!(template.text.starts_with("# ") && template.about().len() > 10, "{}", template.name);
            assert!(template.text.lines().all(|line| line.len() <= 100), "{}", template.name);
            assert!(template.text.lines().count() <= 40, "{}", template.name);
        }
    }
}
