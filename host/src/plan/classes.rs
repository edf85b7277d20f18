//! Classes: parts of a workload, each with its share, its model and its objectives.

use serde::{Deserialize, Serialize};

use super::{
    deal::{Deal, DealOrder},
    length::{LengthLaw, SequenceLaw, SequenceLengths},
    objective::Objective,
};

/// The classes of a run; none where all sessions are of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Classes {
    /// What they stand for.
    pub(crate) kind: ClassKind,
    /// How sessions are dealt to them.
    pub(crate) order: DealOrder,
    /// By their numbers, which are places here.
    pub(crate) list: Vec<Class>,
}

/// What classes stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClassKind {
    /// The user has described each.
    #[default]
    Class,
    /// There is one for each model.
    Model,
    /// There is one for each category of the dataset.
    Category,
}

/// A part of the workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Class {
    pub(crate) name: String,
    /// Its part of the sessions; all parts together are 1.
    pub(crate) share: f64,
    /// Model name of its requests, where it is not that of the run. An adapter is one, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// That name is an adapter's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_adapter: bool,
    /// The body field `priority` of its requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<i64>,
    /// Tokens of a generated input, where they are not those of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) isl: Option<LengthLaw>,
    /// The same of the output that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) osl: Option<LengthLaw>,
    /// Objectives of its own, in place of those of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) goodput: Option<Vec<Objective>>,
}

impl Classes {
    /// There is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How sessions are dealt to them.
    pub(crate) fn deal(&self) -> Deal {
        Deal { order: self.order, shares: self.list.iter().map(|class| class.share).collect() }
    }

    /// The model of the first one, if all have one.
    pub(crate) fn first_model(&self) -> Option<&str> {
        let has_all = self.list.iter().all(|class| class.model.is_some());
        self.list.first().filter(|_| has_all)?.model.as_deref()
    }

    /// A class of each model, by its number. Where there are no classes, 0 stands for all sessions.
    pub(crate) fn one_of_each_model(&self) -> Vec<u32> {
        let is_first = |at: &usize| self.list[..*at].iter().all(|class| class.model != self.list[*at].model);
        let places = (0..self.list.len()).filter(is_first);
        let mut numbers: Vec<u32> = places.filter_map(|place| u32::try_from(place).ok()).collect();
        if numbers.is_empty() {
            numbers.push(0);
        }
        numbers
    }

    /// Some have lengths of their own.
    pub(crate) fn have_lengths(&self) -> bool {
        self.list.iter().any(|class| class.isl.is_some() || class.osl.is_some())
    }

    /// The lengths of all classes, where those of the run are the given ones.
    pub(crate) fn lengths(&self, isl: &SequenceLaw, osl: Option<&SequenceLaw>) -> SequenceLengths {
        let lengths = |class: &Class| SequenceLengths::Apart {
            isl: class.isl.map_or_else(|| isl.clone(), SequenceLaw::Normal),
            osl: class.osl.map(SequenceLaw::Normal).or_else(|| osl.cloned()),
        };
        SequenceLengths::ByClass { deal: self.deal(), classes: self.list.iter().map(lengths).collect() }
    }

    /// The name of a class; none where there are no classes.
    pub(crate) fn name(&self, number: u32) -> Option<&str> {
        self.list.get(number as usize).map(|class| class.name.as_str())
    }
}
