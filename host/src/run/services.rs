//! Which services a run starts: those that start by themselves, less those that the user leaves out, and those that he
//! names. Opens no library.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{scrape, telemetry};
use crate::{
    explain::Explain,
    plan::Plan,
    plugin::{Category, Isolation, Key, OptionError, OptionSchema, PluginError, Registry},
    service::wanted::Wanted,
};

/// The service that scrapes the targets' metrics pages: it has flags of its own.
const SERVER_METRICS: &str = "server_metrics";

/// Why the user's wishes cannot be met. Always his to change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChoiceError {
    /// There is no such service, endpoint, or it is disputed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// An option is not one that the service takes.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// An option of the endpoint stands in both places where it can.
    #[error("set the option `{key}` by `--endpoint-option` and by `--extra-inputs`")]
    SetTwice {
        /// The option's name.
        key: String,
    },
    /// It is named to be started and to be left out.
    #[error("start the service `{name}`: `{flag}` leaves it out")]
    StartedAndLeftOut {
        /// The service's entry name.
        name: String,
        /// The flag that starts it.
        by: &'static str,
        /// The flag that leaves it out.
        flag: &'static str,
    },
    /// A run cannot do without it.
    #[error("leave out the service `{name}`: its manifest says that a run requires it")]
    Required {
        /// The service's entry name.
        name: String,
    },
    /// It can only be there once.
    #[error("start the service `{name}` {times} times: its manifest does not call it `replicable`")]
    NotReplicable {
        /// The service's entry name.
        name: String,
        /// As often as it is named.
        times: u32,
    },
    /// There are fewer instances.
    #[error("set an option of `{name}#{instance}`: the run has {instances} of them")]
    NoSuchInstance {
        /// Which service.
        name: String,
        /// The number that was asked for.
        instance: u32,
        /// How many there are.
        instances: u32,
    },
}

impl Explain for ChoiceError {
    fn hint(&self) -> String {
        match self {
            Self::Plugin(error) => error.hint(),
            Self::Option(error) => error.hint(),
            Self::SetTwice { .. } => "give it in one place".to_owned(),
            Self::StartedAndLeftOut { by, flag, .. } => format!("leave out `{by}` or `{flag}`"),
            Self::Required { .. } => "leave out `--no-service`".to_owned(),
            Self::NotReplicable { .. } => "name it once".to_owned(),
            Self::NoSuchInstance { name, .. } => {
                format!("instances count from 1; `--service {name}` adds one of a replicable service")
            }
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::Plugin(error) if error.is_statement())
    }
}

/// The services of a run, and what the user should know about them.
#[derive(Debug)]
pub(crate) struct Chosen {
    services: Vec<Service>,
    /// Sentences on what is allowed but hardly meant, without a final stop.
    pub(crate) warnings: Vec<String>,
}

/// One service, with all its instances.
#[derive(Debug)]
struct Service {
    name: String,
    required: bool,
    isolated: bool,
    /// The user has named it, to start it or to set an option.
    is_asked_for: bool,
    instances: u32,
}

/// Decides.
pub(crate) fn choose(registry: &Registry, plan: &Plan) -> Result<Chosen, ChoiceError> {
    let wishes = Wishes::read(registry, plan)?;
    let mut chosen =
        Chosen { services: Vec::new(), warnings: telemetry::warnings(plan).into_iter().collect() };
    for entry in registry.services() {
        let (name, metadata) = (&entry.name, &entry.metadata);
        let times =
            u32::try_from(wishes.start.iter().filter(|other| *other == name).count()).unwrap_or(u32::MAX);
        let started_by = wishes.started_by(name);
        let is_wanted = started_by.is_some() || metadata.auto_start;
        match (wishes.left_out_by(name), started_by) {
            (Some(flag), Some(by)) => {
                return Err(ChoiceError::StartedAndLeftOut { name: name.clone(), by, flag });
            }
            (Some(_), None) if metadata.required && is_wanted => {
                return Err(ChoiceError::Required { name: name.clone() });
            }
            (Some(_), None) if is_wanted => continue,
            (Some(flag), None) if flag == NO_SERVICE => {
                chosen.warnings.push(format!("`{flag} {name}` has no effect: it does not start by itself"));
            }
            _ => {}
        }
        if times > 1 && !metadata.replicable {
            return Err(ChoiceError::NotReplicable { name: name.clone(), times });
        }
        if is_wanted {
            registry.service(name)?;
            let isolation = registry.isolation(Category::Service, name)?;
            chosen.services.push(Service {
                name: name.clone(),
                required: metadata.required,
                isolated: isolation == Isolation::Process || wishes.isolate.contains(name),
                is_asked_for: started_by.is_some() || wishes.set.contains(name),
                instances: times.max(1),
            });
        }
    }
    chosen.check_options(registry, plan)?;
    chosen.check_isolation(registry, plan)?;
    Ok(chosen)
}

const SERVICE: &str = "--service";
const NO_SERVICE: &str = "--no-service";

/// What the user said of services, names as the manifests spell them.
struct Wishes {
    start: Vec<String>,
    leave_out: Vec<String>,
    isolate: Vec<String>,
    /// Those that get options, as often as they do.
    set: Vec<String>,
    scrape: bool,
    /// Those that have flags of their own, with these.
    by_flags: Vec<(String, &'static str)>,
}

impl Wishes {
    fn read(registry: &Registry, plan: &Plan) -> Result<Self, PluginError> {
        let entry_name = |name: &String| Ok(registry.describe(Category::Service, name)?.name);
        let named =
            |names: &[String]| -> Result<Vec<String>, PluginError> { names.iter().map(entry_name).collect() };
        let isolate = plan.isolate.iter().map(|name| Ok(registry.spelling(name)?[1].clone()));
        let isolate: Result<Vec<Option<String>>, PluginError> = isolate.collect();
        Ok(Self {
            start: named(&plan.services.start)?,
            leave_out: named(&plan.services.leave_out)?,
            set: plan
                .services
                .options
                .iter()
                .map(|option| entry_name(&option.service))
                .collect::<Result<_, _>>()?,
            isolate: isolate?.into_iter().flatten().collect(),
            scrape: plan.server_metrics.enabled,
            by_flags: telemetry::asked_for(plan)
                .map(|(name, flag)| Ok((entry_name(&name.to_owned())?, flag)))
                .collect::<Result<_, PluginError>>()?,
        })
    }

