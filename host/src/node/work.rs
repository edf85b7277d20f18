//! What the workers of a node are started with: [`Work`].

use std::{path::Path, sync::Arc};

use crate::{
    clock::Clock, dataset::Source, plan::Plan, record::RunHeader, request::target::TargetPlan,
    schedule::division::Division,
};

/// What workers are started with. A child has all of it already but their part of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work<'a> {
    /// What decides the run.
    pub(crate) plan: &'a Plan,
    pub(crate) clock: Clock,
    /// What all requests have in common.
    pub(crate) target: &'a Arc<TargetPlan>,
    /// What the requests say.
    pub(crate) source: &'a Arc<Source>,
    /// What the journals of agents begin with.
    pub(crate) header: &'a RunHeader,
    /// The folder of the run.
    pub(crate) dir: &'a Path,
    /// Their part of the run.
    pub(crate) division: Division,
}
