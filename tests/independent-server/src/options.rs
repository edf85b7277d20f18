//! What the server is told on its command line: [`Pace`].

use std::time::Duration;

/// When tokens are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// From the request to the first token.
    pub(crate) first: Duration,
    /// From each token to the next.
    pub(crate) between: Duration,
}

impl Pace {
    /// Reads the options.
    ///
    /// # Errors
    /// An option is unknown, or its value is not a number of milliseconds.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut pace = Self { first: Duration::from_millis(50), between: Duration::from_millis(10) };
        for argument in arguments {
            let (name, value) = argument.split_once('=').unwrap_or((&argument, ""));
            let duration = match name {
                "--ttft-ms" => &mut pace.first,
                "--itl-ms" => &mut pace.between,
                _ => {
                    return Err(format!("unknown option `{name}`; there are `--ttft-ms=N` and `--itl-ms=N`"));
                }
            };
            let ms = value.parse().map_err(|_| format!("`{name}=N` needs a whole number of milliseconds"))?;
            *duration = Duration::from_millis(ms);
        }
        Ok(pace)
    }
}
