//! The registry: every plugin there is, each loaded once, when it is first needed. A value that is passed down, never a
//! global: tests make their own.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use prony_plugin_api::abi::host::{EndpointInstance, HostTable, ServiceInstance};

use super::{
    catalogue::{Candidate, Catalogue, Endpoints, Failure, Kind, Services, conflict},
    discovery::{self, DiscoveryOptions, DiscoveryProblem, Pack, Withheld},
    entry::{Category, EndpointEntry, Entry, Isolation, Key, ServiceEntry, Tier},
    error::PluginError,
    libraries::Libraries,
    limits::Confinement,
    listing::Listed,
    locked::{LockChoice, Locks},
    policy::PolicyInForce,
    process_state::ProcessState,
    trust::Trust,
    used::{Provenance, UsedPlugin},
};
use crate::lockfile::Lockfile;

/// Every plugin there is.
pub(crate) struct Registry {
    search: DiscoveryOptions,
    packs: Vec<Pack>,
    problems: Vec<DiscoveryProblem>,
    policy: PolicyInForce,
    /// What must be as it was locked, if anything must. Libraries may have to be in the lock of a controller, too.
    lock: Option<Arc<Lockfile>>,
    /// Apart from the shelves: a library that hangs while it is opened must not keep a report from being written.
    used: Arc<Mutex<Vec<UsedPlugin>>>,
    shelves: Mutex<Shelves>,
    /// Apart from the shelves: a library that hangs while it is opened must not keep a report from being written.
    notes: Mutex<Vec<String>>,
    /// What was used in other processes.
    elsewhere: Mutex<Vec<UsedPlugin>>,
    /// What no plugin may change, once it was noted.
    surroundings: OnceLock<ProcessState>,
}

/// What changes: entries are loaded, and what is open is shared. One lock, so that nothing is opened twice.
pub(super) struct Shelves {
    pub(super) endpoints: Catalogue<Endpoints>,
    pub(super) services: Catalogue<Services>,
    pub(super) libraries: Libraries,
}

impl Registry {
    /// Reads every manifest there is, and opens no library. Bad packs are [`Registry::problems`].
    ///
    /// # Errors
    /// A manifest that the user named is bad.
    pub(crate) fn discover(options: &DiscoveryOptions) -> Result<Self, PluginError> {
        let policy = options.policy.decide()?;
        let lock = options.lock.read()?;
        let found = discovery::discover(options, &policy, lock.as_deref())?;
        let locks = Locks { own: lock.clone(), controllers: options.lock_of_controller.clone() };
        let mut shelves = Shelves {
            endpoints: Catalogue::new(),
            services: Catalogue::new(),
            libraries: Libraries::new(options.library_folders(), policy.policy, locks),
        };
        let mut packs = Vec::new();
        for (origin, manifest) in found.manifests {
            packs.push(Pack {
                origin,
                endpoints: manifest.endpoints.len(),
                services: manifest.services.len(),
            });
            for entry in manifest.endpoints {
                shelves.endpoints.insert(Arc::new(entry), None);
            }
            for entry in manifest.services {
                shelves.services.insert(Arc::new(entry), None);
            }
        }
        let used = shelves.libraries.used();
        Ok(Self {
            search: DiscoveryOptions { lock: LockChoice::of_content(lock.as_ref()), ..options.clone() },
            lock,
            packs,
            problems: found.problems,
            policy,
            used,
            shelves: Mutex::new(shelves),
            notes: Mutex::default(),
            elsewhere: Mutex::default(),
            surroundings: OnceLock::new(),
        })
    }

    /// Where was looked: another process that looks there finds the same.
    pub(crate) fn search(&self) -> &DiscoveryOptions {
        &self.search
    }

    /// The packs that were read, from low to high.
    pub(crate) fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// Which plugins may be used, and who decided it.
    pub(crate) fn policy(&self) -> &PolicyInForce {
        &self.policy
    }