    /// The flag that starts a service, if one does.
    fn started_by(&self, name: &str) -> Option<&'static str> {
        if self.start.iter().any(|other| other == name) {
            return Some(SERVICE);
        }
        self.by_flags.iter().find(|(other, _)| other == name).map(|(_, flag)| *flag)
    }

    /// The flag that leaves a service out.
    fn left_out_by(&self, name: &str) -> Option<&'static str> {
        if self.leave_out.iter().any(|other| other == name) {
            Some(NO_SERVICE)
        } else if name == SERVER_METRICS && !self.scrape {
            Some("--no-server-metrics")
        } else {
            None
        }
    }
}

impl Chosen {
    fn check_options(&mut self, registry: &Registry, plan: &Plan) -> Result<(), ChoiceError> {
        let mut schemas: BTreeMap<String, OptionSchema> = BTreeMap::new();
        for option in &plan.services.options {
            let listed = registry.describe(Category::Service, &option.service)?;
            let name = listed.name.clone();
            let Some(service) = self.services.iter().find(|service| service.name == name) else {
                self.warnings.push(format!("an option of `{name}` has no effect: the run does not start it"));
                continue;
            };
            if let Some(instance) = option.instance.filter(|number| !(1..=service.instances).contains(number))
            {
                return Err(ChoiceError::NoSuchInstance { name, instance, instances: service.instances });
            }
            let schema = schemas.entry(name).or_insert_with(|| OptionSchema::of(&listed));
            schema.check(&option.key, &option.value)?;
            if let Some(flag) = overruled(&service.name, &option.key, plan) {
                self.warnings.push(format!(
                    "`{flag}` has no effect: `--service-option {}.{}` says otherwise",
                    service.name, option.key
                ));
            }
        }
        let doubts = schemas.iter().filter_map(|(name, schema)| {
            let options = plan.services.options.iter();
            let meant = options.filter(|option| Key::of(&option.service) == Key::of(name));
            schema.doubt(meant.map(|option| option.key.as_str()))
        });
        self.warnings.extend(doubts);
        Ok(())
    }

    fn check_isolation(&mut self, registry: &Registry, plan: &Plan) -> Result<(), ChoiceError> {
        for typed in &plan.isolate {
            let [endpoint, service] = registry.spelling(typed)?;
            let is_used = endpoint.as_ref() == Some(&plan.target.endpoint_type)
                || self.services.iter().any(|used| Some(&used.name) == service.as_ref());
            if !is_used {
                self.warnings.push(format!("`--isolate {typed}` has no effect: the run does not use it"));
            }
        }
        Ok(())
    }

    /// The services, by the names of their entries.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|service| service.name.as_str())
    }

    /// Every instance, with its options. `plan` knows the target by now.
    pub(crate) fn wanted(&self, plan: &Plan, registry: &Registry) -> Vec<Wanted> {
        self.services
            .iter()
            .flat_map(|service| (1..=service.instances).map(move |number| (service, number)))
            .map(|(service, number)| Wanted {
                entry: service.name.clone(),
                name: match service.instances {
                    1 => service.name.clone(),
                    _ => format!("{}#{number}", service.name),
                },
                required: service.required,
                isolated: service.isolated,
                is_asked_for: service.is_asked_for,
                options: options(service, number, plan, registry),
            })
            .collect()
    }
}

/// The flag that a user's option stands over, if he gives both.
fn overruled(service: &str, key: &str, plan: &Plan) -> Option<&'static str> {
    let live_api = plan.services.live_api.as_ref();
    let (is_given, flag) = match (service, key) {
        (SERVER_METRICS, scrape::INTERVAL) => {
            (plan.server_metrics.interval_s.is_some(), "--server-metrics-interval")
        }
        (telemetry::LIVE_API, "port") => (live_api.is_some(), "--api-port"),
        (telemetry::LIVE_API, "host") => (live_api.is_some_and(|it| it.host.is_some()), "--api-host"),
        _ => return None,
    };
    is_given.then_some(flag)
}

/// The options of one instance: those of the host, and the user's over them.
fn options(service: &Service, instance: u32, plan: &Plan, registry: &Registry) -> String {
    let mut options = Map::new();
    if service.name == SERVER_METRICS {
        options.insert("urls".into(), json!(plan.server_metrics.urls));
        options.insert(scrape::INTERVAL.into(), json!(scrape::interval_ms(&plan.server_metrics)));
    }
    telemetry::add_options(&service.name, plan, &mut options);
    let is_meant =
        |name: &str| registry.describe(Category::Service, name).is_ok_and(|it| it.name == service.name);
    for option in &plan.services.options {
        if option.instance.is_none_or(|number| number == instance) && is_meant(&option.service) {
            options.insert(option.key.clone(), option.value.clone());
        }
    }
    if service.name == SERVER_METRICS {
        // Last, so that pages which the user names as an option get what is theirs.
        scrape::add_headers(&mut options, plan);
        scrape::add_tls(&mut options, plan);
    }
    Value::Object(options).to_string()
}
