//! [`Route`]: what a method and a path ask for.

use ::http::{Method, StatusCode};

use super::{api_error::ApiError, dialect::Dialect};

/// A page of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// An API request: the only kind that is counted, paced and broken.
    Api(Dialect),
    Models,
    Health,
    Metrics,
    Truth,
    ResetTruth,
}

impl Route {
    /// Finds the route, or the 404 or 405 that says why there is none.
    pub(super) fn of(method: &Method, path: &str) -> Result<Self, ApiError> {
        let (allowed, route) = match path {
            "/v1/models" => (Method::GET, Self::Models),
            "/health" => (Method::GET, Self::Health),
            "/metrics" => (Method::GET, Self::Metrics),
            "/truth" => (Method::GET, Self::Truth),
            "/truth/reset" => (Method::POST, Self::ResetTruth),
            _ => match Dialect::at(path) {
                Some(dialect) => (Method::POST, Self::Api(dialect)),
                None => {
                    return Err(ApiError::new(StatusCode::NOT_FOUND, format!("there is no `{path}` here")));
                }
            },
        };
        if *method == allowed {
            Ok(route)
        } else {
            let message = format!("`{path}` takes {allowed}, not {method}");
            Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message))
        }
    }
}