    /// What files of all kinds must be as they were locked on this machine, if they must.
    pub(crate) fn locked(&self) -> Option<&Lockfile> {
        self.lock.as_deref()
    }

    /// What was skipped, and why.
    pub(crate) fn problems(&self) -> &[DiscoveryProblem] {
        &self.problems
    }

    /// What the report should say: what the policy left out, which entries failed to load, and what was used in their
    /// place.
    pub(crate) fn notes(&self) -> Vec<String> {
        let left_out = self.problems.iter().filter(|problem| problem.is_policy());
        let left_out = left_out.map(|problem| format!("did not {problem}"));
        left_out.chain(self.noted().iter().cloned()).collect()
    }

    /// What another process should hear of the plugins that were loaded in this one.
    pub(crate) fn provenance(&self) -> Provenance {
        Provenance { used: self.known(), notes: self.notes() }
    }

    /// Adds what another process has said of the plugins that it loaded: it has a registry of its own.
    pub(crate) fn add(&self, provenance: Provenance) {
        self.add_notes(&provenance.notes);
        let mut elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        for plugin in provenance.used {
            if !used.contains(&plugin) {
                elsewhere.push(plugin.clone());
                used.push(plugin);
            }
        }
    }

    /// Notes what belongs to the process as a whole, before the first library is opened.
    pub(crate) fn note_process_state(&self) {
        self.surroundings.get_or_init(ProcessState::note);
    }

    /// The program itself answers signals in another way from now on.
    pub(crate) fn note_signal_handlers(&self) {
        if let Some(surroundings) = self.surroundings.get() {
            surroundings.note_answers();
        }
    }

    /// Puts back what a plugin has changed of what was noted, and notes who that was. It is cheap, and to be done often.
    pub(crate) fn restore_process_state(&self) {
        let changed = self.surroundings.get().map(ProcessState::put_back).unwrap_or_default();
        if !changed.is_empty() {
            let (who, what) = (self.suspects(), changed.join(", "));
            self.note(Some(format!(
                "{who} changed {what}, which belongs to the whole process; prony put it back"
            )));
        }
    }

    /// Who runs in this process and may have done something. What ships with prony does not, where there is anybody else.
    fn suspects(&self) -> String {
        let mut suspects = self.known();
        let elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        suspects.retain(|plugin| !elsewhere.contains(plugin));
        let built_in = Tier::BuiltIn.to_string();
        if suspects.iter().any(|plugin| plugin.tier != built_in) {
            suspects.retain(|plugin| plugin.tier != built_in);
        }
        let mut names: Vec<String> =
            suspects.iter().map(|plugin| format!("the {} `{}`", plugin.category, plugin.name)).collect();
        names.dedup();
        if names.is_empty() { "a library that is being opened".to_owned() } else { names.join(" or ") }
    }

    /// Notes something that the report should say: a sentence without a final stop.
    pub(crate) fn remark(&self, text: String) {
        self.note(Some(text));
    }

    /// The same of something that nobody has to hear of before.
    pub(crate) fn mention(&self, text: String) {
        self.add_notes(&[text]);
    }

    fn known(&self) -> Vec<UsedPlugin> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what was used in the place of what, and shows it to the user now: the report comes late.
    fn note(&self, note: Option<String>) {
        if let Some(note) = note.filter(|note| !self.notes().contains(note)) {
            tracing::warn!("{note}");
            self.noted().push(note);
        }
    }

    fn add_notes(&self, notes: &[String]) {
        for note in notes {
            if !self.notes().contains(note) {
                self.noted().push(note.clone());
            }
        }
    }

    /// The plugins that were used, here or in a process that has told of them, and those of these names that nobody has
    /// told of, as their files are. Waits for nobody.
    pub(crate) fn used(&self, wanted: &[(Category, &str)]) -> Vec<UsedPlugin> {
        let mut used = self.known();
        let Ok(shelves) = self.shelves.try_lock() else { return used };
        for (category, name) in wanted {
            if used
                .iter()
                .any(|known| known.category == category.name() && Key::of(&known.name) == Key::of(name))
            {
                continue;
            }
            used.extend(match category {
                Category::Endpoint => elsewhere(&shelves.endpoints, &shelves.libraries, name),
                Category::Service => elsewhere(&shelves.services, &shelves.libraries, name),
            });
        }
        used
    }

