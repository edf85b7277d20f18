//! What is answered to which request: pure, without a socket.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::{known::Known, prometheus};

/// A request, as far as it matters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    /// Without what follows a `?`.
    pub(crate) path: &'a str,
    /// The header `Host`.
    pub(crate) host: Option<&'a str>,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A whole response.
    Whole(Whole),
    /// A stream of events.
    Events,
}

/// A response with its body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

const JSON: &str = "application/json";

/// The page for a browser, and what it needs from here.
const PAGE: &str = include_str!("page/live.html");
const STYLE: &str = include_str!("page/live.css");
const SCRIPT: &str = include_str!("page/live.js");

/// What a browser may do with the page: it has nothing but what stands here.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                                 base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What there is, for those who ask for what there is not.
const ROUTES: [&str; 17] = [
    "/",
    "/dashboard",
    "/health",
    "/healthz",
    "/readyz",
    "/metrics",
    "/api",
    "/api/run",
    "/api/config",
    "/api/progress",
    "/api/metrics",
    "/api/errors",
    "/api/workers",
    "/api/agents",
    "/api/server-metrics",
    "/api/results",
    "/api/events",
];

pub(crate) fn answer(asked: Asked<'_>, known: &Known) -> Reply {
    if !matches!(asked.method, "GET" | "HEAD") {
        return refusal(405, "only GET is answered: nothing can be changed here");
    }
    if !asked.host.is_some_and(is_of_this_machine) {
        return refusal(403, "call this address by its number or as `localhost`");
    }
    match asked.path {
        "/" | "/dashboard" => text("text/html; charset=utf-8", PAGE),
        "/live.css" => text("text/css; charset=utf-8", STYLE),
        "/live.js" => text("text/javascript; charset=utf-8", SCRIPT),
        "/health" | "/healthz" | "/readyz" => of_json(&json!({ "status": "ok" })),
        "/metrics" => Reply::Whole(Whole {
            status: 200,
            content_type: prometheus::CONTENT_TYPE,
            body: prometheus::page(known),
        }),
        "/api" | "/api/" => of_json(&known.all()),
        "/api/run" => of_json(&known.run()),
        "/api/config" => of_json(&known.config()),
        "/api/progress" => of_json(&known.progress()),
        "/api/metrics" => of_json(&known.metrics()),
        "/api/errors" => of_json(&known.errors()),
        "/api/workers" => of_json(&known.workers()),
        "/api/agents" => of_json(&known.agents()),
        "/api/server-metrics" => of_json(&known.server_metrics()),
        "/api/results" => of_json(&known.results()),
        "/api/events" => Reply::Events,
        _ => refusal(404, &format!("there is no such path; there are {}", ROUTES.join(", "))),
    }
}

/// Whether a page of another site cannot be behind the question: a name of that site's own may lead here as well (DNS
/// rebinding), but a number is a number.
fn is_of_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

fn of_json(value: &Value) -> Reply {
    Reply::Whole(Whole { status: 200, content_type: JSON, body: format!("{value}\n") })
}

fn text(content_type: &'static str, body: &str) -> Reply {
    Reply::Whole(Whole { status: 200, content_type, body: body.to_owned() })
}

fn refusal(status: u16, message: &str) -> Reply {
    let body = format!("{}\n", json!({ "error": message }));
    Reply::Whole(Whole { status, content_type: JSON, body })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn ask(method: &str, path: &str, host: Option<&str>) -> Reply {
        answer(Asked { method, path, host }, &Known::of_run("{}"))
    }

    fn status(reply: &Reply) -> u16 {
        match reply {
            Reply::Whole(whole) => whole.status,
            Reply::Events => 200,
        }
    }

    #[test]
    fn every_path_that_is_told_is_answered() {
        for path in ROUTES {
            assert_eq!(status(&ask("GET", path, Some("127.0.0.1:80"))), 200, "{path}");
        }
    }

    #[rstest]
    #[case::another_path("GET", "/api/nothing", Some("localhost"), 404)]
    #[case::a_change("POST", "/api/run", Some("localhost"), 405)]
    #[case::a_name_of_somebody_else("GET", "/api", Some("attacker.example:9000"), 403)]
    #[case::no_name("GET", "/api", None, 403)]
    #[case::a_number("GET", "/api", Some("192.0.2.7:9000"), 200)]
    #[case::a_longer_number("GET", "/api", Some("[::1]:9000"), 200)]
    #[case::without_a_port("HEAD", "/api", Some("LocalHost"), 200)]
    fn others_are_refused(
        #[case] method: &str,
        #[case] path: &str,
        #[case] host: Option<&str>,
        #[case] expected: u16,
    ) {
        assert_eq!(status(&ask(method, path, host)), expected);
    }

    /// What the policy does not allow would not work; what the page names is answered.
    #[test]
    fn the_page_fetches_nothing_from_elsewhere() {
        for text in [PAGE, STYLE, SCRIPT] {
            assert!(!text.contains("//") || !text.contains("http"), "{text}");
        }
        for inline in ["style=", "<style", "onclick", "<script>"] {
            assert!(!PAGE.contains(inline), "the policy does not allow `{inline}`");
        }
        let quoted = PAGE.split('"').filter(|text| text.starts_with('/'));
        for path in quoted {
            assert_eq!(status(&ask("GET", path, Some("127.0.0.1"))), 200, "{path}");
        }
    }
}
