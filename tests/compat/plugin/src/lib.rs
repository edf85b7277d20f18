//! An endpoint that speaks just enough of the `OpenAI` chat API format, and a service that counts what it hears.

mod chat;
mod counter;

use chat::CompatChat;
use counter::CompatCounter;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(not(feature = "needs-next-minor"))]
prony_plugin_api::export_plugin! { endpoints: [CompatChat], services: [CompatCounter] }

#[cfg(feature = "needs-next-minor")]
prony_plugin_api::export_plugin! { min_host_minor: 1, endpoints: [CompatChat], services: [CompatCounter] }