    /// The API format of this name, in any spelling. Opens nothing.
    pub(crate) fn endpoint(&self, name: &str) -> Result<Arc<EndpointEntry>, PluginError> {
        winner(&self.lock().endpoints, name).map_err(|error| self.explain(error))
    }

    /// The service of this name, in any spelling. Opens nothing.
    pub(crate) fn service(&self, name: &str) -> Result<Arc<ServiceEntry>, PluginError> {
        winner(&self.lock().services, name).map_err(|error| self.explain(error))
    }

    /// The spelling of a name in the manifests, of an endpoint and of a service, if there are such. Opens nothing.
    pub(crate) fn spelling(&self, name: &str) -> Result<[Option<String>; 2], PluginError> {
        fn spelling<K: Kind>(catalogue: &Catalogue<K>, name: &str) -> Option<String> {
            Some(catalogue.get(name)?.first()?.entry.name.clone())
        }
        let shelves = self.lock();
        let found = [spelling(&shelves.endpoints, name), spelling(&shelves.services, name)];
        if found == [None, None] {
            let left_out = Category::ALL.into_iter().find_map(|category| self.left_out(category, name));
            if let Some(error) = left_out {
                return Err(error);
            }
            let mut known = shelves.endpoints.names();
            known.extend(shelves.services.names());
            return Err(PluginError::UnknownPlugin { name: name.to_owned(), known });
        }
        Ok(found)
    }

    /// Where the code of a name wants to run. A process of its own if any entry of the name wants one: should the
    /// winner fail to load, what is used in its place must not run where it does not want to. Opens nothing.
    pub(crate) fn isolation(&self, category: Category, name: &str) -> Result<Isolation, PluginError> {
        let shelves = self.lock();
        let isolation = match category {
            Category::Endpoint => candidates(&shelves.endpoints, name).map(strictest),
            Category::Service => candidates(&shelves.services, name).map(strictest),
        };
        isolation.map_err(|error| self.explain(error))
    }

    /// How the process of a service is limited, if the service has one to itself. Nothing where its library states nothing, or all
    /// that can be denied. Opens nothing.
    pub(crate) fn confinement(&self, service: &str) -> Option<Confinement> {
        let libraries: Vec<PathBuf> = {
            let shelves = self.lock();
            let candidates = shelves.services.get(service)?.iter();
            candidates.filter_map(|candidate| shelves.libraries.locate(&candidate.entry).ok()).collect()
        };
        Confinement::of(&libraries, &Trust::of_this_process())
    }

    /// Every service, the winner of each name. Opens nothing.
    pub(crate) fn services(&self) -> Vec<Arc<ServiceEntry>> {
        let shelves = self.lock();
        shelves
            .services
            .iter()
            .filter_map(|candidates| Some(Arc::clone(&candidates.first()?.entry)))
            .collect()
    }

    /// Makes an instance of an API format from its options, the text of a JSON object; opens its library on first use.
    pub(crate) fn load_endpoint(
        &self,
        name: &str,
        options: &str,
    ) -> Result<Arc<EndpointInstance>, PluginError> {
        let (table, name, note) = {
            let Shelves { endpoints, libraries, .. } = &mut *self.lock();
            load(endpoints, libraries, name).map_err(|error| self.explain(error))?
        };
        self.note(note);
        let instance = EndpointInstance::create(table, options);
        instance.map(Arc::new).map_err(|source| PluginError::Create {
            category: Category::Endpoint,
            name,
            source,
        })
    }

