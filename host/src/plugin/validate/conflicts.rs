//! Names that several manifests declare.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
};

use super::{examined::Examined, finding::Severity};
use crate::plugin::{
    entry::{Category, Entry, Key, Tier},
    outline,
};

/// One declaration of a name.
struct Claim {
    /// Position of its manifest.
    manifest: usize,
    name: String,
    priority: i32,
    external: bool,
}

impl Claim {
    fn rank(&self) -> (i32, bool) {
        (self.priority, self.external)
    }
}

/// Adds findings about names to the manifests that are `wanted`.
pub(super) fn find(all: &mut [Examined], wanted: &HashSet<PathBuf>) {
    let is_wanted: Vec<bool> = all.iter().map(|one| wanted.contains(&one.origin.manifest)).collect();
    for ((category, _), mut claims) in claims(all) {
        // As the registry does it: the later of two with one rank goes behind.
        claims.sort_by_key(|claim| std::cmp::Reverse(claim.rank()));
        if let [first, second, ..] = &claims[..]
            && first.rank() == second.rank()
        {
            let grave = is_wanted[first.manifest] && is_wanted[second.manifest];
            conflict(all, category, [first, second], grave);
            conflict(all, category, [second, first], grave);
        }
        let built_in = claims.iter().find(|claim| !claim.external);
        for claim in claims.iter().filter(|claim| claim.external) {
            if let Some(built_in) = built_in {
                against_built_in(&mut all[claim.manifest], category, claim, built_in.priority);
            }
        }
    }
}

fn claims(all: &[Examined]) -> BTreeMap<(Category, Key), Vec<Claim>> {
    let mut claims: BTreeMap<(Category, Key), Vec<Claim>> = BTreeMap::new();
    for (position, one) in all.iter().enumerate() {
        let external = one.origin.tier != Tier::BuiltIn;
        let mut add = |category: Category, name: &str, priority| {
            let claim = Claim { manifest: position, name: name.to_owned(), priority, external };
            claims.entry((category, Key::of(name))).or_default().push(claim);
        };
        one.manifest
            .endpoints
            .iter()
            .for_each(|Entry { name, priority, .. }| add(Category::Endpoint, name, *priority));
        one.manifest
            .services
            .iter()
            .for_each(|Entry { name, priority, .. }| add(Category::Service, name, *priority));
    }
    claims
}

fn conflict(all: &mut [Examined], category: Category, [own, other]: [&Claim; 2], grave: bool) {
    let file = all[other.manifest].origin.manifest.display().to_string();
    let severity = if grave { Severity::Error } else { Severity::Warning };
    let text = format!(
        "`{file}` declares the {category} `{}` with priority {}, too: neither can be used",
        own.name, own.priority
    );
    let hint = "give one of them a higher `priority`, or remove one".to_owned();
    tell(&mut all[own.manifest], category, own, severity, text, hint);
}

fn against_built_in(one: &mut Examined, category: Category, claim: &Claim, built_in: i32) {
    let (text, hint) = match claim.priority.cmp(&built_in) {
        std::cmp::Ordering::Greater => return,
        std::cmp::Ordering::Equal => (
            format!(
                "it takes the place of the built-in {category} `{}`, which has the same priority",
                claim.name
            ),
            "rename it, or say that you mean it with a higher `priority`",
        ),
        std::cmp::Ordering::Less => (
            format!(
                "it is never used: the built-in {category} `{}` has priority {built_in}, and this one {}",
                claim.name, claim.priority
            ),
            "rename it, or give it a higher `priority`",
        ),
    };
    tell(one, category, claim, Severity::Warning, text, hint.to_owned());
}

fn tell(
    one: &mut Examined,
    category: Category,
    claim: &Claim,
    severity: Severity,
    text: String,
    hint: String,
) {
    let line = outline::line_of(&one.lines, category, &claim.name);
    one.find(severity, line, text, hint);
}
