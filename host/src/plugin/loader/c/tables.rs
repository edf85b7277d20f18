//! Reads the tables of a library: no field beyond a table's size, and no table without what it needs.
//!
//! What is wrong is said in words that fit after "has a table that cannot be used: ".

use std::{
    ffi::{CStr, c_char},
    mem::{MaybeUninit, offset_of},
    ptr,
};

use super::layout::{
    CEndpoint, CHost, CPlugin, CService, Create, Destroy, Format, MakeParser, OnMessage, ReadBody, ReadEnd,
    ReadEvent, Step, Stop,
};
use crate::plugin::entry::is_name;

/// Most types of one category that all libraries in C of one process may export together.
pub(super) const MOST_TYPES: usize = 64;

/// Most message types that a service may hear.
const MOST_SUBSCRIPTIONS: usize = 1024;

/// A table of the header's, which consists of numbers, pointers and functions that may be missing.
trait Table: Copy {
    /// As the header calls it.
    const NAME: &'static str;
    /// Bytes that the first version of it has. It never changes.
    const LEAST: usize;
}

/// Bytes of a pointer, which the last field of each table's first version is as large as.
const POINTER: usize = size_of::<usize>();

impl Table for CPlugin {
    const NAME: &'static str = "prony_plugin";
    const LEAST: usize = offset_of!(Self, service_count) + POINTER;
}

impl Table for CEndpoint {
    const NAME: &'static str = "prony_endpoint";
    const LEAST: usize = offset_of!(Self, end) + POINTER;
}

impl Table for CService {
    const NAME: &'static str = "prony_service";
    const LEAST: usize = offset_of!(Self, destroy) + POINTER;
}

/// An endpoint that can be used.
pub(super) struct EndpointTable {
    pub(super) type_name: &'static str,
    pub(super) host: *const CHost,
    pub(super) create: Option<Create>,
    pub(super) destroy: Option<Destroy>,
    pub(super) format: Format,
    pub(super) parser: Option<MakeParser>,
    pub(super) parser_destroy: Option<Destroy>,
    pub(super) event: ReadEvent,
    pub(super) body: ReadBody,
    pub(super) end: Option<ReadEnd>,
}

// SAFETY: functions, and the host's table, which the header lets any thread use.
unsafe impl Send for EndpointTable {}
// SAFETY: as above; nothing of it changes.
unsafe impl Sync for EndpointTable {}

/// A service that can be used.
pub(super) struct ServiceTable {
    pub(super) type_name: &'static str,
    pub(super) subscriptions: Vec<&'static str>,
    pub(super) create: Option<Create>,
    pub(super) destroy: Option<Destroy>,
    pub(super) init: Option<Step>,
    pub(super) start: Option<Step>,
    pub(super) on_message: Option<OnMessage>,
    pub(super) stop: Option<Stop>,
}

/// The table of a library itself.
///
/// # Safety
/// `table` is null, or one that the header's rules hold for: it begins with its size, has so many bytes, and all that it
/// leads to stays as it is for the life of the process.
pub(super) unsafe fn plugin(table: *const CPlugin) -> Result<CPlugin, String> {
    // SAFETY: the caller's obligation.
    unsafe { read(table) }
}

/// The endpoints of a library.
///
/// # Safety
/// As for [`plugin`], which has returned `plugin`.
pub(super) unsafe fn endpoints(plugin: &CPlugin, host: *const CHost) -> Result<Vec<EndpointTable>, String> {
    // SAFETY: the caller's obligation.
    let tables = unsafe { list(plugin.endpoints, plugin.endpoint_count, MOST_TYPES, "endpoints") }?;
    tables
        .into_iter()
        .map(|table| {
            // SAFETY: the caller's obligation.
            let table = unsafe { read(table) }?;
            // SAFETY: the caller's obligation.
            let type_name = unsafe { name(table.type_name, CEndpoint::NAME) }?;
            endpoint(&table, type_name, host)
        })
        .collect()
}

