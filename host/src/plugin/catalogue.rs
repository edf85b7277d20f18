//! Names and conflicts: which entries there are, and in which order they are tried. Pure: it opens nothing.
//!
//! Of the entries of one name, the highest priority wins; at equal priority an external one beats a built-in one; two
//! external ones at equal priority are a conflict, which only the user can settle.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use prony_plugin_api::{
    abi::{EndpointVt_Ref, ServiceVt_Ref, host::PluginRoot},
    metadata::{EndpointMetadata, ServiceMetadata},
};

use serde::Serialize;

use super::{
    entry::{Category, Entry, Key, Origin, Tier},
    fault::Fault,
};

/// What differs between the categories, for code that handles all of them.
pub(super) trait Kind {
    const CATEGORY: Category;
    /// What its manifest entries say.
    type Metadata: Serialize;
    /// The functions that a library exports for one of its types.
    type Table: Copy;

    /// The functions of the type of this name.
    fn table(root: PluginRoot, type_name: &str) -> Option<Self::Table>;
}

/// The `endpoint` category.
#[derive(Debug)]
pub(super) struct Endpoints;

impl Kind for Endpoints {
    const CATEGORY: Category = Category::Endpoint;
    type Metadata = EndpointMetadata;
    type Table = EndpointVt_Ref;

    fn table(root: PluginRoot, type_name: &str) -> Option<EndpointVt_Ref> {
        root.endpoint(type_name)
    }
}

/// The `service` category.
#[derive(Debug)]
pub(super) struct Services;

impl Kind for Services {
    const CATEGORY: Category = Category::Service;
    type Metadata = ServiceMetadata;
    type Table = ServiceVt_Ref;

    fn table(root: PluginRoot, type_name: &str) -> Option<ServiceVt_Ref> {
        root.service(type_name)
    }
}

/// How far an entry has come: `None` is declared, and nobody needed it yet; what it came to then stands for ever.
pub(super) type Outcome<T> = Option<Result<T, Failure>>;

/// An entry whose library cannot be used.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// The library's file, or where it should be.
    pub(super) library: PathBuf,
    /// What is wrong with it.
    pub(super) fault: Arc<Fault>,
}

/// One entry of a name.
pub(super) struct Candidate<K: Kind> {
    pub(super) entry: Arc<Entry<K::Metadata>>,
    pub(super) outcome: Outcome<K::Table>,
}

impl<K: Kind> Candidate<K> {
    /// What decides who wins, the greater one first.
    fn rank(&self) -> (i32, bool) {
        (self.entry.priority, self.entry.origin.tier != Tier::BuiltIn)
    }
}

/// The entries of one category, by name.
pub(super) struct Catalogue<K: Kind>(BTreeMap<Key, Vec<Candidate<K>>>);

impl<K: Kind> Catalogue<K> {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds an entry in its place: before those that it beats, after those that it does not.
    pub(super) fn insert(&mut self, entry: Arc<Entry<K::Metadata>>, outcome: Outcome<K::Table>) {
        let candidates = self.0.entry(Key::of(&entry.name)).or_default();
        let candidate = Candidate { entry, outcome };
        let place = candidates.partition_point(|other| other.rank() >= candidate.rank());
        candidates.insert(place, candidate);
    }

    /// Takes an entry out again.
    #[cfg(test)]
    pub(super) fn remove(&mut self, entry: &Arc<Entry<K::Metadata>>) {
        let key = Key::of(&entry.name);
        if let Some(candidates) = self.0.get_mut(&key) {
            candidates.retain(|candidate| !Arc::ptr_eq(&candidate.entry, entry));
            if candidates.is_empty() {
                self.0.remove(&key);
            }
        }
    }

    /// The entries of a name in the order in which they are tried. Never empty.
    pub(super) fn get(&self, name: &str) -> Option<&[Candidate<K>]> {
        self.0.get(&Key::of(name)).map(Vec::as_slice)
    }

    /// As [`Catalogue::get`], to load one of them.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut [Candidate<K>]> {
        self.0.get_mut(&Key::of(name)).map(Vec::as_mut_slice)
    }

    /// The entries of every name, names in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[Candidate<K>]> {
        self.0.values().map(Vec::as_slice)
    }

    /// Every name as its winner spells it, in order.
    pub(super) fn names(&self) -> Vec<String> {
        self.iter().filter_map(|candidates| Some(candidates.first()?.entry.name.clone())).collect()
    }
}

/// The manifests of the first two candidates, if neither beats the other.
pub(super) fn conflict<K: Kind>(candidates: &[Candidate<K>]) -> Option<[Arc<Origin>; 2]> {
    match candidates {
        // Two built-in entries of one name cannot be: one manifest holds them all and refuses doubles.
        [first, second, ..] if first.rank() == second.rank() => {
            Some([first, second].map(|candidate| Arc::clone(&candidate.entry.origin)))
        }
        _ => None,
    }
}

