//! Which settings stand where several places say them: those that give way to stronger ones, and those that contradict each other.

use super::{
    exit::{Exit, Failure},
    refusal,
};
use crate::config::{
    flags::{ProfileFlags, Ui},
    keys::{flag_name, in_file, variable},
    origins::{Origins, Source},
    together::OPPOSITES,
    words::Words,
};

/// Settings that say the opposite, or say it in another way: the second gives way where somebody stronger says the first.
const INSTEAD: [(&str, &str); 25] = [
    ("mock", "url"),
    ("url", "mock"),
    ("mock", "proxy"),
    ("mock", "http2"),
    ("proxy", "no-proxy"),
    ("no-proxy", "proxy"),
    ("ca-cert", "insecure"),
    ("insecure", "ca-cert"),
    ("input-file", "public-dataset"),
    ("public-dataset", "input-file"),
    ("server-metrics", "no-server-metrics"),
    ("no-server-metrics", "server-metrics"),
    ("no-server-metrics", "server-metrics-header"),
    ("no-server-metrics", "server-metrics-interval"),
    ("gpu-telemetry", "no-gpu-telemetry"),
    ("no-gpu-telemetry", "gpu-telemetry"),
    ("burst-phase-starts", "no-burst-phase-starts"),
    ("no-burst-phase-starts", "burst-phase-starts"),
    ("nats", "nats-server"),
    ("nats-server", "nats"),
    ("nats-server", "nats-token"),
    ("nats-server", "nats-creds"),
    ("nats-server", "nats-tls-ca"),
    ("nats-server", "nats-tls-cert"),
    ("nats-server", "nats-tls-key"),
];

/// Whether a setting that is not among these stronger ones gives way to them: they say the opposite, or sweep over it.
pub(super) fn gives_way(name: &str, stronger: &Words) -> bool {
    let mut swept =
        stronger.get("sweep").unwrap_or_default().iter().filter_map(|text| text.to_str()?.split_once('='));
    let opposites = OPPOSITES.into_iter().flat_map(|(one, other)| [(one, other), (other, one)]);
    INSTEAD.into_iter().chain(opposites).any(|(strong, weak)| weak == name && stronger.get(strong).is_some())
        || swept.any(|(keys, _)| keys.split('/').any(|key| flag_name(key.trim()) == name))
}

/// Whether a variable says how agents are reached, and these settings ask for none: it is of the machine, and not of the run.
pub(super) fn says_nothing(name: &str, settings: [&Words; 2]) -> bool {
    let has_agents = |words: &Words| {
        let mut lists = ["sweep", "variant"].into_iter().filter_map(|name| words.get(name)).flatten();
        words.get("agents").is_some() || lists.any(|text| text.to_string_lossy().contains("agents"))
    };
    (matches!(name, "nats" | "ssh") || name.starts_with("nats-")) && !settings.into_iter().any(has_agents)
}

/// What is wrong with settings that say the opposite of each other. In different places, the stronger one stands alone.
pub(super) fn contradictions(words: &Words, flags: &ProfileFlags, origins: &Origins) -> Vec<Failure> {
    let are_given = |names: [&str; 2]| names.into_iter().all(|name| words.get(name).is_some());
    let opposites = OPPOSITES.into_iter().filter(|(one, other)| are_given([*one, *other]));
    let of_opposites =
        opposites.map(|(one, other)| refusal::excluding(&said_by(one, origins), &said_by(other, origins)));
    let shown = match flags.ui {
        Some(Ui::Simple) => Some("simple"),
        Some(Ui::Dashboard) => Some("dashboard"),
        Some(Ui::None) | None => None,
    };
    // A file or a variable may ask for progress in all runs but those that are to be quiet.
    let are_typed = || ["quiet", "ui"].into_iter().all(|name| origins.source(name) == Source::Typed);
    let of_progress = shown.filter(|_| flags.quiet && are_typed()).map(|shown| {
        let what = format!("use `--quiet` together with `--ui {shown}`: no progress is shown then");
        Failure::new(Exit::Usage, what).with_hint("leave out one of them")
    });
    of_opposites.chain(of_progress).collect()
}

/// A setting by the name that it has for whoever says it, with its place if that is in a file.
fn said_by(name: &str, origins: &Origins) -> String {
    match origins.source(name) {
        Source::Typed => format!("--{name}"),
        Source::File(place) => format!("{} at {place}", in_file(name)),
        Source::Variable => variable(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::words::Setting;

    /// A slip in one of these tables would have no effect, and nobody would hear of it.
    #[test]
    fn settings_that_stand_for_each_other_are_settings() {
        let names = Setting::names();
        let pairs = INSTEAD.into_iter().chain(OPPOSITES);
        let unknown =
            pairs.flat_map(|(one, other)| [one, other]).find(|name| !names.iter().any(|it| it == name));
        assert_eq!(unknown, None);
    }
}
