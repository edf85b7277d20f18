//! What the flags have in common: headings of the help, and names out of a set.

use std::{ffi::OsStr, marker::PhantomData};

use clap::{
    Arg, Command,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
};

use crate::config::units::{self, Choice};

/// What is measured.
pub(super) const TARGET: &str = "Target";
/// How requests follow each other.
pub(super) const LOAD: &str = "Load";
/// What they say.
pub(super) const DATASET: &str = "Dataset and tokens";
/// What runs beside the load.
pub(super) const SERVICES: &str = "Services and plugins";
/// Agents on other machines.
pub(super) const MACHINES: &str = "Several machines";
/// What is done around a run and its phases.
pub(super) const HOOKS: &str = "Around runs and phases";
/// Several runs of one command.
pub(super) const EXPERIMENT: &str = "Several runs";
/// What is kept and shown.
pub(super) const OUTPUT: &str = "Output";

/// Lets clap read a [`Choice`] and show its names in help and completions.
#[derive(Clone, Debug)]
pub(crate) struct ChoiceParser<T>(PhantomData<T>);

impl<T> ChoiceParser<T> {
    /// A parser of the set `T`.
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Choice> TypedValueParser for ChoiceParser<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        StringValueParser::new().try_map(|text| units::choice(&text)).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(T::NAMES.iter().map(|(name, _)| PossibleValue::new(name))))
    }
}
