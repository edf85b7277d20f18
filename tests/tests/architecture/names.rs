//! What the code of a file names: every path in it, those in macros and attributes included, without `#[cfg(test)]`.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Arm, Attribute, Field, ImplItem, Item, ItemMod, ItemUse, Macro, Path, Stmt, TraitItem, UseTree,
    Visibility,
    visit::{self, Visit},
};

/// The segments of a path.
pub(crate) type Segments = Vec<String>;

/// A `use`, of one name.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    /// What it names.
    pub(crate) path: Segments,
    /// The name that it has here; `None` for all names in what it names.
    pub(crate) name: Option<String>,
    /// Others see it here, too.
    pub(crate) is_reexport: bool,
}

/// A module's own code: not that of the modules in it.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Types, functions, constants that stand in it.
    pub(crate) items: BTreeSet<String>,
    /// What it imports, in functions, too.
    pub(crate) imports: Vec<Import>,
    /// What it names otherwise.
    pub(crate) paths: Vec<Segments>,
    /// What it names of other crates with `::` in front. Nothing of this crate can be meant.
    foreign: Vec<Segments>,
    /// Modules whose code stands in it.
    pub(crate) inline: BTreeMap<String, Names>,
    /// Modules with a file of their own.
    pub(crate) files: Vec<String>,
}

impl Names {
    /// Those of a module, or of a file.
    pub(crate) fn of(items: &[Item]) -> Self {
        let mut names = Self::default();
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            names.items.extend(defined(item));
            names.visit_item(item);
        }
        names
    }

    /// Every path, also those of imports and of the modules in it.
    pub(crate) fn all_paths(&self) -> Vec<&Segments> {
        let imports = self.imports.iter().map(|import| &import.path);
        let inner = self.inline.values().flat_map(Self::all_paths);
        self.paths.iter().chain(imports).chain(inner).collect()
    }

    /// What paths begin with, other crates among it.
    pub(crate) fn beginnings(&self) -> BTreeSet<&str> {
        let imports = self.imports.iter().map(|import| &import.path);
        let own = self.paths.iter().chain(&self.foreign).chain(imports);
        let inner = self.inline.values().flat_map(Self::beginnings);
        own.filter_map(|path| path.first().map(String::as_str)).chain(inner).collect()
    }

    fn add_import(&mut self, before: &Segments, tree: &UseTree, is_reexport: bool) {
        let with = |name: &syn::Ident| [&before[..], &[name.to_string()]].concat();
        // `use a::{self}` names `a`.
        let named = |name: &syn::Ident| {
            if name == "self" && !before.is_empty() { before.clone() } else { with(name) }
        };
        let (path, name) = match tree {
            UseTree::Path(path) => return self.add_import(&with(&path.ident), &path.tree, is_reexport),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.add_import(before, tree, is_reexport));
            }
            UseTree::Glob(_) => (before.clone(), None),
            UseTree::Name(name) => (named(&name.ident), named(&name.ident).pop()),
            UseTree::Rename(rename) => (named(&rename.ident), Some(rename.rename.to_string())),
        };
        self.imports.push(Import { path, name, is_reexport });
    }

    /// The paths in tokens that are not parsed: idents with `::` between them.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Segments = Vec::new();
        let (mut colons, mut is_member) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if colons == 2 && !path.is_empty() => path.push(ident.to_string()),
                TokenTree::Ident(ident) => {
                    self.paths.push(std::mem::take(&mut path));
                    if !is_member {
                        path.push(ident.to_string());
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Punct(punct) => {
                    self.paths.push(std::mem::take(&mut path));
                    (colons, is_member) = (0, punct.as_char() == '.');
                    continue;
                }
                TokenTree::Group(group) => {
                    self.paths.push(std::mem::take(&mut path));
                    self.add_tokens(group.stream());
                }
                TokenTree::Literal(_) => self.paths.push(std::mem::take(&mut path)),
            }
            (colons, is_member) = (0, false);
        }
        self.paths.push(path);
        self.paths.retain(|path| !path.is_empty());
    }
}

impl Visit<'_> for Names {
    fn visit_item(&mut self, item: &Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &TraitItem) {
        if !matches!(item, TraitItem::Fn(item) if is_test(&item.attrs)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &Field) {
        if !is_test(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_arm(&mut self, arm: &Arm) {
        if !is_test(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_stmt(&mut self, statement: &Stmt) {
        let is_left_out = match statement {
            Stmt::Local(local) => is_test(&local.attrs),
            Stmt::Macro(call) => is_test(&call.attrs),
            Stmt::Item(_) | Stmt::Expr(..) => false,
        };
        if !is_left_out {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_item_mod(&mut self, module: &ItemMod) {
        let name = module.ident.to_string();
        match &module.content {
            Some((_, items)) => drop(self.inline.insert(name, Self::of(items))),
            None => self.files.push(name),
        }
    }

    fn visit_item_use(&mut self, item: &ItemUse) {
        let before = self.imports.len();
        self.add_import(&Vec::new(), &item.tree, !matches!(item.vis, Visibility::Inherited));
        if item.leading_colon.is_some() {
            let foreign = self.imports.split_off(before);
            self.foreign.extend(foreign.into_iter().map(|import| import.path));
        }
    }

    fn visit_path(&mut self, path: &Path) {
        let paths = if path.leading_colon.is_none() { &mut self.paths } else { &mut self.foreign };
        paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &Macro) {
        self.visit_path(&call.path);
        self.add_tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &Attribute) {
        match &attribute.meta {
            syn::Meta::List(list) => self.add_tokens(list.tokens.clone()),
            meta => visit::visit_meta(self, meta),
        }
    }
}

/// Exactly `#[cfg(test)]`: what stands in other builds, too, is no test.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

/// The attributes of an item.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item brings into its module; those of modules and imports are kept apart.
fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

#[test]
fn a_library_is_found_however_it_is_named() {
    let beginnings = |code: &str| -> BTreeSet<String> {
        let names = Names::of(&syn::parse_file(code).unwrap().items);
        names.beginnings().into_iter().map(str::to_owned).collect()
    };
    for code in [
        "use reqwest::Client;",
        "use ::reqwest::{self, Client};",
        "fn f() { use ::reqwest as http; }",
        "fn f() -> reqwest::Client {}",
        "fn f() { ::reqwest::get(1); }",
        "fn f() { assert!(::reqwest::is_good()); }",
        "mod inner { fn f(client: &::reqwest::Client) {} }",
    ] {
        assert!(beginnings(code).contains("reqwest"), "{code}");
    }
    for code in ["mod reqwest {}", "fn f() { a.reqwest.get() }", "#[cfg(test)] use ::reqwest::Client;"] {
        assert!(!beginnings(code).contains("reqwest"), "{code}");
    }
}
