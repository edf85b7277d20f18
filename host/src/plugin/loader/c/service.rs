//! A service in C behind the table that the host uses.

use std::{ffi::c_void, ptr, sync::OnceLock};

use abi_stable::{
    prefix_type::PrefixTypeTrait,
    std_types::{RErr, ROk, RSlice, RStr},
};
use prony_plugin_api::{
    ErrorKind,
    abi::{AbiResult, Host, Instance, ServiceVt, ServiceVt_Ref},
};

use super::{
    host,
    layout::{CText, Step},
    tables::{MOST_TYPES, ServiceTable},
    words::{broken, heard},
};

/// The tables of all services in C, by place, for the reason that endpoints have.
static TABLES: [OnceLock<&'static ServiceTable>; MOST_TYPES] = [const { OnceLock::new() }; MOST_TYPES];

macro_rules! creates {
    ($($place:literal)*) => { [$(create::<$place>),*] };
}

const CREATES: [extern "C" fn(RStr<'_>, Host) -> AbiResult<Instance>; MOST_TYPES] = creates!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
);

/// What the host uses it by. `None` when all places are taken.
pub(super) fn table(own: ServiceTable) -> Option<ServiceVt_Ref> {
    let own: &'static ServiceTable = Box::leak(Box::new(own));
    let place = TABLES.iter().position(|place| place.set(own).is_ok())?;
    let subscriptions: Vec<RStr<'static>> = own.subscriptions.iter().map(|name| RStr::from(*name)).collect();
    let table = ServiceVt {
        type_name: own.type_name.into(),
        subscriptions: RSlice::from_slice(subscriptions.leak()),
        create: CREATES[place],
        init,
        start,
        on_message,
        stop,
        destroy,
    };
    Some(table.leak_into_prefix())
}

/// A service of a library's, and the functions that go with it.
struct Made {
    table: &'static ServiceTable,
    /// The library's own object, or null where it has none.
    object: *mut c_void,
}

/// # Safety
/// `instance` came from [`create`] and was not destroyed.
unsafe fn made<'a>(instance: Instance) -> &'a Made {
    // SAFETY: the caller's obligation; the host keeps an instance alive while it calls it.
    unsafe { &*instance.0.cast::<Made>() }
}

extern "C" fn create<const PLACE: usize>(options: RStr<'_>, host: Host) -> AbiResult<Instance> {
    let Some(table) = TABLES[PLACE].get() else {
        return RErr(broken(ErrorKind::IO, "find the table of the service".to_owned()));
    };
    let mut object = ptr::null_mut();
    let created = match table.create {
        Some(create) => {
            let host = host::leak(host);
            heard(|error| create(CText::of(options.as_str()), host, &raw mut object, error))
        }
        None => Ok(()),
    };
    created.map(|()| Instance(Box::into_raw(Box::new(Made { table, object })).cast())).into()
}

extern "C" fn init(instance: Instance) -> AbiResult<()> {
    // SAFETY: the host calls what `create` made, on one thread at a time.
    let service = unsafe { made(instance) };
    step(service.table.init, service.object)
}

extern "C" fn start(instance: Instance) -> AbiResult<()> {
    // SAFETY: as in `init`.
    let service = unsafe { made(instance) };
    step(service.table.start, service.object)
}

fn step(step: Option<Step>, object: *mut c_void) -> AbiResult<()> {
    step.map_or(Ok(()), |step| heard(|error| step(object, error))).into()
}

extern "C" fn on_message(
    instance: Instance,
    message_type: RStr<'_>,
    payload: RSlice<'_, u8>,
) -> AbiResult<()> {
    // SAFETY: as in `init`.
    let service = unsafe { made(instance) };
    let Some(on_message) = service.table.on_message else { return ROk(()) };
    let (message_type, payload) = (CText::of(message_type.as_str()), CText::of_bytes(payload.as_slice()));
    heard(|error| on_message(service.object, message_type, payload, error)).into()
}

extern "C" fn stop(instance: Instance, deadline_ns: u64) -> AbiResult<()> {
    // SAFETY: as in `init`.
    let service = unsafe { made(instance) };
    let Some(stop) = service.table.stop else { return ROk(()) };
    heard(|error| stop(service.object, deadline_ns, error)).into()
}

extern "C" fn destroy(instance: Instance) {
    // SAFETY: the host destroys what `create` made, once and last.
    let service = unsafe { Box::from_raw(instance.0.cast::<Made>()) };
    // What nobody has made is not freed.
    if let Some(destroy) = service.table.destroy.filter(|_| service.table.create.is_some()) {
        destroy(service.object);
    }
}
