//! Which hosts open a library: what the versions of its contract come to.

use std::fmt;

use prony_plugin_api::{
    descriptor::{Descriptor, Language},
    version::C_MINOR,
};
use serde::Serialize;

/// The contracts of the hosts that open a library: all of one epoch, from a minor on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Window {
    /// The contract that the library was built for, as `1.4`.
    pub(crate) built_for: String,
    /// The lowest contract of a host that opens it. Those with a higher minor do as well.
    pub(crate) loads_from: String,
    /// Through which door it is entered.
    pub(crate) language: Language,
}

impl Window {
    /// Reads it from what a library says about itself.
    pub(crate) fn of(descriptor: &Descriptor) -> Self {
        let Descriptor { epoch, minor, min_host_minor, language, .. } = descriptor;
        let lowest = match language {
            Language::Rust => *min_host_minor,
            // Hosts before that do not know the door.
            Language::C => C_MINOR.max(*min_host_minor),
        };
        let contract = |minor: u32| format!("{epoch}.{minor}");
        Self { built_for: contract(*minor), loads_from: contract(lowest), language: *language }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { built_for, loads_from, .. } = self;
        let epoch = loads_from.split('.').next().unwrap_or_default();
        write!(
            f,
            "built for contract {built_for}; loads in prony with contract {loads_from} and later {epoch}.x"
        )
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::version::{EPOCH, MINOR};

    use super::*;

    fn descriptor(language: Language, minor: u32, min_host_minor: u32) -> Descriptor {
        Descriptor {
            schema: 1,
            name: "acme".to_owned(),
            version: "0.1.0".to_owned(),
            language,
            epoch: EPOCH,
            minor,
            min_host_minor,
            rustc: String::new(),
            target: String::new(),
            opt_level: "3".to_owned(),
            panic: "unwind".to_owned(),
            capabilities: None,
            endpoints: Vec::new(),
            services: Vec::new(),
        }
    }

    #[test]
    fn a_library_loads_from_the_minor_on_that_it_needs() {
        let window = Window::of(&descriptor(Language::Rust, 2, 0));
        assert_eq!(
            window.to_string(),
            "built for contract 1.2; loads in prony with contract 1.0 and later 1.x"
        );
        assert_eq!(Window::of(&descriptor(Language::Rust, 3, 1)).loads_from, "1.1");
    }

    #[test]
    fn no_host_before_the_door_opens_a_library_in_c() {
        let window = Window::of(&descriptor(Language::C, MINOR, 0));
        assert_eq!(window.loads_from, format!("{EPOCH}.{C_MINOR}"));
        let later = Window::of(&descriptor(Language::C, C_MINOR + 1, C_MINOR + 1));
        assert_eq!(later.loads_from, format!("{EPOCH}.{}", C_MINOR + 1));
    }
}