/// The known name that was probably meant: one that begins like it, or is a few keystrokes away.
pub(super) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let wanted = Key::of(name);
    let distance = |other: &str| match Key::of(other).as_str() {
        other if wanted.as_str().len() > 2 && other.starts_with(wanted.as_str()) => 0,
        other => strsim::damerau_levenshtein(wanted.as_str(), other),
    };
    let (distance, nearest) = known.iter().map(|other| (distance(other), other.as_str())).min()?;
    (distance <= (wanted.as_str().len() / 3).max(1)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{super::testing::service_entry, *};

    fn catalogue(entries: &[(&str, i32, Tier)]) -> Catalogue<Services> {
        let mut catalogue = Catalogue::new();
        for (position, (name, priority, tier)) in entries.iter().enumerate() {
            let mut entry = service_entry(name, &format!("/packs/{position}/plugins.yaml"), *tier);
            entry.priority = *priority;
            catalogue.insert(Arc::new(entry), None);
        }
        catalogue
    }

    /// Positions of the entries, in the order in which they are tried.
    fn order(catalogue: &Catalogue<Services>, name: &str) -> Vec<String> {
        let manifest =
            |candidate: &Candidate<Services>| candidate.entry.origin.manifest.display().to_string();
        let candidates = catalogue.get(name).unwrap().iter().map(manifest);
        candidates.map(|manifest| manifest.split('/').nth(2).unwrap().to_owned()).collect()
    }

    #[rstest]
    #[case::priority_decides(&[("a", 1, Tier::BuiltIn), ("a", 0, Tier::User)], &["0", "1"], false)]
    #[case::external_beats_built_in(&[("a", 0, Tier::BuiltIn), ("a", 0, Tier::System)], &["1", "0"], false)]
    #[case::order_does_not_matter(&[("a", 0, Tier::System), ("a", 0, Tier::BuiltIn)], &["0", "1"], false)]
    #[case::external_equals_external(&[("a", 0, Tier::User), ("a", 0, Tier::CommandLine)], &["0", "1"], true)]
    #[case::a_conflict_below_the_winner_is_none(
        &[("a", 0, Tier::User), ("a", 0, Tier::System), ("a", 1, Tier::User)], &["2", "0", "1"], false
    )]
    #[case::spelling_does_not_matter(&[("A-b", 0, Tier::User), ("a_B", 2, Tier::User)], &["1", "0"], false)]
    fn the_winner_is_tried_first(
        #[case] entries: &[(&str, i32, Tier)],
        #[case] expected: &[&str],
        #[case] conflicting: bool,
    ) {
        let name = entries[0].0;
        let catalogue = catalogue(entries);
        assert_eq!(order(&catalogue, name), expected);
        assert_eq!(conflict(catalogue.get(name).unwrap()).is_some(), conflicting);
    }

    #[test]
    fn a_conflict_names_both_manifests() {
        let catalogue = catalogue(&[("a", 3, Tier::User), ("a", 3, Tier::System)]);
        let both = conflict(catalogue.get("a").unwrap()).unwrap();
        assert_eq!(
            both.map(|origin| origin.manifest.display().to_string()),
            ["/packs/0/plugins.yaml", "/packs/1/plugins.yaml"]
        );
    }

    #[test]
    fn names_are_the_winners_spelling_in_order() {
        let catalogue =
            catalogue(&[("live_api", 0, Tier::BuiltIn), ("Live-API", 0, Tier::User), ("gpu", 0, Tier::User)]);
        assert_eq!(catalogue.names(), ["gpu", "Live-API"]);
        assert!(catalogue.get("LIVE_api").is_some());
        assert!(catalogue.get("live").is_none());
    }

    #[test]
    fn what_is_removed_is_gone() {
        let mut catalogue = catalogue(&[("a", 0, Tier::BuiltIn), ("a", 0, Tier::User)]);
        let winner = Arc::clone(&catalogue.get("a").unwrap()[0].entry);
        catalogue.remove(&winner);
        assert_eq!(order(&catalogue, "a"), ["0"]);
    }

    #[rstest]
    #[case("chatt", Some("chat"))]
    #[case("chta", Some("chat"))]
    #[case("CHAT", Some("chat"))]
    #[case("embed", Some("embeddings"))]
    #[case("embedings", Some("embeddings"))]
    #[case("completion", Some("completions"))]
    #[case("rankings", None)]
    #[case("x", None)]
    #[case("", None)]
    fn a_near_name_is_suggested(#[case] name: &str, #[case] expected: Option<&str>) {
        let known = ["chat", "completions", "embeddings"].map(str::to_owned);
        assert_eq!(nearest(name, &known), expected);
    }
}
