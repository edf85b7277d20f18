//! The golden layout: every type that crosses the boundary, written out, must look as it does in contract 1.4: as in 1.0, and one function more (1.2 has kinds of
//! content more, 1.3 messages, and 1.4 the loading of libraries in C, which are no types).
//!
//! Types are found by walking from the root module, so a new one cannot be forgotten.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    collections::{BTreeSet, HashSet},
    fmt::Write,
};

use abi_stable::{
    std_types::{RSlice, UTypeId},
    type_layout::{TLData, TLField, TypeLayout},
    StableAbi,
};
use prony_plugin_api::abi::{PluginModule_Ref, Usage};
use rstest::rstest;

/// What to do when the layout changed.
const ADVICE: &str = "a type that crosses the plugin boundary changed its shape: every library built until now would be \
                      misread. Append to the end of a function table instead and count `version::MINOR` up, or start a \
                      new epoch; then accept the new text with `cargo insta review`";

#[test]
#[cfg(target_pointer_width = "64")]
fn the_shape_of_everything_that_crosses_is_that_of_contract_1_4() {
    // Shown when the assertion fails.
    println!("{ADVICE}");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("layout", Types::text(PluginModule_Ref::LAYOUT));
    });
}

/// The golden text is only worth something if it tells shapes apart.
#[rstest]
#[case::another_field_type(<Before as StableAbi>::LAYOUT, <After as StableAbi>::LAYOUT)]
#[case::another_element(<RSlice<'static, u8> as StableAbi>::LAYOUT, <RSlice<'static, Usage> as StableAbi>::LAYOUT)]
fn a_changed_shape_changes_the_text(#[case] before: &'static TypeLayout, #[case] after: &'static TypeLayout) {
    let text = |layout| Types::text(layout).replace("After", "Before");
    assert_ne!(text(before), text(after));
}

#[repr(C)]
#[derive(StableAbi)]
struct Before {
    count: u64,
}

#[repr(C)]
#[derive(StableAbi)]
struct After {
    count: u32,
}

/// Every type that was met, and what there is to say about it.
#[derive(Default)]
struct Types {
    met: HashSet<UTypeId>,
    texts: BTreeSet<String>,
}

impl Types {
    /// Everything that `root` mentions, as one text.
    fn text(root: &'static TypeLayout) -> String {
        let mut types = Self::default();
        types.describe(root);
        types.texts.into_iter().collect::<Vec<_>>().join("\n")
    }

    fn describe(&mut self, layout: &'static TypeLayout) {
        if !self.met.insert(layout.get_utypeid()) {
            return;
        }
        let mut text =
            format!("{}  size {} align {}\n", layout.full_type(), layout.size(), layout.alignment());
        if let TLData::PrefixType(table) = layout.data() {
            writeln!(text, "    (a table of at least {} fields)", table.first_suffix_field).unwrap();
        }
        for field in layout.get_fields().into_iter().flatten() {
            writeln!(text, "    {}", signature(field)).unwrap();
        }
        self.texts.insert(text);

        let shared = layout.shared_vars().type_layouts();
        shared.iter().chain(layout.generics().type_params()).for_each(|mentioned| self.describe(mentioned()));
    }
}

/// `name: type`, or `name: fn(types) -> type`.
fn signature(field: TLField) -> String {
    let Some(function) = field.function_range().iter().next() else {
        return format!("{}: {}", field.name(), field.full_type());
    };
    let text = function.to_string();
    // A second line holds lifetimes, which are no part of a shape; unnamed parameters come with commas in front.
    let (qualifier, rest) = text.lines().next().and_then(|line| line.split_once("fn(")).unwrap_or_default();
    format!("{}: {qualifier}fn({}", field.name(), rest.trim_start_matches([',', ':', ' ']))
}
