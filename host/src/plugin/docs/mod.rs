//! `prony plugins docs`: a page about an endpoint or a service, made of what is known of it without reading its source.
//!
//! The noun is the [`Subject`]: one type that a library exports, with what a manifest says of it. `subject` finds it, by its name
//! or by the file of its library; `requests` says which requests an endpoint is asked for, `child` asks the library in a process
//! of its own, `parent` is our side of that, `job` what both say; `secrets` takes out what must be on no page; `page` writes
//! the Markdown, with `markdown`, `facts` and `examples`. A page holds nothing of the machine that it is made on: the same library
//! gives the same page.

mod child;
mod examples;
mod facts;
mod job;
mod markdown;
mod page;
mod parent;
mod requests;
mod secrets;
mod subject;

pub(crate) use child::run as run_as_child;
pub(crate) use page::{index, page};
pub(crate) use parent::{CHILD_FLAG, ShowError, show};
pub(crate) use subject::{LibraryError, Subject, of_library};