fn endpoint(table: &CEndpoint, type_name: &'static str, host: *const CHost) -> Result<EndpointTable, String> {
    let missing =
        |function: &'static str| move || format!("the endpoint `{type_name}` has no function `{function}`");
    Ok(EndpointTable {
        type_name,
        host,
        create: table.create,
        destroy: table.destroy,
        format: table.format.ok_or_else(missing("format"))?,
        parser: table.parser,
        parser_destroy: table.parser_destroy,
        event: table.event.ok_or_else(missing("event"))?,
        body: table.body.ok_or_else(missing("body"))?,
        end: table.end,
    })
}

/// The services of a library.
///
/// # Safety
/// As for [`endpoints`].
pub(super) unsafe fn services(plugin: &CPlugin) -> Result<Vec<ServiceTable>, String> {
    // SAFETY: the caller's obligation.
    let tables = unsafe { list(plugin.services, plugin.service_count, MOST_TYPES, "services") }?;
    tables
        .into_iter()
        .map(|table| {
            // SAFETY: the caller's obligation.
            let table = unsafe { read(table) }?;
            // SAFETY: the caller's obligation.
            let type_name = unsafe { name(table.type_name, CService::NAME) }?;
            // SAFETY: the caller's obligation.
            let subscriptions = unsafe { subscriptions(&table) }?;
            service(&table, type_name, subscriptions)
        })
        .collect()
}

fn service(
    table: &CService,
    type_name: &'static str,
    subscriptions: Vec<&'static str>,
) -> Result<ServiceTable, String> {
    if !subscriptions.is_empty() && table.on_message.is_none() {
        return Err(format!("the service `{type_name}` hears messages and has no function `on_message`"));
    }
    Ok(ServiceTable {
        type_name,
        subscriptions,
        create: table.create,
        destroy: table.destroy,
        init: table.init,
        start: table.start,
        on_message: table.on_message,
        stop: table.stop,
    })
}

/// The message types that a service hears.
///
/// # Safety
/// As for [`services`].
unsafe fn subscriptions(table: &CService) -> Result<Vec<&'static str>, String> {
    let (names, count) = (table.subscriptions, table.subscription_count);
    // SAFETY: the caller's obligation.
    let names = unsafe { list(names, count, MOST_SUBSCRIPTIONS, "subscriptions") }?;
    names
        .into_iter()
        .map(|text| {
            // SAFETY: the caller's obligation.
            unsafe { string(text, "subscription") }
        })
        .collect()
}

/// A table as far as both sides know it. What lies beyond its size is missing.
///
/// # Safety
/// As for [`plugin`].
unsafe fn read<T: Table>(table: *const T) -> Result<T, String> {
    if table.is_null() {
        return Err(format!("a `{}` is NULL", T::NAME));
    }
    if !table.is_aligned() {
        return Err(format!("a `{}` does not stand where one can stand", T::NAME));
    }
    // SAFETY: the caller's obligation; it is aligned.
    let size = unsafe { table.cast::<usize>().read() };
    if size < T::LEAST {
        return Err(format!("a `{}` says that it has {size} bytes, and {} are the least", T::NAME, T::LEAST));
    }
    let mut copy = MaybeUninit::<T>::zeroed();
    let known = size.min(size_of::<T>());
    // SAFETY: the caller's obligation; the copy has room for that much.
    unsafe { ptr::copy_nonoverlapping(table.cast::<u8>(), copy.as_mut_ptr().cast::<u8>(), known) };
    // SAFETY: numbers, pointers and optional functions, for all of which zeroes are a value.
    Ok(unsafe { copy.assume_init() })
}

/// An array of pointers.
///
/// # Safety
/// `array` is null, or has so many of them.
unsafe fn list<T>(
    array: *const *const T,
    count: usize,
    most: usize,
    what: &str,
) -> Result<Vec<*const T>, String> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if count > most {
        return Err(format!("it says that it has {count} {what}, and {most} are the most"));
    }
    if array.is_null() || !array.is_aligned() {
        return Err(format!("it says that it has {count} {what}, and there is no list of them"));
    }
    // SAFETY: the caller's obligation.
    Ok(unsafe { std::slice::from_raw_parts(array, count) }.to_vec())
}