    /// Makes an instance of a service from its options, the text of a JSON object; opens its library on first use.
    pub(crate) fn load_service(
        &self,
        name: &str,
        options: &str,
        host: HostTable,
    ) -> Result<ServiceInstance, PluginError> {
        let (table, name, note) = {
            let Shelves { services, libraries, .. } = &mut *self.lock();
            load(services, libraries, name).map_err(|error| self.explain(error))?
        };
        self.note(note);
        let instance = ServiceInstance::create(table, options, host);
        instance.map_err(|source| PluginError::Create { category: Category::Service, name, source })
    }

    /// The entries of a category, names in order. Opens nothing.
    pub(crate) fn list(&self, category: Category) -> Vec<Listed> {
        let shelves = self.lock();
        match category {
            Category::Endpoint => {
                shelves.endpoints.iter().map(|all| Listed::of(all, &shelves.libraries)).collect()
            }
            Category::Service => {
                shelves.services.iter().map(|all| Listed::of(all, &shelves.libraries)).collect()
            }
        }
    }

    /// Everything of one name. Opens nothing.
    pub(crate) fn describe(&self, category: Category, name: &str) -> Result<Listed, PluginError> {
        let Shelves { endpoints, services, libraries } = &*self.lock();
        let listed = match category {
            Category::Endpoint => candidates(endpoints, name).map(|all| Listed::of(all, libraries)),
            Category::Service => candidates(services, name).map(|all| Listed::of(all, libraries)),
        };
        listed.map_err(|error| self.explain(error))
    }

    /// Says of an unknown name if the policy leaves it out.
    fn explain(&self, error: PluginError) -> PluginError {
        let PluginError::UnknownName { category, name, known } = error else { return error };
        if let Some(error) = self.left_out(category, &name) {
            return error;
        }
        let unread = self.problems.iter().filter_map(|problem| match problem {
            DiscoveryProblem::Unread { manifest, .. } => Some(manifest.clone()),
            _ => None,
        });
        let unread: Vec<PathBuf> = unread.collect();
        if unread.is_empty() {
            return PluginError::UnknownName { category, name, known };
        }
        PluginError::NotBuiltIn { category, name, known, unread, policy: self.policy.clone() }
    }

    /// The entry of this name that the policy leaves out, as an error.
    fn left_out(&self, category: Category, name: &str) -> Option<PluginError> {
        let is_meant =
            |withheld: &Withheld| withheld.category == category && Key::of(&withheld.name) == Key::of(name);
        self.problems.iter().find_map(|problem| match problem {
            DiscoveryProblem::Unpinned { withheld, policy } if is_meant(withheld) => {
                Some(PluginError::Unpinned { withheld: withheld.clone(), policy: policy.clone() })
            }
            _ => None,
        })
    }

    fn noted(&self) -> MutexGuard<'_, Vec<String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shelves> {
        // A panic elsewhere leaves nothing half done here: an entry changes its state in one step.
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("packs", &self.packs)
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

fn candidates<'a, K: Kind>(
    catalogue: &'a Catalogue<K>,
    name: &str,
) -> Result<&'a [Candidate<K>], PluginError> {
    catalogue.get(name).ok_or_else(|| unknown(catalogue, name))
}

/// What would be used for a name that nobody has asked for in this process.
fn elsewhere<K: Kind>(catalogue: &Catalogue<K>, libraries: &Libraries, name: &str) -> Option<UsedPlugin> {
    let candidates = catalogue.get(name)?;
    let untouched = candidates.iter().all(|candidate| candidate.outcome.is_none());
    untouched.then(|| libraries.foresee::<K>(&candidates.first()?.entry)).flatten()
}

fn strictest<K: Kind>(candidates: &[Candidate<K>]) -> Isolation {
    let isolated = candidates.iter().any(|candidate| candidate.entry.isolation == Isolation::Process);
    if isolated { Isolation::Process } else { Isolation::None }
}

fn unknown<K: Kind>(catalogue: &Catalogue<K>, name: &str) -> PluginError {
    PluginError::UnknownName { category: K::CATEGORY, name: name.to_owned(), known: catalogue.names() }
}

