//! Calls in tests that wait for a program for as long as it takes: a test that does not end says nothing of what is wrong.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use syn::{
    Expr, ExprMethodCall, Field, File, Ident, Item, ItemMod, Local, Macro, Member, Pat, PatType, PathSegment,
    Token, Type,
    punctuated::Punctuated,
    visit::{self, Visit},
};

use super::names::{attributes, is_test};

/// Methods of a program that have no deadline.
const WAITING: [&str; 4] = ["output", "status", "wait", "wait_with_output"];

/// Which code of a file is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope {
    /// All of it.
    Whole,
    /// What `#[cfg(test)]` stands in front of.
    Tests,
}

/// The calls in a file that wait for a program without a deadline.
pub(crate) fn calls(file: &File, scope: Scope) -> Vec<String> {
    let programs = Programs::of(file);
    let mut calls = Calls { programs: &programs, found: Vec::new() };
    match scope {
        Scope::Whole => calls.visit_file(file),
        Scope::Tests => tests(&file.items).into_iter().for_each(|item| calls.visit_item(item)),
    }
    calls.found
}

/// The modules that a file declares for tests alone: paths without `.rs`, whose files may stand in a folder of that name.
pub(crate) fn test_modules(path: &Path, file: &File) -> Vec<PathBuf> {
    let folder = path.with_extension("");
    let is_root = ["lib", "main", "mod"].iter().any(|name| folder.ends_with(name));
    let folder = if is_root { path.parent().unwrap() } else { folder.as_path() };
    let declared = file.items.iter().filter_map(|item| match item {
        Item::Mod(module) if module.content.is_none() && is_test(&module.attrs) => Some(module),
        _ => None,
    });
    declared.map(|module| folder.join(module.ident.to_string())).collect()
}

/// The items that are there in tests alone.
fn tests(items: &[Item]) -> Vec<&Item> {
    let mut found = Vec::new();
    for item in items {
        match item {
            _ if is_test(attributes(item)) => found.push(item),
            Item::Mod(ItemMod { content: Some((_, items)), .. }) => found.extend(tests(items)),
            _ => {}
        }
    }
    found
}

/// Names that a file has for programs, whether they run or are to be started.
#[derive(Debug, Default)]
struct Programs(BTreeSet<String>);

impl Programs {
    fn of(file: &File) -> Self {
        let mut programs = Self::default();
        loop {
            let before = programs.0.len();
            programs.visit_file(file);
            // A field may stand behind the code that uses it.
            if programs.0.len() == before {
                return programs;
            }
        }
    }

    fn has(&self, name: &Ident) -> bool {
        self.0.contains(&name.to_string())
    }

    /// Whether calls begin with a program: `child`, `self.child`, `Command::new("a").arg("b")`.
    fn begin(&self, calls: &Expr) -> bool {
        match calls {
            Expr::MethodCall(call) => self.begin(&call.receiver),
            Expr::Try(inner) => self.begin(&inner.expr),
            Expr::Reference(inner) => self.begin(&inner.expr),
            Expr::Paren(inner) => self.begin(&inner.expr),
            Expr::Field(field) => match &field.member {
                Member::Named(name) => self.has(name),
                Member::Unnamed(_) => self.begin(&field.base),
            },
            Expr::Path(path) => path.path.get_ident().is_some_and(|name| self.has(name)),
            Expr::Call(call) => is_new_command(&call.func),
            _ => false,
        }
    }

    fn add(&mut self, pattern: &Pat) {
        match pattern {
            Pat::Ident(name) => {
                self.0.insert(name.ident.to_string());
            }
            Pat::Type(typed) => self.add(&typed.pat),
            Pat::Tuple(tuple) => tuple.elems.iter().for_each(|pattern| self.add(pattern)),
            Pat::TupleStruct(tuple) => tuple.elems.iter().for_each(|pattern| self.add(pattern)),
            _ => {}
        }
    }
}