/// The name of a type.
///
/// # Safety
/// As [`string`].
unsafe fn name(text: *const c_char, of: &str) -> Result<&'static str, String> {
    // SAFETY: the caller's obligation.
    let name = unsafe { string(text, of) }?;
    if is_name(name) {
        return Ok(name);
    }
    let found = name.escape_debug();
    Err(format!("a `{of}` has the name `{found}`: letters, digits, `-` and `_` are allowed"))
}

/// A text that ends with a zero byte.
///
/// # Safety
/// `text` is null, or such a text, which stays as it is for the life of the process.
unsafe fn string(text: *const c_char, of: &str) -> Result<&'static str, String> {
    if text.is_null() {
        return Err(format!("the name of a `{of}` is NULL"));
    }
    // SAFETY: the caller's obligation.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| format!("the name of a `{of}` is no UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An endpoint without anything, of this size.
    fn empty(size: usize) -> CEndpoint {
        CEndpoint {
            size,
            type_name: c"Acme".as_ptr(),
            create: None,
            destroy: None,
            format: None,
            parser: None,
            parser_destroy: None,
            event: None,
            body: None,
            end: None,
        }
    }

    fn error_text(table: *const CEndpoint) -> String {
        let array = [table];
        let plugin = CPlugin {
            size: size_of::<CPlugin>(),
            epoch: 1,
            minor: 4,
            init: None,
            endpoints: array.as_ptr(),
            endpoint_count: 1,
            services: ptr::null(),
            service_count: 0,
        };
        // SAFETY: the tables live as long as this call.
        let read = unsafe { endpoints(&plugin, ptr::null()) };
        read.err().unwrap_or_default()
    }

    #[test]
    fn a_table_that_is_too_small_is_not_read() {
        let least = CEndpoint::LEAST;
        assert_eq!(
            error_text(&raw const *Box::leak(Box::new(empty(least - 1)))),
            format!("a `prony_endpoint` says that it has {} bytes, and {least} are the least", least - 1)
        );
        assert_eq!(error_text(ptr::null()), "a `prony_endpoint` is NULL");
    }

    #[test]
    fn a_function_that_is_missing_is_named() {
        let table = empty(size_of::<CEndpoint>());
        assert_eq!(error_text(&raw const table), "the endpoint `Acme` has no function `format`");
    }

    #[test]
    fn a_name_is_a_name() {
        let table = CEndpoint { type_name: c"Ac me".as_ptr(), ..empty(size_of::<CEndpoint>()) };
        assert!(error_text(&raw const table).contains("has the name `Ac me`"));
        let table = CEndpoint { type_name: ptr::null(), ..empty(size_of::<CEndpoint>()) };
        assert_eq!(error_text(&raw const table), "the name of a `prony_endpoint` is NULL");
    }

    #[test]
    fn the_header_says_how_many_there_may_be() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin-api/include/prony_plugin.h");
        let header = std::fs::read_to_string(path).unwrap().replace("\n *   ", " ");
        for limit in [
            format!("have at most {MOST_TYPES} endpoints and {MOST_TYPES} services."),
            format!("A service hears at most {MOST_SUBSCRIPTIONS} types of messages."),
        ] {
            assert!(header.contains(&limit), "{limit}");
        }
    }

    #[test]
    fn a_list_that_is_not_there_is_not_read() {
        // SAFETY: nothing is read.
        let missing = unsafe { list::<CEndpoint>(ptr::null(), 2, MOST_TYPES, "endpoints") };
        assert_eq!(missing.unwrap_err(), "it says that it has 2 endpoints, and there is no list of them");
        // SAFETY: nothing is read.
        let too_many = unsafe { list::<CEndpoint>(ptr::null(), usize::MAX, MOST_TYPES, "endpoints") };
        assert!(too_many.unwrap_err().ends_with("and 64 are the most"));
    }
}