/// The entry that is used for a name, unless it fails to load.
fn winner<K: Kind>(catalogue: &Catalogue<K>, name: &str) -> Result<Arc<Entry<K::Metadata>>, PluginError> {
    let candidates = candidates(catalogue, name)?;
    match (conflict_error(candidates), candidates.first()) {
        (None, Some(winner)) => Ok(Arc::clone(&winner.entry)),
        (Some(error), _) => Err(error),
        (None, None) => Err(unknown(catalogue, name)),
    }
}

fn conflict_error<K: Kind>(candidates: &[Candidate<K>]) -> Option<PluginError> {
    let (origins, first) = (conflict(candidates)?, candidates.first()?);
    Some(PluginError::Conflict {
        category: K::CATEGORY,
        name: first.entry.name.clone(),
        priority: first.entry.priority,
        origins,
    })
}

/// The functions of a name and its spelling in the manifest: those of the winner, or of the next one if that fails, and
/// then what the report should say.
fn load<K: Kind>(
    catalogue: &mut Catalogue<K>,
    libraries: &mut Libraries,
    name: &str,
) -> Result<(K::Table, String, Option<String>), PluginError> {
    if catalogue.get(name).is_none() {
        return Err(unknown(catalogue, name));
    }
    let candidates = catalogue.get_mut(name).unwrap_or_default();
    let mut failure: Option<(PluginError, PathBuf)> = None;
    for position in 0..candidates.len() {
        let attempt = match conflict_error(&candidates[position..]) {
            Some(error) => Err(error),
            None => load_one(&mut candidates[position], libraries),
        };
        let entry = &candidates[position].entry;
        match (attempt, &failure) {
            // Nothing is used in the place of what was changed.
            (Err(error), _) if error.breaks_the_lock() => return Err(error),
            (Ok(table), None) => return Ok((table, entry.name.clone(), None)),
            (Ok(table), Some((error, manifest))) => {
                let note = fallback_note(error, manifest, &entry.origin.manifest);
                return Ok((table, entry.name.clone(), Some(note)));
            }
            (Err(error @ PluginError::Load { .. }), None) => {
                failure = Some((error, entry.origin.manifest.clone()));
            }
            (Err(PluginError::Load { .. }), Some(_)) => {}
            // The user has to settle it: trying the next one would go over his head.
            (Err(error), None) => return Err(error),
            (Err(_), Some(_)) => break,
        }
    }
    Err(failure.map_or_else(|| unknown(catalogue, name), |(error, _)| error))
}

fn load_one<K: Kind>(
    candidate: &mut Candidate<K>,
    libraries: &mut Libraries,
) -> Result<K::Table, PluginError> {
    let entry = &candidate.entry;
    let (category, name) = (K::CATEGORY, entry.name.clone());
    let outcome = candidate.outcome.get_or_insert_with(|| open::<K>(entry, libraries));
    outcome.as_ref().copied().map_err(|Failure { library, fault }| PluginError::Load {
        category,
        name,
        library: library.clone(),
        fault: Arc::clone(fault),
    })
}

fn open<K: Kind>(entry: &Entry<K::Metadata>, libraries: &mut Libraries) -> Result<K::Table, Failure> {
    let failure = |library, fault| Failure { library, fault: Arc::new(fault) };
    let library = libraries
        .locate(entry)
        .map_err(|fault| failure(entry.origin.manifest.with_file_name(entry.class.file_name()), fault))?;
    libraries.table::<K>(&library, entry).map_err(|fault| failure(library, fault))
}

fn fallback_note(error: &PluginError, failed: &Path, used: &Path) -> String {
    let detail = error.detail().unwrap_or_default();
    format!(
        "failed to {error}: {detail}. It is declared in `{}`; the one of `{}` was used in its place.",
        failed.display(),
        used.display()
    )
}

#[cfg(test)]
mod tests;