impl Visit<'_> for Programs {
    fn visit_local(&mut self, local: &Local) {
        if local.init.as_ref().is_some_and(|init| self.begin(&init.expr)) {
            self.add(&local.pat);
        }
        visit::visit_local(self, local);
    }

    fn visit_pat_type(&mut self, typed: &PatType) {
        if has_program(&typed.ty) {
            self.add(&typed.pat);
        }
        visit::visit_pat_type(self, typed);
    }

    fn visit_field(&mut self, field: &Field) {
        if let Some(name) = field.ident.as_ref().filter(|_| has_program(&field.ty)) {
            self.0.insert(name.to_string());
        }
        visit::visit_field(self, field);
    }

    fn visit_macro(&mut self, call: &Macro) {
        for argument in arguments(call) {
            self.visit_expr(&argument);
        }
    }
}

/// Calls that wait for one of these programs.
#[derive(Debug)]
struct Calls<'a> {
    programs: &'a Programs,
    found: Vec<String>,
}

impl Visit<'_> for Calls<'_> {
    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        let waits = call.args.is_empty() && WAITING.iter().any(|name| call.method == name);
        if waits && self.programs.begin(&call.receiver) {
            self.found.push(format!(".{}()", call.method));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &Macro) {
        for argument in arguments(call) {
            self.visit_expr(&argument);
        }
    }
}

/// What is given to a macro such as `assert!`. Nothing, where that is no list of expressions.
fn arguments(call: &Macro) -> impl Iterator<Item = Expr> {
    call.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated).into_iter().flatten()
}

/// Whether a type has that of a program in it: `&mut Command`, `Option<Child>`.
fn has_program(ty: &Type) -> bool {
    let mut search = ProgramType(false);
    search.visit_type(ty);
    search.0
}

/// Whether the type of a program was seen.
struct ProgramType(bool);

impl Visit<'_> for ProgramType {
    fn visit_path_segment(&mut self, segment: &PathSegment) {
        self.0 |= segment.ident == "Child" || segment.ident == "Command";
        visit::visit_path_segment(self, segment);
    }
}

/// `Command::new`, with or without what stands before it.
fn is_new_command(function: &Expr) -> bool {
    let Expr::Path(path) = function else { return false };
    let names: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    names.ends_with(&["Command".to_owned(), "new".to_owned()])
}

#[test]
fn a_call_that_waits_is_found_whatever_the_program_is_called() {
    let code = r#"
        fn f(server: &mut Server, run: Running, answer: Response) {
            let mut start = std::process::Command::new("a");
            let Ok(mut child) = start.spawn() else { return };
            child.wait().unwrap();
            assert!(Command::new("b").arg("c").status()?.success(), "it failed");
            server.process.wait();
            if let Some(status) = child.try_wait().unwrap() { drop(status) }
            drop((run.wait(), answer.status(), run.wait(1)));
        }
        fn g(start: &mut Command) { start.output(); }
        struct Server { process: Option<Child> }
    "#;
    let file = syn::parse_file(code).unwrap();
    assert_eq!(calls(&file, Scope::Whole), [".wait()", ".status()", ".wait()", ".output()"]);
}

#[test]
fn the_code_that_tests_are_of_may_wait() {
    let code = "
        fn f(mut child: Child) { child.wait(); }
        mod inner { #[cfg(test)] mod tests { fn g(child: Child) { child.wait_with_output(); } } }
        #[cfg(test)] mod more;
        mod other;
    ";
    let file = syn::parse_file(code).unwrap();
    assert_eq!(calls(&file, Scope::Tests), [".wait_with_output()"]);
    assert_eq!(test_modules(Path::new("src/a/mod.rs"), &file), [Path::new("src/a/more")]);
    assert_eq!(test_modules(Path::new("src/a.rs"), &file), [Path::new("src/a/more")]);
    assert_eq!(test_modules(Path::new("src/lib.rs"), &file), [Path::new("src/more")]);
}
