//! [`Route`]: what a method and a path ask for.

use ::http::{Method, StatusCode};

use super::{api_error::ApiError, api_format::ApiFormat};

/// A page of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// An API request: the only kind that is counted, paced and broken.
    Api(ApiFormat),
    /// How the job with this id is going.
    Job(&'a str),
    /// The video that the job with this id made.
    Made(&'a str),
    Models,
    Health,
    Metrics,
    /// What a DCGM exporter would say of the GPUs.
    Gpus,
    Truth,
    ResetTruth,
    /// Empties the prefix cache.
    ResetCache,
    /// Starts a profile, or ends it.
    Profile {
        starts: bool,
    },
}

impl<'a> Route<'a> {
    /// Finds the route, or the 404 or 405 that says why there is none.
    pub(super) fn of(method: &Method, path: &'a str) -> Result<Self, ApiError> {
        let (allowed, route) = match path {
            "/v1/models" => (Method::GET, Self::Models),
            "/health" => (Method::GET, Self::Health),
            "/metrics" => (Method::GET, Self::Metrics),
            "/dcgm/metrics" => (Method::GET, Self::Gpus),
            "/truth" => (Method::GET, Self::Truth),
            "/truth/reset" => (Method::POST, Self::ResetTruth),
            // As vLLM calls them; SGLang has a name of its own for the first.
            "/reset_prefix_cache" | "/flush_cache" => (Method::POST, Self::ResetCache),
            "/start_profile" => (Method::POST, Self::Profile { starts: true }),
            "/stop_profile" => (Method::POST, Self::Profile { starts: false }),
            _ => match (ApiFormat::at(path), job(path)) {
                (Some(api_format), _) => (Method::POST, Self::Api(api_format)),
                (None, Some(route)) => (Method::GET, route),
                (None, None) => {
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

/// A job, or what it made: both stand below the path that accepts jobs.
fn job(path: &str) -> Option<Route<'_>> {
    let id = path.strip_prefix(ApiFormat::Videos.path())?.strip_prefix('/').filter(|id| !id.is_empty())?;
    Some(id.strip_suffix("/content").map_or(Route::Job(id), Route::Made))
}
