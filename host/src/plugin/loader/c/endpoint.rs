//! An endpoint in C behind the table that the host uses: each call becomes one of the library's functions.

use std::{ffi::c_void, ptr, sync::OnceLock};

use abi_stable::{
    prefix_type::PrefixTypeTrait,
    std_types::{RErr, ROk, RSlice, RStr},
};
use prony_plugin_api::{
    ErrorKind,
    abi::{AbiError, AbiResult, EndpointVt, EndpointVt_Ref, EventOut, Instance, RequestOut, TurnView},
};

use super::{
    events,
    layout::{CText, Destroy},
    request,
    tables::{EndpointTable, MOST_TYPES},
    turn,
    words::{broken, heard},
};

/// The tables of all endpoints in C, by place. The host's own tables say to a function that makes an instance nothing but its
/// options: so there is one such function for each place.
static TABLES: [OnceLock<&'static EndpointTable>; MOST_TYPES] = [const { OnceLock::new() }; MOST_TYPES];

macro_rules! creates {
    ($($place:literal)*) => { [$(create::<$place>),*] };
}

const CREATES: [extern "C" fn(RStr<'_>) -> AbiResult<Instance>; MOST_TYPES] = creates!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
);

/// What the host uses it by. `None` when all places are taken.
pub(super) fn table(own: EndpointTable) -> Option<EndpointVt_Ref> {
    let own: &'static EndpointTable = Box::leak(Box::new(own));
    let place = TABLES.iter().position(|place| place.set(own).is_ok())?;
    let table = EndpointVt {
        type_name: own.type_name.into(),
        create: CREATES[place],
        destroy,
        format,
        parser,
        parser_destroy,
        parser_event,
        parser_body,
        parser_end,
    };
    Some(table.leak_into_prefix())
}

/// An endpoint or a parser of a library's, and the functions that go with it.
struct Made {
    table: &'static EndpointTable,
    /// The library's own object, or null where it has none.
    object: *mut c_void,
}

impl Made {
    fn into_instance(self) -> Instance {
        Instance(Box::into_raw(Box::new(self)).cast())
    }
}

/// # Safety
/// `instance` came from [`Made::into_instance`] and was not destroyed.
unsafe fn made<'a>(instance: Instance) -> &'a Made {
    // SAFETY: the caller's obligation; the host keeps an instance alive while it calls it.
    unsafe { &*instance.0.cast::<Made>() }
}

/// # Safety
/// As [`made`], and it is not used again.
unsafe fn unmade(instance: Instance) -> Made {
    // SAFETY: the caller's obligation.
    *unsafe { Box::from_raw(instance.0.cast::<Made>()) }
}

extern "C" fn create<const PLACE: usize>(options: RStr<'_>) -> AbiResult<Instance> {
    let Some(table) = TABLES[PLACE].get() else {
        return RErr(broken(ErrorKind::IO, "find the table of the endpoint".to_owned()));
    };
    let mut object = ptr::null_mut();
    let created = match table.create {
        Some(create) => {
            heard(|error| create(CText::of(options.as_str()), table.host, &raw mut object, error))
        }
        None => Ok(()),
    };
    created.map(|()| Made { table, object }.into_instance()).into()
}

extern "C" fn destroy(instance: Instance) {
    // SAFETY: the host destroys what `create` made, once and last.
    let endpoint = unsafe { unmade(instance) };
    free(endpoint.object, endpoint.table.create.is_some(), endpoint.table.destroy);
}

/// What nobody has made is not freed.
fn free(object: *mut c_void, was_made: bool, destroy: Option<Destroy>) {
    if let Some(destroy) = destroy.filter(|_| was_made) {
        destroy(object);
    }
}

extern "C" fn format(instance: Instance, turn: &TurnView<'_>, out: RequestOut) -> AbiResult<()> {
    // SAFETY: the host formats with what `create` made.
    let endpoint = unsafe { made(instance) };
    let write = |request| {
        turn::lend(turn, |turn| heard(|error| (endpoint.table.format)(endpoint.object, turn, request, error)))
    };
    request::lend(out, write).into()
}

extern "C" fn parser(instance: Instance) -> AbiResult<Instance> {
    // SAFETY: the host makes parsers of what `create` made.
    let endpoint = unsafe { made(instance) };
    let mut object = ptr::null_mut();
    let created: Result<(), AbiError> = match endpoint.table.parser {
        Some(parser) => heard(|error| parser(endpoint.object, &raw mut object, error)),
        None => Ok(()),
    };
    created.map(|()| Made { table: endpoint.table, object }.into_instance()).into()
}

extern "C" fn parser_destroy(instance: Instance) {
    // SAFETY: the host destroys what `parser` made, once and last.
    let parser = unsafe { unmade(instance) };
    free(parser.object, parser.table.parser.is_some(), parser.table.parser_destroy);
}

extern "C" fn parser_event(
    instance: Instance,
    name: RStr<'_>,
    data: RSlice<'_, u8>,
    out: EventOut,
) -> AbiResult<()> {
    // SAFETY: the host reads with what `parser` made, on one thread at a time.
    let parser = unsafe { made(instance) };
    let (name, data) = (CText::of(name.as_str()), CText::of_bytes(data.as_slice()));
    events::lend(out, |out| heard(|error| (parser.table.event)(parser.object, name, data, out, error))).into()
}

extern "C" fn parser_body(
    instance: Instance,
    status: u32,
    body: RSlice<'_, u8>,
    out: EventOut,
) -> AbiResult<()> {
    // SAFETY: as in `parser_event`.
    let parser = unsafe { made(instance) };
    let body = CText::of_bytes(body.as_slice());
    events::lend(out, |out| heard(|error| (parser.table.body)(parser.object, status, body, out, error)))
        .into()
}

extern "C" fn parser_end(instance: Instance, out: EventOut) -> AbiResult<()> {
    // SAFETY: as in `parser_event`.
    let parser = unsafe { made(instance) };
    let Some(end) = parser.table.end else { return ROk(()) };
    events::lend(out, |out| heard(|error| end(parser.object, out, error))).into()
}
