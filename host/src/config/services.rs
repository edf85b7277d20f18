//! What is wanted of services. Whether there are such services is not checked here.

use serde_json::Value;

use super::{
    sink::Sink,
    spec::{Origin, RunSpec},
};
use crate::plan::{LiveApiConfig, ServiceOption, ServicesConfig};

/// How an option is written.
pub(super) const EXAMPLE: &str = "write it as in `--service-option server_metrics.interval_ms=500`";

/// An option that is none. Its value is not shown: it may be a key.
#[derive(Debug, thiserror::Error)]
#[error("read value {position} of `{by}`: it is not `NAME.KEY=VALUE`")]
pub(crate) struct ServiceOptionError {
    pub(super) by: Origin,
    /// Which value, from 1.
    position: usize,
}

/// What is asked for. Values that are no options are left out.
pub(super) fn services(spec: &RunSpec, problems: &mut impl Sink<ServiceOptionError>) -> ServicesConfig {
    let mut options = Vec::new();
    if let Some((texts, by)) = spec.service_option.given() {
        for (position, text) in (1..).zip(texts) {
            options.extend(problems.note(option(text).ok_or(ServiceOptionError { by, position })));
        }
    }
    ServicesConfig {
        start: spec.service.list().to_vec(),
        leave_out: spec.no_service.list().to_vec(),
        options,
        live_api: spec.api_port.value().map(|port| LiveApiConfig { port, host: spec.api_host.value() }),
    }
}

/// `NAME.KEY=VALUE`, or `NAME#2.KEY=VALUE` for one of several instances.
fn option(text: &str) -> Option<ServiceOption> {
    let (left, value) = text.split_once('=')?;
    let (service, key) = left.split_once('.')?;
    let (service, instance) = match service.split_once('#') {
        Some((service, number)) => (service, Some(number.parse().ok()?)),
        None => (service, None),
    };
    let is_named = !service.is_empty() && !key.is_empty();
    is_named.then(|| ServiceOption {
        service: service.to_owned(),
        instance,
        key: key.to_owned(),
        value: self::value(value),
    })
}

/// The value of an option: JSON, or else text.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::config::spec::tests::spec;

    fn read(line: &str) -> Result<ServicesConfig, Vec<ServiceOptionError>> {
        let mut wrong = Vec::new();
        let config = services(&spec(line), &mut wrong);
        if wrong.is_empty() { Ok(config) } else { Err(wrong) }
    }

    #[rstest]
    #[case("a.n=5", None, json!(5))]
    #[case("a.n=[1,2]", None, json!([1, 2]))]
    #[case("a.n=b=c,d", None, json!("b=c,d"))]
    #[case("a#2.n=", Some(2), json!(""))]
    fn a_value_is_json_or_text(#[case] text: &str, #[case] instance: Option<u32>, #[case] value: Value) {
        let expected = ServiceOption { service: "a".into(), instance, key: "n".into(), value };
        assert_eq!(option(text), Some(expected));
    }

    #[rstest]
    fn what_is_no_option_is_told_by_its_place(#[values("a.n", "a=5", ".n=5", "a.=5", "a#x.n=5")] text: &str) {
        let errors = read(&format!("--service-option a.b=c --service-option {text}")).unwrap_err();
        assert_eq!(errors[0].to_string(), "read value 2 of `--service-option`: it is not `NAME.KEY=VALUE`");
    }

    #[test]
    fn all_that_are_no_options_are_told() {
        let errors = read("--service-option a --service-option a.b=c --service-option b").unwrap_err();
        let expected =
            [1, 3].map(|at| format!("read value {at} of `--service-option`: it is not `NAME.KEY=VALUE`"));
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn questions_are_answered_at_a_port_and_perhaps_an_address() {
        let live_api = |line: &str| read(line).unwrap().live_api;
        assert_eq!(live_api(""), None);
        assert_eq!(live_api("--api-port 0"), Some(LiveApiConfig { port: 0, host: None }));
        let host = Some("::1".parse().unwrap());
        assert_eq!(live_api("--api-port 9000 --api-host ::1"), Some(LiveApiConfig { port: 9000, host }));
    }

    #[test]
    fn names_may_be_repeated_or_separated_by_commas() {
        let config = read("--service a,a --service b --no-service c").unwrap();
        assert_eq!((config.start.join(" "), config.leave_out.join(" ")), ("a a b".into(), "c".into()));
    }
}
