//! What must not be repeated when a page repeats it: exports [`Secrets`].

/// Stands in place of a secret.
const REDACTED: &str = "<redacted>";

/// Shorter values would be found everywhere.
const SHORTEST: usize = 6;

/// The values of a page's headers, each of which may be a secret.
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Those of these headers: whole values, and what stands behind a scheme such as `Bearer`.
    pub(crate) fn of(headers: &[(String, String)]) -> Self {
        let values = headers.iter().flat_map(|(_, value)| {
            let credentials = value.split_once(' ').map(|(_, credentials)| credentials);
            [Some(value.as_str()), credentials].into_iter().flatten()
        });
        Self(values.filter(|value| value.len() >= SHORTEST).map(str::to_owned).collect())
    }

    /// The text without them.
    pub(crate) fn take_out(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), REDACTED))
    }
}

/// Shows nothing.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_and_its_credentials_are_taken_out() {
        let headers = [("Authorization", "Bearer sk-12345"), ("X-Team", "blue")];
        let secrets = Secrets::of(&headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(secrets.take_out("the key sk-12345 of blue"), "the key <redacted> of blue");
        assert_eq!(secrets.take_out("Bearer sk-12345"), "<redacted>");
    }
}
